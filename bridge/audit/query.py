"""Reading the audit log: filters, newest first, page by page."""

import itertools
import math
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Select, false, func, or_, select, tuple_, union_all

from bridge.audit.archive import Archive
from bridge.audit.entry import FIELDS, LogEntry, entries_of
from bridge.audit.schema import callers, deliveries, lookups
from bridge.audit.search import Page, Place, Search, from_cursor, to_cursor
from bridge.core.delivery import DeliveryState
from bridge.core.model import Outcome
from bridge.store.client import TextRedis

EXACT = ("crm", "crm_user", "extension", "outcome")
"""Filters that must match exactly."""
UNDELIVERED = (DeliveryState.FAILED, DeliveryState.EXPIRED)
MOST_COUNTED = 10_000
MOST_PARTS = 400
"""SQLite takes 500 in one question."""


async def entries(archive: Archive, redis: TextRedis, search: Search, limit: int, cursor: str | None) -> Page[LogEntry]:
    """The entries that match, with the ends of their deliveries, newest first. Raises `Malformed`.

    Entries that still wait are archived first, so that everything accepted is found, in one order.
    """
    place = from_cursor(cursor)
    await archive.caught_up(redis)
    return await archive.ask(_page, archive, search, limit, place)


async def total(archive: Archive, search: Search) -> int:
    """How many entries match; `MOST_COUNTED` and one more where there are more than that."""
    return await archive.ask(_total, archive, search)


def _total(archive: Archive, search: Search) -> int:
    with archive.reading() as connection:
        found = statement(search, MOST_COUNTED + 1, None).subquery()
        return int(connection.execute(select(func.count()).select_from(found)).scalar_one())


def _page(archive: Archive, search: Search, limit: int, place: Place | None) -> Page[LogEntry]:
    items, following = read(archive, search, limit, place)
    return Page(items, to_cursor(following) if following else None)


def read(archive: Archive, search: Search, limit: int, place: Place | None) -> tuple[list[LogEntry], Place | None]:
    """Up to `limit` entries from `place` on, and the place where more begin. Blocks."""
    with archive.reading() as connection:
        rows = connection.execute(statement(search, limit + 1, place)).mappings().all()
        items = entries_of(connection, rows[:limit])
    return items, (rows[limit - 1]["time"], rows[limit - 1]["seq"]) if len(rows) > limit else None


def popups(archive: Archive, search: Search, limit: int) -> list[tuple[str, str]]:
    """Time and popup of the newest entries that match and have one. Blocks."""
    with archive.reading() as connection:
        found = statement(search, limit, None).subquery()
        rows = connection.execute(select(found.c.time, found.c.popup_id)).all()
    return [(row.time, row.popup_id) for row in rows if row.popup_id]


def statement(search: Search, limit: int, place: Place | None) -> Select[Any]:
    """The SQL query: each spelling of a number is looked up by itself, using its index; without any, nothing is found.

    A caller is found where they were shown beside the lookup's own caller, too.
    """
    conditions = [*_conditions(search)]
    if place is not None:
        conditions.append(tuple_(lookups.c.time, lookups.c.seq) < tuple_(*place))
    columns = [lookups.c.seq, *(lookups.c[name] for name in FIELDS)]
    order = lookups.c.time.desc(), lookups.c.seq.desc()
    wanted = [_spellings(name, keys) for name, keys in search.keys.items()]
    spellings = [*itertools.product(*_bounded([*wanted, *_calls(search)]))]
    if not spellings:
        return select(*columns).where(false())
    if len(spellings) == 1:
        return select(*columns).where(*conditions, *spellings[0]).order_by(*order).limit(limit)
    parts = (select(lookups.c.seq).where(*conditions, *one).order_by(*order).limit(limit) for one in spellings)
    found = union_all(*(select(part.subquery()) for part in parts))
    return select(*columns).where(lookups.c.seq.in_(found)).order_by(*order).limit(limit)


def _bounded(ways: list[list[ColumnElement[bool]]]) -> list[list[ColumnElement[bool]]]:
    """Ways to match, one of each list. Where all combinations are too many, those of the longest list alone are looked
    up one by one."""
    if math.prod(map(len, ways)) <= MOST_PARTS:
        return ways
    longest = max(ways, key=len)
    return [longest, *([or_(*way)] for way in ways if way is not longest)]


def _spellings(name: str, keys: list[str]) -> list[ColumnElement[bool]]:
    own = [lookups.c[f"{name}_key"] == key for key in keys]
    if name != "caller":
        return own
    beside = (select(callers.c.click_id).where(callers.c.caller_key == key) for key in keys)
    return [*own, *(lookups.c.click_id.in_(shown) for shown in beside)]


def _calls(search: Search) -> Iterable[list[ColumnElement[bool]]]:
    """A call is found by its id, and by the one that it had before it was passed on."""
    if "ivrid" in search.filters:
        ivrid = search.filters["ivrid"]
        yield [lookups.c.ivrid == ivrid, lookups.c.original_ivrid == ivrid]


def _conditions(search: Search) -> Iterable[ColumnElement[bool]]:
    for name in EXACT:
        if name in search.filters:
            yield lookups.c[name] == search.filters[name]
    if search.crms is not None:
        yield lookups.c.crm.in_(search.crms)
    if search.problems:
        undelivered = select(deliveries.c.click_id).where(deliveries.c.state.in_([*map(str, UNDELIVERED)]))
        yield or_(lookups.c.outcome != str(Outcome.FOUND), lookups.c.click_id.in_(undelivered))
    if search.since:
        yield lookups.c.time >= search.since
    if search.until:
        yield lookups.c.time < search.until
