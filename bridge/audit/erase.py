"""Erasing a person, and telling what is held about one: in Redis, in the archive, and in what both leave behind.

A receipt is itself a line of the log. It names the lines that were emptied by their numbers, so that `verify` can tell
an erasure from somebody's emptying a line by hand; it holds no personal data.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select, text, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from bridge.audit.archive import Archive
from bridge.audit.chain import GROUPS
from bridge.audit.person import CallerMark, Mark
from bridge.audit.query import FIELDS, ends_of
from bridge.audit.reading import asked_for
from bridge.audit.schema import acts, deliveries, lookups
from bridge.audit.verify import ERASED, READS
from bridge.core.json_codec import time_text
from bridge.store import mentions
from bridge.store.client import TextRedis

CHUNK = 500
TEXTS = ("caller", "ivrid", "original_ivrid", "crm_user", "agent", "extension", "why")
LOOKED_AT = [lookups.c[name] for name in ("seq", "click_id", "popup_id", *TEXTS)]
CHECKPOINT_TRIES, CHECKPOINT_SECONDS = 20, 0.25


@dataclass(frozen=True, slots=True)
class Held:
    """What the archive holds about a person: numbers of lines, by the group of fields that tells of them, and the ids
    by which Redis knows the same clicks."""

    lookups: Mapping[str, list[int]]
    reads: list[int]
    ids: frozenset[str]
    deliveries: frozenset[str]

    @property
    def numbers(self) -> list[int]:
        """Of every lookup, once."""
        return sorted({number for some in self.lookups.values() for number in some})


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased (or, in a dry run, would be). No personal data; `receipt_id` is None for a dry run."""

    receipt_id: str | None
    time: str
    what: str
    lookups: int
    reads: int
    redis: dict[str, int]
    notes: tuple[str, ...]


async def erase(archive: Archive, redis: TextRedis, mark: Mark, who: str, now: datetime) -> Receipt:
    """Erase the person wherever they are held. A click that comes while this runs may leave new traces.

    What came meanwhile, as from a worker that had a popup in hand, is looked for once more, with another receipt.
    """
    receipt = await _erase(archive, redis, mark, who, now)
    about_files = await asyncio.to_thread(_overwritten, archive)
    late = await would_erase(archive, redis, mark, now)
    if late.lookups or late.reads or late.redis:
        receipt = _both(receipt, await _erase(archive, redis, mark, who, now))
        about_files = await asyncio.to_thread(_overwritten, archive)
    notes = await mentions.rewrite_files(redis), about_files, "backups that were made before still hold it"
    return replace(receipt, notes=notes)


async def _erase(archive: Archive, redis: TextRedis, mark: Mark, who: str, now: datetime) -> Receipt:
    await archive.catch_up(redis)
    held = await asyncio.to_thread(find, archive, mark)
    gone = [mention async for mention in mentions.find(redis, mark, held.ids)]
    for mention in gone:
        await mentions.take_out(redis, mention, mark)
    await mentions.forget_failures(redis, held.deliveries | mentions.deliveries_in(gone))
    counts = mentions.counted(gone)
    receipt_id, emptied = await asyncio.to_thread(_empty, archive, mark, who, now, counts)
    return Receipt(receipt_id, time_text(now), mark.group, len(emptied.numbers), len(emptied.reads), counts, ())


def _both(first: Receipt, later: Receipt) -> Receipt:
    counts = dict(sorted((Counter(first.redis) + Counter(later.redis)).items()))
    lines, reads = first.lookups + later.lookups, first.reads + later.reads
    return replace(first, lookups=lines, reads=reads, redis=counts)


async def would_erase(archive: Archive, redis: TextRedis, mark: Mark, now: datetime) -> Receipt:
    """What `erase` would find now."""
    await archive.catch_up(redis)
    held = await asyncio.to_thread(find, archive, mark)
    found = mentions.counted([mention async for mention in mentions.find(redis, mark, held.ids)])
    return Receipt(None, time_text(now), mark.group, len(held.numbers), len(held.reads), found, ("nothing was erased",))


def find(archive: Archive, mark: Mark) -> Held:
    """What the archive holds. Blocks."""
    with archive.reading() as connection:
        return _held(connection, mark)


def _held(connection: Connection, mark: Mark) -> Held:
    rows = _rows(connection, mark)
    ids = frozenset(one for row in rows for one in (row.click_id, row.popup_id) if one)
    sent: set[str] = set()
    for some in _chunks([row.click_id for row in rows]):
        wanted = select(deliveries.c.delivery_id).where(deliveries.c.click_id.in_(some))
        sent.update(connection.execute(wanted).scalars())
    groups: dict[str, list[int]] = {mark.group: []}
    for row in rows:
        for group in _groups_of(row, mark):
            groups.setdefault(group, []).append(row.seq)
    return Held(groups, _reads(connection, mark), ids, frozenset(sent))


def _rows(connection: Connection, mark: Mark) -> list[Row[Any]]:
    """Their lines. A phone system may have put more than the number into its field, a CRM the number into another's:
    each of those texts is read."""
    if not isinstance(mark, CallerMark):
        theirs = (lookups.c.crm == mark.crm) & (lookups.c.crm_user == mark.crm_user)
        return [*connection.execute(select(*LOOKED_AT).where(theirs))]
    found = [*connection.execute(select(*LOOKED_AT).where(lookups.c.caller_key.in_(mark.keys)))]
    for some in mark.patterns:
        maybe = or_(*(lookups.c[name].like(some) for name in TEXTS))
        rows = connection.execute(select(*LOOKED_AT).where(maybe), execution_options={"yield_per": CHUNK})
        found += [row for row in rows if any(mark.found_in(getattr(row, name) or "") for name in TEXTS)]
    return [*{row.seq: row for row in found}.values()]


def _groups_of(row: Row[Any], mark: Mark) -> Iterable[str]:
    """Which personal fields of a line of theirs tell of them."""
    for group, names in GROUPS.items():
        told = (getattr(row, name) or "" for name in names if name in TEXTS)
        if group == mark.group or (isinstance(mark, CallerMark) and any(map(mark.found_in, told))):
            yield group


def _reads(connection: Connection, mark: Mark) -> list[int]:
    """The readings of the log in which somebody asked for them."""
    salted = select(acts.c.seq, acts.c.details, acts.c.salt).where(acts.c.kind == "read", acts.c.salt.is_not(None))
    rows = connection.execute(salted, execution_options={"yield_per": CHUNK})
    return [row.seq for row in rows if asked_for(json.loads(row.details), row.salt, mark.asked)]


def _empty(archive: Archive, mark: Mark, who: str, now: datetime, counts: dict[str, int]) -> tuple[str, Held]:
    """Empty their fields and destroy the salts, in one transaction with the receipt."""
    with archive.adding() as writer:
        held = _held(writer.connection, mark)
        for group, numbers in held.lookups.items():
            empty = dict.fromkeys((*GROUPS[group], f"{group}_salt"))
            for some in _chunks(numbers):
                writer.connection.execute(update(lookups).where(lookups.c.seq.in_(some)).values(empty))
        for some in _chunks(held.reads):
            writer.connection.execute(update(acts).where(acts.c.seq.in_(some)).values(salt=None))
        lines = {group: sorted(numbers) for group, numbers in {**held.lookups, READS: held.reads}.items()}
        receipt_id, _ = writer.act(ERASED, who, {"what": mark.group, "lines": lines, "redis": counts}, now)
    return receipt_id, held


def _chunks(values: list[Any]) -> Iterable[list[Any]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


def _overwritten(archive: Archive) -> str:
    """As `overwrite`; a database that is busy or full keeps nobody from the receipt of what is erased by now."""
    try:
        return overwrite(archive)
    except SQLAlchemyError as error:
        return f"the archive's files could not be rewritten and still hold it ({type(error).__name__}): run it again"


def overwrite(archive: Archive) -> str:
    """Rewrite the tables, so that no free page, dead row or write-ahead log of SQLite still holds what was erased."""
    with archive.outside() as connection:
        if archive.is_sqlite:
            connection.execute(text("VACUUM"))
            return _checkpoint(connection)
        for table in (lookups, acts):
            connection.execute(text(f"VACUUM (FULL, ANALYZE) {table.name}"))
        connection.execute(text("VACUUM FULL pg_catalog.pg_statistic"))  # it has samples of what stood in them
    return "PostgreSQL has rewritten its tables; its write-ahead log holds the old rows until it is reused"


def _checkpoint(connection: Connection) -> str:
    """Readers of other processes hold the old pages in SQLite's log for a moment."""
    for _ in range(CHECKPOINT_TRIES):
        try:
            busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()[0]
        except OperationalError:
            busy = 1
        if not busy:
            return "SQLite has rewritten its file"
        time.sleep(CHECKPOINT_SECONDS)
    return "SQLite's log audit.db-wal is in use and may hold it until the next archiving: run the command again"


async def everything_about(archive: Archive, redis: TextRedis, mark: Mark) -> dict[str, Any]:
    """All that is held about the person, as JSON."""
    await archive.catch_up(redis)
    held = await asyncio.to_thread(find, archive, mark)
    found = [mention async for mention in mentions.find(redis, mark, held.ids)]
    return {
        "audit": await asyncio.to_thread(_lines, archive, held.numbers),
        "asked_for_in": await asyncio.to_thread(_asked, archive, held.reads),
        "redis": [
            {"key": mention.key, "kind": mention.what, "holds": [_told(text) for text in mention.texts]}
            for mention in found
        ],
    }


def _lines(archive: Archive, numbers: list[int]) -> list[dict[str, Any]]:
    told = []
    with archive.reading() as connection:
        for some in _chunks(numbers):
            rows = connection.execute(select(lookups).where(lookups.c.seq.in_(some)).order_by(lookups.c.seq)).mappings()
            lines = [{name: row[name] for name in FIELDS} for row in rows]
            ends = ends_of(connection, [line["click_id"] for line in lines])
            told += [{**line, "deliveries": ends.get(line["click_id"], [])} for line in lines]
    return told


def _asked(archive: Archive, numbers: list[int]) -> list[dict[str, Any]]:
    told = []
    with archive.reading() as connection:
        for some in _chunks(numbers):
            wanted = select(acts.c.time, acts.c.who).where(acts.c.seq.in_(some)).order_by(acts.c.seq)
            told += [dict(row) for row in connection.execute(wanted).mappings()]
    return told


def _told(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
