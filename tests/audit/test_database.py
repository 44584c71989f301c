"""The tables as the migrations make them, on both databases."""

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
