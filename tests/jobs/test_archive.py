"""The audit's way into SQL: exactly once, however often it runs or dies."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from bridge.audit.archive import Archive
from bridge.audit.schema import deliveries, lookups
from bridge.audit.verify import verify
from bridge.config.models import Audit
from bridge.core.http_types import Secret
from bridge.delivery.deliver import deliver
from bridge.store import keys
from bridge.store.tokens import Role
from tests.audit import entries
from tests.stage import Stage
from workers import context
from workers.archive import archive

pytestmark = pytest.mark.anyio


def rows(archive: Archive) -> int:
    with archive.engine().connect() as connection:
        return int(connection.execute(select(func.count()).select_from(lookups)).scalar_one())


async def test_entries_move_and_the_stream_is_cut_behind_them(stage: Stage) -> None:
    for _ in range(5):
        await stage.click()
    assert await stage.services.archive.catch_up(stage.redis) == 5
    assert (rows(stage.services.archive), await stage.redis.xlen(keys.AUDIT)) == (5, 0)
    assert await stage.services.archive.catch_up(stage.redis) == 0


async def test_a_crash_between_insert_and_cut_doubles_nothing(stage: Stage) -> None:
    for _ in range(5):
        await stage.click()
    kept = stage.services.archive
    kept.insert((await stage.redis.xrange(keys.AUDIT))[:3])  # died before cutting the stream
    assert await kept.catch_up(stage.redis) == 5
    assert (rows(kept), await stage.redis.xlen(keys.AUDIT)) == (5, 0)


async def test_many_archivers_at_once(stage: Stage, tmp_path: Path) -> None:
    await asyncio.gather(*(stage.click() for _ in range(40)))
    url = Secret(f"sqlite:///{tmp_path / 'var' / 'audit.db'}")
    archives = [Archive(url) for _ in range(4)]
    await asyncio.gather(*(archive.catch_up(stage.redis) for archive in archives))
    assert rows(archives[0]) == 40
    for each in archives:
        each.close()


async def test_a_deliverys_end_joins_its_entry(stage: Stage) -> None:
    stage.talk()
    popup = (await stage.click()).json()["popup"]
    supervisor = await stage.token(Role.SUPERVISOR)
    shown = (await stage.get(f"/api/popups/{popup['popup_id']}", supervisor)).json()
    for delivery in shown["deliveries"]:
        await deliver(delivery["delivery_id"], stage.services)
    line = (await stage.get("/api/audit", supervisor)).json()["items"][0]
    (ended,) = line["deliveries"]
    assert (ended["target"], ended["state"]) == ("acme", "delivered")
    assert ended["ended_at"] > line["time"]
    with stage.services.archive.engine().connect() as connection:
        assert connection.execute(select(func.count()).select_from(deliveries)).scalar_one() == 1


async def test_old_entries_are_forgotten_and_the_rest_is_intact(stage: Stage) -> None:
    """Once an hour, by whichever worker's turn it is."""
    archive_of = stage.services.archive
    archive_of.insert(list(entries.some(5)))
    await stage.redis.eval("return redis.call('XADD', KEYS[1], '5-1', 'a', 'b')", 1, keys.AUDIT_ASIDE)
    await stage.click()
    context.start(
        replace(stage.services, settings=stage.services.settings.model_copy(update={"audit": Audit(retention_days=1)}))
    )
    await archive()
    assert rows(archive_of) == 1
    assert await stage.redis.xlen(keys.AUDIT_ASIDE) == 0
    assert verify(archive_of).findings == []
    archive_of.insert(list(entries.some(2)))
    await archive()
    assert rows(archive_of) == 3, "it was done within the hour"
    context.start(None)


async def test_an_archive_of_a_newer_version_holds_nothing_up(stage: Stage) -> None:
    await stage.click()
    with stage.services.archive.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    newer = Archive(stage.services.archive._url)
    context.start(replace(stage.services, archive=newer))
    await archive()
    context.start(None)
    assert await stage.redis.xlen(keys.AUDIT) == 1, "the line waits"
    newer.close()
