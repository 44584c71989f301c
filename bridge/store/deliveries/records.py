"""Deliveries: their records, created with their place in the ledger, listed, and resent.

Times in Redis are milliseconds since 1970. `claims` is about attempting one, `ledger` about losing none.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.config.models import Settings
from bridge.core.clock import new_id
from bridge.core.delivery import Attempt, Delivery, DeliveryState, Event, Note
from bridge.core.json_codec import from_json, json_text, time_text
from bridge.core.model import Click, Popup
from bridge.observability import tracing
from bridge.store import keys
from bridge.store.client import Batch, TextRedis

FIRST_LOOK = timedelta(seconds=3)
"""When the sweep looks at a delivery whose job was lost."""
NOTE_LIFE = timedelta(days=1)
"""How long a note or a call's record is attempted: it is useful after its call, too."""

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


def milliseconds(moment: datetime) -> int:
    """`moment` as stored in Redis."""
    return int(moment.timestamp() * 1000)


def buffer_new(pipe: Batch, delivery: Delivery, click: Click, expires_at: datetime) -> None:
    """Buffer the record of a new delivery and its place in the ledger."""
    _buffer(pipe, delivery, click.click_id, click.received_at, expires_at, {"crm": click.crm})


def buffer_note(pipe: Batch, delivery: Delivery, note: Note, expires_at: datetime) -> None:
    """As `buffer_new`, for an agent's note on a popup."""
    more = {"crm": note.agent.crm, "note": json_text(note)}
    _buffer(pipe, delivery, note.click_id, note.noted_at, expires_at, more)


def buffer_again(pipe: Batch, delivery: Delivery, popup: Popup) -> None:
    """As `buffer_new`, for a popup that its target shows already and that is known more of now."""
    _buffer(pipe, delivery, popup.click_id, delivery.created_at, popup.expires_at, {"crm": popup.agent.crm})


def buffer_told(pipe: Batch, delivery: Delivery, popup: Popup, told: str) -> None:
    """As `buffer_new`, for the end of a popup's call (as JSON)."""
    expires_at = delivery.created_at + NOTE_LIFE
    _buffer(pipe, delivery, popup.click_id, delivery.created_at, expires_at, {"crm": popup.agent.crm, "note": told})


def buffer_log(pipe: Batch, delivery: Delivery, click: Click) -> None:
    """As `buffer_new`, for an entry in a CRM's history of calls: written once it is known who called."""
    not_before = str(milliseconds(delivery.created_at + FIRST_LOOK))
    expires_at = delivery.created_at + NOTE_LIFE
    more = {"crm": click.crm, "not_before_ms": not_before}
    _buffer(pipe, delivery, click.click_id, click.received_at, expires_at, more)


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
    if traceparent := tracing.carried():
        fields["traceparent"] = traceparent
    pipe.hset(key, mapping=fields)
    pipe.expire(key, keys.STORY_SECONDS)
    pipe.zadd(keys.DUE, {delivery.delivery_id: milliseconds(delivery.created_at + FIRST_LOOK)})
    pipe.zadd(keys.DELIVERIES, {delivery.delivery_id: 0})


async def send_again(redis: TextRedis, settings: Settings, delivery: Delivery, now: datetime) -> str:
    """As `resend`, with the time to live of a note, or of its CRM's popups."""
    account = settings.crm.get(delivery.target)
    if delivery.event is not Event.POPUP:
        return await resend(redis, delivery.delivery_id, now, now + NOTE_LIFE)
    seconds = account.popup_ttl_seconds if account else keys.MINUTE
    return await resend(redis, delivery.delivery_id, now, now + timedelta(seconds=seconds))


async def resend(redis: TextRedis, delivery_id: str, now: datetime, expires_at: datetime) -> str:
    """Make a failed or expired delivery pending again, due now: `resent`, or the state that it is in ("": unknown)."""
    key = keys.delivery(delivery_id)
    arguments = (time_text(expires_at), milliseconds(now), delivery_id, keys.STORY_SECONDS)
    return str(await redis.eval(RESEND, 2, key, keys.DUE, *arguments))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries to list: None everywhere: all. `since`: created after that; `crms`: only of popups of these
    CRMs' clicks."""

    state: str | None = None
    target: str | None = None
    event: str | None = None
    since: datetime | None = None
    crms: Collection[str] | None = None

    def fits(self, one: Delivery) -> bool:
        """Whether this delivery is one of them, whosever it is."""
        given = ((self.state, one.state), (self.target, one.target), (self.event, one.event))
        return all(wanted in (None, its) for wanted, its in given)


async def every(
    redis: TextRedis, wanted: Wanted, limit: int, cursor: str | None = None
) -> tuple[list[Delivery], str | None]:
    """Deliveries that match, newest first, and where the next page begins (None: there is none).

    Ids sort by time, so the cursor is the id of the last one on a page.
    """
    has_start = wanted.since is not None and wanted.since.timestamp() > 0  # ids of an earlier time would sort last
    oldest = f"[{new_id('dlv', wanted.since)}" if wanted.since is not None and has_start else "-"
    found: list[Delivery] = []
    while len(found) <= limit:
        ids = await redis.zrevrangebylex(keys.DELIVERIES, f"({cursor}" if cursor else "+", oldest, start=0, num=CHUNK)
        if not ids:
            break
        cursor = ids[-1]
        found += filter(wanted.fits, await get(redis, ids, wanted.crms))
    return found[:limit], found[limit - 1].delivery_id if len(found) > limit else None


async def owners(redis: TextRedis, delivery_ids: Sequence[str]) -> list[dict[str, str]]:
    """Of each of these deliveries the `click_id` and `crm` that it belongs to ("": not known any more)."""
    async with redis.pipeline(transaction=False) as pipe:
        for delivery_id in delivery_ids:
            pipe.hmget(keys.delivery(delivery_id), ["click_id", "crm"])
        found = await pipe.execute() if delivery_ids else []
    return [{"click_id": click_id or "", "crm": crm or ""} for click_id, crm in found]


async def subject(redis: TextRedis, delivery_id: str) -> dict[str, Any] | None:
    """What a delivery brings, as JSON: its note or call, else its popup; None when it is not kept any longer."""
    note, popup_id = await redis.hmget(keys.delivery(delivery_id), ["note", "popup_id"])
    text = note or (await redis.get(keys.popup(popup_id)) if popup_id else None)
    found: dict[str, Any] | None = json.loads(text) if text else None
    return found if note or found is None else found["popup"]


async def forget_old(redis: TextRedis, now: datetime) -> None:
    """Remove those that are no longer kept from the list."""
    oldest = new_id("dlv", now - timedelta(seconds=keys.STORY_SECONDS))
    await redis.zremrangebylex(keys.DELIVERIES, "-", f"({oldest}")


async def get(redis: TextRedis, delivery_ids: Iterable[str], crms: Collection[str] | None = None) -> list[Delivery]:
    """The deliveries with these ids that are still kept; by `crms` only those of these CRMs' clicks. One that an
    earlier version wrote does not say whose it is."""
    wanted = list(delivery_ids)
    async with redis.pipeline(transaction=False) as pipe:
        for delivery_id in wanted:
            pipe.hgetall(keys.delivery(delivery_id))
            pipe.lrange(keys.attempts(delivery_id), 0, -1)
        rows = await pipe.execute() if wanted else []
    kept = ((record, attempts) for record, attempts in zip(rows[::2], rows[1::2], strict=True) if record)
    return [_delivery(*one) for one in kept if crms is None or one[0].get("crm") in crms]


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
