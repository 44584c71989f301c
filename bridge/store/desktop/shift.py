"""An agent's calls of the last day: one row for a call, however often it was shown; what its page lists.

A row is a hash, so that each part is written by whoever knows it: the popup, the contact, the end, the note.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.core.contact import Contact
from bridge.core.delivery import CallOutcome
from bridge.core.json_codec import from_json, json_text, time_text
from bridge.core.model import Call, Popup
from bridge.store import keys
from bridge.store.client import Batch, TextRedis


@dataclass(frozen=True, slots=True)
class Row:
    """One call. `popup_id` is its newest popup ("": it made none), `note_id` the popup that its notes belong to,
    `shown` how many popups it made; `outcome` is None until the phone system says how it ended, `answered_by` None
    unless somebody else has answered it ("": nobody knows who); `noted_at` is when a note on it was last sent."""

    call_id: str
    at: datetime
    call: Call
    popup_id: str = ""
    note_id: str = ""
    shown: int = 0
    contact: Contact | None = None
    ended_at: datetime | None = None
    outcome: CallOutcome | None = None
    answered_by: str | None = None
    noted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How a call ended for an agent, as far as it is known."""

    at: datetime
    outcome: CallOutcome | None = None
    answered_by: str | None = None


def call_id_of(call: Call) -> str:
    """The row of a call, in its agent's list."""
    return keys.call_hash(call.pbx, call.identity)


async def add(redis: TextRedis, popup: Popup) -> None:
    """List the call of a popup, or that it was shown again."""
    call_id = call_id_of(popup.call)
    row = keys.shift_call(popup.agent, call_id)
    newest = {"popup_id": popup.popup_id, "call": json_text(popup.call)}
    known = {"contact": json_text(popup.contact)} if popup.contact and popup.contact.records else {}
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hsetnx(row, "at", time_text(popup.created_at))
        pipe.hsetnx(row, "note_id", popup.popup_id)
        pipe.hset(row, mapping=newest | known)
        pipe.hincrby(row, "shown")
        _list(pipe, popup.agent, call_id, popup.created_at)
        await pipe.execute()


def _list(pipe: Batch, agent: keys.Person, call_id: str, now: datetime) -> None:
    """Put it into the list, once; what is too old or too much leaves it."""
    key, oldest = keys.shift(agent), now - timedelta(seconds=keys.SHIFT_SECONDS)
    pipe.expire(keys.shift_call(agent, call_id), keys.SHIFT_SECONDS)
    pipe.zadd(key, {call_id: now.timestamp()}, nx=True)
    pipe.zremrangebyscore(key, "-inf", oldest.timestamp())
    pipe.zremrangebyrank(key, 0, -keys.SHIFT_LENGTH - 1)
    pipe.expire(key, keys.SHIFT_SECONDS)


async def add_missed(redis: TextRedis, agent: keys.Person, call: Call, end: End) -> None:
    """List a call that rang without a popup and that the agent did not take."""
    call_id = call_id_of(call)
    row = keys.shift_call(agent, call_id)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hsetnx(row, "at", time_text(call.started_at or end.at))
        pipe.hsetnx(row, "call", json_text(call))
        _end(pipe, row, end)
        _list(pipe, agent, call_id, end.at)
        await pipe.execute()


async def record_end(redis: TextRedis, popup: Popup, how: End) -> None:
    """Write down the end of a listed call."""
    row = keys.shift_call(popup.agent, call_id_of(popup.call))
    async with redis.pipeline(transaction=True) as pipe:
        _end(pipe, row, how)
        pipe.expire(row, keys.SHIFT_SECONDS)
        await pipe.execute()


def _end(pipe: Batch, row: str, how: End) -> None:
    pipe.hsetnx(row, "ended_at", time_text(how.at))
    facts = {"outcome": how.outcome, "answered_by": how.answered_by}
    known = {name: str(value) for name, value in facts.items() if value is not None}
    if known:
        pipe.hset(row, mapping=known)


async def identify(redis: TextRedis, popup: Popup, contact: Contact) -> None:
    """Write down who called."""
    if contact.records:
        await _write(redis, popup, {"contact": json_text(contact)})


async def noted(redis: TextRedis, popup: Popup, at: datetime) -> None:
    """Write down that a note was sent."""
    await _write(redis, popup, {"noted_at": time_text(at)})


async def _write(redis: TextRedis, popup: Popup, fields: Mapping[str, str]) -> None:
    """A row that is not listed yet has its call, too: by the number the rest is found to be erased."""
    row = keys.shift_call(popup.agent, call_id_of(popup.call))
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hsetnx(row, "call", json_text(popup.call))
        pipe.hset(row, mapping=fields)
        pipe.expire(row, keys.SHIFT_SECONDS)
        await pipe.execute()


async def note_id(redis: TextRedis, popup: Popup) -> str:
    """The popup that the notes on this one's call belong to: the call's first."""
    row = keys.shift_call(popup.agent, call_id_of(popup.call))
    (found,) = await redis.hmget(row, ["note_id"])
    return found or popup.popup_id


async def rows(redis: TextRedis, agent: keys.Person, now: datetime) -> list[Row]:
    """The agent's calls, newest first. What was erased is left out."""
    oldest = (now - timedelta(seconds=keys.SHIFT_SECONDS)).timestamp()
    call_ids = await redis.zrangebyscore(keys.shift(agent), oldest, "+inf")
    async with redis.pipeline(transaction=False) as pipe:
        for call_id in call_ids:
            pipe.hgetall(keys.shift_call(agent, call_id))
        found = await pipe.execute() if call_ids else []
    return sorted(_rows(zip(call_ids, found, strict=True)), key=lambda row: row.at, reverse=True)


def _rows(found: Iterable[tuple[str, Mapping[str, str]]]) -> Iterable[Row]:
    """Those that can be read."""
    for call_id, fields in found:
        try:
            yield _row(call_id, fields)
        except (KeyError, ValueError):
            continue


def _row(call_id: str, fields: Mapping[str, str]) -> Row:
    contact, outcome = fields.get("contact"), fields.get("outcome")
    return Row(
        call_id=call_id,
        at=datetime.fromisoformat(fields["at"]),
        call=from_json(Call, fields["call"]),
        popup_id=fields.get("popup_id", ""),
        note_id=fields.get("note_id", ""),
        shown=int(fields.get("shown", 0)),
        contact=from_json(Contact, contact) if contact else None,
        ended_at=_time(fields.get("ended_at")),
        outcome=CallOutcome(outcome) if outcome else None,
        answered_by=fields.get("answered_by"),
        noted_at=_time(fields.get("noted_at")),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
