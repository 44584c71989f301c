"""The time for everything that several machines compare: Redis'. A machine with a wrong clock still delivers in time.

Each process measures how far its clock is off from Redis' and corrects for it. While Redis is unavailable, the last
measurement stands.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from redis.exceptions import RedisError

from bridge.core.clock import Clock
from bridge.store.client import TextRedis

log = logging.getLogger(__name__)

MEASURE_SECONDS, FIRST_SECONDS = 5.0, 1.0
NOTICED_SECONDS = 2.0
"""The log, the doctor and the metrics report a clock that is this far off."""


class SharedClock:
    """This machine's clock, corrected to Redis'. `ahead` is by how many seconds this machine is ahead of it."""

    def __init__(self, own: Clock | None = None) -> None:
        self._own = own or Clock()
        self.ahead = 0.0
        self.clock = Clock(now=self._now, ticks=self._own.ticks, chance=self._own.chance)

    def _now(self) -> datetime:
        return self._own.now() - timedelta(seconds=self.ahead)

    async def measure(self, redis: TextRedis) -> None:
        """Measure once. Raises redis-py's errors."""
        before = self._own.now()
        seconds, micros = await redis.time()
        after = self._own.now()
        middle = before + (after - before) / 2
        theirs = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros)
        was, self.ahead = self.ahead, (middle - theirs).total_seconds()
        if abs(self.ahead) >= NOTICED_SECONDS and abs(self.ahead - was) >= NOTICED_SECONDS:
            log.warning("this machine's clock is %+.0f s off from redis': run NTP on both", self.ahead)

    async def first(self, redis: TextRedis) -> None:
        """Measure at start-up, unless Redis is unavailable."""
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                await self.measure(redis)

    async def keep(self, redis: TextRedis) -> None:
        """Measure regularly, for ever."""
        while True:
            await asyncio.sleep(MEASURE_SECONDS)
            with suppress(RedisError, OSError):
                await self.measure(redis)
