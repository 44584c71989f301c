"""Moving log entries from the Redis Stream into SQL: exactly once, however often it runs or is interrupted."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, insert, select, update
from sqlalchemy.exc import TimeoutError as DatabaseTimeout

from bridge.audit.chain import Row, sealed
from bridge.audit.database import Database
from bridge.audit.schema import CHAINED, access_log, head, lookups
from bridge.audit.stream_entries import UNREADABLE, checked, row_of
from bridge.core.clock import new_id
from bridge.core.http_types import Secret
from bridge.core.json_codec import time_text
from bridge.store import keys
from bridge.store.client import StreamEntry, TextRedis

log = logging.getLogger(__name__)

T = TypeVar("T")

BATCH = 500
READERS = 4
READ_SECONDS = 8.0
"""How long a reader waits for a database that does not answer. The database's own limit would be later."""
ASIDE = 10_000
"""How many unreadable entries are kept for a person to inspect."""
IDENTITY = {
    "lookups": ("click_id",),
    "deliveries": ("delivery_id", "kind", "time"),
    "acts": ("act_id",),
    "callers": ("show_id",),
}
"""By table: the columns that identify an entry. It is archived once, however often it is seen."""


class Writer:
    """Appends entries to the chain, alone: it holds the lock on the head until its transaction ends."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        row = connection.execute(select(head.c.seq, head.c.digest).with_for_update()).one()
        self.seq, self.digest = int(row.seq), bytes(row.digest)
        self._rows: dict[str, list[Row]] = {table.name: [] for table in CHAINED}

    def append(self, table: Table, row: Row) -> int:
        """The new entry's number."""
        done = sealed(table.name, row, self.digest)
        self.seq, self.digest = self.seq + 1, done["digest"]
        self._rows[table.name].append({**done, "seq": self.seq})
        return self.seq

    def log_access(self, kind: str, who: str, details: Mapping[str, Any], now: datetime) -> str:
        """Append to the access log what was done to the log: the new entry's id."""
        act_id = new_id("act", now)
        entry = {"kind": kind, "act_id": act_id, "who": who, "time": time_text(now)}
        self.append(access_log, checked(access_log, {**entry, "details": json.dumps(details, sort_keys=True)}))
        return act_id

    def finish(self) -> None:
        """Write the entries and the new head."""
        for table in CHAINED:
            if self._rows[table.name]:
                self.connection.execute(insert(table), self._rows[table.name])
        self.connection.execute(update(head).values(seq=self.seq, digest=self.digest))


class Archive(Database):
    """The SQL side of the audit log. `at_work` is held by the one job of this process that archives."""

    def __init__(self, url: Secret) -> None:
        super().__init__(url)
        self.at_work = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "archive")  # its own: a database that hangs blocks no other thread
        self._readers = ThreadPoolExecutor(READERS, "archive-reader")
        self._catching_up: asyncio.Task[int] | None = None

    def close(self) -> None:
        """Release the threads and the connections."""
        if self._catching_up is not None:
            self._catching_up.cancel()
        for threads in (self._thread, self._readers):
            threads.shutdown(wait=False, cancel_futures=True)
        super().close()

    @contextmanager
    def appending(self) -> Iterator[Writer]:
        """A transaction that appends entries to the chain: all or none."""
        with self.writing() as connection:
            writer = Writer(connection)
            yield writer
            writer.finish()

    async def ask(self, question: Callable[..., T], *arguments: Any) -> T:
        """What `question` reads, in a thread. Raises SQLAlchemy's errors, after `READ_SECONDS` at the latest."""
        with _in_time():
            async with asyncio.timeout(READ_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._readers, question, *arguments)

    async def caught_up(self, redis: TextRedis) -> None:
        """`catch_up` for a reader, who waits `READ_SECONDS` at most. Raises SQLAlchemy's errors."""
        with _in_time():
            async with asyncio.timeout(READ_SECONDS):
                await self.catch_up(redis)

    async def catch_up(self, redis: TextRedis) -> int:
        """Archive everything that waits in the stream; returns how many entries there were.

        All who ask for it meanwhile share one run, and its failure. Who joined late looks whether more came after its
        last look.
        """
        is_late, moved = self._catching_up is not None and not self._catching_up.done(), 0
        moved += await self._shared(redis)
        while is_late and await redis.xlen(keys.AUDIT):
            moved += await self._shared(redis)
        return moved

    async def _shared(self, redis: TextRedis) -> int:
        if self._catching_up is None or self._catching_up.done():
            self._catching_up = asyncio.create_task(self._catch_up(redis))
            self._catching_up.add_done_callback(_heard)
        return await asyncio.shield(self._catching_up)

    async def _catch_up(self, redis: TextRedis) -> int:
        """Entries are inserted before they are deleted from the stream, and an inserted entry is never inserted again,
        so a crash at any point neither loses nor duplicates one. They are deleted by id, never "up to" an id: a Redis
        that lost its latest writes, or a replica with a slow clock, may have accepted new entries with older ids since.
        """
        moved = 0
        while entries := await redis.xrange(keys.AUDIT, count=BATCH):
            for entry in await asyncio.get_running_loop().run_in_executor(self._thread, self.insert, entries):
                log.error("an unreadable log entry was put aside in %s", keys.AUDIT_ASIDE)
                await redis.xadd(keys.AUDIT_ASIDE, {"entry_id": entry[0], **entry[1]}, maxlen=ASIDE)
            await redis.xdel(keys.AUDIT, *(entry_id for entry_id, _ in entries))
            moved += len(entries)
        return moved

    def insert(self, entries: Sequence[StreamEntry]) -> list[StreamEntry]:
        """Insert those that are new; returns those that are no log entries. Raises SQLAlchemy's errors."""
        rows, unreadable = [], []
        for entry in entries:
            try:
                rows.append(row_of(entry))
            except UNREADABLE:
                unreadable.append(entry)
        with self.appending() as writer:
            for table, row in _new(writer.connection, rows):
                writer.append(table, row)
        return unreadable

    def works(self) -> bool:
        """Whether entries can be read. Raises SQLAlchemy's errors."""
        with self.reading() as connection:
            connection.execute(select(lookups.c.seq).limit(1))
        return True


@contextmanager
def _in_time() -> Iterator[None]:
    """A database that did not answer in time is a failure of the database."""
    try:
        yield
    except TimeoutError:
        raise DatabaseTimeout(f"the archive's database did not answer within {READ_SECONDS:g} s") from None


def _heard(task: asyncio.Task[int]) -> None:
    """Its failure is known, even if everyone who waited for it has given up."""
    if not task.cancelled():
        task.exception()


def _new(connection: Connection, rows: list[tuple[Table, Row]]) -> Iterator[tuple[Table, Row]]:
    """Those that are not archived, once each, in their order."""
    seen = {table.name: _archived(connection, table, [row for its, row in rows if its is table]) for table in CHAINED}
    for table, row in rows:
        identity = _identity(table, row)
        if identity not in seen[table.name]:
            seen[table.name].add(identity)
            yield table, row


def _archived(connection: Connection, table: Table, rows: list[Row]) -> set[tuple[Any, ...]]:
    """The identities of those that are archived."""
    if not rows:
        return set()
    names = IDENTITY[table.name]
    ids = {row[names[0]] for row in rows}
    known = select(*(table.c[name] for name in names)).where(table.c[names[0]].in_(ids))
    return {tuple(row) for row in connection.execute(known)}


def _identity(table: Table, row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in IDENTITY[table.name])
