"""Reading the audit: filters, newest first, page by page."""

import asyncio
import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select, tuple_, union_all

from bridge.audit.archive import Archive
from bridge.audit.asking import Place, Wanted, cursor_of, place_of
from bridge.audit.schema import acts, deliveries, lookups
from bridge.core.model import DESKTOP, DeliveryState
from bridge.store.client import TextRedis

PLAIN = ("crm", "crm_user", "extension", "outcome", "ivrid")
FIELDS = (
    "time", "click_id", "crm", "crm_user", "agent", "pbx", "extension", "outcome", "why", "ivrid", "original_ivrid",
    "did", "caller", "popup_id", "served_from", "pbx_ms", "total_ms", "source_ip",
)  # fmt: skip
"""Contract 6's line; `deliveries` come to it."""

LogEntry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines and where the next page begins (None: there is none)."""

    items: list[LogEntry]
    next_cursor: str | None


async def lines(archive: Archive, redis: TextRedis, wanted: Wanted, limit: int, cursor: str | None) -> Page:
    """The lines that are wanted, with their deliveries' ends, the newest first. Raises `Malformed`.

    What is not archived yet is archived first, so that everything accepted is found, in one order.
    """
    place = place_of(cursor)
    await archive.catch_up(redis)
    return await asyncio.to_thread(_page, archive, wanted, limit, place)


def _page(archive: Archive, wanted: Wanted, limit: int, place: Place | None) -> Page:
    items, following = read(archive, wanted, limit, place)
    return Page(items, cursor_of(following) if following else None)


def read(archive: Archive, wanted: Wanted, limit: int, place: Place | None) -> tuple[list[LogEntry], Place | None]:
    """Up to `limit` lines from `place` on, and the place where more begin. Blocks."""
    with archive.reading() as connection:
        rows = connection.execute(statement(wanted, limit + 1, place)).mappings().all()
        shown = rows[:limit]
        ends = ends_of(connection, [row["click_id"] for row in shown])
    items = [{**{name: row[name] for name in FIELDS}, "deliveries": ends.get(row["click_id"], [])} for row in shown]
    return items, (shown[-1]["time"], shown[-1]["seq"]) if len(rows) > limit else None


def statement(wanted: Wanted, limit: int, place: Place | None) -> Select[Any]:
    """The question to the database: each spelling of a number is looked up by itself, along its index."""
    conditions = [*_conditions(wanted)]
    if place is not None:
        conditions.append(tuple_(lookups.c.time, lookups.c.seq) < tuple_(*place))
    columns = [lookups.c.seq, *(lookups.c[name] for name in FIELDS)]
    order = lookups.c.time.desc(), lookups.c.seq.desc()
    ways = [*itertools.product(*(_spelled(name, keys) for name, keys in wanted.keys.items()))]
    if len(ways) == 1:
        return select(*columns).where(*conditions, *ways[0]).order_by(*order).limit(limit)
    parts = (select(lookups.c.seq).where(*conditions, *way).order_by(*order).limit(limit) for way in ways)
    found = union_all(*(select(part.subquery()) for part in parts))
    return select(*columns).where(lookups.c.seq.in_(found)).order_by(*order).limit(limit)


def _spelled(name: str, keys: list[str]) -> list[ColumnElement[bool]]:
    return [lookups.c[f"{name}_key"] == key for key in keys]


def _conditions(wanted: Wanted) -> Iterable[ColumnElement[bool]]:
    for name in PLAIN:
        if name in wanted.filters:
            yield lookups.c[name] == wanted.filters[name]
    if wanted.since:
        yield lookups.c.time >= wanted.since
    if wanted.until:
        yield lookups.c.time < wanted.until


def ends_of(connection: Connection, click_ids: list[str]) -> dict[str, list[LogEntry]]:
    """What became of each click's deliveries: the last end, and when the popup was first seen."""
    wanted = (
        select(deliveries).where(deliveries.c.click_id.in_(click_ids)).order_by(deliveries.c.time, deliveries.c.seq)
    )
    told: dict[str, dict[str, LogEntry]] = {}
    for row in connection.execute(wanted).mappings() if click_ids else ():
        one = told.setdefault(row["click_id"], {}).setdefault(
            row["delivery_id"],
            {
                "delivery_id": row["delivery_id"],
                "target": DESKTOP,
                "state": str(DeliveryState.PENDING),
                "ended_at": None,
                "shown_at": None,
            },
        )
        if row["kind"] == "shown":
            one["shown_at"] = one["shown_at"] or row["time"]
        else:
            one |= {"target": row["target"], "state": row["state"], "ended_at": row["time"]}
    return {click_id: list(by_delivery.values()) for click_id, by_delivery in told.items()}


async def acts_page(archive: Archive, redis: TextRedis, limit: int, cursor: str | None) -> Page:
    """What was done to the log itself (read, erased, forgotten), the newest first. Raises `Malformed`."""
    place = place_of(cursor)
    await archive.catch_up(redis)
    return await asyncio.to_thread(_acts, archive, limit, place)


def _acts(archive: Archive, limit: int, place: Place | None) -> Page:
    newest = select(acts).order_by(acts.c.seq.desc()).limit(limit + 1)
    if place is not None:
        newest = newest.where(acts.c.seq < place[1])
    with archive.reading() as connection:
        rows = connection.execute(newest).mappings().all()
    shown = rows[:limit]
    items = [
        {**{name: row[name] for name in ("time", "act_id", "kind", "who")}, **json.loads(row["details"])}
        for row in shown
    ]
    return Page(items, cursor_of((shown[-1]["time"], shown[-1]["seq"])) if len(rows) > limit else None)
