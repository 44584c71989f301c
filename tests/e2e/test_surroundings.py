"""Where the program runs: without assertions, in another locale, with few files, on a full or read-only disk, told to
reload before it is ready."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError
from sqlalchemy import text

from bridge.audit.archive import Archive
from bridge.cli.failures import explain
from bridge.core.http_types import Secret

ROOT = Path(__file__).parents[2]
SETTINGS = """[redis]
url = "{redis}"
[pbx.main]
kind = "ozeki"
base_url = "http://127.0.0.1:9"
username = "admin"
password = "correct-horse"
region = "HU"
[crm.acme]
kind = "webhook"
click_token = "battery-staple-0123"
"""


def written(folder: Path, redis: str) -> Path:
    file = folder / "popbridge.toml"
    file.write_text(SETTINGS.format(redis=redis), encoding="utf-8")
    (folder / "agents.csv").write_text("crm,crm_user,pbx,extension,name\nacme,d@acme.example,main,101,עומר\n", "utf-8")
    return file


def popbridge(
    file: Path, *words: str, python: tuple[str, ...] = (), **environ: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *python, "-m", "bridge", "--config", str(file), *words]
    environment = {**os.environ, **environ}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False)


@pytest.mark.parametrize("python", [(), ("-O",), ("-OO",)], ids=["plain", "-O", "-OO"])
def test_a_wrong_port_is_a_configuration_error_without_assertions_too(tmp_path: Path, python: tuple[str, ...]) -> None:
    done = popbridge(written(tmp_path, "redis://127.0.0.1:99999/0"), "check", python=python)
    assert (done.returncode, "redis.url: must have a number for a port" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_cannot_show_a_name_shows_its_codes(tmp_path: Path, redis_url: Secret, encoding: str) -> None:
    file = written(tmp_path, redis_url.reveal())
    done = popbridge(file, "audit", "list", "--crm", "עומר", LC_ALL="C", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    done = popbridge(file, "click", "clk_עומר", LC_ALL="C", PYTHONIOENCODING=encoding)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_no_temporary_folder_is_needed(tmp_path: Path, redis_url: Secret) -> None:
    done = popbridge(written(tmp_path, redis_url.reveal()), "token", "list", TMPDIR="/nonexistent", HOME="/nonexistent")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_archive_keeps_its_temporary_files_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where /tmp cannot be written, SQLite could rewrite no larger file, and erased data would stay in it."""
    monkeypatch.delenv("SQLITE_TMPDIR", raising=False)
    archive = Archive(Secret(f"sqlite:///{tmp_path / 'audit.db'}"))
    with archive.outside() as connection:
        connection.execute(text("VACUUM"))
    archive.close()
    assert os.environ["SQLITE_TMPDIR"] == str(tmp_path)


@pytest.mark.parametrize("verb", ["serve", "worker"])
def test_a_reload_before_it_is_ready_does_not_end_it(tmp_path: Path, redis_url: Secret, verb: str) -> None:
    file = written(tmp_path, redis_url.reveal())
    command = [sys.executable, "-m", "bridge", "--config", str(file), verb]
    environment = {**os.environ, "POPBRIDGE_SERVER__PORT": "0", "POPBRIDGE_LOG__FORMAT": "json"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        deadline = time.monotonic() + 20
        while not _ignores_or_handles_hangup(process.pid):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGHUP)
        line = next(one for one in process.stderr if "listens on" in one or "is ready" in one)
        assert line
        assert process.poll() is None
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _ignores_or_handles_hangup(pid: int) -> bool:
    masks = dict(one.split(":\t") for one in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in one)
    return bool((int(masks["SigIgn"], 16) | int(masks["SigCgt"], 16)) & 1)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), "is its disk full?"),
        (OutOfMemoryError("command not allowed when used memory > 'maxmemory'"), "its memory is full"),
        (ReadOnlyError("You can't write against a read only replica."), "it is a replica"),
    ],
)
def test_a_redis_that_takes_no_writes_is_not_said_to_be_away(error: ResponseError, why: str) -> None:
    (line,), code = explain(error)
    assert line.startswith("Redis takes no writes: ")
    assert why in line
    assert code == 1
