"""Telling a person what is held about them: everything in the archive and in Redis, as JSON."""

import asyncio
import json
from typing import Any

from sqlalchemy import select

from bridge.audit import held
from bridge.audit.archive import Archive
from bridge.audit.entry import LogEntry, entries_of
from bridge.audit.schema import access_log, callers, lookups
from bridge.audit.subject import Subject
from bridge.store import mentions
from bridge.store.client import TextRedis


async def everything_about(archive: Archive, redis: TextRedis, subject: Subject) -> dict[str, Any]:
    """Everything that is held about the person."""
    await archive.catch_up(redis)
    found = await asyncio.to_thread(held.find, archive, subject)
    in_redis = [mention async for mention in mentions.find(redis, subject, found.ids)]
    return {
        "audit": await asyncio.to_thread(_entries, archive, found.numbers),
        "shown_beside_others": await asyncio.to_thread(_beside, archive, found.beside),
        "asked_for_in": await asyncio.to_thread(_readers, archive, sorted({*found.reads} - {*found.shown})),
        "shown_to": await asyncio.to_thread(_readers, archive, found.shown),
        "redis": [
            {"key": mention.key, "kind": mention.what, "holds": [_parsed(text) for text in mention.texts]}
            for mention in in_redis
        ],
    }


def _entries(archive: Archive, numbers: list[int]) -> list[LogEntry]:
    entries: list[LogEntry] = []
    with archive.reading() as connection:
        for some in held.chunks(numbers):
            theirs = select(lookups).where(lookups.c.seq.in_(some)).order_by(lookups.c.seq)
            entries += entries_of(connection, connection.execute(theirs).mappings().all())
    return entries


def _beside(archive: Archive, numbers: list[int]) -> list[dict[str, Any]]:
    """With which clicks the person was shown beside another caller, and when."""
    shown: list[dict[str, Any]] = []
    with archive.reading() as connection:
        for some in held.chunks(numbers):
            columns = select(callers.c.time, callers.c.click_id, callers.c.caller)
            rows = connection.execute(columns.where(callers.c.seq.in_(some)).order_by(callers.c.seq)).mappings()
            shown += [dict(row) for row in rows]
    return shown


def _readers(archive: Archive, numbers: list[int]) -> list[dict[str, Any]]:
    """Who searched the log for the person or was shown them, and when."""
    readers: list[dict[str, Any]] = []
    with archive.reading() as connection:
        for some in held.chunks(numbers):
            columns = select(access_log.c.time, access_log.c.who)
            rows = connection.execute(columns.where(access_log.c.seq.in_(some)).order_by(access_log.c.seq)).mappings()
            readers += [dict(row) for row in rows]
    return readers


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
