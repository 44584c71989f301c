"""Recording what happened to a delivery: an attempt, its end, or when to look at it again."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from redis.exceptions import RedisError

from bridge.core.delivery import Attempt, DeliveryState, Event
from bridge.core.json_codec import json_text, time_text
from bridge.store import counters, figures, keys
from bridge.store.client import Evaluates, TextRedis
from bridge.store.deliveries.claims import Claim
from bridge.store.deliveries.records import milliseconds

log = logging.getLogger(__name__)

RECORD_PAUSES = (0.0, 0.05, 0.2, 0.5, 1.0, 2.0)
"""Seconds between attempts to record: long enough for a Redis that restarts."""

# KEYS: delivery, attempts, ledger, audit, counters. ARGV: fence ('' = any), attempt ('' = none), final state ('' =
# pending), time, due_ms, id, log entry, seconds to live, then pairs of a counter and what to add
RECORD = """
local held = redis.call('HMGET', KEYS[1], 'state', 'fence')
if held[1] ~= 'pending' or (ARGV[1] ~= '' and held[2] ~= ARGV[1]) then return 0 end
if ARGV[2] ~= '' then
  redis.call('RPUSH', KEYS[2], ARGV[2])
  redis.call('EXPIRE', KEYS[2], ARGV[8])
end
redis.call('HDEL', KEYS[1], 'lease_ms', 'deferred')
if ARGV[3] == '' then
  redis.call('HSET', KEYS[1], 'not_before_ms', ARGV[5])
  redis.call('HINCRBY', KEYS[1], 'fence', 1)
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[6])
else
  redis.call('HSET', KEYS[1], 'state', ARGV[3], 'ended_at', ARGV[4])
  redis.call('ZREM', KEYS[3], ARGV[6])
  if ARGV[7] ~= '' then redis.call('XADD', KEYS[4], '*', 'kind', 'delivery', 'line', ARGV[7]) end
end
for n = 9, #ARGV, 2 do redis.call('HINCRBY', KEYS[5], ARGV[n], ARGV[n + 1]) end
return 1
"""

Counts = Sequence[tuple[str, int]]
"""Fields of the counters and what to add to each."""


def ended(of: Claim, state: DeliveryState, now: datetime, day: str) -> Counts:
    """What to count when a delivery ends: its state and, if delivered and not resent, the time since the click.

    `day` is the present one of its CRM."""
    counts = [(counters.field("deliveries", of.target, str(state)), 1)]
    if state is DeliveryState.DELIVERED and of.event is Event.POPUP and not of.resent:
        seconds = (now - of.clicked_at).total_seconds()
        counts += counters.observed(counters.POPUP_LATENCY, of.target, seconds)
        counts += figures.delivered(day, of.crm, seconds)
    return counts


async def record(
    redis: Evaluates,
    held: Claim,
    now: datetime,
    attempt: Attempt | None = None,
    end: DeliveryState | None = None,
    due: datetime | None = None,
    counts: Counts = (),
) -> bool:
    """Record an attempt, and either the end or when to look at it again; `counts` are added if it is written.

    False: nothing was written now. Either the claim was lost, or an earlier attempt succeeded and its reply was lost:
    recording ends the claim, so retrying is safe. It is retried while the claim may last, because a delivery that is
    not recorded is sent again.
    """
    for pause in RECORD_PAUSES:
        try:
            return await _record(redis, held, str(held.fence), now, attempt, end, due, counts)
        except (RedisError, OSError) as error:
            log.warning("could not record a delivery in Redis: %s", type(error).__name__)
        await asyncio.sleep(pause)
    return await _record(redis, held, str(held.fence), now, attempt, end, due, counts)


async def _record(
    redis: Evaluates,
    of: Claim,
    fence: str,
    now: datetime,
    attempt: Attempt | None,
    end: DeliveryState | None,
    due: datetime | None,
    counts: Counts,
) -> bool:
    entry = {
        "click_id": of.click_id,
        "popup_id": of.popup_id,
        "delivery_id": of.delivery_id,
        "target": of.target,
        "state": end,
        "ended_at": now,
    }
    written = await redis.eval(
        RECORD,
        5,
        keys.delivery(of.delivery_id),
        keys.attempts(of.delivery_id),
        keys.DUE,
        keys.AUDIT,
        keys.COUNTERS,
        fence,
        json_text(attempt) if attempt else "",
        str(end or ""),
        time_text(now),
        milliseconds(due or now),
        of.delivery_id,
        json_text(entry) if end and of.event is Event.POPUP else "",
        keys.STORY_SECONDS,
        *(part for count in counts for part in count),
    )
    return bool(written)


async def delivered(redis: TextRedis, delivery_id: str, now: datetime, day: str) -> bool:
    """The target itself confirms that it has the popup. False: the delivery had ended before, or is unknown. `day` as
    in `ended`."""
    found = await redis.hgetall(keys.delivery(delivery_id))
    if not found:
        return False
    at, expires_at = datetime.fromisoformat(found["clicked_at"]), datetime.fromisoformat(found["expires_at"])
    ids, resent = (found["popup_id"], found["click_id"], found["target"]), "resent" in found
    of = Claim(delivery_id, *ids, at, expires_at, 0, 0, 0, resent, None, crm=found.get("crm", ""))
    counts = ended(of, DeliveryState.DELIVERED, now, day)
    return await _record(redis, of, "", now, None, DeliveryState.DELIVERED, None, counts)
