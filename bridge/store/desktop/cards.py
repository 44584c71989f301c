"""The card of a popup on the desktop page: when it was delivered, dismissed or seen, and when its call ended."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from bridge.core.delivery import Delivery
from bridge.core.json_codec import json_text, time_text
from bridge.store import keys
from bridge.store.client import TextRedis

DELIVERED, DISMISSED, ENDED = "delivered_at", "dismissed_at", "ended_at"
ANSWERED_BY = "answered_by"
"""What a card records; the last two are about its call. Who answered it: only when somebody else did."""

# KEYS: delivery, audit, counters. ARGV: shown_at, log entry, field of the counters
SHOWN = """
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('HSETNX', KEYS[1], 'shown_at', ARGV[1]) == 1 then
  redis.call('XADD', KEYS[2], '*', 'kind', 'shown', 'line', ARGV[2])
  redis.call('HINCRBY', KEYS[3], ARGV[3], 1)
end
return 1
"""


async def record(redis: TextRedis, popup_id: str, what: str, now: datetime) -> None:
    """Record that `DELIVERED` or `DISMISSED` happened now; only the first time counts."""
    await _record(redis, popup_id, {what: time_text(now)})


async def record_end(redis: TextRedis, popup_id: str, now: datetime, answered_by: str | None) -> None:
    """Record that the call has ended for this agent, and who answered it instead; only the first time counts."""
    answered = {} if answered_by is None else {ANSWERED_BY: answered_by}
    await _record(redis, popup_id, {ENDED: time_text(now), **answered})


async def _record(redis: TextRedis, popup_id: str, fields: Mapping[str, str]) -> None:
    async with redis.pipeline(transaction=True) as pipe:
        for name, value in fields.items():
            pipe.hsetnx(keys.card(popup_id), name, value)
        pipe.expire(keys.card(popup_id), keys.CALL_SECONDS)
        await pipe.execute()


async def record_shown(redis: TextRedis, delivery: Delivery, click_id: str, now: datetime, counted: str) -> None:
    """Record on the delivery, and in the audit log, when the agent saw the popup; only the first time counts.

    `counted` is the field of the counters that counts it."""
    ids = {"click_id": click_id, "popup_id": delivery.popup_id, "delivery_id": delivery.delivery_id}
    entry = json_text({**ids, "shown_at": now})
    names = (keys.delivery(delivery.delivery_id), keys.AUDIT, keys.COUNTERS)
    await redis.eval(SHOWN, 3, *names, time_text(now), entry, counted)


async def load(redis: TextRedis, popup_ids: Iterable[str]) -> dict[str, Mapping[str, str]]:
    """What the cards of these popups record, by popup; "" is no popup."""
    wanted = [popup_id for popup_id in popup_ids if popup_id]
    if not wanted:
        return {}
    async with redis.pipeline(transaction=False) as pipe:
        for popup_id in wanted:
            pipe.hgetall(keys.card(popup_id))
        rows: list[Mapping[str, str]] = await pipe.execute()
    return dict(zip(wanted, rows, strict=True))
