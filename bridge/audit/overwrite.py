"""Overwriting the files of the archive, so that nothing of what was erased remains in them."""

import time

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from bridge.audit.archive import Archive
from bridge.audit.schema import access_log, callers, lookups

CHECKPOINT_ATTEMPTS, CHECKPOINT_SECONDS = 20, 0.25


def overwrite(archive: Archive) -> str:
    """Rewrite the tables; the result in words. A busy or full database does not fail the erasure. Blocks."""
    try:
        return rewrite(archive)
    except SQLAlchemyError as error:
        reason = type(error).__name__
        return (
            f"the archive's files could not be rewritten ({reason}) and still contain the data: run the command again"
        )


def rewrite(archive: Archive) -> str:
    """Rewrite the tables, so that no free page, dead row or write-ahead log of SQLite still contains erased data."""
    with archive.outside() as connection:
        if archive.is_sqlite:
            connection.execute(text("VACUUM"))
            return _checkpoint(connection)
        for table in (lookups, access_log, callers):
            connection.execute(text(f"VACUUM (FULL, ANALYZE) {table.name}"))
        connection.execute(text("VACUUM FULL pg_catalog.pg_statistic"))  # it has samples of the columns' values
    return "PostgreSQL has rewritten its tables; its write-ahead log contains the old rows until it is reused"


def _checkpoint(connection: Connection) -> str:
    """Readers in other processes hold the old pages in SQLite's log for a moment."""
    for _ in range(CHECKPOINT_ATTEMPTS):
        try:
            busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()[0]
        except OperationalError:
            busy = 1
        if not busy:
            return "SQLite has rewritten its file"
        time.sleep(CHECKPOINT_SECONDS)
    return "SQLite's audit.db-wal is in use and may contain the data until the next archiving: run the command again"
