"""Moving audit lines from the Redis Stream into SQL: exactly once, however often it runs or dies half-way."""

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, delete, event, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.schema import CreateIndex, CreateTable

from bridge.audit.schema import delivery_ends, lookups, metadata
from bridge.messages import Secret
from bridge.store import keys
from bridge.store.connection import Entry, TextRedis

log = logging.getLogger(__name__)

BATCH, ASIDE = 500, 10_000
TABLES = {"lookup": lookups, "delivery": delivery_ends}


class Archive:
    """The SQL side. The engine is made when first used; every call works in a thread, away from the event loop."""

    def __init__(self, url: Secret) -> None:
        self._url = url
        self._engine: Engine | None = None
        self._opening = Lock()

    def engine(self) -> Engine:
        """The engine, its tables made. Raises SQLAlchemy's errors when the database cannot be used."""
        with self._opening:
            if self._engine is None:
                engine = _open(self._url)
                _make_tables(engine)
                self._engine = engine
            return self._engine

    def close(self) -> None:
        """Give the connections back."""
        if self._engine is not None:
            self._engine.dispose()

    async def catch_up(self, redis: TextRedis) -> int:
        """Archive all that waits in the stream; how many entries there were.

        Lines are inserted before they are cut from the stream, and an inserted line is never inserted again, so a
        crash at any point loses and doubles nothing.
        """
        moved = 0
        while entries := await redis.xrange(keys.AUDIT, count=BATCH):
            for entry in await asyncio.to_thread(self.insert, entries):
                log.error("an audit entry that cannot be read is put aside in %s", keys.AUDIT_ASIDE)
                await redis.xadd(keys.AUDIT_ASIDE, {"entry_id": entry[0], **entry[1]}, maxlen=ASIDE)
            await redis.xtrim(keys.AUDIT, minid=_after(entries[-1][0]), approximate=False)
            moved += len(entries)
        return moved

    def insert(self, entries: Sequence[Entry]) -> list[Entry]:
        """Insert what is not there yet; the entries that are no lines. Raises SQLAlchemy's errors."""
        rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in TABLES.values()}
        unread = []
        for entry in entries:
            try:
                table = TABLES[entry[1]["kind"]]
                rows[table.name].append(_row(table, entry))
            except (KeyError, ValueError, TypeError):
                unread.append(entry)
        with self.engine().begin() as connection:
            for table in TABLES.values():
                _insert(connection, table, rows[table.name])
        return unread

    async def forget(self, before: str) -> int:
        """Delete the lines older than the time `before`; how many there were."""
        return await asyncio.to_thread(self._forget, before)

    def _forget(self, before: str) -> int:
        old = select(lookups.c.click_id).where(lookups.c.time < before)
        with self.engine().begin() as connection:
            connection.execute(delete(delivery_ends).where(delivery_ends.c.click_id.in_(old)))
            return connection.execute(delete(lookups).where(lookups.c.time < before)).rowcount

    def works(self) -> bool:
        """Whether lines can be read. Raises SQLAlchemy's errors."""
        with self.engine().connect() as connection:
            connection.execute(select(lookups.c.seq).limit(1))
        return True


def mistake_in(url: Secret) -> str | None:
    """What is wrong with the archive's address, None when it can be tried."""
    try:
        make_url(url.reveal()).get_dialect().import_dbapi()
    except ImportError:
        return "needs a driver that is not installed; PostgreSQL's is postgresql+psycopg://"
    except (ArgumentError, ValueError):
        return "must be an address such as sqlite:///var/audit.db or postgresql+psycopg://user@host/db"
    return None


def _make_tables(engine: Engine) -> None:
    """Several processes may start at once on an empty database, so nothing is asked before it is made."""
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                connection.execute(CreateIndex(index, if_not_exists=True))


def _open(url: Secret) -> Engine:
    parsed = make_url(url.reveal())
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": 10}, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Readers and the one writer do not block each other."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _row(table: Table, entry: Entry) -> dict[str, Any]:
    """The columns that this table knows: a line of a newer version may have more."""
    line = {**json.loads(entry[1]["line"]), "entry_id": entry[0]}
    row = {column.name: line.get(column.name) for column in table.columns if column.name != "seq"}
    missing = [column.name for column in table.columns if not column.nullable and row.get(column.name, 0) is None]
    if missing:
        raise ValueError(f"no {missing[0]}")
    return {name: value.replace("\0", "") if isinstance(value, str) else value for name, value in row.items()}


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(table)
    if table is delivery_ends:  # one that a person had sent again ends again: the last end counts
        newer = {name: insert.excluded[name] for name in ("state", "ended_at")}
        later = insert.excluded.ended_at > delivery_ends.c.ended_at
        connection.execute(insert.on_conflict_do_update(index_elements=["delivery_id"], set_=newer, where=later), rows)
    else:
        connection.execute(insert.on_conflict_do_nothing(), rows)


def _after(entry_id: str) -> str:
    time, _, number = entry_id.partition("-")
    return f"{time}-{int(number) + 1}"
