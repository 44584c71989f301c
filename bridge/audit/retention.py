"""Retention: the oldest part of the chain is deleted, and an entry of the chain itself vouches for it."""

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import Connection, Table, delete, func, select, text

from bridge.audit.archive import Archive, Writer
from bridge.audit.receipts import FORGOTTEN
from bridge.audit.schema import CHAINED, head, lookups
from bridge.core.json_codec import time_text

CHUNK = 1000
WRONG = timedelta(days=1)
"""A time this far in the future was written by a wrong clock."""
RETENTION = "retention"


async def forget(archive: Archive, before: datetime, now: datetime) -> int:
    """Delete all entries from the first on that are older than `before`; returns how many lookups there were."""
    return await asyncio.to_thread(_forget, archive, time_text(before), now)


def _is_young(time: str, before: str, now: datetime) -> bool:
    """A time in the future (a clock was wrong) does not count: else its entry would keep all that follow for ever."""
    return before <= time <= time_text(now + WRONG)


def _forget(archive: Archive, before: str, now: datetime) -> int:
    with archive.reading() as connection:
        if _last_old(connection, before, now) is None:
            return 0
    with archive.appending() as writer:
        through = _last_old(writer.connection, before, now)
        if through is None:
            return 0
        digest = _digest_of(writer, through)
        gone = {table.name: _delete(writer.connection, table, through) for table in CHAINED}
        checkpoint = {"through": through, "digest": digest, "before": before, "lines": gone}
        writer.log_access(FORGOTTEN, RETENTION, checkpoint, now)
    return gone[lookups.name]


def _last_old(connection: Connection, before: str, now: datetime) -> int | None:
    """The number of the last entry to delete. Costs as much as there is to delete."""
    young = [found for table in CHAINED if (found := _first_young(connection, table, before, now)) is not None]
    last = min(young) - 1 if young else int(connection.execute(select(head.c.seq)).scalar_one())
    firsts = [connection.execute(select(func.min(table.c.seq))).scalar_one() for table in CHAINED]
    return last if any(first is not None and first <= last for first in firsts) else None


def _first_young(connection: Connection, table: Table, before: str, now: datetime) -> int | None:
    after = 0
    while True:
        following = select(table.c.seq, table.c.time).where(table.c.seq > after).order_by(table.c.seq).limit(CHUNK)
        rows = connection.execute(following).all()
        for seq, time in rows:
            if _is_young(time, before, now):
                return int(seq)
        if not rows:
            return None
        after = rows[-1][0]


def _digest_of(writer: Writer, seq: int) -> str:
    found = (
        writer.connection.execute(select(table.c.digest).where(table.c.seq == seq)).scalar_one_or_none()
        for table in CHAINED
    )
    return next(bytes(digest).hex() for digest in found if digest is not None)


def _delete(connection: Connection, table: Table, through: int) -> int:
    return connection.execute(delete(table).where(table.c.seq <= through)).rowcount


def optimize(archive: Archive) -> None:
    """Let SQLite update its statistics, so that it picks the right index. PostgreSQL does so by itself."""
    if archive.is_sqlite:
        with archive.outside() as connection:
            connection.execute(text("PRAGMA analysis_limit=1000"))
            connection.execute(text("PRAGMA optimize"))
