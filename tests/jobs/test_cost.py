"""What one click and one delivery cost in Redis: commands and round trips, as Redis itself counts them."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from bridge.core.http_types import Secret
from tests.jobs.test_worker import working
from tests.stage import Stage, open_stage, until

pytestmark = pytest.mark.anyio

DELIVERIES, PLACES = 160, 40
COMMANDS, TRIPS = 30, 1.0
CLICKS, CLICK_TRIPS = 20, 2
BESIDE = ("publish", "subscribe", "time")
"""What the process does whoever clicks: it tells its partners that it lives, hears them, and reads Redis' clock."""
NOT_COUNTED = ("info", "config|resetstat", "client|setinfo", "client|setname", "hello", "ping")


class Cost:
    """What Redis did since the last look."""

    def __init__(self, direct: "Redis") -> None:
        self._direct = direct
        direct.config_resetstat()

    def commands(self) -> Counter[str]:
        """How often each was carried out, those inside scripts too."""
        told: Any = self._direct.info("commandstats")
        counts = {name.removeprefix("cmdstat_"): each["calls"] for name, each in told.items()}
        return Counter({name: calls for name, calls in counts.items() if name not in NOT_COUNTED})

    def trips(self) -> int:
        """How often something was read from a client."""
        told: Any = self._direct.info("stats")
        return int(told["total_reads_processed"]) - 1


async def test_a_delivery_at_load_costs_few_commands_and_less_than_one_round_trip(
    tmp_path: Path, redis_url: Secret
) -> None:
    extra = {"POPBRIDGE_CRM__ACME__TARGETS": "acme", "POPBRIDGE_CRM__ACME__PUSHES_AT_ONCE": str(PLACES)}
    async with open_stage(tmp_path, redis_url, extra=extra) as stage:
        stage.talk()
        for _ in range(DELIVERIES):
            await stage.click()
        with Redis.from_url(redis_url.reveal()) as direct:
            cost = Cost(direct)
            async with working(stage, places=PLACES):
                await until(lambda: all_came(stage), 30)
                trips, commands = cost.trips(), cost.commands()
    assert len(stage.crm.received) == DELIVERIES
    each = {name: round(calls / DELIVERIES, 2) for name, calls in commands.most_common()}
    print(f"{commands.total() / DELIVERIES:.1f} commands, {trips / DELIVERIES:.2f} round trips: {each}")
    assert commands.total() / DELIVERIES <= COMMANDS, each
    assert trips / DELIVERIES <= TRIPS


async def all_came(stage: Stage) -> bool:
    """Whether the CRM has everything."""
    return len(stage.crm.received) >= DELIVERIES


async def test_a_click_costs_two_round_trips(stage: Stage) -> None:
    """Take it on; the one transaction. Nothing else waits for Redis."""
    stage.talk()
    await stage.click()
    with Redis.from_url(stage.redis_url.reveal()) as direct:
        cost = Cost(direct)
        for _ in range(CLICKS):
            await stage.click()
        trips, commands = cost.trips(), cost.commands()
    assert commands["xadd"] == CLICKS
    beside = sum(commands[name] for name in BESIDE)
    assert CLICK_TRIPS * CLICKS <= trips <= CLICK_TRIPS * CLICKS + 2 + beside, f"{trips / CLICKS}: {commands}"
