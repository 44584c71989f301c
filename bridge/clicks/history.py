"""What became of an agent's clicks, the refused ones too: the answer to "why was there no popup?"."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from bridge.audit import asking, query
from bridge.audit.archive import Archive
from bridge.audit.asking import Wanted
from bridge.store.clicks import refusals
from bridge.store.clicks.refusals import Refusal
from bridge.store.client import TextRedis

REFUSED = "refused"


async def clicks(
    archive: Archive,
    redis: TextRedis,
    wanted: Wanted,
    limit: int,
    cursor: str | None,
    now: datetime,
    whosever: bool = True,
) -> query.Page:
    """Clicks that match, newest first: lines of the audit, and among them the refused ones of the last day.

    A refused click has the outcome `refused` and a `reason`. Most cannot say whose click they were (that is why they
    were refused): `whosever` shows them for every agent of their CRM, with `crm_user` empty. Raises `Malformed`.
    """
    page = await query.lines(archive, redis, wanted, limit, cursor)
    before, after = _span(wanted, page, cursor)
    told = [
        _line(one)
        for one in await refusals.newest(redis, now)
        if after <= one.time < before and _concerns(one, wanted, whosever)
    ]
    items = [{**line, "reason": None} for line in page.items]
    return _cut(sorted([*items, *told], key=_time, reverse=True), limit, page.next_cursor)


def _time(line: dict[str, Any]) -> str:
    return str(line["time"])


def _cut(items: list[dict[str, Any]], limit: int, following: str | None) -> query.Page:
    """`limit` of them, and those of the same moment as the last: the next page begins before that moment."""
    last = _time(items[limit - 1]) if len(items) > limit else ""
    shown = [line for line in items if _time(line) >= last]
    return query.Page(shown, following if len(shown) == len(items) else asking.cursor_of((last, 0)))


def _span(wanted: Wanted, page: query.Page, cursor: str | None) -> tuple[str, str]:
    """Before and after which times a refused click belongs on this page. Times sort as texts; `~` is after all."""
    place = asking.place_of(cursor)
    before = place[0] if place else wanted.until or "~"
    after = page.items[-1]["time"] if page.next_cursor else wanted.since or ""
    return before, after


def _concerns(one: Refusal, wanted: Wanted, whosever: bool) -> bool:
    crm, agent = wanted.filters.get("crm"), wanted.filters.get("crm_user")
    return crm in (None, one.crm) and (agent in (None, one.agent) or (whosever and not one.agent))


def _line(one: Refusal) -> dict[str, Any]:
    told = asdict(one)
    crm_user = told.pop("agent")
    return {**dict.fromkeys(query.FIELDS), **told, "crm_user": crm_user, "outcome": REFUSED, "deliveries": []}
