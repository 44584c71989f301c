"""Counters that outlive processes, and how often something happened in the current minute."""

import logging

from redis.exceptions import RedisError

from bridge.store import keys
from bridge.store.client import Batch, TextRedis

log = logging.getLogger(__name__)

SEPARATOR = "\x1f"


def field(name: str, *labels: str) -> str:
    """The field of the counters' hash that counts `name` with these label values."""
    return SEPARATOR.join([name, *labels])


BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, float("inf"))
"""Upper bounds, in seconds, of the histogram buckets."""
POPUP_LATENCY, CLICK, QUESTION = "popup_latency", "click_duration", "question_duration"


def observed(what: str, label: str, seconds: float) -> list[tuple[str, int]]:
    """What to count when `what` took `seconds`; `label` is its target, CRM or phone system."""
    bucket = next(end for end in BUCKETS if seconds <= end)
    return [(field(what, label, f"{bucket:g}"), 1), (field(f"{what}_ms", label), max(0, round(seconds * 1000)))]


def buffer_observed(pipe: Batch, what: str, label: str, seconds: float) -> None:
    """Buffer the counts of `observed`."""
    for name, more in observed(what, label, seconds):
        pipe.hincrby(keys.COUNTERS, name, more)


def buffer_count(pipe: Batch, name: str, **labels: str) -> None:
    """Buffer an increment of `name`."""
    pipe.hincrby(keys.COUNTERS, field(name, *labels.values()))


async def count(redis: TextRedis, name: str, times: int = 1, **labels: str) -> None:
    """Increment `name` by `times`. Lost while Redis is unavailable: counting must never fail what is counted."""
    try:
        await redis.hincrby(keys.COUNTERS, field(name, *labels.values()), times)
    except (RedisError, OSError):
        log.warning("a count of %s was lost: Redis is unavailable", name)


async def every(redis: TextRedis) -> dict[tuple[str, ...], int]:
    """All counters, by name and label values."""
    counts = await redis.hgetall(keys.COUNTERS)
    return {tuple(field.split(SEPARATOR)): int(value) for field, value in counts.items()}


async def happened(redis: TextRedis, kind: str, crm: str, who: str, now: float) -> tuple[int, int]:
    """Count one more of `kind`: how many there were in this minute, and the seconds until the next minute."""
    async with redis.pipeline(transaction=True) as pipe:
        buffer_happened(pipe, kind, crm, who, now)
        times, _ = await pipe.execute()
    return int(times), next_minute(now)


def buffer_happened(pipe: Batch, kind: str, crm: str, who: str, now: float) -> None:
    """Buffer one more of `kind` in this minute: two replies, the first is the count."""
    key = keys.rate(kind, crm, who, int(now) // keys.RATE_SECONDS)
    pipe.incr(key)
    pipe.expire(key, 2 * keys.RATE_SECONDS)


def next_minute(now: float) -> int:
    """Seconds until the next minute of `happened`."""
    return keys.RATE_SECONDS - int(now) % keys.RATE_SECONDS


async def within_second(redis: TextRedis, what: str, now: float) -> int:
    """Count one more of `what`: how many there were in this second, over all processes."""
    key = keys.second(what, int(now))
    async with redis.pipeline(transaction=True) as pipe:
        pipe.incr(key)
        pipe.expire(key, 5)
        times, _ = await pipe.execute()
    return int(times)
