"""What desktop pages are told: one bounded stream per agent to catch up from, one channel to hear it at once."""

import logging
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from bridge.core.json_codec import from_json, json_text, time_text
from bridge.core.model import Answer, Contact, Delivery, Popup
from bridge.store import keys
from bridge.store.client import Entry, Evaluates, TextRedis

log = logging.getLogger(__name__)

POPUP, NOTHING, CONTACT = "popup", "nothing", "contact"
DISMISSED, PREFERENCES, REVOKED = "dismissed", "preferences", "revoked"
"""Popups, contacts and that there is none are kept in the stream; the others are for pages that are open now."""

NOTHING_SECONDS = 120
"""How long an agent may still want to know that a click found no call."""
REPLAY = timedelta(hours=1)
"""No popup is of use for longer after it was pushed (`popup_ttl_seconds`)."""
QUIET_SECONDS = 2.0
"""A subscription that is silent so long is asked whether it lives."""
FIELDS = {"event", "data", "expires_at", "popup_id"}
SEPARATOR, PARTS = "\x1f", 5
"""Of a message; what has fewer is another version's, and must not deafen the process."""

EntryId = tuple[int, int]
"""A stream's entry id, which sorts by time."""

# KEYS: stream, card. ARGV: channel, length, seconds to live, event, data, expires_at, popup_id or ''
PUSH = """
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*',
  'event', ARGV[4], 'data', ARGV[5], 'expires_at', ARGV[6], 'popup_id', ARGV[7])
redis.call('EXPIRE', KEYS[1], ARGV[3])
if ARGV[7] ~= '' then redis.call('DEL', KEYS[2]) end
redis.call('PUBLISH', ARGV[1], table.concat({id, ARGV[7], ARGV[4], ARGV[5], KEYS[1]}, string.char(31)))
return id
"""

# KEYS: delivery, audit. ARGV: shown_at, audit line
SHOWN = """
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('HSETNX', KEYS[1], 'shown_at', ARGV[1]) == 1 then
  redis.call('XADD', KEYS[2], '*', 'kind', 'shown', 'line', ARGV[2])
end
return 1
"""


@dataclass(frozen=True, slots=True)
class News:
    """One message: what happened, its data (JSON), for whom (the key of the agent's stream), its id if it is kept."""

    event: str
    data: str
    to: str
    entry_id: EntryId | None = None
    expires_at: datetime | None = None
    popup_id: str = ""


@dataclass(frozen=True, slots=True)
class Replay:
    """What a page that opens must be told, and how far the stream was read.

    `card` is the newest popup unless it was dismissed or is too old, `is_over` whether its call had ended.
    """

    news: list[News]
    card: News | None
    is_over: bool
    last: EntryId


def entry_id(text: str) -> EntryId:
    """`1763805600123-0` as numbers."""
    milliseconds, _, number = text.partition("-")
    return int(milliseconds), int(number or 0)


async def push(redis: Evaluates, popup: Popup, expires_at: datetime) -> None:
    """Hand a popup to the agent's pages, open now or opened before `expires_at`."""
    await redis.eval(PUSH, 2, *_kept(popup.agent, POPUP, json_text(popup), expires_at, popup.popup_id))


async def tell_nothing(redis: Evaluates, agent: keys.Person, answer: Answer, now: datetime) -> None:
    """Tell the agent's pages that a click found no call, and why. While Redis is away they are not told."""
    told = {
        "click_id": answer.click_id,
        "outcome": answer.outcome,
        "why": answer.why,
        "reason": answer.reason,
        "created_at": now,
    }
    expires_at = now + timedelta(seconds=NOTHING_SECONDS)
    try:
        await redis.eval(PUSH, 2, *_kept(agent, NOTHING, json_text(told), expires_at, ""))
    except (RedisError, OSError):
        log.warning("an agent's pages were not told that a click found no call: redis is away")


async def tell_contact(redis: Evaluates, popup: Popup, contact: Contact) -> None:
    """Tell the agent's pages who is calling."""
    told = json_text({"popup_id": popup.popup_id, "contact": contact})
    await redis.eval(PUSH, 2, *_kept(popup.agent, CONTACT, told, popup.expires_at, ""))


def _kept(agent: keys.Person, event: str, data: str, expires_at: datetime, popup_id: str) -> list[str | int]:
    bounds = (keys.NEWS, keys.DESKTOP_LENGTH, keys.DESKTOP_SECONDS)
    return [keys.desktop(agent), keys.card(popup_id), *bounds, event, data, time_text(expires_at), popup_id]


async def publish(redis: TextRedis, event: str, data: object, to: str = "") -> None:
    """Tell the pages that are open now; nothing is kept."""
    await redis.publish(keys.NEWS, SEPARATOR.join(["", "", event, json_text(data), to]))


async def hear(redis: TextRedis) -> AsyncGenerator[News | None, None]:
    """What is published from now on. None comes first: what happened before is found in the streams.

    Raises redis-py's errors and OSError when the line breaks.
    """
    subscription = redis.pubsub()
    try:
        await subscription.subscribe(keys.NEWS)
        quiet = 0
        while True:
            message = await subscription.get_message(timeout=QUIET_SECONDS)
            quiet = 0 if message is not None else quiet + 1
            if quiet > 1:
                raise ConnectionError("the subscription does not answer")
            if message is None:
                await subscription.ping()
            elif message["type"] == "subscribe":
                yield None
            elif message["type"] == "message" and message["data"].count(SEPARATOR) >= PARTS - 1:
                yield _heard(message["data"])
    finally:
        await subscription.aclose()


def _heard(text: str) -> News:
    kept_as, popup_id, event, data, to = text.split(SEPARATOR, PARTS - 1)
    return News(event, data, to, entry_id(kept_as) if kept_as else None, popup_id=popup_id)


async def since(redis: TextRedis, after: Mapping[str, EntryId], now: datetime) -> list[News]:
    """What the streams named by their keys hold after these ids and is still of use, each stream in its order."""
    async with redis.pipeline(transaction=False) as pipe:
        for key, last in after.items():
            pipe.xrange(key, min=_behind(last, now))
        found = await pipe.execute()
    return [
        news
        for key, entries in zip(after, found, strict=True)
        for news in _read(key, entries)
        if news.expires_at is not None and news.expires_at > now
    ]


async def replay(redis: TextRedis, agent: keys.Person, after: EntryId | None, now: datetime) -> Replay:
    """What a page must be told that has seen the stream up to `after`, or (None) that is opened anew.

    Dismissed popups are not told again. A page opened anew gets the open card back even after the popup's time.
    """
    key = keys.desktop(agent)
    async with redis.pipeline(transaction=True) as pipe:  # what came between would be in neither
        pipe.xrange(key, min=_behind(after or (0, 0), now))
        pipe.xrevrange(key, count=10)
        entries, newest = await pipe.execute()
    last = entry_id(newest[0][0]) if newest else (0, 0)
    of_use = [news for news in _read(key, entries) if news.expires_at is not None and news.expires_at > now]
    latest = next((news for news in _read(key, newest) if news.event == POPUP), None)
    cards = await _cards(redis, {news.popup_id for news in [*of_use, *([latest] if latest else [])]})
    told = [news for news in of_use if "dismissed_at" not in cards.get(news.popup_id, {})]
    card, state = (latest, cards[latest.popup_id]) if latest and _is_recent(latest, now) else (None, {})
    if card is None or "dismissed_at" in state:
        return Replay(told, None, False, max(last, after or (0, 0)))
    is_over = "ended_at" in state
    if after is None and not is_over and card not in told and "delivered_at" in state:
        told.insert(0, card)
    return Replay(told, card, is_over, max(last, after or (0, 0)))


def _behind(last: EntryId, now: datetime) -> str:
    oldest = int((now - REPLAY).timestamp() * 1000)
    return f"({last[0]}-{last[1]}" if last[0] > oldest else str(oldest)


def _read(key: str, entries: Iterable[Entry]) -> list[News]:
    """What the entries tell; one that another version wrote otherwise must not keep a page from opening."""
    return [_news(key, entry) for entry in entries if set(entry[1]) >= FIELDS]


def _news(key: str, entry: Entry) -> News:
    kept_as, fields = entry
    expires_at = datetime.fromisoformat(fields["expires_at"])
    return News(fields["event"], fields["data"], key, entry_id(kept_as), expires_at, fields["popup_id"])


def _is_recent(news: News, now: datetime) -> bool:
    oldest = now - timedelta(seconds=keys.CALL_SECONDS)
    return news.entry_id is not None and news.entry_id[0] > oldest.timestamp() * 1000


async def _cards(redis: TextRedis, popup_ids: Iterable[str]) -> dict[str, dict[str, str]]:
    wanted = [popup_id for popup_id in popup_ids if popup_id]
    if not wanted:
        return {}
    async with redis.pipeline(transaction=False) as pipe:
        for popup_id in wanted:
            pipe.hgetall(keys.card(popup_id))
        rows: list[dict[str, str]] = await pipe.execute()
    return dict(zip(wanted, rows, strict=True))


async def mark_card(redis: TextRedis, popup_id: str, what: str, now: datetime) -> None:
    """Note when a popup's card was `delivered_at`, `dismissed_at`, or its call `ended_at`; the first time counts."""
    async with redis.pipeline(transaction=True) as pipe:
        pipe.hsetnx(keys.card(popup_id), what, time_text(now))
        pipe.expire(keys.card(popup_id), keys.CALL_SECONDS)
        await pipe.execute()


async def mark_shown(redis: TextRedis, delivery: Delivery, click_id: str, now: datetime) -> None:
    """Note on the delivery, and in the audit, when the agent saw the popup; the first time counts."""
    of = {"click_id": click_id, "popup_id": delivery.popup_id, "delivery_id": delivery.delivery_id}
    line = json_text({**of, "shown_at": now})
    await redis.eval(SHOWN, 2, keys.delivery(delivery.delivery_id), keys.AUDIT, time_text(now), line)


@dataclass(frozen=True, slots=True)
class Preferences:
    """How one agent wants the page. `customdata` are the keys to show (None: all), `language` None is the browser's."""

    language: str | None = None
    sound: bool = False
    alerts: bool = False
    theme: str = "auto"
    customdata: tuple[str, ...] | None = None


async def preferences(redis: TextRedis, agent: keys.Person) -> Preferences:
    """The agent's preferences, or the usual ones."""
    text = await redis.get(keys.preferences(agent))
    return from_json(Preferences, text) if text else Preferences()


async def prefer(redis: TextRedis, agent: keys.Person, wanted: Preferences) -> None:
    """Keep them, and tell the agent's pages."""
    await redis.set(keys.preferences(agent), json_text(wanted))
    await publish(redis, PREFERENCES, wanted, keys.desktop(agent))


async def choose(redis: TextRedis, agent: keys.Person, ivrid: str) -> None:
    """Remember which of several calls the agent chose, for as long as a call may last."""
    await redis.set(keys.choice(agent), ivrid, ex=keys.CALL_SECONDS)


async def chosen(redis: TextRedis, agent: keys.Person) -> str | None:
    """The ivrid of the call that the agent chose last."""
    return await redis.get(keys.choice(agent))
