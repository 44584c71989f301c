"""The CSV on disk: changes are seen at the next look, and a broken file never takes the old rows away."""

import logging
import os
import time
from pathlib import Path

import pytest

from bridge.agents.agents_file import AgentsFile, read
from bridge.core.errors import SettingsError
from bridge.core.model import ExtensionId

HEAD = "crm,crm_user,pbx,extension,name\n"
DANA = "acme,dana@acme.example,main,SIPDana1,דנה כהן\n"
OMER = "acme,omer@acme.example,main,SIPOmer2,עומר לוי\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agents.csv"
    path.write_text(HEAD + DANA, encoding="utf-8")
    return path


def opened(file: Path) -> AgentsFile:
    return AgentsFile(file, {"acme"}, {"main"})


def names(agents: AgentsFile) -> list[str]:
    return [agent.name for agent in agents.directory().agents.values()]


def test_a_change_is_seen_at_the_next_look(file: Path) -> None:
    agents = opened(file)
    assert names(agents) == ["דנה כהן"]
    file.write_text(HEAD + DANA + OMER, encoding="utf-8")
    assert names(agents) == ["דנה כהן", "עומר לוי"]


def test_a_change_of_the_same_size_is_seen(file: Path) -> None:
    agents = opened(file)
    assert names(agents) == ["דנה כהן"]
    before = file.stat().st_mtime_ns
    file.write_text(HEAD + DANA.replace("דנה", "רנה"), encoding="utf-8")
    os.utime(file, ns=(before + 1, before + 1))
    assert names(agents) == ["רנה כהן"]


def test_a_file_put_in_its_place_is_seen_whatever_its_time(file: Path) -> None:
    agents = opened(file)
    assert names(agents) == ["דנה כהן"]
    was = file.stat()
    fresh = file.with_suffix(".new")
    fresh.write_text(HEAD + DANA.replace("דנה", "רנה"), encoding="utf-8")
    os.utime(fresh, ns=(was.st_mtime_ns, was.st_mtime_ns))
    fresh.replace(file)
    assert names(agents) == ["רנה כהן"]


def test_a_file_that_did_not_change_is_not_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agents = opened(file)
    first = agents.directory()
    monkeypatch.setattr(Path, "read_text", lambda *_: pytest.fail("read again"))
    assert agents.directory() is first


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\xff\xfe\x00",
        HEAD.encode() + b"zoho,x,main,1,X\n",
        b"nonsense\n",
        f"{HEAD}{DANA}acme,,main,1,\n".encode(),
    ],
    ids=["empty", "not UTF-8", "unknown CRM", "no header", "one bad row"],
)
def test_a_broken_file_keeps_the_old_rows_and_says_so_once(
    file: Path, caplog: pytest.LogCaptureFixture, broken: bytes
) -> None:
    agents = opened(file)
    assert names(agents) == ["דנה כהן"]
    file.write_bytes(broken)
    assert names(agents) == names(agents) == ["דנה כהן"]
    assert agents.problems
    assert str(file) in str(agents.problems[0])
    told = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert len(told) == 1
    assert "keeps its old rows" in told[0]


def test_a_repaired_file_is_used_and_the_errors_are_gone(file: Path) -> None:
    agents = opened(file)
    assert names(agents) == ["דנה כהן"]
    file.write_text("nonsense\n")
    assert names(agents) == ["דנה כהן"]
    file.write_text(HEAD + OMER, encoding="utf-8")
    assert (names(agents), agents.problems) == (["עומר לוי"], [])


def test_a_deleted_file_keeps_the_old_rows_until_it_is_back(file: Path) -> None:
    agents = opened(file)
    assert names(agents) == ["דנה כהן"]
    file.unlink()
    assert names(agents) == ["דנה כהן"]
    assert list(map(str, agents.problems)) == [f"{file}: no such file; its header is crm,crm_user,pbx,extension,name"]
    file.write_text(HEAD + OMER, encoding="utf-8")
    assert (names(agents), agents.problems) == (["עומר לוי"], [])


def test_a_file_that_comes_late_is_used_when_it_is_there(tmp_path: Path) -> None:
    file = tmp_path / "agents.csv"
    agents = opened(file)
    assert (names(agents), len(agents.problems)) == ([], 1)
    file.write_text(HEAD + DANA, encoding="utf-8")
    assert (names(agents), agents.problems) == (["דנה כהן"], [])


def test_a_byte_order_mark_and_semicolons(file: Path) -> None:
    """What 'CSV UTF-8' of a spreadsheet in a country with decimal commas is."""
    file.write_text((HEAD + DANA).replace(",", ";"), encoding="utf-8-sig")
    assert names(opened(file)) == ["דנה כהן"]


@pytest.mark.parametrize("encoding", ["windows-1255", "utf-16"])
def test_another_encoding_is_reported_with_its_fix(file: Path, encoding: str) -> None:
    file.write_text(HEAD + DANA, encoding=encoding)
    with pytest.raises(SettingsError, match="is not UTF-8: save it as 'CSV UTF-8'"):
        read(file, {"acme"}, {"main"})


def test_a_folder_in_its_place_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        read(tmp_path, {"acme"}, {"main"})


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "agents.csv"
    os.mkfifo(path)
    return path


def test_a_pipe_that_nobody_writes_to_holds_nobody_up(pipe: Path) -> None:
    agents = opened(pipe)
    assert names(agents) == []
    assert list(map(str, agents.problems)) == [f"{pipe}: is not a regular file"]


@pytest.mark.parametrize("file", ["/dev/zero", "/dev/null", "/dev/full", "/dev/urandom"])
def test_a_device_is_no_file_of_agents(file: str) -> None:
    with pytest.raises(SettingsError, match="is not a regular file"):
        read(Path(file), {"acme"}, {"main"})


@pytest.mark.parametrize("put", ["pipe", "device", "folder", "huge file"])
def test_whatever_is_put_in_its_place_the_old_rows_stay(file: Path, put: str) -> None:
    agents = opened(file)
    assert names(agents) == ["דנה כהן"]
    file.unlink()
    match put:
        case "pipe":
            os.mkfifo(file)
        case "device":
            file.symlink_to("/dev/zero")
        case "folder":
            file.mkdir()
        case "huge file":
            file.write_bytes(b"")
            os.truncate(file, 2**40)
    assert names(agents) == ["דנה כהן"]
    end = time.monotonic() + 20
    while not agents.problems and time.monotonic() < end:
        assert names(agents) == ["דנה כהן"]
    assert len(agents.problems) == 1


def test_a_link_to_a_file_is_a_file(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to(file)
    assert names(opened(link)) == ["דנה כהן"]


def test_a_large_file_is_read_aside_with_its_old_rows_in_use_meanwhile(file: Path) -> None:
    agents = opened(file)
    assert names(agents) == ["דנה כהן"]
    rows = "".join(f"acme,agent{number},main,SIP{number},Agent {number}\n" for number in range(200_000))
    file.write_text(HEAD + rows, encoding="utf-8")
    started = time.perf_counter()
    assert names(agents) == ["דנה כהן"]
    assert time.perf_counter() - started < 0.5, "whoever clicks meanwhile does not wait for it"
    end = time.monotonic() + 60
    while len(agents.directory().agents) == 1 and time.monotonic() < end:
        time.sleep(0.01)
    found = agents.directory()
    assert (len(found.agents), agents.problems) == (200_000, [])
    started = time.perf_counter()
    assert found.is_claimed_elsewhere("rival", ExtensionId("main", "SIP199999"))
    assert [agent.crm_user for agent, _ in found.on_line("acme", "SIP7")] == ["agent7"]
    assert time.perf_counter() - started < 0.05, "a click does not walk through all rows"


def test_a_change_while_a_large_file_is_read_is_not_missed(file: Path) -> None:
    agents = opened(file)
    assert names(agents) == ["דנה כהן"]
    file.write_text(HEAD + "".join(f"acme,a{number},main,S{number},A\n" for number in range(20_000)))
    agents.directory()
    file.write_text(HEAD + OMER, encoding="utf-8")
    end = time.monotonic() + 60
    while names(agents) != ["עומר לוי"] and time.monotonic() < end:
        time.sleep(0.01)
    assert names(agents) == ["עומר לוי"]
