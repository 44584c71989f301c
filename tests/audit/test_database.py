"""The tables as the migrations make them, on both databases."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from bridge.audit.archive import Archive
from bridge.audit.schema import metadata
from bridge.core.errors import ArchiveUnfit
from bridge.core.http_types import Secret


def test_the_migrations_make_what_the_program_uses(archive: Archive) -> None:
    with archive.engine().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_many_may_start_at_once_on_an_empty_database(archive: Archive) -> None:
    archives = [Archive(archive._url) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(lambda one: one.works(), archives))
    for one in archives:
        one.close()


def test_an_archive_of_a_newer_version_is_left_alone(archive: Archive) -> None:
    with archive.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    later = Archive(archive._url)
    with pytest.raises(ArchiveUnfit, match="newer popbridge"):
        later.works()
    later.close()


def test_what_is_deleted_from_sqlite_is_overwritten(tmp_path: Path) -> None:
    archive = Archive(Secret(f"sqlite:///{tmp_path / 'audit.db'}"))
    with archive.outside() as connection:
        assert connection.execute(text("PRAGMA secure_delete")).scalar_one() == 1
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    archive.close()


A_COMMAND = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT COUNT(*) FROM seen').fetchone())"


def test_after_a_reload_what_is_written_to_sqlite_is_there_for_commands_that_come_and_go(tmp_path: Path) -> None:
    file = tmp_path / "audit.db"
    before, after = (Archive(Secret(f"sqlite:///{file}")) for _ in range(2))

    def seen_by_a_command() -> int:
        return int(subprocess.run([sys.executable, "-c", A_COMMAND, str(file)], capture_output=True, check=True).stdout)

    with before.outside() as connection:
        connection.execute(text("CREATE TABLE seen (number INTEGER)"))
    for number, archive in enumerate((after, before, after, before), 1):
        with archive.writing() as connection:
            connection.execute(text("INSERT INTO seen VALUES (1)"))
        assert seen_by_a_command() == number
    before.close()
    after.close()
