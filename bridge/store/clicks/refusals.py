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
    """One refused click. `agent` is as an authenticated click or an unauthenticated link gave it ("": neither did).

    `why` is what the sender was told; `cause`, for the operator alone, is a `Reason` as JSON ("": no more is known).
    """

    time: str
    crm: str
    agent: str
    reason: str
    why: str
    source_ip: str
    cause: str = ""


async def note(redis: TextRedis, refusal: Refusal, known: bool) -> None:
    """Count it and keep it: clicks for names that no CRM has (not `known`) in a short list of their own, as anybody can
    send them. Lost while Redis is unavailable, which is better than no answer to the click."""
    kept, length = (keys.REFUSED, keys.REFUSED_LENGTH) if known else (keys.REFUSED_UNKNOWN, keys.REFUSED_UNKNOWN_LENGTH)
    try:
        async with redis.pipeline() as pipe:
            counters.buffer_count(pipe, "clicks_refused", crm=refusal.crm if known else "", reason=refusal.reason)
            pipe.xadd(kept, asdict(refusal), maxlen=length)
            pipe.expire(kept, int(KEPT.total_seconds()))
            await pipe.execute()
    except (RedisError, OSError):
        log.warning("a refused click was neither counted nor kept: Redis is unavailable")


async def newest(redis: TextRedis, now: datetime) -> list[Refusal]:
    """The refused clicks of the last day, newest first."""
    oldest = str(int((now - KEPT).timestamp() * 1000))
    found = [entry for kept in (keys.REFUSED, keys.REFUSED_UNKNOWN) for entry in await redis.xrange(kept, min=oldest)]
    return sorted((Refusal(**fields) for _, fields in found), key=lambda one: one.time, reverse=True)
