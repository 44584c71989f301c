"""The commands as an officer types them, on a bridge that runs."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import delete

from bridge.audit import backup
from bridge.audit.archive import Archive
from bridge.audit.schema import CHAINED, head, lookups
from bridge.audit.verify import verify
from bridge.cli.main import main
from bridge.core.http_types import Secret
from bridge.delivery.deliver import deliver
from bridge.store import keys
from bridge.store.tokens import Role
from tests.audit import entries
from tests.stage import CALLER, DANA, OMER, Stage

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


async def popbridge(stage: Stage, *words: str, code: int = 0) -> str:
    """What the command prints. It ends with `code`."""
    arguments = ["--config", str(stage.folder / "popbridge.toml"), *words]
    done = await asyncio.to_thread(CliRunner().invoke, main, arguments)
    assert done.exit_code == code, (done.stderr, done.exception)
    return done.stdout if code == 0 or done.stdout else done.stderr


async def worked(stage: Stage) -> str:
    """Some clicks with their deliveries; the id of one that found a call."""
    stage.talk()
    answer = (await stage.click({"agent": DANA})).json()
    shown = (await stage.get(f"/api/popups/{answer['popup']['popup_id']}", await stage.token(Role.SUPERVISOR))).json()
    for delivery in shown["deliveries"]:
        await deliver(delivery["delivery_id"], stage.services)
    await stage.click({"agent": OMER})
    return str(answer["click_id"])


async def told(stage: Stage, *words: str) -> Any:
    return json.loads(await popbridge(stage, *words, "--json"))


async def test_list_show_and_access_log(stage: Stage) -> None:
    click_id = await worked(stage)
    (line,) = (await told(stage, "audit", "list", "--caller", "072-277-6772"))["items"]
    assert (line["click_id"], line["caller"]) == (click_id, CALLER)
    table = await popbridge(stage, "audit", "list")
    assert "acme=delivered" in table
    assert len(table.splitlines()) == 2
    story = await popbridge(stage, "audit", "show", click_id)
    for part in ("found", "talking now; the only call", DANA, CALLER, "acme       delivered", "200", "call"):
        assert part in story, part
    found = await told(stage, "audit", "show", click_id)
    assert found["entry"]["click_id"] == click_id
    assert [one["status"] for one in found["entry"]["deliveries"][0]["attempts"]] == [200]
    assert "no click has the id" in await popbridge(stage, "audit", "show", "clk_none", code=1)
    acts = (await told(stage, "audit", "access-log"))["items"]
    assert [act["what"] for act in acts] == ["access-log", "show", "show", "show", "list", "list", "popup"]
    assert CALLER not in json.dumps(acts)
    assert "command line" in await popbridge(stage, "audit", "access-log")
    assert "limit" in await popbridge(stage, "audit", "list", "--limit", "0", code=2)
    assert "since must be" in await popbridge(stage, "audit", "list", "--since", "yesterday", code=2)


EVIL = {
    "caller": "\x1b[2J\x1b]0;mine\x07caller",
    "crm_user": "\u202egnp.exe",
    "why": "one\nfound  forged " + "w" * 5000,
    "agent": "\x9b31m\rDana",
}


@pytest.mark.parametrize("words", [("audit", "list"), ("audit", "show", f"clk_{1:032x}"), ("clicks", "--since", "99d")])
async def test_no_text_rules_the_terminal_or_makes_a_line(stage: Stage, words: tuple[str, ...]) -> None:
    await stage.redis.xadd(keys.AUDIT, entries.lookup(1, **EVIL)[1])
    told = await popbridge(stage, *words)
    assert [character for character in told if not character.isprintable() and character != "\n"] == []
    assert not any(line.startswith("found") for line in told.splitlines())
    assert "\\u202egnp.exe" in told
    if words == ("audit", "list"):
        assert "caller" in told
        assert len(told) < 600, "nor a line that fills it"


async def test_a_reader_that_has_had_enough(stage: Stage) -> None:
    """As `popbridge audit export | head -1`: no error, no word about Redis."""
    for number in range(3000):
        await stage.redis.xadd(keys.AUDIT, entries.lookup(number)[1])
    command = [sys.executable, "-m", "bridge", "--config", str(stage.folder / "popbridge.toml"), "audit", "export"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=100
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert b"click_id" in await process.stdout.read(50)
    process.stdout._transport.close()  # type: ignore[attr-defined]
    assert await process.stderr.read() == b""
    assert await process.wait() == 1


async def test_export(stage: Stage, tmp_path: Path) -> None:
    await worked(stage)
    lines = (await popbridge(stage, "audit", "export", "--format", "jsonl")).splitlines()
    assert [json.loads(line)["outcome"] for line in lines] == ["no-active-call", "found"]
    file = tmp_path / "march.csv"
    assert await popbridge(stage, "audit", "export", "--output", str(file), "--outcome", "found") == ""
    assert len(file.read_text(encoding="utf-8-sig").splitlines()) == 2
    assert file.stat().st_mode & 0o777 == 0o600
    assert "cannot be created" in await popbridge(stage, "audit", "export", "--output", str(file), code=2)


async def test_verify_and_anchors(stage: Stage, tmp_path: Path) -> None:
    await worked(stage)
    anchors = tmp_path / "anchors"
    assert "the log is intact" in await popbridge(stage, "audit", "verify", "--anchor", str(anchors), code=1)
    printed = json.loads(await popbridge(stage, "audit", "verify", "--anchor", "-"))
    assert set(printed) == {"seq", "digest", "time"}
    await stage.click({"agent": DANA})
    assert (await told(stage, "audit", "verify", "--anchor", str(anchors)))["ok"] is True
    assert len(anchors.read_text().splitlines()) == 2
    assert (await told(stage, "audit", "verify", "--from", "1d"))["ok"] is True
    with stage.services.archive.writing() as connection:
        for table in CHAINED:
            connection.execute(delete(table).where(table.c.seq > 1))
        first = connection.execute(lookups.select().where(lookups.c.seq == 1)).mappings().one()
        connection.execute(head.update().values(seq=1, digest=first["digest"]))
    assert "the log is intact" in await popbridge(stage, "audit", "verify")
    cut = await popbridge(stage, "audit", "verify", "--anchor", str(anchors), code=1)
    assert "the end was cut" in cut
    assert len(anchors.read_text().splitlines()) == 2, "the head of a broken log is no anchor"
    anchors.write_text("not an anchor\n")
    assert "cannot be read" in await popbridge(stage, "audit", "verify", "--anchor", str(anchors), code=1)


@pytest.mark.parametrize("content", [None, "", "\n \n"], ids=["missing", "empty", "blank"])
async def test_an_anchor_file_without_anchors_is_not_taken_for_a_proof(
    stage: Stage, tmp_path: Path, content: str | None
) -> None:
    """Who cuts the log's end may take the file away too."""
    await worked(stage)
    file = tmp_path / "anchors"
    if content is not None:
        file.write_text(content)
    first = await popbridge(stage, "audit", "verify", "--anchor", str(file), code=1)
    assert f"nothing was compared: {file} has no anchors; the head below was added to it now" in first
    assert "is intact" in first
    file.write_text("")
    as_json = json.loads(await popbridge(stage, "audit", "verify", "--anchor", str(file), "--json", code=1))
    assert (as_json["ok"], as_json["compared"], as_json["findings"]) == (False, 0, [])
    again = await told(stage, "audit", "verify", "--anchor", str(file))
    assert (again["ok"], again["compared"]) == (True, 1)
    assert (await told(stage, "audit", "verify"))["compared"] == 0


async def test_erase_and_privacy_export(stage: Stage) -> None:
    await worked(stage)
    assert "missing option" in await popbridge(stage, "audit", "erase", "--yes", code=2)
    assert "add --yes" in await popbridge(stage, "audit", "erase", "--caller", CALLER, code=2)
    for blank in ("", "  "):
        assert "--caller is empty" in await popbridge(stage, "audit", "erase", "--caller", blank, "--yes", code=2)
    held = await told(stage, "privacy", "export", "--caller", CALLER)
    assert [line["caller"] for line in held["audit"]] == [CALLER]
    dry = await told(stage, "audit", "erase", "--caller", CALLER, "--dry-run")
    assert (dry["receipt_id"], dry["lookups"]) == (None, 1)
    assert (await told(stage, "audit", "access-log"))["items"][1]["what"] == "erase --dry-run", (
        "it tells how much is held"
    )
    receipt = await popbridge(stage, "audit", "erase", "--caller", "+972-72-277-6772", "--yes")
    assert "1 log entries" in receipt
    assert "722776772" not in receipt
    assert (await told(stage, "privacy", "export", "--caller", CALLER))["audit"] == []
    assert "no lookups match" in await popbridge(stage, "audit", "list", "--caller", CALLER)
    assert (await told(stage, "audit", "verify"))["ok"] is True
    assert "erased" in await popbridge(stage, "audit", "access-log")


def test_a_backup_ends_however_much_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "PAGES", 4)
    archive = Archive(Secret(f"sqlite:///{tmp_path / 'audit.db'}"))
    archive.insert([entries.lookup(number) for number in range(300)])
    more = iter(range(300, 2000))
    steps = []

    def told(percent: int) -> None:
        steps.append(percent)
        assert len(steps) < 500, "it begins anew for ever"
        other.insert([entries.lookup(next(more))])

    other = Archive(archive._url)
    backup.copy(archive, tmp_path / "copy.db", told)
    copied = Archive(Secret(f"sqlite:///{tmp_path / 'copy.db'}"))
    verdict = verify(copied)
    assert (verdict.ok, verdict.entries) == (True, 300)
    for one in (archive, other, copied):
        one.close()


async def test_backup_and_restore_into_an_empty_place(stage: Stage, tmp_path: Path) -> None:
    await worked(stage)
    anchors, copy, place = tmp_path / "anchors", tmp_path / "copy.db", tmp_path / "restored" / "audit.db"
    await popbridge(stage, "audit", "verify", "--anchor", str(anchors), code=1)
    await popbridge(stage, "audit", "backup", str(copy))
    assert copy.stat().st_mode & 0o777 == 0o600
    assert "cannot be written" in await popbridge(stage, "audit", "backup", str(copy), code=1)
    assert (await told(stage, "audit", "access-log"))["items"][1]["what"] == "backup"
    place.parent.mkdir()
    place.write_bytes(copy.read_bytes())
    settings = stage.folder / "popbridge.toml"
    settings.write_text(settings.read_text() + f'[audit]\nurl = "sqlite:///{place}"\n')
    assert (await told(stage, "audit", "verify", "--anchor", str(anchors)))["ok"] is True
    assert len((await told(stage, "audit", "list"))["items"]) == 2
    restored = Archive(Secret(f"sqlite:///{place}"))
    assert restored.works()
    restored.close()


async def test_the_old_name_of_the_access_log_works_undocumented(stage: Stage) -> None:
    await worked(stage)
    await told(stage, "audit", "list")
    (first, second) = (await told(stage, "audit", "acts", "--limit", "2"))["items"]
    assert (first["what"], second["what"]) == ("access-log", "list")
    shown = await popbridge(stage, "audit", "--help")
    assert "access-log" in shown
    assert "acts" not in shown
