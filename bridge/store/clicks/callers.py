"""Callers who were shown beside the one that a click found: each leaves an entry that the audit's filter finds."""

from collections.abc import Iterable
from datetime import datetime

from bridge.core.clock import new_id
from bridge.core.json_codec import json_text
from bridge.core.model import Caller
from bridge.core.phone_numbers import plain
from bridge.store import keys
from bridge.store.client import Batch, TextRedis


def key_of(caller: Caller) -> str:
    """By what a caller is found again; empty for one without a number."""
    return caller.e164 or plain(caller.number)


def new_ones(callers: Iterable[Caller], known: Iterable[str]) -> dict[str, Caller]:
    """Those with a number that is not among the `known` keys, each once, by key."""
    found: dict[str, Caller] = {}
    without = {"", *known}
    for caller in callers:
        if (key := key_of(caller)) not in without:
            found.setdefault(key, caller)
    return found


def buffer_shown(pipe: Batch, click_id: str, callers: Iterable[Caller], now: datetime) -> None:
    """Buffer that these callers are shown with this click."""
    for caller in callers:
        entry = {
            "time": now,
            "show_id": new_id("shw", now),
            "click_id": click_id,
            "caller": caller.number,
            "caller_e164": caller.e164,
        }
        pipe.xadd(keys.AUDIT, {"kind": "caller", "line": json_text(entry)})


async def record_shown(redis: TextRedis, click_id: str, callers: Iterable[Caller], now: datetime) -> None:
    """The same, at once: before they are shown."""
    async with redis.pipeline(transaction=False) as pipe:
        buffer_shown(pipe, click_id, callers, now)
        await pipe.execute()
