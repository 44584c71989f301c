"""How the whole was at each minute of the last hours: a bounded series, which one worker writes for all."""

from dataclasses import asdict, dataclass
from datetime import datetime

from bridge.core.json_codec import from_json, json_text
from bridge.store import jobs, keys, workers
from bridge.store.client import TextRedis
from bridge.store.jobs import QUEUE_KEY

KEPT_SAMPLES = 12 * 60
KEPT_SECONDS = keys.DAY


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment, in epoch seconds: jobs that wait, deliveries that have not ended, for how many seconds the longest
    overdue one has been due, log entries that are not archived, living workers and the jobs that they run."""

    at: float
    queue: int
    pending: int
    overdue: float
    unarchived: int
    workers: int
    in_flight: int


async def sample(redis: TextRedis, now: datetime) -> Sample:
    """How it is now."""
    alive, _ = await workers.statuses(redis, now)
    return Sample(
        at=now.timestamp(),
        queue=await redis.llen(QUEUE_KEY),
        pending=await redis.zcard(keys.DUE),
        overdue=await overdue(redis, now),
        unarchived=await redis.xlen(keys.AUDIT),
        workers=len(alive),
        in_flight=sum(one.in_flight for one in alive),
    )


async def overdue(redis: TextRedis, now: datetime) -> float:
    """For how many seconds the longest overdue delivery has been due."""
    oldest = await redis.zrange(keys.DUE, 0, 0, withscores=True)
    since = [oldest[0][1] / 1000] if oldest else []
    if waiting := await jobs.oldest(redis):  # the ledger defers deliveries whose job is still queued
        since.append(waiting.timestamp())
    return round(max(0.0, now.timestamp() - min(since, default=now.timestamp())), 1)


async def keep(redis: TextRedis, now: datetime) -> None:
    """Add how it is now to the series."""
    one = await sample(redis, now)
    await redis.xadd(keys.HEALTH, {"sample": json_text(asdict(one))}, maxlen=KEPT_SAMPLES)
    await redis.expire(keys.HEALTH, KEPT_SECONDS)


async def series(redis: TextRedis) -> list[Sample]:
    """The last hours, oldest first."""
    found = await redis.xrange(keys.HEALTH)
    return [from_json(Sample, fields["sample"]) for _, fields in found if "sample" in fields]
