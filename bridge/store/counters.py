"""Counts that survive processes, and how often something happened within the current minute."""

import logging

from redis.exceptions import RedisError

from bridge.store import keys
from bridge.store.connection import Batch, TextRedis

log = logging.getLogger(__name__)

SEPARATOR = "\x1f"


def buffer_count(pipe: Batch, name: str, **labels: str) -> None:
    """Buffer one more of `name`."""
    pipe.hincrby(keys.COUNTERS, SEPARATOR.join([name, *labels.values()]))


async def count(redis: TextRedis, name: str, **labels: str) -> None:
    """One more of `name`. While Redis is away the count is lost: counting must never fail what is counted."""
    try:
        await redis.hincrby(keys.COUNTERS, SEPARATOR.join([name, *labels.values()]))
    except (RedisError, OSError):
        log.warning("a count of %s was lost: redis is away", name)


async def every(redis: TextRedis) -> dict[tuple[str, ...], int]:
    """All counts, by name and label values."""
    counts = await redis.hgetall(keys.COUNTERS)
    return {tuple(field.split(SEPARATOR)): int(value) for field, value in counts.items()}


async def happened(redis: TextRedis, kind: str, crm: str, who: str, now: float) -> tuple[int, int]:
    """Note one more of `kind`: how many there were in this minute, and in how many seconds the next one begins."""
    window = int(now) // keys.RATE_SECONDS
    key = keys.rate(kind, crm, who, window)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.incr(key)
        pipe.expire(key, 2 * keys.RATE_SECONDS)
        times, _ = await pipe.execute()
    return int(times), keys.RATE_SECONDS - int(now) % keys.RATE_SECONDS
