"""Which agents of one CRM had a call, by its id: a colleague whom it is passed on to learns from whom it comes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bridge.core.json_codec import from_json, json_text
from bridge.core.model import Call, CallState, Popup, PopupAgent
from bridge.store import keys
from bridge.store.client import TextRedis

ANSWERED = (CallState.TALKING, CallState.HOLD)


@dataclass(frozen=True, slots=True)
class Had:
    """An agent who was shown the call (by which popup; "": by none) or has answered it (`talked`), and since when."""

    agent: PopupAgent
    at: datetime
    popup_id: str
    talked: bool


async def record_popup(redis: TextRedis, popup: Popup) -> None:
    """The popup's agent was shown its call."""
    had = Had(popup.agent, popup.created_at, popup.popup_id, popup.call.state in ANSWERED)
    await _record(redis, popup.agent.crm, popup.call, popup.popup_id, had)


async def record_talk(redis: TextRedis, agent: PopupAgent, call: Call, at: datetime) -> None:
    """The agent has answered the call."""
    await _record(redis, agent.crm, call, f"talk {agent.crm_user}", Had(agent, at, "", talked=True))


async def _record(redis: TextRedis, crm: str, call: Call, field: str, had: Had) -> None:
    if not call.ivrid:
        return
    async with redis.pipeline(transaction=False) as pipe:
        for ivrid in ivrids(call):
            key = keys.shared_call(crm, keys.call_hash(call.pbx, ivrid))
            pipe.hsetnx(key, field, json_text(had))
            pipe.expire(key, keys.CALL_SECONDS)
        await pipe.execute()


async def had_by(redis: TextRedis, crm: str, call: Call) -> list[Had]:
    """Who had the call, under its id or the first one's, oldest first."""
    async with redis.pipeline(transaction=False) as pipe:
        for ivrid in ivrids(call):
            pipe.hgetall(keys.shared_call(crm, keys.call_hash(call.pbx, ivrid)))
        found = await pipe.execute() if call.ivrid else []
    every = {field: text for fields in found for field, text in fields.items()}
    return sorted(_read(every.values()), key=lambda one: one.at)


def _read(texts: Iterable[str]) -> Iterable[Had]:
    """Those that can be read: another version may have written others."""
    for text in texts:
        try:
            yield from_json(Had, text)
        except ValueError:
            continue


def ivrids(call: Call) -> list[str]:
    """The call's id now, and from before it was passed on."""
    return list(dict.fromkeys(filter(None, (call.ivrid, call.original_ivrid))))
