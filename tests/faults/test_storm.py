"""A bad minute: workers die twice a second, Redis restarts in between, and every click still becomes its one popup."""

import asyncio
import random
import signal
import time
from collections import Counter

import pytest

from bridge.core.delivery import DeliveryState
from bridge.store import keys
from bridge.store.deliveries.records import get
from tests.faults.matrix import bound
from tests.faults.world import World, open_world
from tests.stage import until

pytestmark = pytest.mark.anyio

CLICKS, CLICKS_PER_SECOND = 300, 30
KILL_SECONDS = 0.5
RESTARTS_AFTER = CLICKS // 2
IN_ALL_SECONDS = 40
LEAST_KILLS = 5


@pytest.fixture
def chance() -> random.Random:
    """Chance that can be had again: its seed is printed when a test fails."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


async def click(world: World) -> None:
    """The clicks, spread over some seconds; with the middle one Redis dies."""
    async with asyncio.TaskGroup() as clicks:
        for number in range(CLICKS):
            clicks.create_task(world.click())
            if number == RESTARTS_AFTER:
                clicks.create_task(restart(world))
            await asyncio.sleep(1 / CLICKS_PER_SECOND)


async def restart(world: World) -> None:
    await world.redis_server.kill()
    await world.redis_server.start()


async def kill_at_random(world: World, chance: random.Random) -> None:
    """Every half second one of the workers that is at work."""
    while True:
        await asyncio.sleep(KILL_SECONDS)
        working = [worker for worker in world.workers if await worker.works()]
        if working:
            chance.choice(working).signal(signal.SIGKILL)


def killed(world: World) -> int:
    return sum(worker.starts - 1 for worker in world.workers)


async def killed_often(world: World) -> bool:
    """On a busy machine workers take longer to be there again than the clicks take."""
    return killed(world) > LEAST_KILLS


async def test_nothing_is_lost_while_workers_are_killed_and_redis_restarts(chance: random.Random) -> None:
    async with asyncio.timeout(IN_ALL_SECONDS), open_world() as world:
        killing = asyncio.create_task(kill_at_random(world, chance))
        try:
            await click(world)
            await until(lambda: killed_often(world), 30)
        finally:
            killing.cancel()
        await world.ready()
        found = await world.ended(list(world.accepted), time.time() + bound(world))
        states = Counter(each.state for each in found)
        kills = killed(world)
        repeats = sum(len(arrivals) - 1 for arrivals in world.crm.arrivals.values())
        print(f"{states}, {kills} workers killed, {repeats} pushes repeated")
        assert states == {DeliveryState.DELIVERED: CLICKS}, world.tails()
        assert (kills > LEAST_KILLS, world.redis_server.starts) == (True, 2)
        assert all(ids == {delivery} for delivery, ids in one_id_each(world).items())
        assert set(world.redis_server.ends().values()) == {1}
        assert len(world.redis_server.ends()) == len(await get(world.direct, world.accepted)) == CLICKS
        await until(lambda: nothing_waits(world))


def one_id_each(world: World) -> dict[str, set[str]]:
    """The ids under which the CRM saw the popup of each delivery."""
    return {delivery: world.crm.ids_of[popup] for delivery, popup in world.accepted.items()}


async def nothing_waits(world: World) -> bool:
    """Whether nothing is pending: the ledger is empty, and no line of the audit is waiting for the archive."""
    due = await world.direct.zcount(keys.DUE, "-inf", "+inf")
    return due == 0 and await world.direct.xlen(keys.AUDIT) == 0
