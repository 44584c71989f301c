"""Access logging: who read the audit log and searched for what, who was shown callers elsewhere, who erased, what
retention deleted.

Whom a reader searched for or was shown is kept as a commitment, not in plain.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from bridge.audit.archive import Archive
from bridge.audit.chain import SALT_BYTES, commitment
from bridge.audit.entry import parsed
from bridge.audit.schema import access_log
from bridge.audit.search import Page, Place, Search, from_cursor, to_cursor
from bridge.core.clock import new_id
from bridge.core.json_codec import json_text, time_text
from bridge.core.model import Caller
from bridge.store import keys
from bridge.store.clicks.callers import key_of
from bridge.store.client import TextRedis

COMMAND_LINE = "command line"
COMMITTED = ("crm_user", "extension", "ivrid")
"""Exact filters that name a person."""
NOTHING: Mapping[str, Any] = {}
CHUNK = 500

AccessEntry = dict[str, Any]
"""`time`, `act_id`, `kind`, `who`, and the details of that kind."""


async def record(
    redis: TextRedis,
    who: str,
    what: str,
    now: datetime,
    search: Search | None = None,
    about: Mapping[str, Any] = NOTHING,
    crms: Iterable[str] | None = None,
    callers: Iterable[Caller] = (),
) -> None:
    """Record that `who` reads the log or is shown these `callers`, before anything is shown.

    `about` must not be personal, but `COMMITTED` names in it are kept as commitments. `crms`: of which CRMs alone
    something can be shown.
    """
    salt = os.urandom(SALT_BYTES)
    personal = {name: [commitment(salt, about[name])] for name in COMMITTED if about.get(name)}
    shown = sorted({commitment(salt, key) for key in map(key_of, callers) if key})
    details: dict[str, Any] = {"what": what, **{name: about[name] for name in about if name not in COMMITTED}}
    if crms is not None:
        details["crms"] = sorted(crms)
    if search is not None or personal:
        details["filters"] = (_committed(search, salt) if search else {}) | personal
    if shown:
        details["shown"] = shown
    is_salted = search is not None or bool(personal or shown)
    if is_salted:
        details["salted"] = hashlib.sha256(salt).hexdigest()
    entry = {
        "time": time_text(now),
        "act_id": new_id("act", now),
        "who": who,
        "details": details,
        "salt": salt.hex() if is_salted else None,
    }
    await redis.xadd(keys.AUDIT, {"kind": "read", "line": json_text(entry)})


def _committed(search: Search, salt: bytes) -> dict[str, Any]:
    filters: dict[str, Any] = dict(search.filters)
    filters |= {name: [commitment(salt, filters[name])] for name in COMMITTED if name in filters}
    return filters | {name: [commitment(salt, key) for key in spelled] for name, spelled in search.keys.items()}


def searched_for(details: Mapping[str, Any], salt: bytes, values: Mapping[str, list[str]]) -> bool:
    """Whether this reader searched for one of `values` (lists by filter)."""
    filters = details.get("filters", {})
    given = {name: values[name] for name in values if filters.get(name)}
    return any(commitment(salt, value) in filters[name] for name, spelled in given.items() for value in spelled)


def was_shown(details: Mapping[str, Any], salt: bytes, values: Mapping[str, list[str]]) -> bool:
    """Whether this reader was shown a caller who is one of `values`."""
    shown = details.get("shown", ())
    return bool(shown) and any(commitment(salt, value) in shown for value in values.get("caller", ()))


async def page(
    archive: Archive, redis: TextRedis, limit: int, cursor: str | None, search: Search | None = None
) -> Page[AccessEntry]:
    """The access log, newest first: by `search` only those who searched for or were shown its caller, and what was
    read of its CRMs alone. Raises `Malformed`."""
    place = from_cursor(cursor)
    await archive.caught_up(redis)
    return await archive.ask(_page, archive, limit, place, search)


def _page(archive: Archive, limit: int, place: Place | None, search: Search | None) -> Page[AccessEntry]:
    with archive.reading() as connection:
        found = (row for row in _newest(connection, place) if search is None or _matches(row, search))
        rows = list(islice(found, limit + 1))
    shown = rows[:limit]
    items = [
        {**{name: row[name] for name in ("time", "act_id", "kind", "who")}, **parsed(row["details"])} for row in shown
    ]
    return Page(items, to_cursor((shown[-1]["time"], shown[-1]["seq"])) if len(rows) > limit else None)


def _newest(connection: Connection, place: Place | None) -> Iterator[RowMapping]:
    """All of it from `place` on."""
    before = place[1] if place is not None else None
    while True:
        newest = select(access_log).order_by(access_log.c.seq.desc()).limit(CHUNK)
        some = newest if before is None else newest.where(access_log.c.seq < before)
        rows = connection.execute(some).mappings().all()
        yield from rows
        if len(rows) < CHUNK:
            return
        before = rows[-1]["seq"]


def _matches(row: RowMapping, search: Search) -> bool:
    details = parsed(row["details"])
    if search.crms is not None and not ({*details.get("crms", ())} and {*details["crms"]} <= {*search.crms}):
        return False
    if not search.keys:
        return True
    if row["salt"] is None:
        return False
    return any(one(details, row["salt"], search.keys) for one in (searched_for, was_shown))
