"""Refused clicks, to answer why there was no popup: kept for a day, without their bodies."""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from bridge.store import counters, keys
from bridge.store.client import TextRedis

log = logging.getLogger(__name__)

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused click. `agent` is as an authenticated click or an unauthenticated link gave it ("": neither did)."""

    time: str
    crm: str
    agent: str
    reason: str
    why: str
    source_ip: str


async def note(redis: TextRedis, refusal: Refusal, known: bool) -> None:
    """Count it, and keep it if its CRM is known. Lost while Redis is unavailable, which is better than no answer to the
    click."""
    try:
        async with redis.pipeline() as pipe:
            counters.buffer_count(pipe, "clicks_refused", crm=refusal.crm if known else "", reason=refusal.reason)
            if known:
                pipe.xadd(keys.REFUSED, asdict(refusal), maxlen=keys.REFUSED_LENGTH)
                pipe.expire(keys.REFUSED, int(KEPT.total_seconds()))
            await pipe.execute()
    except (RedisError, OSError):
        log.warning("a refused click was neither counted nor kept: Redis is unavailable")


async def newest(redis: TextRedis, now: datetime) -> list[Refusal]:
    """The refused clicks of the last day, newest first."""
    oldest = int((now - KEPT).timestamp() * 1000)
    found = await redis.xrange(keys.REFUSED, min=str(oldest))
    return [Refusal(**fields) for _, fields in reversed(found)]
