"""Searches for contacts that wait or are under way: one whose worker has died is queued again."""

from datetime import datetime, timedelta

from bridge.store import jobs, keys
from bridge.store.client import Batch, TextRedis
from bridge.store.deliveries.ledger import TakesJobs
from bridge.store.deliveries.records import milliseconds

PATIENCE = timedelta(seconds=10)
"""How long a search may take before it is looked at: longer than most CRMs are given."""


def buffer_wanted(pipe: Batch, popup_id: str, now: datetime) -> None:
    """Buffer that the popup's contact is searched for."""
    pipe.zadd(keys.SEARCHES, {popup_id: milliseconds(now + PATIENCE)})


def buffer_over(pipe: Batch, popup_id: str) -> None:
    """Buffer that nothing is searched for any more."""
    pipe.zrem(keys.SEARCHES, popup_id)


async def are_due(redis: TextRedis, now: datetime) -> bool:
    """Whether some search has taken so long that its worker may have died."""
    return bool(await redis.zcount(keys.SEARCHES, "-inf", milliseconds(now)))


async def queue_lost(redis: TextRedis, queue: TakesJobs, now: datetime, limit: int = 500) -> int:
    """Queue those searches again; returns how many. While jobs as old as that wait, theirs may be among them."""
    found = await redis.zrangebyscore(keys.SEARCHES, "-inf", milliseconds(now), start=0, num=limit)
    if not found:
        return 0
    oldest = await jobs.oldest(redis)
    lost = [] if oldest is not None and oldest < now - PATIENCE else found
    async with redis.pipeline(transaction=True) as pipe:
        pipe.multi()
        pipe.zadd(keys.SEARCHES, dict.fromkeys(found, milliseconds(now + PATIENCE)), xx=True)
        for popup_id in lost:
            queue.add(pipe, jobs.CONTACT, popup_id)
        await pipe.execute()
    return len(lost)
