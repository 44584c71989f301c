"""PostgreSQL: a dump restored into an empty database is whole, and goes on."""

from pathlib import Path

from sqlalchemy.engine import make_url

from bridge.audit.archive import Archive
from bridge.audit.verify import verify
from tests.audit import entries
from tests.postgres import Postgres


def test_a_dump_restored_into_an_empty_database(postgres: Postgres, tmp_path: Path) -> None:
    archive = Archive(postgres.new_database())
    archive.insert(list(entries.some(20)))
    anchor = verify(archive).head
    assert anchor is not None
    dump = tmp_path / "dump"
    postgres.run("pg_dump", "--format=custom", f"--file={dump}", str(archive.engine().url.database))
    empty = postgres.new_database()
    postgres.run("pg_restore", f"--dbname={make_url(empty.reveal()).database}", str(dump))
    restored = Archive(empty)
    assert verify(restored, anchors=[anchor]).ok
    restored.insert(list(entries.some(5, first=18)))
    verdict = verify(restored, anchors=[anchor])
    assert (verdict.ok, verdict.entries) == (True, 3 * 23)
    archive.close()
    restored.close()
