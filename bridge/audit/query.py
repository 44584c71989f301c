"""Reading the audit: filters, newest first, page by page."""

import asyncio
import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, or_, select

from bridge.audit.archive import Archive
from bridge.audit.schema import delivery_ends, lookups
from bridge.errors import Malformed
from bridge.numbers import e164
from bridge.shapes import time_text
from bridge.store.connection import TextRedis

LIMIT, MOST = 50, 500
FILTERS = ("since", "until", "crm", "crm_user", "extension", "outcome", "caller", "did", "ivrid")
HIDDEN = ("seq", "entry_id", "did_e164", "caller_e164")
PLAIN = ("crm", "crm_user", "extension", "outcome", "ivrid")


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines and where the next page begins (None: there is none)."""

    items: list[dict[str, Any]]
    next_cursor: str | None


async def lines(
    archive: Archive, redis: TextRedis, asked: Mapping[str, str], regions: Iterable[str], now: datetime
) -> Page:
    """The lines that match the filters in `asked` (and its `limit` and `cursor`), with their deliveries' ends.

    What is not archived yet is archived first, so that everything accepted is found. Raises `Malformed`.
    """
    limit, before = limit_of(asked.get("limit")), _position(asked.get("cursor"))
    conditions = [*_conditions(asked, list(regions), now)]
    if before is not None:
        conditions.append(lookups.c.seq < before)
    await archive.catch_up(redis)
    return await asyncio.to_thread(_read, archive.engine(), conditions, limit)


def _read(engine: Engine, conditions: list[ColumnElement[bool]], limit: int) -> Page:
    newest = select(lookups).where(*conditions).order_by(lookups.c.seq.desc()).limit(limit + 1)
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(newest).mappings()]
        shown = rows[:limit]
        clicks = [row["click_id"] for row in shown]
        ends = connection.execute(select(delivery_ends).where(delivery_ends.c.click_id.in_(clicks))).mappings().all()
    by_click: dict[str, list[dict[str, Any]]] = {click_id: [] for click_id in clicks}
    for end in ends:
        told = {name: end[name] for name in ("delivery_id", "target", "state", "ended_at")}
        by_click[end["click_id"]].append(told)
    items = [
        {**{name: value for name, value in row.items() if name not in HIDDEN}, "deliveries": by_click[row["click_id"]]}
        for row in shown
    ]
    more = len(rows) > limit
    return Page(items, _cursor(shown[-1]["seq"]) if more else None)


def _conditions(asked: Mapping[str, str], regions: list[str], now: datetime) -> Iterable[ColumnElement[bool]]:
    for name in PLAIN:
        if asked.get(name):
            yield lookups.c[name] == asked[name]
    for name in ("caller", "did"):
        if asked.get(name):
            spellings = {public for region in regions if (public := e164(asked[name], region))}
            yield or_(lookups.c[name] == asked[name], lookups.c[f"{name}_e164"].in_(spellings))
    if asked.get("since"):
        yield lookups.c.time >= time_text(moment(asked["since"], "since", now))
    if asked.get("until"):
        yield lookups.c.time < time_text(moment(asked["until"], "until", now))


def moment(text: str, name: str, now: datetime) -> datetime:
    """An ISO 8601 time (without an offset: UTC), or how long ago: `90s`, `10m`, `6h`, `7d`. Raises `Malformed`."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    try:
        if text[:-1].isdecimal() and text[-1:] in units:
            return datetime.fromtimestamp(now.timestamp() - int(text[:-1]) * units[text[-1]], UTC)
        found = datetime.fromisoformat(text.replace(" ", "+"))
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise Malformed(f"{name} must be a time such as 2026-03-01T00:00:00Z, or how long ago, such as 10m") from None
    return found


def limit_of(text: str | None) -> int:
    """How many items a page has. Raises `Malformed`."""
    if not text:
        return LIMIT
    if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= MOST):
        raise Malformed(f"limit must be a whole number from 1 to {MOST}")
    return int(text)


def _cursor(seq: int) -> str:
    return base64.urlsafe_b64encode(str(seq).encode()).decode().rstrip("=")


def _position(cursor: str | None) -> int | None:
    if not cursor:
        return None
    try:
        position = int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if 0 <= position < 2**62:
            return position
        raise ValueError
    except (binascii.Error, ValueError):
        raise Malformed("cursor must be the next_cursor of an earlier page") from None
