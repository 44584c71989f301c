"""`popbridge audit verify` and `backup`: the log as a whole."""

import asyncio
import json
from pathlib import Path

import click

from bridge.audit import access_log, anchors, backup, verify
from bridge.audit.search import moment
from bridge.audit.verdict import Anchor, Verdict
from bridge.audit.verify import Span
from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.connections import opened
from bridge.cli.terminal import FAILURE, USAGE, as_json_option, asynchronous, fail, progress, show
from bridge.core.json_codec import as_json, time_text


@click.command("verify")
@click.option("--from", "since", help="Only from this time on.")
@click.option("--to", "until", help="Only up to this time.")
@click.option(
    "--anchor",
    help="A file kept elsewhere: the log is verified against the heads in it, then its head is added; - prints it.",
)
@as_json_option
@with_settings
@asynchronous
async def verify_(chosen: Chosen, since: str | None, until: str | None, anchor: str | None, as_json_: bool) -> None:
    """Verify that no log entry was changed, removed, moved or inserted. Lists those that were."""
    file = Path(anchor) if anchor and anchor != "-" else None
    if file is not None and (since or until):
        fail(["--anchor FILE needs the whole log: leave out --from and --to"], USAGE)
    known = anchors.load(file) if file is not None else []
    async with opened(chosen.settings()) as services:
        await services.archive.catch_up(services.redis)
        now = services.clock.now()
        times = (
            time_text(moment(text, name, now)) if text else None for text, name in ((since, "--from"), (until, "--to"))
        )
        with progress("log entries") as update:
            verdict = await asyncio.to_thread(verify.verify, services.archive, Span(*times), known, update)
    if verdict.ok and verdict.head and file is not None:
        anchors.append(file, verdict.head)
    ok = verdict.ok and (file is None or bool(known))
    show({**as_json(verdict), "compared": len(known), "ok": ok}, lambda: _verdict(verdict, anchor, known), as_json_)
    if not ok:
        raise SystemExit(FAILURE)


def _verdict(verdict: Verdict, anchor: str | None, known: list[Anchor]) -> str:
    if anchor == "-" and verdict.ok and verdict.head:
        return json.dumps(as_json(verdict.head))
    rows = [f"log entry {found.entry} {found.what}" for found in verdict.findings]
    notes = [*verdict.notes, *([_nothing_compared(verdict, anchor)] if anchor not in (None, "-") and not known else [])]
    newest = f"; head {verdict.head.seq} {verdict.head.digest}" if verdict.head else ""
    result = "the log is intact" if verdict.ok else f"the log is NOT intact: {len(rows)} findings"
    return "\n".join([*rows, *notes, f"{result}: {verdict.entries} log entries{newest}"])


def _nothing_compared(verdict: Verdict, file: str | None) -> str:
    """A file that is missing or empty proves nothing: who cut the log's end may have taken it away too."""
    added = "; the head below was added to it now" if verdict.ok and verdict.head else ""
    return f"nothing was compared: {file} has no anchors{added}"


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@with_settings
@asynchronous
async def backup_(chosen: Chosen, file: Path) -> None:
    """Copy the log to FILE while it is in use. For PostgreSQL, use pg_dump."""
    async with opened(chosen.settings()) as services:
        await access_log.record(services.redis, access_log.COMMAND_LINE, "backup", services.clock.now())
        await services.archive.catch_up(services.redis)
        with progress("% copied") as update:
            await asyncio.to_thread(backup.copy, services.archive, file, update)
