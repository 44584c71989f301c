"""The archive's database: opened when first used, migrated, and written to by one transaction at a time."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from bridge.core.http_types import Secret

WAIT_SECONDS = 10
MIGRATION_LOCK = 7_064_232
"""Any number: whoever migrates a PostgreSQL database holds the advisory lock of this number."""


class Database:
    """The engine is created, and the tables are migrated, when first used. Every call blocks: use it in a thread."""

    def __init__(self, url: Secret) -> None:
        self._url = url
        self._engine: Engine | None = None
        self._opening = Lock()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is one file; else PostgreSQL."""
        return make_url(self._url.reveal()).get_backend_name() == "sqlite"

    @property
    def file(self) -> Path | None:
        """SQLite's file."""
        name = make_url(self._url.reveal()).database
        return Path(name) if self.is_sqlite and name and name != ":memory:" else None

    def engine(self) -> Engine:
        """The engine. Raises SQLAlchemy's errors when the database cannot be used, `ArchiveUnfit` on a newer one."""
        with self._opening:
            if self._engine is None:
                from bridge.audit import migrations  # alembic is a tenth of a second that no process start waits for

                engine = _open(self._url)
                try:
                    with _migrating(engine) as connection:
                        migrations.upgrade(connection)
                except BaseException:
                    engine.dispose()
                    raise
                self._engine = engine
            return self._engine

    def close(self) -> None:
        """Close the connections."""
        if self._engine is not None:
            self._engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes."""
        with _begun(self.engine(), "IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one snapshot, however much is written meanwhile."""
        with self.engine().connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def outside(self) -> Iterator[Connection]:
        """A connection without a transaction, for statements that must run outside of one."""
        how = {"sqlite_begin": None} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        with self.engine().execution_options(**how).connect() as connection:
            yield connection


@contextmanager
def _begun(engine: Engine, how: str) -> Iterator[Connection]:
    with engine.execution_options(sqlite_begin=how).begin() as connection:
        yield connection


@contextmanager
def _migrating(engine: Engine) -> Iterator[Connection]:
    """Several processes may start at once on an empty database: one creates its tables, the others wait."""
    with _begun(engine, "IMMEDIATE") as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATION_LOCK})
        yield connection


def problem_in(url: Secret) -> str | None:
    """What is wrong with the archive's address; None when nothing is."""
    try:
        make_url(url.reveal()).get_dialect().import_dbapi()
    except ImportError:
        return "needs a driver that is not installed; for PostgreSQL: pip install 'popbridge[postgres]'"
    except (ArgumentError, ValueError):
        return "must be an address such as sqlite:///var/audit.db or postgresql+psycopg://user@host/db"
    return None


def why_not(error: SQLAlchemyError) -> str:
    """Why a database cannot be used, safe to show: the kind of failure, and PostgreSQL's own message."""
    said = re.search(r"FATAL: +(.+)", str(getattr(error, "orig", "")))
    return f"{type(error).__name__}: {said[1]}" if said else type(error).__name__


def _open(url: Secret) -> Engine:
    parsed = make_url(url.reveal())
    if parsed.get_backend_name() != "sqlite":
        return create_engine(
            parsed, pool_pre_ping=True, hide_parameters=True, connect_args={"connect_timeout": WAIT_SECONDS}
        )
    if parsed.database and parsed.database != ":memory:":
        _make_private(Path(parsed.database))
        os.environ.setdefault("SQLITE_TMPDIR", str(Path(parsed.database).parent))  # /tmp may be read-only, or public
    engine = create_engine(parsed, connect_args={"timeout": WAIT_SECONDS}, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private(file: Path) -> None:
    """Only its owner may read a new file, and those that SQLite puts beside it.

    A file that is there is not even opened: closing it would end every lock that this process has on it (fcntl(2)),
    those of connections from before a reload too. The next command to end would then take SQLite's log for nobody's and
    remove it, and what this process wrote from then on would be lost.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError:
        return  # it is there; or SQLite reports what is wrong when it opens the file


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Readers and the one writer do not block each other; deleted data is overwritten with zeros."""
    connection.isolation_level = None  # `_begin_sqlite` starts transactions, not the first write
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """A transaction that will write locks immediately: two that read first could not both write."""
    how = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    if how is not None:
        connection.exec_driver_sql(f"BEGIN {how}")
