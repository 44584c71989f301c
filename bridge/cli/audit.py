"""`popbridge audit`: who looked up whom, and who read that."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click

from bridge.audit import anchors, asking, backup, erase, export, query, reading, story, verify
from bridge.audit.asking import Wanted, moment
from bridge.audit.erase import Receipt
from bridge.audit.person import AgentMark, CallerMark, Mark
from bridge.audit.verify import Span, Verdict
from bridge.cli.terminal import NOT_SO, WRONG, Chosen, as_json_option, asynchronous, fail, opened, progress, tell
from bridge.core.json_codec import as_json, time_text
from bridge.services import Services

CELL, WHY = 40, 200


@click.group()
def audit() -> None:
    """Who looked up whom."""


def _filters(command: Callable[..., Any]) -> Callable[..., Any]:
    for name in reversed(asking.FILTERS):
        command = click.option(f"--{name.replace('_', '-')}", name)(command)
    return command


def _paged(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--cursor", help="The next_cursor of an earlier page.")(command)
    return click.option("--limit", type=click.IntRange(1, asking.MOST), default=asking.LIMIT, show_default=True)(
        command
    )


def _wanted(services: Services, asked: Mapping[str, str | None]) -> Wanted:
    given = {name: value for name, value in asked.items() if value}
    return Wanted.read(given, services.labels.regions.values(), services.clock.now())


@audit.command("list")
@_filters
@_paged
@as_json_option
@click.pass_obj
@asynchronous
async def audit_list(chosen: Chosen, /, as_json_: bool, limit: int, cursor: str | None, **asked: str | None) -> None:
    """List lookups, newest first. Times: ISO 8601, or how long ago, such as 10m."""
    async with opened(chosen.settings()) as services:
        wanted = _wanted(services, asked)
        await reading.note(services.redis, reading.COMMAND_LINE, "list", services.clock.now(), wanted)
        page = await query.lines(services.archive, services.redis, wanted, limit, cursor)
    tell({"items": page.items, "next_cursor": page.next_cursor}, lambda: _table(page), as_json_)


def _table(page: query.Page) -> str:
    rows = [
        f"{line['time']}  {_cell(line['crm_user']):<24} {_cell(line['extension']):<10} {line['outcome']:<18} "
        f"{_cell(line['caller']):<14} {_ends(line['deliveries'])}  {_cell(line['why'], WHY)}"
        for line in page.items
    ]
    more = [f"more: --cursor {page.next_cursor}"] if page.next_cursor else []
    return "\n".join([*rows, *more]) if rows else "no lookups match"


def _cell(text: str | None, most: int = CELL) -> str:
    """In one line, and not longer than a table bears; `show` and --json have it whole."""
    told = (text or "-").replace("\n", " ")
    return told if len(told) <= most else f"{told[: most - 1]}…"


def _ends(deliveries: list[dict[str, Any]]) -> str:
    return ",".join(f"{one['target']}={_end(one)}" for one in deliveries) or "-"


def _end(delivery: dict[str, Any]) -> str:
    return f"{delivery['state']}{'+seen' if delivery['shown_at'] else ''}"


@audit.command("show")
@click.argument("click_id")
@as_json_option
@click.pass_obj
@asynchronous
async def audit_show(chosen: Chosen, click_id: str, as_json_: bool) -> None:
    """Show one click's whole story: what came, what was chosen and why, each delivery, seen or not."""
    await show_story(chosen, click_id, as_json_)


async def show_story(chosen: Chosen, click_id: str, as_json_: bool) -> None:
    """Print a click's whole story, and note that it was read; `popbridge click` does the same."""
    async with opened(chosen.settings()) as services:
        await reading.note(
            services.redis, reading.COMMAND_LINE, "show", services.clock.now(), about={"click_id": click_id}
        )
        found = await story.tell(services.archive, services.redis, click_id)
    if found is None:
        fail([f"no click has the id {click_id}, or it is older than what is kept"], NOT_SO)
    tell(found, lambda: story.text(found), as_json_)


@audit.command("export")
@_filters
@click.option("--format", "form", type=click.Choice([*export.FORMATS]), default="csv", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="A new file; else standard output.")
@click.pass_obj
@asynchronous
async def audit_export(chosen: Chosen, /, form: str, output: Path | None, **asked: str | None) -> None:
    """Export all lookups that match, newest first; filters as in `audit list`."""
    async with opened(chosen.settings()) as services:
        wanted = _wanted(services, asked)
        await reading.note(services.redis, reading.COMMAND_LINE, "export", services.clock.now(), wanted)
        with _written(output) as file, progress("lines") as told:
            count = 0
            async for text, lines in export.texts(services.archive, services.redis, wanted, form):
                file.write(text.encode())
                told(count := count + lines)


@contextmanager
def _written(output: Path | None) -> Iterator[BinaryIO]:
    """A new file that only its owner may read, or standard output."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        fail([f"{output} cannot be made: {error.strerror}"], WRONG)
    with open(descriptor, "wb") as file:
        yield file


@audit.command("acts")
@_paged
@as_json_option
@click.pass_obj
@asynchronous
async def audit_acts(chosen: Chosen, limit: int, cursor: str | None, as_json_: bool) -> None:
    """List what was done to the log itself, newest first: read by whom, erased, forgotten."""
    async with opened(chosen.settings()) as services:
        await reading.note(services.redis, reading.COMMAND_LINE, "acts", services.clock.now())
        page = await query.acts_page(services.archive, services.redis, limit, cursor)
    rows = [f"{act['time']}  {act['kind']:<10} {act['who']:<24} {_act(act)}" for act in page.items]
    more = [f"more: --cursor {page.next_cursor}"] if page.next_cursor else []
    tell({"items": page.items, "next_cursor": page.next_cursor}, lambda: "\n".join([*rows, *more]) or "none", as_json_)


def _act(act: dict[str, Any]) -> str:
    """What is plain in it: commitments are for whoever has the number to compare."""
    filters = act.get("filters", {})
    told = [
        f"{name}={value if isinstance(value, str) else '(kept as a commitment)'}" for name, value in filters.items()
    ]
    return " ".join([act.get("what", ""), act.get("click_id", ""), *told]).strip()


@audit.command("verify")
@click.option("--from", "since", help="Only from this time on.")
@click.option("--to", "until", help="Only up to this time.")
@click.option(
    "--anchor",
    help="A file kept elsewhere: the log is checked against the heads in it, then its head is added; - prints it.",
)
@as_json_option
@click.pass_obj
@asynchronous
async def audit_verify(
    chosen: Chosen, since: str | None, until: str | None, anchor: str | None, as_json_: bool
) -> None:
    """Prove that no line was changed, removed, moved or put in between; name those that were."""
    file = Path(anchor) if anchor and anchor != "-" else None
    if file is not None and (since or until):
        fail(["--anchor FILE needs the whole log: leave out --from and --to"], WRONG)
    kept = anchors.kept(file) if file is not None else []
    async with opened(chosen.settings()) as services:
        await services.archive.catch_up(services.redis)
        now = services.clock.now()
        times = (
            time_text(moment(text, name, now)) if text else None for text, name in ((since, "--from"), (until, "--to"))
        )
        with progress("lines") as told:
            verdict = await asyncio.to_thread(verify.verify, services.archive, Span(*times), kept, told)
    if verdict.ok and verdict.head and file is not None:
        anchors.keep(file, verdict.head)
    tell({**as_json(verdict), "ok": verdict.ok}, lambda: _verdict(verdict, anchor), as_json_)
    if not verdict.ok:
        raise SystemExit(NOT_SO)


def _verdict(verdict: Verdict, anchor: str | None) -> str:
    if anchor == "-" and verdict.ok and verdict.head:
        return json.dumps(as_json(verdict.head))
    rows = [f"line {found.line} {found.what}" for found in verdict.findings]
    kept = f"; head {verdict.head.seq} {verdict.head.digest}" if verdict.head else ""
    told = "the log is whole" if verdict.ok else f"the log is NOT whole: {len(rows)} findings"
    return "\n".join([*rows, *verdict.notes, f"{told}: {verdict.lines} lines{kept}"])


def _about(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--crm-user", metavar="CRM:USER", help="A CRM's user.")(command)
    return click.option("--caller", metavar="NUMBER", help="A caller's number, in any spelling.")(command)


def _mark(services: Services, caller: str | None, crm_user: str | None) -> Mark:
    if (caller is None) == (crm_user is None):
        fail(["say whom: --caller NUMBER or --crm-user CRM:USER"], WRONG)
    if caller is not None:
        if not caller.strip():
            fail(["--caller is empty: that would be everybody without a number"], WRONG)
        return CallerMark.of(caller, services.labels.regions.values())
    crm, _, user = str(crm_user).partition(":")
    if not (crm and user):
        fail(["--crm-user is the CRM's name, a colon and the user, as in acme:dana@acme.example"], WRONG)
    return AgentMark(crm, user)


def _asked(mark: Mark) -> dict[str, str | None]:
    """The filters that would find them."""
    return {"caller": mark.number} if isinstance(mark, CallerMark) else {"crm": mark.crm, "crm_user": mark.crm_user}


@audit.command("erase")
@_about
@click.option("--dry-run", is_flag=True, help="Only count what would be erased.")
@click.option("--yes", is_flag=True, help="Do it: there is no way back.")
@as_json_option
@click.pass_obj
@asynchronous
async def audit_erase(
    chosen: Chosen, caller: str | None, crm_user: str | None, dry_run: bool, yes: bool, as_json_: bool
) -> None:
    """Erase a person from cache, streams, deliveries and log; the log stays provable. Prints a receipt."""
    async with opened(chosen.settings()) as services:
        mark = _mark(services, caller, crm_user)
        if not (yes or dry_run):
            fail(["add --yes to erase for good, or --dry-run to see what would be"], WRONG)
        now = services.clock.now()
        if dry_run:
            receipt = await erase.would_erase(services.archive, services.redis, mark, now)
            await reading.note(
                services.redis, reading.COMMAND_LINE, "erase --dry-run", now, _wanted(services, _asked(mark))
            )
        else:
            receipt = await erase.erase(services.archive, services.redis, mark, reading.COMMAND_LINE, now)
    tell(receipt, lambda: _receipt(receipt), as_json_)


def _receipt(receipt: Receipt) -> str:
    live = ", ".join(f"{count} {what}" for what, count in receipt.redis.items()) or "nothing"
    rows = [
        f"receipt {receipt.receipt_id or '(dry run)'}  {receipt.time}  {receipt.what}",
        f"  {receipt.lookups} lines of the log, {receipt.reads} readings of it; in Redis: {live}",
        *(f"  {note}" for note in receipt.notes),
    ]
    return "\n".join(rows)


@click.group()
def privacy() -> None:
    """What is held about a person."""


@privacy.command("export")
@_about
@as_json_option
@click.pass_obj
@asynchronous
async def privacy_export(chosen: Chosen, caller: str | None, crm_user: str | None, as_json_: bool) -> None:
    """Print everything that is held about a person, as JSON. Reading it is noted in the log."""
    async with opened(chosen.settings()) as services:
        mark = _mark(services, caller, crm_user)
        now = services.clock.now()
        await reading.note(services.redis, reading.COMMAND_LINE, "privacy export", now, _wanted(services, _asked(mark)))
        told = await erase.everything_about(services.archive, services.redis, mark)
    tell(told, lambda: json.dumps(told, ensure_ascii=False, indent=2), as_json_)


@audit.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
@asynchronous
async def audit_backup(chosen: Chosen, file: Path) -> None:
    """Write a copy of the log to FILE while it is in use. For PostgreSQL, pg_dump does that."""
    async with opened(chosen.settings()) as services:
        await reading.note(services.redis, reading.COMMAND_LINE, "backup", services.clock.now())
        await services.archive.catch_up(services.redis)
        with progress("% copied") as told:
            await asyncio.to_thread(backup.copy, services.archive, file, told)
