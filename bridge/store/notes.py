"""Agents' notes to popups: the draft as it is typed, and what was sent of it."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from redis.exceptions import WatchError

from bridge.domain import Delivery, Note
from bridge.shapes import time_text
from bridge.store import deliveries, jobs, keys
from bridge.store.connection import Batch, TextRedis

SENT = "sent:"
"""Begins the field that keeps the id of a sent note's delivery."""
KEY = "key:"
"""Begins the field that keeps which delivery came of a sender's `Idempotency-Key`."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What the agent typed last; `sent_at` is when a note to this popup was sent last, None before."""

    text: str = ""
    outcome: str | None = None
    sent_at: datetime | None = None


async def draft(redis: TextRedis, popup_id: str) -> Draft:
    """The draft, empty before the first word."""
    found = await redis.hgetall(keys.note(popup_id))
    sent_at = found.get("sent_at")
    return Draft(
        found.get("text", ""), found.get("outcome") or None, datetime.fromisoformat(sent_at) if sent_at else None
    )


async def save(redis: TextRedis, popup_id: str, text: str, outcome: str | None) -> None:
    """Keep the draft as long as its popup may be read."""
    async with redis.pipeline(transaction=True) as pipe:
        pipe.multi()
        _buffer_text(pipe, popup_id, text, outcome)
        await pipe.execute()


def _buffer_text(pipe: Batch, popup_id: str, text: str, outcome: str | None) -> None:
    pipe.hset(keys.note(popup_id), mapping={"text": text, "outcome": outcome or ""})
    pipe.expire(keys.note(popup_id), keys.STORY_SECONDS)


async def send(redis: TextRedis, queue: jobs.Jobs, note: Note, delivery: Delivery, key: str = "") -> str:
    """Keep the note as sent, with its delivery and the job of it: all or nothing. The delivery's id.

    A note that was sent with this `key` before is not sent again: the id is that of its delivery.
    """
    while True:
        with suppress(WatchError):
            async with redis.pipeline(transaction=True) as pipe:
                await pipe.watch(keys.note(note.popup_id))
                if key and (first := (await redis.hgetall(keys.note(note.popup_id))).get(f"{KEY}{key}")):
                    return first
                pipe.multi()
                _buffer_sent(pipe, note, delivery, key)
                queue.add(pipe, jobs.DELIVER, delivery.delivery_id)
                await pipe.execute()
                return delivery.delivery_id


def _buffer_sent(pipe: Batch, note: Note, delivery: Delivery, key: str) -> None:
    _buffer_text(pipe, note.popup_id, note.text, note.outcome)
    at = time_text(note.noted_at)
    told = {"sent_at": at, f"{SENT}{delivery.delivery_id}": at}
    pipe.hset(keys.note(note.popup_id), mapping=told | ({f"{KEY}{key}": delivery.delivery_id} if key else {}))
    deliveries.buffer_note(pipe, delivery, note, note.noted_at + deliveries.NOTE_LIFE)


async def sent(redis: TextRedis, popup_id: str) -> list[str]:
    """The ids of the deliveries of this popup's notes, oldest first."""
    found = await redis.hgetall(keys.note(popup_id))
    return sorted(name.removeprefix(SENT) for name in found if name.startswith(SENT))
