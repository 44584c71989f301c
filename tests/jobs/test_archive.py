"""The audit's way into SQL: exactly once, however often it runs or dies."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bridge.audit.archive import Archive
from bridge.audit.schema import deliveries, lookups
from bridge.messages import Secret
from bridge.push import push
from bridge.store import keys
from bridge.store.tokens import Role
from tests.stage import Stage

pytestmark = pytest.mark.anyio


def rows(archive: Archive) -> int:
    with archive.engine().connect() as connection:
        return int(connection.execute(select(func.count()).select_from(lookups)).scalar_one())


async def test_lines_move_and_the_stream_is_cut_behind_them(stage: Stage) -> None:
    for _ in range(5):
        await stage.click()
    assert await stage.kit.archive.catch_up(stage.redis) == 5
    assert (rows(stage.kit.archive), await stage.redis.xlen(keys.AUDIT)) == (5, 0)
    assert await stage.kit.archive.catch_up(stage.redis) == 0


async def test_a_crash_between_insert_and_cut_doubles_nothing(stage: Stage) -> None:
    for _ in range(5):
        await stage.click()
    archive = stage.kit.archive
    entries = await stage.redis.xrange(keys.AUDIT)
    archive.insert(entries[:3])  # died before cutting the stream
    assert await archive.catch_up(stage.redis) == 5
    assert (rows(archive), await stage.redis.xlen(keys.AUDIT)) == (5, 0)


async def test_many_archivers_at_once(stage: Stage, tmp_path: Path) -> None:
    await asyncio.gather(*(stage.click() for _ in range(40)))
    url = Secret(f"sqlite:///{tmp_path / 'var' / 'audit.db'}")
    archives = [Archive(url) for _ in range(4)]
    await asyncio.gather(*(archive.catch_up(stage.redis) for archive in archives))
    assert rows(archives[0]) == 40
    for archive in archives:
        archive.close()


async def test_a_deliverys_end_joins_its_line(stage: Stage) -> None:
    stage.talk()
    popup = (await stage.click()).json()["popup"]
    supervisor = await stage.token(Role.SUPERVISOR)
    shown = (await stage.get(f"/api/popups/{popup['popup_id']}", supervisor)).json()
    for delivery in shown["deliveries"]:
        await push(delivery["delivery_id"], stage.kit)
    line = (await stage.get("/api/audit", supervisor)).json()["items"][0]
    (ended,) = line["deliveries"]
    assert (ended["target"], ended["state"]) == ("acme", "delivered")
    assert ended["ended_at"] > line["time"]
    with stage.kit.archive.engine().connect() as connection:
        assert connection.execute(select(func.count()).select_from(deliveries)).scalar_one() == 1
