"""A copy of the log, made while it is in use."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bridge.audit.archive import Archive
from bridge.core.errors import ArchiveUnfit

PAGES = 1000


def copy(archive: Archive, to: Path, progress: Callable[[int], None]) -> None:
    """Copy SQLite's file to the new file `to`; `progress` gets percentages. Raises `ArchiveUnfit`."""
    if archive.file is None:
        raise ArchiveUnfit("this archive is not a single file: use `pg_dump --format=custom --file=FILE DATABASE`")
    archive.works()
    try:
        os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(archive.file)) as source, closing(sqlite3.connect(to)) as target:
            source.execute("BEGIN")  # one snapshot: else every new entry would restart the copy
            source.execute("SELECT seq FROM head").fetchall()
            source.backup(
                target, pages=PAGES, progress=lambda _, left, pages: progress(100 - 100 * left // max(1, pages))
            )
            target.execute("PRAGMA journal_mode=DELETE")  # a single file, with no log beside it
    except (OSError, sqlite3.Error) as error:
        raise ArchiveUnfit(f"{to} cannot be written: {getattr(error, 'strerror', None) or error}") from None
