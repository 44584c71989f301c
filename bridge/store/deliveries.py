"""Deliveries: their records, the ledger of what is due, and the claim that lets one worker at a time try one.

Times in Redis are milliseconds since 1970. A claim has a lease (who dies holding it holds it no longer than that) and
a fence: a worker whose lease ran out cannot record anything any more.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis.exceptions import RedisError

from bridge.clock import new_id
from bridge.domain import Attempt, Click, Delivery, DeliveryState, Event, Note
from bridge.settings import Settings
from bridge.shapes import from_json, json_text, time_text
from bridge.store import counters, jobs, keys
from bridge.store.connection import Batch, Evaluates, TextRedis
from bridge.store.jobs import DELIVER, Jobs

log = logging.getLogger(__name__)

FIRST_LOOK = timedelta(seconds=3)
"""When the sweeper looks at a delivery whose job was lost on the way."""
RECORD_PAUSES = (0.0, 0.05, 0.2, 0.5, 1.0, 2.0)
"""Between the tries to record, in seconds: long enough for a Redis that restarts."""
QUEUEING = timedelta(seconds=2)
"""How long after a delivery its job may bear its time: a transaction may need several tries."""
NOTE_LIFE = timedelta(days=1)
"""How long a note is tried: it is of use after its call too."""

# KEYS: delivery, ledger, attempts. ARGV: now_ms, lease_end_ms, id, prefix of popup keys
CLAIM = """
local fields = redis.call('HMGET', KEYS[1], 'state', 'lease_ms', 'popup_id', 'click_id', 'target', 'expires_at',
  'deferred', 'resent', 'clicked_at', 'not_before_ms', 'note', 'event', 'fence')
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
  fields[8] or '0', fields[9], fields[11] or '', fields[12] or ''}
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

# KEYS: delivery, ledger. ARGV: expires_at, now_ms, id, seconds to live
RESEND = """
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'failed' and state ~= 'expired' then return state or '' end
redis.call('HSET', KEYS[1], 'state', 'pending', 'expires_at', ARGV[1])
redis.call('HDEL', KEYS[1], 'ended_at', 'lease_ms', 'deferred')
redis.call('HSET', KEYS[1], 'not_before_ms', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'resent', 1)
redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[3])
return 'resent'
"""


RESENT = "resent"
CHUNK = 200


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to try one delivery once.

    `kept` is the popup's JSON (None: not kept any longer), `deferred` how often it had to stand back since its last
    try, `resent` whether a person had it sent again after it had ended, `note` the note's JSON if that is what is
    delivered and not the popup.
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


Counts = Sequence[tuple[str, int]]
"""Fields of the counters and what to add to each."""


def ended(of: Claim, state: DeliveryState, now: datetime) -> Counts:
    """What to count when a delivery ends: its state and, delivered, how long it took from the button on. One that a
    person sent again later has no such time."""
    counts = [(counters.field("deliveries", of.target, str(state)), 1)]
    if state is DeliveryState.DELIVERED and of.event is Event.POPUP and not of.resent:
        counts += counters.observed(of.target, (now - of.clicked_at).total_seconds())
    return counts


def milliseconds(moment: datetime) -> int:
    """`moment` as Redis keeps it."""
    return int(moment.timestamp() * 1000)


def buffer_new(pipe: Batch, delivery: Delivery, click: Click, expires_at: datetime) -> None:
    """Buffer the record of a new delivery and its place in the ledger."""
    _buffer(pipe, delivery, click.click_id, click.received_at, expires_at, {})


def buffer_note(pipe: Batch, delivery: Delivery, note: Note, expires_at: datetime) -> None:
    """As `buffer_new`, of an agent's note to a popup."""
    _buffer(pipe, delivery, note.click_id, note.noted_at, expires_at, {"note": json_text(note)})


def _buffer(
    pipe: Batch, delivery: Delivery, click_id: str, began: datetime, expires_at: datetime, more: Mapping[str, str]
) -> None:
    key = keys.delivery(delivery.delivery_id)
    fields = {
        "delivery_id": delivery.delivery_id,
        "popup_id": delivery.popup_id,
        "event": str(delivery.event),
        "click_id": click_id,
        "clicked_at": time_text(began),
        "target": delivery.target,
        "state": str(delivery.state),
        "created_at": time_text(delivery.created_at),
        "expires_at": time_text(expires_at),
        **more,
    }
    pipe.hset(key, mapping=fields)
    pipe.expire(key, keys.STORY_SECONDS)
    pipe.zadd(keys.DUE, {delivery.delivery_id: milliseconds(delivery.created_at + FIRST_LOOK)})
    pipe.zadd(keys.DELIVERIES, {delivery.delivery_id: 0})


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
    fence, tries, kept, popup_id, click_id, target, expires_at, deferred, resent, clicked_at, note, event = found
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
    of: "Claim",
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


async def send_again(redis: TextRedis, settings: Settings, delivery: Delivery, now: datetime) -> str:
    """As `resend`, for as long as a note, or its CRM's popups, are of use."""
    account = settings.crm.get(delivery.target)
    if delivery.event is Event.NOTE:
        return await resend(redis, delivery.delivery_id, now, now + NOTE_LIFE)
    seconds = account.popup_ttl_seconds if account else keys.MINUTE
    return await resend(redis, delivery.delivery_id, now, now + timedelta(seconds=seconds))


async def resend(redis: TextRedis, delivery_id: str, now: datetime, expires_at: datetime) -> str:
    """Make a failed or expired delivery pending again, due now: `resent`, or the state that it is in ("": unknown)."""
    key = keys.delivery(delivery_id)
    arguments = (time_text(expires_at), milliseconds(now), delivery_id, keys.STORY_SECONDS)
    return str(await redis.eval(RESEND, 2, key, keys.DUE, *arguments))


@dataclass(frozen=True, slots=True)
class _Due:
    """A delivery that somebody must look at: when its last job was queued, and what workers did with it since."""

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


async def queue_due(redis: TextRedis, queue: Jobs, now: datetime, limit: int = 500) -> int:
    """Queue every delivery that somebody must look at now, longest overdue first; how many were queued.

    Each is looked at again a little later, unless a worker has claimed or ended it by then. One whose job must still
    be waiting, because what will be run next is older, is left to it: else a backlog would grow by being looked at.
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
            if one.kept:  # else this would be all that is in it, for ever
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


async def every(
    redis: TextRedis, state: str | None, target: str | None, limit: int, cursor: str | None
) -> tuple[list[Delivery], str | None]:
    """Deliveries, newest first, those that match; and where the next page begins (None: there is none).

    Ids sort by time, so the id of the last one seen is the cursor.
    """
    found: list[Delivery] = []
    while len(found) <= limit:
        ids = await redis.zrevrangebylex(keys.DELIVERIES, f"({cursor}" if cursor else "+", "-", start=0, num=CHUNK)
        if not ids:
            break
        cursor = ids[-1]
        found += [one for one in await get(redis, ids) if state in (None, one.state) and target in (None, one.target)]
    return found[:limit], found[limit - 1].delivery_id if len(found) > limit else None


async def forget_old(redis: TextRedis, now: datetime) -> None:
    """Take those that are not kept any longer out of the list."""
    oldest = new_id("dlv", now - timedelta(seconds=keys.STORY_SECONDS))
    await redis.zremrangebylex(keys.DELIVERIES, "-", f"({oldest}")


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
    ended_at, shown_at = record.get("ended_at"), record.get("shown_at")
    return Delivery(
        delivery_id=record["delivery_id"],
        popup_id=record["popup_id"],
        target=record["target"],
        state=DeliveryState(record["state"]),
        created_at=datetime.fromisoformat(record["created_at"]).astimezone(UTC),
        ended_at=datetime.fromisoformat(ended_at).astimezone(UTC) if ended_at else None,
        attempts=tuple(from_json(Attempt, attempt) for attempt in attempts),
        event=Event(record.get("event") or Event.POPUP),
        shown_at=datetime.fromisoformat(shown_at).astimezone(UTC) if shown_at else None,
    )
