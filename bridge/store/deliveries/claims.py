"""The claim that lets one worker at a time attempt a delivery.

A claim has a lease (a worker that dies holds it no longer than that) and a fence: a worker whose lease has expired can
no longer record anything, see `results`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.core.delivery import Event
from bridge.store import keys
from bridge.store.client import Evaluates
from bridge.store.deliveries.records import milliseconds

# KEYS: delivery, ledger, attempts, what popups' keys begin with. ARGV: now_ms, lease_end_ms, id
CLAIM = """
local fields = redis.call('HMGET', KEYS[1], 'state', 'lease_ms', 'popup_id', 'click_id', 'target', 'expires_at',
  'deferred', 'resent', 'clicked_at', 'not_before_ms', 'note', 'event', 'fence', 'traceparent', 'crm')
if fields[1] ~= 'pending' then
  redis.call('ZREM', KEYS[2], ARGV[3])
  return nil
end
if tonumber(fields[2] or '0') > tonumber(ARGV[1]) or tonumber(fields[10] or '0') > tonumber(ARGV[1]) then return nil end
local fence = tonumber(fields[13] or '0') + 1
redis.call('HSET', KEYS[1], 'lease_ms', ARGV[2], 'fence', fence)
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[3])
local popup = redis.call('GET', KEYS[4] .. fields[3])
return {fence, redis.call('LLEN', KEYS[3]), popup, fields[3], fields[4], fields[5], fields[6], fields[7] or '0',
  fields[8] or '0', fields[9], fields[11] or '', fields[12] or '', fields[14] or '', fields[15] or ''}
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
    """The right to attempt one delivery once.

    `kept` is the popup's JSON (None: no longer kept), `tries` the number of attempts so far, `deferred` how often it
    was deferred since the last one, `resent` whether a person resent it after it had ended, `note` the note's JSON if a
    note is delivered instead of the popup, `traceparent` the span that created it, `crm` whose it is ("": unknown).
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
    crm: str = ""


async def claim(redis: Evaluates, delivery_id: str, now: datetime, lease: timedelta) -> Claim | None:
    """Claim a pending delivery that nobody else holds, for `lease`; None when there is nothing to do."""
    key, ends = keys.delivery(delivery_id), milliseconds(now + lease)
    found = await redis.eval(
        CLAIM,
        4,
        key,
        keys.DUE,
        keys.attempts(delivery_id),
        keys.popup(""),
        milliseconds(now),
        ends,
        delivery_id,
    )
    if found is None:
        return None
    (
        fence,
        tries,
        kept,
        popup_id,
        click_id,
        target,
        expires_at,
        deferred,
        resent,
        clicked_at,
        note,
        event,
        trace,
        crm,
    ) = found
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
        crm=crm,
    )


async def defer(redis: Evaluates, held: Claim, until: datetime) -> bool:
    """Return the claim without an attempt: the target has no capacity now. False: the claim was lost."""
    key = keys.delivery(held.delivery_id)
    return bool(await redis.eval(DEFER, 2, key, keys.DUE, str(held.fence), milliseconds(until), held.delivery_id))
