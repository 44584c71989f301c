"""Moving audit lines from the Redis Stream into SQL: exactly once, however often it runs or dies half-way."""

import asyncio
import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from bridge.audit.chain import Row, sealed
from bridge.audit.database import Database
from bridge.audit.lines import UNREADABLE, checked, line_of
from bridge.audit.schema import CHAINED, acts, head, lookups
from bridge.core.clock import new_id
from bridge.core.http_types import Secret
from bridge.core.json_codec import time_text
from bridge.store import keys
from bridge.store.client import Entry, TextRedis

log = logging.getLogger(__name__)

BATCH, ASIDE = 500, 10_000
ONCE = {"lookups": ("click_id",), "deliveries": ("delivery_id", "kind", "time"), "acts": ("act_id",)}
"""What makes a line the same line: it is archived once, however often it is seen."""


class Writer:
    """Adds lines at the end of the chain, alone: it holds the lock on the head until its transaction ends."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        row = connection.execute(select(head.c.seq, head.c.digest).with_for_update()).one()
        self.seq, self.digest = int(row.seq), bytes(row.digest)
        self._rows: dict[str, list[Row]] = {table.name: [] for table in CHAINED}

    def add(self, table: Table, row: Row) -> int:
        """The line's number."""
        done = sealed(table.name, row, self.digest)
        self.seq, self.digest = self.seq + 1, done["digest"]
        self._rows[table.name].append({**done, "seq": self.seq})
        return self.seq

    def act(self, kind: str, who: str, details: dict[str, Any], now: datetime) -> tuple[str, int]:
        """Add a line about what was done to the log: its id and number."""
        act_id = new_id("act", now)
        line = {"kind": kind, "act_id": act_id, "who": who, "time": time_text(now)}
        return act_id, self.add(acts, checked(acts, {**line, "details": json.dumps(details, sort_keys=True)}))

    def finish(self) -> None:
        """Write the lines and the new head."""
        for table in CHAINED:
            if self._rows[table.name]:
                self.connection.execute(insert(table), self._rows[table.name])
        self.connection.execute(update(head).values(seq=self.seq, digest=self.digest))


class Archive(Database):
    """The SQL side of the audit log. `at_work` is held by the one job of this process that archives."""

    def __init__(self, url: Secret) -> None:
        super().__init__(url)
        self.at_work = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "archive")  # of its own: a database that hangs takes no other's thread

    def close(self) -> None:
        """Give the connections back."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        super().close()

    @contextmanager
    def adding(self) -> Iterator[Writer]:
        """A transaction that adds lines to the chain: all or none."""
        with self.writing() as connection:
            writer = Writer(connection)
            yield writer
            writer.finish()

    async def catch_up(self, redis: TextRedis) -> int:
        """Archive all that waits in the stream; how many entries there were.

        Lines are inserted before they are cut from the stream, and an inserted line is never inserted again, so a
        crash at any point loses and doubles nothing. They are cut by their ids, never "up to" one: a Redis that lost
        its end, or another machine's whose clock is behind, may since have taken new lines with older ids.
        """
        moved = 0
        while entries := await redis.xrange(keys.AUDIT, count=BATCH):
            for entry in await asyncio.get_running_loop().run_in_executor(self._thread, self.insert, entries):
                log.error("an audit entry that cannot be read is put aside in %s", keys.AUDIT_ASIDE)
                await redis.xadd(keys.AUDIT_ASIDE, {"entry_id": entry[0], **entry[1]}, maxlen=ASIDE)
            await redis.xdel(keys.AUDIT, *(entry_id for entry_id, _ in entries))
            moved += len(entries)
        return moved

    def insert(self, entries: Sequence[Entry]) -> list[Entry]:
        """Insert what is not there yet; the entries that are no lines. Raises SQLAlchemy's errors."""
        found, unread = [], []
        for entry in entries:
            try:
                found.append(line_of(entry))
            except UNREADABLE:
                unread.append(entry)
        with self.adding() as writer:
            for table, row in _new(writer.connection, found):
                writer.add(table, row)
        return unread

    def works(self) -> bool:
        """Whether lines can be read. Raises SQLAlchemy's errors."""
        with self.reading() as connection:
            connection.execute(select(lookups.c.seq).limit(1))
        return True


def _new(connection: Connection, found: list[tuple[Table, Row]]) -> Iterator[tuple[Table, Row]]:
    """Those that are not archived, once each, in their order."""
    seen = {table.name: _known(connection, table, [row for its, row in found if its is table]) for table in CHAINED}
    for table, row in found:
        identity = _identity(table, row)
        if identity not in seen[table.name]:
            seen[table.name].add(identity)
            yield table, row


def _known(connection: Connection, table: Table, rows: list[Row]) -> set[tuple[Any, ...]]:
    if not rows:
        return set()
    names = ONCE[table.name]
    wanted = {row[names[0]] for row in rows}
    there = select(*(table.c[name] for name in names)).where(table.c[names[0]].in_(wanted))
    return {tuple(row) for row in connection.execute(there)}


def _identity(table: Table, row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ONCE[table.name])
