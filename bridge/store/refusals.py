"""Clicks that were not accepted, for whoever asks why there was no popup: kept a day, without their bodies."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from bridge.store import keys
from bridge.store.connection import TextRedis

log = logging.getLogger(__name__)

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One click that was refused. `agent` is what a proven click or a link unproven said ("" where neither is)."""

    time: str
    crm: str
    agent: str
    reason: str
    why: str
    source_ip: str


async def note(redis: TextRedis, refusal: Refusal) -> None:
    """Keep it. While Redis is away it is lost, which is better than an answer that does not come."""
    fields: Mapping[str, str] = asdict(refusal)
    try:
        await redis.xadd(keys.REFUSED, dict(fields), maxlen=keys.REFUSED_LENGTH)
        await redis.expire(keys.REFUSED, int(KEPT.total_seconds()))
    except (RedisError, OSError):
        log.warning("a refused click was not kept: redis is away")


async def newest(redis: TextRedis, now: datetime) -> list[Refusal]:
    """Those of the last day, the newest first."""
    oldest = int((now - KEPT).timestamp() * 1000)
    found = await redis.xrange(keys.REFUSED, min=str(oldest))
    return [Refusal(**fields) for _, fields in reversed(found)]
