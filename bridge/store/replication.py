"""Replicas: how many may be promoted, and whether they have what was accepted.

Redis acknowledges a write before its replicas have it. Where Sentinel then promotes one that lagged, the write is gone.
With `strict_durability` a click is answered only once every replica that may be promoted has it: any of them may be
the one, and one that is away for a while comes back with what it had.
"""

import asyncio
import logging
from collections.abc import Callable

from redis.exceptions import RedisError

from bridge.core.clock import Clock
from bridge.core.model import Click
from bridge.store import keys
from bridge.store.clicks import accept
from bridge.store.client import TextRedis

log = logging.getLogger(__name__)

WAIT_MS = 1000
KNOWN_SECONDS = 1.0
"""How long the number of replicas is used again."""

# KEYS: the click, any other. ARGV: the prefix of a click in progress. What WAIT waits for is what its own connection
# wrote, so this writes, after it has seen that this Redis has the answer: a fail-over may have come in between
CONFIRM = """
local stored = redis.call('GET', KEYS[1])
if not stored or string.sub(stored, 1, #ARGV[1]) == ARGV[1] then return 0 end
redis.call('SET', KEYS[2], '1', 'PX', 1000)
return 1
"""


async def to_promote(redis: TextRedis) -> int | None:
    """How many replicas Sentinel may promote, those that are away too; None without Sentinel."""
    return await redis.known_replicas()


async def connected(redis: TextRedis) -> int:
    """How many replicas are connected."""
    return int(str((await redis.info("replication")).get("connected_slaves", 0)))


class Replicas:
    """Waits for them. `ticks` counts seconds steadily."""

    def __init__(self, redis: TextRedis, ticks: Callable[[], float] | None = None) -> None:
        self._redis, self._ticks = redis, ticks or Clock().ticks
        self._count, self._counted_at = 0, float("-inf")

    async def confirm(self, click: Click) -> None:
        """Return once every replica has the answer that is stored for this click. Raises `Unavailable` otherwise: it
        may then be lost in a fail-over, or stay; a repeat with the same id finds it."""
        try:
            async with asyncio.timeout(accept.COMMIT_SECONDS):
                count = await self._needed()
                if not count or await self._have(click, count):
                    return
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("whether replicas have a click is unknown: %s", type(error).__name__)
        raise accept.unconfirmed()

    async def _needed(self) -> int:
        if self._ticks() - self._counted_at > KNOWN_SECONDS:
            self._count = await self._counted()
            self._counted_at = self._ticks()
        return self._count

    async def _counted(self) -> int:
        """While no sentinel answers, nobody is promoted either: the last number stands."""
        try:
            known = await to_promote(self._redis)
        except RedisError:
            if not self._count:
                raise
            return self._count
        return await connected(self._redis) if known is None else max(1, known)

    async def _have(self, click: Click, count: int) -> bool:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.eval(CONFIRM, 2, accept.key_of(click), keys.TRIED, accept.RUNNING)
            pipe.wait(count, WAIT_MS)
            is_there, acknowledged = await pipe.execute()
        if is_there and acknowledged < count:
            log.warning("a click is on %d of %d replicas, so it was not confirmed", acknowledged, count)
        return bool(is_there) and int(acknowledged) >= count
