"""Agents' notes on popups: the draft as typed, and the deliveries of sent notes."""

from dataclasses import dataclass
from datetime import datetime

from bridge.core.delivery import Delivery, Note
from bridge.core.json_codec import from_json, time_text
from bridge.store import jobs, keys
from bridge.store.client import Batch, TextRedis
from bridge.store.deliveries import records
from bridge.store.scripts import CARRY_OUT, Scripts

SENT = "sent:"
"""Prefix of the field with the id of a sent note's delivery."""
KEY = "key:"
"""Prefix of the field with the delivery of a sender's `Idempotency-Key`."""

# KEYS: the note. ARGV: the field of its sender's key ("": none), then the commands. Returns the earlier delivery with
# this key, or nothing
SEND = f"""{CARRY_OUT}
local first = ARGV[1] ~= '' and redis.call('HGET', KEYS[1], ARGV[1])
if first then
  redis.call('HSET', KEYS[1], 'text', '', 'outcome', '')
  return first
end
carry_out(2)
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """What the agent typed last; `sent_at` is when a note on this popup was last sent, None before."""

    text: str = ""
    outcome: str | None = None
    sent_at: datetime | None = None


async def draft(redis: TextRedis, popup_id: str) -> Draft:
    """The draft; empty when there is none."""
    found = await redis.hgetall(keys.note(popup_id))
    sent_at = found.get("sent_at")
    return Draft(
        found.get("text", ""), found.get("outcome") or None, datetime.fromisoformat(sent_at) if sent_at else None
    )


async def save(redis: TextRedis, popup_id: str, text: str, outcome: str | None) -> None:
    """Keep the draft as long as its popup can be read."""
    async with redis.pipeline(transaction=True) as pipe:
        pipe.multi()
        _buffer_text(pipe, popup_id, text, outcome)
        await pipe.execute()


def _buffer_text(pipe: Batch, popup_id: str, text: str, outcome: str | None) -> None:
    pipe.hset(keys.note(popup_id), mapping={"text": text, "outcome": outcome or ""})
    pipe.expire(keys.note(popup_id), keys.STORY_SECONDS)


async def send(scripts: Scripts, queue: jobs.Jobs, note: Note, delivery: Delivery, key: str = "") -> str:
    """Store the note as sent, with its delivery and job, and empty the draft: all or nothing. Returns the id of the
    delivery.

    A note that was already sent with this `key` is not sent again: the id is that of its delivery.
    """
    field = f"{KEY}{key}" if key else ""

    def write(pipe: Batch) -> None:
        _buffer_text(pipe, note.popup_id, "", None)  # what was sent is no draft any more
        at = time_text(note.noted_at)
        fields = {"sent_at": at, f"{SENT}{delivery.delivery_id}": at}
        pipe.hset(keys.note(note.popup_id), mapping=fields | ({field: delivery.delivery_id} if field else {}))
        records.buffer_note(pipe, delivery, note, note.noted_at + records.NOTE_LIFE)
        queue.add(pipe, jobs.DELIVER, delivery.delivery_id)

    return (
        await scripts.eval(SEND, 1, keys.note(note.popup_id), field, *scripts.words_of(write)) or delivery.delivery_id
    )


async def sent(redis: TextRedis, popup_id: str) -> list[str]:
    """The ids of the deliveries of this popup's notes, oldest first."""
    found = await redis.hgetall(keys.note(popup_id))
    return sorted(name.removeprefix(SENT) for name in found if name.startswith(SENT))


async def written(redis: TextRedis, popup_id: str) -> dict[str, Note]:
    """The notes that were sent on this popup, oldest first, by the ids of their deliveries."""
    ids = await sent(redis, popup_id)
    async with redis.pipeline(transaction=False) as pipe:
        for delivery_id in ids:
            pipe.hmget(keys.delivery(delivery_id), ["note"])
        rows = await pipe.execute() if ids else []
    return {delivery_id: from_json(Note, text) for delivery_id, (text,) in zip(ids, rows, strict=True) if text}
