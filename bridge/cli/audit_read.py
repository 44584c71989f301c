"""`popbridge audit list`, `show`, `export` and `access-log`: reading the audit log, which is itself recorded."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import click

from bridge.audit import access_log, export, query, search
from bridge.audit.access_log import COMMAND_LINE
from bridge.audit.entry import DeliveryEnd, LogEntry
from bridge.audit.search import Page, Search
from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.clicks import show_details
from bridge.cli.connections import opened
from bridge.cli.terminal import USAGE, as_json_option, asynchronous, fail, progress, show
from bridge.clicks import by_name
from bridge.clicks.by_name import Named
from bridge.services import Services

CELL, WHY = 40, 200
"""The longest texts of a table."""
ITEMS = "At most so many."
HELP = {
    "since": "From then on: ISO 8601, or how long ago, such as 10m, 6h, 7d.",
    "until": "Before then; as --since.",
    "crm": "Only this [crm.NAME].",
    "crm_user": "Only this agent, as the CRM calls them.",
    "extension": "Only this extension.",
    "outcome": "Only this outcome, such as found or unknown-agent.",
    "caller": "Only this caller's number, in any spelling.",
    "did": "Only this dialled number, in any spelling.",
    "ivrid": "Only this call, by its id or its first one.",
}


NAME_HELP = (
    "Only callers whose name or company has these words; all their calls are listed. The log keeps no names: they are"
    " looked for in the calls of the last three days."
)


def _filters(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--name", help=NAME_HELP)(command)
    for name in reversed(search.FILTERS):
        command = click.option(f"--{name.replace('_', '-')}", name, help=HELP[name])(command)
    return command


def _paged(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--cursor", help="The next_cursor of an earlier page.")(command)
    limits = click.IntRange(1, search.LONGEST_PAGE)
    return click.option("--limit", type=limits, default=search.PAGE_LENGTH, show_default=True, help=ITEMS)(command)


def search_for(services: Services, given: Mapping[str, str | None]) -> Search:
    """The search with these filters, those left out aside. Raises `ClickRefused` for one that makes no sense."""
    filters = {name: value for name, value in given.items() if value}
    return Search.read(filters, services.labels.regions.values(), services.clock.now())


async def _named(services: Services, wanted: Search, name: str | None) -> tuple[Search, Named | None]:
    """The search narrowed to callers of this name, if one is given. Raises `ClickRefused`."""
    if not name:
        return wanted, None
    return await by_name.narrowed(services.archive, services.redis, wanted, name, services.clock.now())


@click.command("list")
@_filters
@_paged
@as_json_option
@with_settings
@asynchronous
async def list_(
    chosen: Chosen, /, as_json_: bool, limit: int, cursor: str | None, name: str | None, **filters: str | None
) -> None:
    """List lookups, newest first. Times: ISO 8601, or how long ago, such as 10m."""
    async with opened(chosen.settings()) as services:
        wanted, named = await _named(services, search_for(services, filters), name)
        await access_log.record(services.redis, COMMAND_LINE, "list", services.clock.now(), wanted)
        page = await query.entries(services.archive, services.redis, wanted, limit, cursor)
    told = {"items": page.items, "next_cursor": page.next_cursor, **({"named": asdict(named)} if named else {})}
    show(told, lambda: "\n".join([_table(page), *_reach(named)]), as_json_)


def _reach(named: Named | None) -> Iterator[str]:
    """How far a search by name reaches."""
    if named:
        yield f"callers of this name: {named.callers}, among the calls since {named.since}"
        if named.more:
            yield "there may be more of them: give more of the name"


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
    line = (text or "-").replace("\n", " ")
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _ends(deliveries: list[DeliveryEnd]) -> str:
    return ",".join(f"{one['target']}={_end(one)}" for one in deliveries) or "-"


def _end(delivery: DeliveryEnd) -> str:
    return f"{delivery['state']}{'+seen' if delivery['shown_at'] else ''}"


@click.command("show")
@click.argument("click_id")
@as_json_option
@with_settings
@asynchronous
async def show_(chosen: Chosen, click_id: str, as_json_: bool) -> None:
    """Show one click: request, chosen call and why, each delivery, seen or not."""
    await show_details(chosen, click_id, as_json_)


@click.command("export")
@_filters
@click.option(
    "--format", "form", type=click.Choice([*export.FORMATS]), default="csv", show_default=True, help="What is written."
)
@click.option("--output", type=click.Path(path_type=Path), help="A new file; default: standard output.")
@with_settings
@asynchronous
async def export_(chosen: Chosen, /, form: str, output: Path | None, name: str | None, **filters: str | None) -> None:
    """Export all lookups that match, newest first. Filters as in `audit list`."""
    async with opened(chosen.settings()) as services:
        wanted, _ = await _named(services, search_for(services, filters), name)
        await access_log.record(services.redis, COMMAND_LINE, "export", services.clock.now(), wanted)
        with _written(output) as file, progress("log entries") as update:
            count = 0
            async for text, entries in export.texts(services.archive, services.redis, wanted, form):
                file.write(text.encode())
                update(count := count + entries)


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
        fail([f"{output} cannot be created: {error.strerror}"], USAGE)
    with open(descriptor, "wb") as file:
        yield file


@click.command("access-log")
@click.option("--caller", help="Only who searched for this number, or was shown it outside of clicks.")
@_paged
@as_json_option
@with_settings
@asynchronous
async def accesses(chosen: Chosen, caller: str | None, limit: int, cursor: str | None, as_json_: bool) -> None:
    """List who read the log or was shown callers, what was erased or deleted by retention; newest first."""
    async with opened(chosen.settings()) as services:
        wanted = search_for(services, {"caller": caller}) if caller else None
        await access_log.record(services.redis, COMMAND_LINE, "access-log", services.clock.now(), wanted)
        page = await access_log.page(services.archive, services.redis, limit, cursor, wanted)
    rows = [f"{one['time']}  {one['kind']:<10} {one['who']:<24} {_access(one)}" for one in page.items]
    more = [f"more: --cursor {page.next_cursor}"] if page.next_cursor else []
    show({"items": page.items, "next_cursor": page.next_cursor}, lambda: "\n".join([*rows, *more]) or "none", as_json_)


def _access(entry: Mapping[str, Any]) -> str:
    """What was read, and the filters that are stored in plain text."""
    filters = entry.get("filters", {})
    plain = [
        f"{name}={value if isinstance(value, str) else '(stored as a commitment)'}" for name, value in filters.items()
    ]
    ids = [entry[name] for name in ("click_id", "popup_id", "delivery_id", "pbx") if entry.get(name)]
    shown = len(entry.get("shown", ()))
    return " ".join([entry.get("what", ""), *ids, *plain, *([f"callers={shown}"] if shown else [])]).strip()
