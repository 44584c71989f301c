"""The ledger's sweep: every delivery that is due, and that no job and no worker has, is queued again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bridge.store import counters, jobs, keys
from bridge.store.client import Batch, TextRedis
from bridge.store.deliveries.records import FIRST_LOOK, milliseconds
from bridge.store.jobs import DELIVER

QUEUEING = timedelta(seconds=2)
"""How much later than a delivery its job may be queued: a transaction may need several attempts."""


@dataclass(frozen=True, slots=True)
class _Due:
    """A delivery to look at: when its last job was queued, and what workers did with it since."""

    delivery_id: str
    queued_ms: int
    held: bool
    claims: int
    not_before_ms: int
    kept: bool

    @property
    def touched(self) -> bool:
        """Whether a worker has had it since its last job was queued: that job is gone."""
        return self.held or self.not_before_ms >= self.queued_ms

    @property
    def recovered(self) -> bool:
        """Whether its worker died, or its first job was lost before any worker saw it."""
        return self.held or not self.claims


class TakesJobs(Protocol):
    """The queue, or what stands in for it."""

    def add(self, pipeline: Batch, name: str, *args: str) -> None:
        """Take one job on."""


async def queue_due(redis: TextRedis, queue: TakesJobs, now: datetime, limit: int = 500) -> int:
    """Queue every delivery that is due, longest overdue first; returns how many were queued.

    Each is looked at again a little later, unless a worker has claimed or ended it by then. One whose job must still
    be queued, because the next job to run is older, is left alone: otherwise a backlog would grow with every sweep.
    """
    found = await redis.zrangebyscore(keys.DUE, "-inf", milliseconds(now), start=0, num=limit)
    if not found:
        return 0
    due, oldest = await _due(redis, found), await jobs.oldest(redis)
    waiting = milliseconds(oldest - QUEUEING) if oldest else None
    lost = [one for one in due if one.touched or waiting is None or one.queued_ms < waiting]
    recovered = sum(one.recovered for one in lost)
    again = milliseconds(now + FIRST_LOOK)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.multi()
        pipe.zadd(keys.DUE, dict.fromkeys(found, again), xx=True)
        for one in lost:
            if one.kept:  # otherwise this would create a record that never expires
                pipe.hset(keys.delivery(one.delivery_id), mapping={"queued_ms": str(milliseconds(now))})
            queue.add(pipe, DELIVER, one.delivery_id)
        if recovered:
            pipe.hincrby(keys.COUNTERS, counters.field("recovered"), recovered)
        await pipe.execute()
    return len(lost)


async def _due(redis: TextRedis, found: Sequence[str]) -> list[_Due]:
    names = ["created_at", "queued_ms", "lease_ms", "fence", "not_before_ms"]
    async with redis.pipeline(transaction=False) as pipe:
        for delivery_id in found:
            pipe.hmget(keys.delivery(delivery_id), names)
        rows = await pipe.execute()
    due = []
    for delivery_id, (created_at, queued_ms, lease_ms, fence, not_before_ms) in zip(found, rows, strict=True):
        queued = int(queued_ms) if queued_ms else milliseconds(datetime.fromisoformat(created_at)) if created_at else 0
        due.append(
            _Due(delivery_id, queued, lease_ms is not None, int(fence or 0), int(not_before_ms or 0), bool(created_at))
        )
    return due
