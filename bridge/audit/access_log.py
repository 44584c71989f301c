"""Access logging: who read the audit log and searched for what, who erased, what retention deleted.

Whom a reader searched for is kept as a commitment, not in plain.
"""

import hashlib
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from bridge.audit.archive import Archive
from bridge.audit.chain import SALT_BYTES, commitment
from bridge.audit.entry import parsed
from bridge.audit.schema import access_log
from bridge.audit.search import Page, Place, Search, from_cursor, to_cursor
from bridge.core.clock import new_id
from bridge.core.json_codec import json_text, time_text
from bridge.store import keys
from bridge.store.client import TextRedis

COMMAND_LINE = "command line"
COMMITTED = ("crm_user", "extension", "ivrid")
"""Exact filters that name a person."""
NOTHING: Mapping[str, Any] = {}

AccessEntry = dict[str, Any]
"""`time`, `act_id`, `kind`, `who`, and the details of that kind."""


async def record(
    redis: TextRedis,
    who: str,
    what: str,
    now: datetime,
    search: Search | None = None,
    about: Mapping[str, Any] = NOTHING,
) -> None:
    """Record that `who` reads the log, before anything is shown. `about` must not be personal."""
    salt = os.urandom(SALT_BYTES)
    details = {"what": what, **about}
    if search is not None:
        details["filters"] = _committed(search, salt)
        details["salted"] = hashlib.sha256(salt).hexdigest()
    entry = {
        "time": time_text(now),
        "act_id": new_id("act", now),
        "who": who,
        "details": details,
        "salt": salt.hex() if search is not None else None,
    }
    await redis.xadd(keys.AUDIT, {"kind": "read", "line": json_text(entry)})


def _committed(search: Search, salt: bytes) -> dict[str, Any]:
    filters: dict[str, Any] = dict(search.filters)
    filters |= {name: [commitment(salt, filters[name])] for name in COMMITTED if name in filters}
    return filters | {name: [commitment(salt, key) for key in spelled] for name, spelled in search.keys.items()}


def searched_for(details: Mapping[str, Any], salt: bytes, values: Mapping[str, list[str]]) -> bool:
    """Whether this reader searched for one of `values` (lists by filter)."""
    filters = details.get("filters", {})
    return any(
        commitment(salt, value) in filters.get(name, ()) for name, spelled in values.items() for value in spelled
    )


async def page(archive: Archive, redis: TextRedis, limit: int, cursor: str | None) -> Page[AccessEntry]:
    """The access log, newest first. Raises `Malformed`."""
    place = from_cursor(cursor)
    await archive.caught_up(redis)
    return await archive.ask(_page, archive, limit, place)


def _page(archive: Archive, limit: int, place: Place | None) -> Page[AccessEntry]:
    newest = select(access_log).order_by(access_log.c.seq.desc()).limit(limit + 1)
    if place is not None:
        newest = newest.where(access_log.c.seq < place[1])
    with archive.reading() as connection:
        rows = connection.execute(newest).mappings().all()
    shown = rows[:limit]
    items = [
        {**{name: row[name] for name in ("time", "act_id", "kind", "who")}, **parsed(row["details"])} for row in shown
    ]
    return Page(items, to_cursor((shown[-1]["time"], shown[-1]["seq"])) if len(rows) > limit else None)
