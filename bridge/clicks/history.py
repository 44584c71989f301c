"""What happened to an agent's clicks, refused ones included: the answer to "why was there no popup?"."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bridge.audit import query
from bridge.audit.archive import Archive
from bridge.audit.entry import FIELDS
from bridge.audit.search import Page, Search, from_cursor, to_cursor
from bridge.core import reasons
from bridge.core.reasons import say
from bridge.store.clicks import refusals
from bridge.store.clicks.refusals import Refusal
from bridge.store.client import TextRedis

REFUSED = "refused"

ListedClick = dict[str, Any]
"""A log entry, or a refused click in its shape: its outcome is `refused`, its `reason` a slug instead of an object."""


async def clicks(
    archive: Archive,
    redis: TextRedis,
    search: Search,
    limit: int,
    cursor: str | None,
    now: datetime,
    whosever: bool = True,
) -> Page[ListedClick]:
    """Clicks that match, newest first: log entries, and among them the refused clicks of the last day.

    Most refused clicks cannot be attributed to an agent (which is why they were refused): `whosever` lists them for
    every agent of their CRM, with `crm_user` empty, and says the cause that the sender is not told. Raises `Malformed`.
    """
    page = await query.entries(archive, redis, search, limit, cursor)
    items: list[ListedClick] = [{**entry} for entry in page.items]
    before, after = _span(search, items, page.next_cursor is not None, cursor)
    items += [
        _listed(one, whosever)
        for one in await refusals.newest(redis, now)
        if after <= one.time < before and _matches(one, search, whosever)
    ]
    return _cut(sorted(items, key=_time, reverse=True), limit, page.next_cursor)


def _time(item: ListedClick) -> str:
    return str(item["time"])


def _cut(items: list[ListedClick], limit: int, following: str | None) -> Page[ListedClick]:
    """`limit` of them, and those with the same time as the last: the next page begins before that time."""
    last = _time(items[limit - 1]) if len(items) > limit else ""
    shown = [item for item in items if _time(item) >= last]
    return Page(shown, following if len(shown) == len(items) else to_cursor((last, 0)))


def _span(search: Search, items: list[ListedClick], goes_on: bool, cursor: str | None) -> tuple[str, str]:
    """Before and after which times a refused click belongs on this page. Times sort as texts; `~` is after all."""
    place = from_cursor(cursor)
    before = place[0] if place else search.until or "~"
    after = _time(items[-1]) if goes_on else search.since or ""
    return before, after


def _matches(one: Refusal, search: Search, whosever: bool) -> bool:
    agent = search.filters.get("crm_user")
    return search.sees_crm(one.crm) and (agent in (None, one.agent) or (whosever and not one.agent))


def _listed(one: Refusal, with_cause: bool) -> ListedClick:
    """Its `why` is the sentence for the operator where there is a `cause`, else what the sender was told."""
    fields = asdict(one)
    crm_user, written = fields.pop("agent"), fields.pop("cause")
    cause = json.loads(written) if written and with_cause else None
    why = say(reasons.read(cause)) if cause else one.why
    told = {"crm_user": crm_user, "outcome": REFUSED, "why": why, "cause": cause, "deliveries": []}
    return {**dict.fromkeys(FIELDS), **fields, **told}
