"""Deliveries: their records, the ledger of what is due, and the claim that lets one worker at a time try one.

Times in Redis are milliseconds since 1970. A claim has a lease (who dies holding it holds it no longer than that) and
a fence: a worker whose lease ran out cannot record anything any more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bridge.domain import Attempt, Delivery, DeliveryState
from bridge.shapes import from_json, json_text, time_text
from bridge.store import keys
from bridge.store.connection import Batch, TextRedis
from bridge.store.jobs import DELIVER, Jobs

LEASE = timedelta(seconds=30)
"""Longer than the longest push; after a worker's death its deliveries wait this long."""
FIRST_LOOK = timedelta(seconds=5)
"""When the sweeper looks at a delivery whose job was lost on the way."""

CLAIM = """
if redis.call('HGET', KEYS[1], 'state') ~= 'pending' then return 0 end
if tonumber(redis.call('HGET', KEYS[1], 'lease_ms') or '0') > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'lease_ms', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[3])
return redis.call('HINCRBY', KEYS[1], 'fence', 1)
"""

# KEYS: delivery, attempts, ledger, audit. ARGV: fence ('' = whoever), attempt ('' = none), new state ('' = pending),
# time, due_ms, id, audit line, seconds to live
RECORD = """
if redis.call('HGET', KEYS[1], 'state') ~= 'pending' then return 0 end
if ARGV[1] ~= '' and redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' then
  redis.call('RPUSH', KEYS[2], ARGV[2])
  redis.call('EXPIRE', KEYS[2], ARGV[8])
end
redis.call('HDEL', KEYS[1], 'lease_ms')
if ARGV[3] == '' then
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[6])
else
  redis.call('HSET', KEYS[1], 'state', ARGV[3], 'ended_at', ARGV[4])
  redis.call('ZREM', KEYS[3], ARGV[6])
  redis.call('XADD', KEYS[4], '*', 'kind', 'delivery', 'line', ARGV[7])
end
return 1
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to try one delivery once."""

    delivery_id: str
    popup_id: str
    click_id: str
    target: str
    expires_at: datetime
    fence: int
    tries: int


def milliseconds(moment: datetime) -> int:
    """`moment` as Redis keeps it."""
    return int(moment.timestamp() * 1000)


def buffer_new(pipe: Batch, delivery: Delivery, click_id: str, expires_at: datetime) -> None:
    """Buffer the record of a new delivery and its place in the ledger."""
    key = keys.delivery(delivery.delivery_id)
    fields = {
        "delivery_id": delivery.delivery_id,
        "popup_id": delivery.popup_id,
        "click_id": click_id,
        "target": delivery.target,
        "state": str(delivery.state),
        "created_at": time_text(delivery.created_at),
        "expires_at": time_text(expires_at),
    }
    pipe.hset(key, mapping=fields)
    pipe.expire(key, keys.STORY_SECONDS)
    pipe.zadd(keys.DUE, {delivery.delivery_id: milliseconds(delivery.created_at + FIRST_LOOK)})


async def claim(redis: TextRedis, delivery_id: str, now: datetime) -> Claim | None:
    """Claim a pending delivery that nobody else holds; None when there is nothing to do."""
    key = keys.delivery(delivery_id)
    lease = milliseconds(now + LEASE)
    fence = await redis.eval(CLAIM, 2, key, keys.DUE, milliseconds(now), lease, delivery_id)
    if not fence:
        return None
    record = await redis.hgetall(key)
    tries = await redis.llen(keys.attempts(delivery_id))
    expires_at = datetime.fromisoformat(record["expires_at"])
    return Claim(
        delivery_id, record["popup_id"], record["click_id"], record["target"], expires_at, int(fence), int(tries)
    )


async def record(
    redis: TextRedis,
    held: Claim,
    now: datetime,
    attempt: Attempt | None = None,
    end: DeliveryState | None = None,
    due: datetime | None = None,
    fenced: bool = True,
) -> bool:
    """Record an attempt, and either the end or when to look again. False: the claim was lost, nothing was written.

    `fenced=False` is for an end that does not come from a worker: the agent's page took the popup.
    """
    line = {
        "click_id": held.click_id,
        "popup_id": held.popup_id,
        "delivery_id": held.delivery_id,
        "target": held.target,
        "state": end,
        "ended_at": now,
    }
    written = await redis.eval(
        RECORD,
        4,
        keys.delivery(held.delivery_id),
        keys.attempts(held.delivery_id),
        keys.DUE,
        keys.AUDIT,
        str(held.fence) if fenced else "",
        json_text(attempt) if attempt else "",
        str(end or ""),
        time_text(now),
        milliseconds(due or now),
        held.delivery_id,
        json_text(line),
        keys.STORY_SECONDS,
    )
    return bool(written)


async def delivered(redis: TextRedis, delivery_id: str, now: datetime) -> bool:
    """The target itself says that it has the popup. False: the delivery had ended before, or is unknown."""
    found = await redis.hgetall(keys.delivery(delivery_id))
    if not found:
        return False
    expires_at = datetime.fromisoformat(found["expires_at"])
    held = Claim(delivery_id, found["popup_id"], found["click_id"], found["target"], expires_at, 0, 0)
    return await record(redis, held, now, end=DeliveryState.DELIVERED, fenced=False)


async def queue_due(redis: TextRedis, queue: Jobs, now: datetime, limit: int = 500) -> int:
    """Queue every delivery that somebody must look at now, longest overdue first; how many there were.

    Each is looked at again a little later, unless a worker has claimed or ended it by then.
    """
    found = await redis.zrangebyscore(keys.DUE, "-inf", milliseconds(now), start=0, num=limit)
    if not found:
        return 0
    again = milliseconds(now + FIRST_LOOK)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.multi()
        for delivery_id in found:
            pipe.zadd(keys.DUE, {delivery_id: again}, xx=True)
            queue.add(pipe, DELIVER, delivery_id)
        await pipe.execute()
    return len(found)


async def get(redis: TextRedis, delivery_ids: Iterable[str]) -> list[Delivery]:
    """The deliveries with these ids that are still kept."""
    wanted = list(delivery_ids)
    async with redis.pipeline(transaction=False) as pipe:
        for delivery_id in wanted:
            pipe.hgetall(keys.delivery(delivery_id))
            pipe.lrange(keys.attempts(delivery_id), 0, -1)
        rows = await pipe.execute() if wanted else []
    return [_delivery(record, attempts) for record, attempts in zip(rows[::2], rows[1::2], strict=True) if record]


def _delivery(record: dict[str, str], attempts: list[str]) -> Delivery:
    ended_at = record.get("ended_at")
    return Delivery(
        delivery_id=record["delivery_id"],
        popup_id=record["popup_id"],
        target=record["target"],
        state=DeliveryState(record["state"]),
        created_at=datetime.fromisoformat(record["created_at"]).astimezone(UTC),
        ended_at=datetime.fromisoformat(ended_at).astimezone(UTC) if ended_at else None,
        attempts=tuple(from_json(Attempt, attempt) for attempt in attempts),
    )
