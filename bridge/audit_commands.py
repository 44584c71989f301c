"""`popbridge audit`: who looked up whom, and who read that."""

from collections.abc import Callable
from typing import Any

import click

from bridge.audit import asking, query, reading
from bridge.audit.asking import Wanted
from bridge.terminal import Chosen, as_json_option, asynchronous, opened, tell
from bridge.wiring import Kit


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


def _wanted(kit: Kit, asked: dict[str, str | None]) -> Wanted:
    given = {name: value for name, value in asked.items() if value}
    return Wanted.read(given, kit.labels.regions.values(), kit.clock.now())


@audit.command("list")
@_filters
@_paged
@as_json_option
@click.pass_obj
@asynchronous
async def audit_list(chosen: Chosen, /, as_json_: bool, limit: int, cursor: str | None, **asked: str | None) -> None:
    """List lookups, newest first. Times: ISO 8601, or how long ago, such as 10m."""
    async with opened(chosen.settings()) as kit:
        wanted = _wanted(kit, asked)
        await reading.note(kit.redis, reading.COMMAND_LINE, "list", kit.clock.now(), wanted)
        page = await query.lines(kit.archive, kit.redis, wanted, limit, cursor)
    tell({"items": page.items, "next_cursor": page.next_cursor}, lambda: _table(page), as_json_)


def _table(page: query.Page) -> str:
    rows = [
        f"{line['time']}  {line['crm_user'] or '-':<24} {line['extension'] or '-':<10} {line['outcome']:<18} "
        f"{line['caller'] or '-':<14} {_ends(line['deliveries'])}  {line['why'] or ''}"
        for line in page.items
    ]
    more = [f"more: --cursor {page.next_cursor}"] if page.next_cursor else []
    return "\n".join([*rows, *more]) if rows else "no lookups match"


def _ends(deliveries: list[dict[str, Any]]) -> str:
    return ",".join(f"{one['target']}={_end(one)}" for one in deliveries) or "-"


def _end(delivery: dict[str, Any]) -> str:
    return f"{delivery['state']}{'+seen' if delivery['shown_at'] else ''}"
