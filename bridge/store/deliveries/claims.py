"""The claim that lets one worker at a time try a delivery, and what is recorded under it.

A claim has a lease (who dies holding it holds it no longer than that) and a fence: a worker whose lease ran out cannot
record anything any more.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from bridge.core.json_codec import json_text, time_text
from bridge.core.model import Attempt, DeliveryState, Event
from bridge.store import counters, keys
from bridge.store.client import Evaluates, TextRedis
from bridge.store.deliveries.records import milliseconds

log = logging.getLogger(__name__)

RECORD_PAUSES = (0.0, 0.05, 0.2, 0.5, 1.0, 2.0)
"""Between the tries to record, in seconds: long enough for a Redis that restarts."""

# KEYS: delivery, ledger, attempts. ARGV: now_ms, lease_end_ms, id, prefix of popup keys
CLAIM = """
local fields = redis.call('HMGET', KEYS[1], 'state', 'lease_ms', 'popup_id', 'click_id', 'target', 'expires_at',
  'deferred', 'resent', 'clicked_at', 'not_before_ms', 'note', 'event', 'fence', 'traceparent')
if fields[1] ~= 'pending' then
  redis.call('ZREM', KEYS[2], ARGV[3])
  return nil
end
if tonumber(fields[2] or '0') > tonumber(ARGV[1]) or tonumber(fields[10] or '0') > tonumber(ARGV[1]) then return nil end
local fence = tonumber(fields[13] or '0') + 1
redis.call('HSET', KEYS[1], 'lease_ms', ARGV[2], 'fence', fence)
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[3])
local popup = redis.call('GET', ARGV[4] .. fields[3])
return {fence, redis.call('LLEN', KEYS[3]), popup, fields[3], fields[4], fields[5], fields[6], fields[7] or '0',
  fields[8] or '0', fields[9], fields[11] or '', fields[12] or '', fields[14] or ''}
"""

# KEYS: delivery, attempts, ledger, audit, counters. ARGV: fence ('' = whoever), attempt ('' = none), state it ends in
# ('' = pending), time, due_ms, id, audit line, seconds to live, then pairs of a counter and what to add
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

# KEYS: delivery, ledger. ARGV: fence, due_ms, id
DEFER = """
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[1], 'lease_ms')
redis.call('HSET', KEYS[1], 'not_before_ms', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'deferred', 1)
redis.call('ZADD', KEYS[2], 'XX', ARGV[2], ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to try one delivery once.

    `kept` is the popup's JSON (None: not kept any longer), `deferred` how often it had to stand back since its last
    try, `resent` whether a person had it sent again after it had ended, `note` the note's JSON if that is what is
    delivered and not the popup, `traceparent` the span that wrote it down.
    """

    delivery_id: str
    popup_id: str
    click_id: str
    target: str
    clicked_at: datetime
    expires_at: datetime
    fence: int
    tries: int
    deferred: int
    resent: bool
    kept: str | None
    note: str = ""
    event: Event = Event.POPUP
    traceparent: str = ""


Counts = Sequence[tuple[str, int]]
"""Fields of the counters and what to add to each."""


def ended(of: Claim, state: DeliveryState, now: datetime) -> Counts:
    """What to count when a delivery ends: its state and, delivered, how long it took from the button on. One that a
    person sent again later has no such time."""
    counts = [(counters.field("deliveries", of.target, str(state)), 1)]
    if state is DeliveryState.DELIVERED and of.event is Event.POPUP and not of.resent:
        counts += counters.observed(counters.POPUP_LATENCY, of.target, (now - of.clicked_at).total_seconds())
    return counts


async def claim(redis: Evaluates, delivery_id: str, now: datetime, lease: timedelta) -> Claim | None:
    """Claim a pending delivery that nobody else holds, for as long as `lease`; None when there is nothing to do."""
    key, ends = keys.delivery(delivery_id), milliseconds(now + lease)
    found = await redis.eval(
        CLAIM,
        3,
        key,
        keys.DUE,
        keys.attempts(delivery_id),
        milliseconds(now),
        ends,
        delivery_id,
        keys.popup(""),
    )
    if found is None:
        return None
    fence, tries, kept, popup_id, click_id, target, expires_at, deferred, resent, clicked_at, note, event, trace = found
    return Claim(
        delivery_id=delivery_id,
        popup_id=popup_id,
        click_id=click_id,
        target=target,
        clicked_at=datetime.fromisoformat(clicked_at),
        expires_at=datetime.fromisoformat(expires_at),
        fence=int(fence),
        tries=int(tries),
        deferred=int(deferred),
        resent=resent != "0",
        kept=kept,
        note=note,
        event=Event(event or Event.POPUP),
        traceparent=trace,
    )


async def record(
    redis: Evaluates,
    held: Claim,
    now: datetime,
    attempt: Attempt | None = None,
    end: DeliveryState | None = None,
    due: datetime | None = None,
    counts: Counts = (),
) -> bool:
    """Record an attempt, and either the end or when to look again; `counts` are counted if it is written.

    False: nothing was written now. Either the claim was lost, or an earlier try was carried out and its reply lost:
    recording ends the claim, so it can be tried again at will. That is done while the claim may last, because what is
    not recorded is pushed again.
    """
    for pause in RECORD_PAUSES:
        try:
            return await _record(redis, held, str(held.fence), now, attempt, end, due, counts)
        except (RedisError, OSError) as error:
            log.warning("redis did not take what became of a delivery: %s", type(error).__name__)
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
    line = {
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
        json_text(line) if end and of.event is Event.POPUP else "",
        keys.STORY_SECONDS,
        *(part for count in counts for part in count),
    )
    return bool(written)


async def defer(redis: Evaluates, held: Claim, until: datetime) -> bool:
    """Give the claim back untried: the target has no room now. False: the claim was lost."""
    key = keys.delivery(held.delivery_id)
    return bool(await redis.eval(DEFER, 2, key, keys.DUE, str(held.fence), milliseconds(until), held.delivery_id))


async def delivered(redis: TextRedis, delivery_id: str, now: datetime) -> bool:
    """The target itself says that it has the popup. False: the delivery had ended before, or is unknown."""
    found = await redis.hgetall(keys.delivery(delivery_id))
    if not found:
        return False
    at, expires_at = datetime.fromisoformat(found["clicked_at"]), datetime.fromisoformat(found["expires_at"])
    ids, resent = (found["popup_id"], found["click_id"], found["target"]), "resent" in found
    of = Claim(delivery_id, *ids, at, expires_at, 0, 0, 0, resent, None)
    counts = ended(of, DeliveryState.DELIVERED, now)
    return await _record(redis, of, "", now, None, DeliveryState.DELIVERED, None, counts)
