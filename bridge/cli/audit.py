"""`popbridge audit`: who looked up whom, and who read the log; `popbridge privacy`: what is held about a person."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click

from bridge.audit import (
    access_log,
    anchors,
    backup,
    erase,
    export,
    person_export,
    query,
    search,
    story,
    verify,
)
from bridge.audit.access_log import COMMAND_LINE
from bridge.audit.entry import DeliveryEnd, LogEntry
from bridge.audit.erase import Receipt
from bridge.audit.search import Page, Search, moment
from bridge.audit.subject import AgentSubject, CallerSubject, Subject
from bridge.audit.verdict import Verdict
from bridge.audit.verify import Span
from bridge.cli.terminal import NOT_SO, WRONG, Chosen, as_json_option, asynchronous, fail, opened, progress, tell
from bridge.core.json_codec import as_json, time_text
from bridge.services import Services

CELL, WHY = 40, 200


@click.group()
def audit() -> None:
    """Who looked up whom."""


def _filters(command: Callable[..., Any]) -> Callable[..., Any]:
    for name in reversed(search.FILTERS):
        command = click.option(f"--{name.replace('_', '-')}", name)(command)
    return command


def _paged(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--cursor", help="The next_cursor of an earlier page.")(command)
    limits = click.IntRange(1, search.LONGEST_PAGE)
    return click.option("--limit", type=limits, default=search.PAGE_LENGTH, show_default=True)(command)


def _search(services: Services, asked: Mapping[str, str | None]) -> Search:
    given = {name: value for name, value in asked.items() if value}
    return Search.read(given, services.labels.regions.values(), services.clock.now())


@audit.command("list")
@_filters
@_paged
@as_json_option
@click.pass_obj
@asynchronous
async def audit_list(chosen: Chosen, /, as_json_: bool, limit: int, cursor: str | None, **asked: str | None) -> None:
    """List lookups, newest first. Times: ISO 8601, or how long ago, such as 10m."""
    async with opened(chosen.settings()) as services:
        wanted = _search(services, asked)
        await access_log.record(services.redis, COMMAND_LINE, "list", services.clock.now(), wanted)
        page = await query.entries(services.archive, services.redis, wanted, limit, cursor)
    tell({"items": page.items, "next_cursor": page.next_cursor}, lambda: _table(page), as_json_)


def _table(page: Page[LogEntry]) -> str:
    rows = [
        f"{entry['time']}  {_cell(entry['crm_user']):<24} {_cell(entry['extension']):<10} {entry['outcome']:<18} "
        f"{_cell(entry['caller']):<14} {_ends(entry['deliveries'])}  {_cell(entry['why'], WHY)}"
        for entry in page.items
    ]
    more = [f"more: --cursor {page.next_cursor}"] if page.next_cursor else []
    return "\n".join([*rows, *more]) if rows else "no lookups match"


def _cell(text: str | None, most: int = CELL) -> str:
    """On one line and shortened to fit the table; `show` and --json have the whole text."""
    told = (text or "-").replace("\n", " ")
    return told if len(told) <= most else f"{told[: most - 1]}…"


def _ends(deliveries: list[DeliveryEnd]) -> str:
    return ",".join(f"{one['target']}={_end(one)}" for one in deliveries) or "-"


def _end(delivery: DeliveryEnd) -> str:
    return f"{delivery['state']}{'+seen' if delivery['shown_at'] else ''}"


@audit.command("show")
@click.argument("click_id")
@as_json_option
@click.pass_obj
@asynchronous
async def audit_show(chosen: Chosen, click_id: str, as_json_: bool) -> None:
    """Show one click: the request, what was chosen and why, each delivery, seen or not."""
    await show_story(chosen, click_id, as_json_)


async def show_story(chosen: Chosen, click_id: str, as_json_: bool) -> None:
    """Print the details of a click, and record that they were read; `popbridge click` does the same."""
    async with opened(chosen.settings()) as services:
        await access_log.record(
            services.redis, COMMAND_LINE, "show", services.clock.now(), about={"click_id": click_id}
        )
        found = await story.load(services.archive, services.redis, click_id)
    if found is None:
        fail([f"no click has the id {click_id}, or it is no longer kept"], NOT_SO)
    tell(found, lambda: story.text(found), as_json_)


@audit.command("export")
@_filters
@click.option("--format", "form", type=click.Choice([*export.FORMATS]), default="csv", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), help="A new file; default: standard output.")
@click.pass_obj
@asynchronous
async def audit_export(chosen: Chosen, /, form: str, output: Path | None, **asked: str | None) -> None:
    """Export all lookups that match, newest first; filters as in `audit list`."""
    async with opened(chosen.settings()) as services:
        wanted = _search(services, asked)
        await access_log.record(services.redis, COMMAND_LINE, "export", services.clock.now(), wanted)
        with _written(output) as file, progress("log entries") as told:
            count = 0
            async for text, entries in export.texts(services.archive, services.redis, wanted, form):
                file.write(text.encode())
                told(count := count + entries)


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
        fail([f"{output} cannot be created: {error.strerror}"], WRONG)
    with open(descriptor, "wb") as file:
        yield file


@audit.command("access-log")
@_paged
@as_json_option
@click.pass_obj
@asynchronous
async def audit_access_log(chosen: Chosen, limit: int, cursor: str | None, as_json_: bool) -> None:
    """List who read the log, what was erased and what retention deleted, newest first."""
    async with opened(chosen.settings()) as services:
        await access_log.record(services.redis, COMMAND_LINE, "access-log", services.clock.now())
        page = await access_log.page(services.archive, services.redis, limit, cursor)
    rows = [f"{one['time']}  {one['kind']:<10} {one['who']:<24} {_access(one)}" for one in page.items]
    more = [f"more: --cursor {page.next_cursor}"] if page.next_cursor else []
    tell({"items": page.items, "next_cursor": page.next_cursor}, lambda: "\n".join([*rows, *more]) or "none", as_json_)


def _access(entry: Mapping[str, Any]) -> str:
    """What was read, and the filters that are kept in plain."""
    filters = entry.get("filters", {})
    plain = [
        f"{name}={value if isinstance(value, str) else '(kept as a commitment)'}" for name, value in filters.items()
    ]
    return " ".join([entry.get("what", ""), entry.get("click_id", ""), *plain]).strip()


@audit.command("acts", hidden=True)
@_paged
@as_json_option
@click.pass_context
def audit_acts(context: click.Context, /, **_: object) -> None:
    """The old name of `access-log`."""
    context.forward(audit_access_log)


@audit.command("verify")
@click.option("--from", "since", help="Only from this time on.")
@click.option("--to", "until", help="Only up to this time.")
@click.option(
    "--anchor",
    help="A file kept elsewhere: the log is verified against the heads in it, then its head is added; - prints it.",
)
@as_json_option
@click.pass_obj
@asynchronous
async def audit_verify(
    chosen: Chosen, since: str | None, until: str | None, anchor: str | None, as_json_: bool
) -> None:
    """Verify that no log entry was changed, removed, moved or inserted; list those that were."""
    file = Path(anchor) if anchor and anchor != "-" else None
    if file is not None and (since or until):
        fail(["--anchor FILE needs the whole log: leave out --from and --to"], WRONG)
    known = anchors.load(file) if file is not None else []
    async with opened(chosen.settings()) as services:
        await services.archive.catch_up(services.redis)
        now = services.clock.now()
        times = (
            time_text(moment(text, name, now)) if text else None for text, name in ((since, "--from"), (until, "--to"))
        )
        with progress("log entries") as told:
            verdict = await asyncio.to_thread(verify.verify, services.archive, Span(*times), known, told)
    if verdict.ok and verdict.head and file is not None:
        anchors.append(file, verdict.head)
    tell({**as_json(verdict), "ok": verdict.ok}, lambda: _verdict(verdict, anchor), as_json_)
    if not verdict.ok:
        raise SystemExit(NOT_SO)


def _verdict(verdict: Verdict, anchor: str | None) -> str:
    if anchor == "-" and verdict.ok and verdict.head:
        return json.dumps(as_json(verdict.head))
    rows = [f"log entry {found.entry} {found.what}" for found in verdict.findings]
    newest = f"; head {verdict.head.seq} {verdict.head.digest}" if verdict.head else ""
    result = "the log is intact" if verdict.ok else f"the log is NOT intact: {len(rows)} findings"
    return "\n".join([*rows, *verdict.notes, f"{result}: {verdict.entries} log entries{newest}"])


def _about(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--crm-user", metavar="CRM:USER", help="A CRM's user.")(command)
    return click.option("--caller", metavar="NUMBER", help="A caller's number, in any spelling.")(command)


def _subject(services: Services, caller: str | None, crm_user: str | None) -> Subject:
    if (caller is None) == (crm_user is None):
        fail(["missing option: --caller NUMBER or --crm-user CRM:USER"], WRONG)
    if caller is not None:
        if not caller.strip():
            fail(["--caller is empty: that would match everybody without a number"], WRONG)
        return CallerSubject.of(caller, services.labels.regions.values())
    crm, _, user = str(crm_user).partition(":")
    if not (crm and user):
        fail(["--crm-user must be the CRM's name, a colon and the user, as in acme:dana@acme.example"], WRONG)
    return AgentSubject(crm, user)


def _filters_of(subject: Subject) -> dict[str, str | None]:
    """The filters that would find them."""
    return (
        {"caller": subject.number}
        if isinstance(subject, CallerSubject)
        else {"crm": subject.crm, "crm_user": subject.crm_user}
    )


@audit.command("erase")
@_about
@click.option("--dry-run", is_flag=True, help="Only count what would be erased.")
@click.option("--yes", is_flag=True, help="Erase: this cannot be undone.")
@as_json_option
@click.pass_obj
@asynchronous
async def audit_erase(
    chosen: Chosen, caller: str | None, crm_user: str | None, dry_run: bool, yes: bool, as_json_: bool
) -> None:
    """Erase a person from cache, streams, deliveries and log; the log can still be verified. Prints a receipt."""
    async with opened(chosen.settings()) as services:
        subject = _subject(services, caller, crm_user)
        if not (yes or dry_run):
            fail(["add --yes to erase, or --dry-run to see what would be erased"], WRONG)
        now = services.clock.now()
        if dry_run:
            receipt = await erase.dry_run(services.archive, services.redis, subject, now)
            await access_log.record(
                services.redis, COMMAND_LINE, "erase --dry-run", now, _search(services, _filters_of(subject))
            )
        else:
            receipt = await erase.erase(services.archive, services.redis, subject, COMMAND_LINE, now)
    tell(receipt, lambda: _receipt(receipt), as_json_)


def _receipt(receipt: Receipt) -> str:
    live = ", ".join(f"{count} {what}" for what, count in receipt.redis.items()) or "nothing"
    rows = [
        f"receipt {receipt.receipt_id or '(dry run)'}  {receipt.time}  {receipt.what}",
        f"  {receipt.lookups} log entries, {receipt.reads} access log entries; in Redis: {live}",
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
    """Print everything that is held about a person, as JSON. This is recorded in the access log."""
    async with opened(chosen.settings()) as services:
        subject = _subject(services, caller, crm_user)
        now = services.clock.now()
        await access_log.record(
            services.redis, COMMAND_LINE, "privacy export", now, _search(services, _filters_of(subject))
        )
        told = await person_export.everything_about(services.archive, services.redis, subject)
    tell(told, lambda: json.dumps(told, ensure_ascii=False, indent=2), as_json_)


@audit.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
@asynchronous
async def audit_backup(chosen: Chosen, file: Path) -> None:
    """Copy the log to FILE while it is in use. For PostgreSQL, use pg_dump."""
    async with opened(chosen.settings()) as services:
        await access_log.record(services.redis, COMMAND_LINE, "backup", services.clock.now())
        await services.archive.catch_up(services.redis)
        with progress("% copied") as told:
            await asyncio.to_thread(backup.copy, services.archive, file, told)
