"""Erasing a person: in Redis, in the archive, and in the files of both.

A receipt is itself an entry of the log. It names the emptied entries by their numbers, so that `verify` can tell an
erasure from tampering; it contains no personal data.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import update

from bridge.audit import held, overwrite
from bridge.audit.archive import Archive
from bridge.audit.chain import GROUPS
from bridge.audit.held import Held
from bridge.audit.receipts import ERASED, READS
from bridge.audit.schema import access_log, callers, lookups
from bridge.audit.subject import Subject
from bridge.core.json_codec import time_text
from bridge.store import mentions, persistence
from bridge.store.client import TextRedis


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
    beside: int = 0
    """Entries about the caller as one who was shown beside another."""


async def erase(archive: Archive, redis: TextRedis, subject: Subject, who: str, now: datetime) -> Receipt:
    """Erase the person everywhere. A click that arrives while this runs may leave new traces.

    What was written meanwhile, as by a worker with a popup in hand, is searched for once more, with another receipt.
    """
    receipt = await _erase(archive, redis, subject, who, now)
    about_files = await asyncio.to_thread(overwrite.overwrite, archive)
    late = await dry_run(archive, redis, subject, now)
    if late.lookups or late.reads or late.redis or late.beside:
        receipt = _both(receipt, await _erase(archive, redis, subject, who, now))
        about_files = await asyncio.to_thread(overwrite.overwrite, archive)
    notes = await persistence.rewrite_files(redis), about_files, "backups made before still contain the data"
    return replace(receipt, notes=notes)


async def _erase(archive: Archive, redis: TextRedis, subject: Subject, who: str, now: datetime) -> Receipt:
    await archive.catch_up(redis)
    found = await asyncio.to_thread(held.find, archive, subject)
    gone = [mention async for mention in mentions.find(redis, subject, found.ids)]
    for mention in gone:
        await mentions.redact(redis, mention, subject)
    await mentions.forget_failures(redis, found.deliveries | mentions.deliveries_in(gone))
    counts = mentions.counted(gone)
    receipt_id, emptied = await asyncio.to_thread(_empty, archive, subject, who, now, counts)
    return Receipt(
        receipt_id,
        time_text(now),
        subject.group,
        len(emptied.numbers),
        len(emptied.reads),
        counts,
        (),
        len(emptied.beside),
    )


def _both(first: Receipt, later: Receipt) -> Receipt:
    counts = dict(sorted((Counter(first.redis) + Counter(later.redis)).items()))
    entries, reads = first.lookups + later.lookups, first.reads + later.reads
    return replace(first, lookups=entries, reads=reads, redis=counts, beside=first.beside + later.beside)


async def dry_run(archive: Archive, redis: TextRedis, subject: Subject, now: datetime) -> Receipt:
    """What `erase` would find now."""
    await archive.catch_up(redis)
    found = await asyncio.to_thread(held.find, archive, subject)
    counts = mentions.counted([mention async for mention in mentions.find(redis, subject, found.ids)])
    notes = ("nothing was erased",)
    return Receipt(
        None, time_text(now), subject.group, len(found.numbers), len(found.reads), counts, notes, len(found.beside)
    )


def _empty(archive: Archive, subject: Subject, who: str, now: datetime, counts: Mapping[str, int]) -> tuple[str, Held]:
    """Empty their fields and destroy the salts, in one transaction with the receipt."""
    with archive.appending() as writer:
        found = held.find_in(writer.connection, subject)
        for group, numbers in found.lookups.items():
            empty = dict.fromkeys((*GROUPS[group], f"{group}_salt"))
            for some in held.chunks(numbers):
                writer.connection.execute(update(lookups).where(lookups.c.seq.in_(some)).values(empty))
        for some in held.chunks(found.beside):
            gone = dict.fromkeys(("caller", "caller_key", "caller_salt"))
            writer.connection.execute(update(callers).where(callers.c.seq.in_(some)).values(gone))
        for some in held.chunks(found.reads):
            writer.connection.execute(update(access_log).where(access_log.c.seq.in_(some)).values(salt=None))
        numbers_by_group = {**found.by_group, READS: sorted(found.reads)}
        details = {"what": subject.group, "lines": numbers_by_group, "redis": counts}
        return writer.log_access(ERASED, who, details, now), found
