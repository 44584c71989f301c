"""What a found call leaves to be read later: the popup, the cached calls, the details of the click."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bridge.core.contact import Contact
from bridge.core.json_codec import JsonWriter, from_json, json_text
from bridge.core.model import Call, Popup
from bridge.store import keys
from bridge.store.clicks.callers import key_of
from bridge.store.client import Batch, TextRedis
from bridge.store.scripts import CARRY_OUT, Scripts

# KEYS: one. ARGV: the old value, the new value, then the commands
REPLACE = f"""{CARRY_OUT}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
carry_out(3)
return 1
"""


@dataclass(frozen=True, slots=True)
class _Kept:
    popup: Popup
    deliveries: tuple[str, ...]


def buffer_popup(pipe: Batch, popup: Popup, delivery_ids: list[str], writer: JsonWriter) -> None:
    """Buffer the popup with its deliveries, and its calls for the cache: by their ids now, and from before they were
    passed on."""
    text = writer.text(_Kept(popup, tuple(delivery_ids)))
    pipe.set(keys.popup(popup.popup_id), text, ex=keys.STORY_SECONDS)
    for call in (popup.call, *popup.other_calls):
        for ivrid in dict.fromkeys(filter(None, (call.ivrid, call.original_ivrid))):
            pipe.hset(keys.call(ivrid), mapping={_field(call.pbx, call.extension): writer.text(call)})
            pipe.expire(keys.call(ivrid), keys.CALL_SECONDS)


def buffer_story(pipe: Batch, click_id: str, story: str, answer: str) -> None:
    """Buffer the details of a click, a JSON object to which its answer, JSON too, is added: that is the longer part,
    and is written already."""
    pipe.set(keys.story(click_id), f'{story[:-1]},"answer":{answer}}}', ex=keys.STORY_SECONDS)


async def story(redis: TextRedis, click_id: str) -> dict[str, Any] | None:
    """The details of a click, while they are kept."""
    text = await redis.get(keys.story(click_id))
    found: dict[str, Any] | None = json.loads(text) if text else None
    return found


async def popup(redis: TextRedis, popup_id: str) -> tuple[Popup, list[str]] | None:
    """A popup and the ids of its deliveries, while it is kept."""
    text = await redis.get(keys.popup(popup_id))
    return (kept(text), json.loads(text)["deliveries"]) if text else None


async def names(redis: TextRedis, popup_ids: Sequence[str]) -> list[str | None]:
    """Who called, for each popup: the contact that was found, else the name that the phone system gave ("": neither);
    None where the popup is not kept any longer."""
    async with redis.pipeline(transaction=False) as pipe:
        for popup_id in popup_ids:
            pipe.get(keys.popup(popup_id))
        texts = await pipe.execute() if popup_ids else []
    return [_name(kept(text)) if text else None for text in texts]


async def callers_named(redis: TextRedis, popup_ids: Sequence[str], words: Sequence[str]) -> list[str]:
    """By what callers are found again (`key_of`): of those popups whose caller has all these words (in small letters)
    in their name, a contact's, or its company's."""
    async with redis.pipeline(transaction=False) as pipe:
        for popup_id in popup_ids:
            pipe.get(keys.popup(popup_id))
        texts = await pipe.execute() if popup_ids else []
    written = [json.dumps(word, ensure_ascii=False)[1:-1] for word in words]
    likely = (kept(text) for text in texts if text and all(word in text.casefold() for word in written))
    return [key for shown in likely if _is_named(shown, words) and (key := key_of(shown.call.caller))]


def _is_named(shown: Popup, words: Sequence[str]) -> bool:
    records = shown.contact.records if shown.contact else ()
    names = (shown.call.caller.name, *(name for one in records for name in (one.name, one.company)))
    return any(all(word in name.casefold() for word in words) for name in names)


def _name(shown: Popup) -> str:
    records = shown.contact.records if shown.contact else ()
    return records[0].name if len(records) == 1 else shown.call.caller.name


async def set_contact(
    redis: TextRedis, scripts: Scripts, popup_id: str, contact: Contact, write: Callable[[Batch], None]
) -> bool:
    """Keep who is calling with the popup, together with what `write` buffers; False when it is no longer kept."""
    key = keys.popup(popup_id)
    text = await redis.get(key)
    if not text:
        return False
    known = from_json(_Kept, text)
    after = json_text(replace(known, popup=replace(known.popup, contact=contact)))
    return bool(await scripts.eval(REPLACE, 1, key, text, after, *scripts.words_of(write)))


def kept(text: str) -> Popup:
    """The popup in a stored record."""
    return from_json(_Kept, text).popup


async def calls(redis: TextRedis, ivrid: str, pbx: str | None, extension: str | None) -> list[Call]:
    """The cached calls with this ivrid (one per extension it was seen on), newest first."""
    found = [from_json(Call, text) for text in (await redis.hgetall(keys.call(ivrid))).values()]
    wanted = [call for call in found if pbx in (None, call.pbx) and extension in (None, call.extension)]
    return sorted(wanted, key=lambda call: call.started_at.timestamp() if call.started_at else 0.0, reverse=True)


def _field(pbx: str, extension: str) -> str:
    return f"{pbx}\x1f{extension}"
