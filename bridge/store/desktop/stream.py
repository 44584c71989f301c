"""The events of desktop pages: one bounded stream per agent to catch up from, and one channel to get them at once."""

import logging
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from bridge.core.contact import Contact
from bridge.core.json_codec import json_text, time_text
from bridge.core.model import Answer, Popup
from bridge.store import channels, keys
from bridge.store.client import Evaluates, StreamEntry, TextRedis
from bridge.store.desktop import cards

log = logging.getLogger(__name__)

POPUP, NOTHING, CONTACT = "popup", "nothing", "contact"
DISMISSED, PREFERENCES, REVOKED = "dismissed", "preferences", "revoked"
SHIFT, PASSED_ON = "shift", "passed-on"
"""The first three are kept in the stream; the others are only for pages that are open now."""

NOTHING_SECONDS = 120
"""How long it is worth telling an agent that a click found no call."""
REPLAY = timedelta(hours=1)
"""Every popup has expired this long after it was pushed (`popup_ttl_seconds`)."""
FIELDS = {"event", "data", "expires_at", "popup_id"}
SEPARATOR, PARTS = "\x1f", 5
"""Of a message; one with fewer parts was sent by another version and is skipped."""

EntryId = tuple[int, int]
"""A stream's entry id, which sorts by time."""

# KEYS: stream, card, channel. ARGV: the stream as pages know it, length, seconds to live, event, data, expires_at,
# popup_id or ''
PUSH = """
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*',
  'event', ARGV[4], 'data', ARGV[5], 'expires_at', ARGV[6], 'popup_id', ARGV[7])
redis.call('EXPIRE', KEYS[1], ARGV[3])
if ARGV[4] == 'popup' then redis.call('DEL', KEYS[2]) end
redis.call('PUBLISH', KEYS[3], table.concat({id, ARGV[7], ARGV[4], ARGV[5], ARGV[1]}, string.char(31)))
return id
"""


@dataclass(frozen=True, slots=True)
class News:
    """One event: its kind, its data (JSON), for whom (the key of the agent's stream), its id if it is kept."""

    event: str
    data: str
    to: str
    entry_id: EntryId | None = None
    expires_at: datetime | None = None
    popup_id: str = ""


@dataclass(frozen=True, slots=True)
class Replay:
    """The events that a newly opened page must get, and how far the stream was read.

    `card` is the newest popup unless it was dismissed or is too old, `is_over` whether its call had ended,
    `answered_by` who else had answered it, if anybody.
    """

    news: list[News]
    card: News | None
    is_over: bool
    last: EntryId
    answered_by: str | None = None


def entry_id(text: str) -> EntryId:
    """`1763805600123-0` as numbers."""
    milliseconds, _, number = text.partition("-")
    return int(milliseconds), int(number or 0)


async def push(redis: Evaluates, popup: Popup, expires_at: datetime) -> None:
    """Hand a popup to the agent's pages, open now or opened before `expires_at`."""
    await redis.eval(PUSH, 3, *_kept(popup.agent, POPUP, json_text(popup), expires_at, popup.popup_id))


async def tell_nothing(redis: Evaluates, agent: keys.Person, answer: Answer, now: datetime) -> None:
    """Send the agent's pages that a click found no call, and why. Lost while Redis is unavailable."""
    data = {
        "click_id": answer.click_id,
        "outcome": answer.outcome,
        "why": answer.why,
        "reason": answer.reason,
        "created_at": now,
    }
    expires_at = now + timedelta(seconds=NOTHING_SECONDS)
    try:
        await redis.eval(PUSH, 3, *_kept(agent, NOTHING, json_text(data), expires_at, ""))
    except (RedisError, OSError):
        log.warning("an agent's pages did not learn that a click found no call: Redis is unavailable")


async def tell_contact(redis: Evaluates, popup: Popup, contact: Contact) -> None:
    """Send the agent's pages who is calling."""
    data = json_text({"popup_id": popup.popup_id, "contact": contact})
    await redis.eval(PUSH, 3, *_kept(popup.agent, CONTACT, data, popup.expires_at, popup.popup_id))


def _kept(agent: keys.Person, event: str, data: str, expires_at: datetime, popup_id: str) -> list[str | int]:
    names, bounds = (keys.desktop(agent), keys.card(popup_id), keys.NEWS), (keys.DESKTOP_LENGTH, keys.DESKTOP_SECONDS)
    return [*names, keys.desktop(agent), *bounds, event, data, time_text(expires_at), popup_id]


async def publish(redis: TextRedis, event: str, data: object, to: str = "") -> None:
    """Send an event to the pages that are open now; nothing is kept."""
    await redis.publish(keys.NEWS, SEPARATOR.join(["", "", event, json_text(data), to]))


async def tell_shift(redis: TextRedis, agent: keys.Person) -> None:
    """Tell the agent's pages that their list of calls has changed."""
    await publish(redis, SHIFT, {}, keys.desktop(agent))


async def hear(redis: TextRedis) -> AsyncGenerator[News | None, None]:
    """The events published from now on. None comes first: earlier events are in the streams.

    Raises redis-py's errors and OSError when the connection breaks.
    """
    async with aclosing(channels.messages(redis, keys.NEWS)) as messages:
        async for text in messages:
            if text is None:
                yield None
            elif text.count(SEPARATOR) >= PARTS - 1:
                yield _heard(text)


def _heard(text: str) -> News:
    kept_as, popup_id, event, data, to = text.split(SEPARATOR, PARTS - 1)
    return News(event, data, to, entry_id(kept_as) if kept_as else None, popup_id=popup_id)


async def since(redis: TextRedis, after: Mapping[str, EntryId], now: datetime) -> list[News]:
    """The events in these streams (by key) after these ids that have not expired, each stream in its order."""
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
    """The events for a page that has seen the stream up to `after`, or (None) that is newly opened.

    Dismissed popups are left out. A newly opened page gets the open card back even after its popup has expired.
    """
    key = keys.desktop(agent)
    async with redis.pipeline(transaction=True) as pipe:  # one snapshot: an event in between would be in neither
        pipe.xrange(key, min=_behind(after or (0, 0), now))
        pipe.xrevrange(key, count=10)
        entries, newest = await pipe.execute()
    last = entry_id(newest[0][0]) if newest else (0, 0)
    current = [news for news in _read(key, entries) if news.expires_at is not None and news.expires_at > now]
    latest = next((news for news in _read(key, newest) if news.event == POPUP), None)
    known = await cards.load(redis, {news.popup_id for news in [*current, *([latest] if latest else [])]})
    events = [news for news in current if cards.DISMISSED not in known.get(news.popup_id, {})]
    card, state = (latest, known[latest.popup_id]) if latest and _is_recent(latest, now) else (None, {})
    if card is None or cards.DISMISSED in state:
        return Replay(events, None, False, max(last, after or (0, 0)))
    is_over = cards.ENDED in state
    if after is None and not is_over and card not in events and cards.DELIVERED in state:
        events = [card, *_contact_of(card, newest, key), *events]
    return Replay(events, card, is_over, max(last, after or (0, 0)), state.get(cards.ANSWERED_BY))


def _contact_of(card: News, newest: Iterable[StreamEntry], key: str) -> list[News]:
    """Who called, for a card whose popup was pushed before that was known."""
    kept = (news for news in _read(key, newest) if news.event == CONTACT and news.popup_id == card.popup_id)
    return list(kept)[:1]


def _behind(last: EntryId, now: datetime) -> str:
    oldest = int((now - REPLAY).timestamp() * 1000)
    return f"({last[0]}-{last[1]}" if last[0] > oldest else str(oldest)


def _read(key: str, entries: Iterable[StreamEntry]) -> list[News]:
    """The events in these entries; one of another version with other fields is skipped."""
    return [_news(key, entry) for entry in entries if set(entry[1]) >= FIELDS]


def _news(key: str, entry: StreamEntry) -> News:
    kept_as, fields = entry
    expires_at = datetime.fromisoformat(fields["expires_at"])
    return News(fields["event"], fields["data"], key, entry_id(kept_as), expires_at, fields["popup_id"])


def _is_recent(news: News, now: datetime) -> bool:
    oldest = now - timedelta(seconds=keys.CALL_SECONDS)
    return news.entry_id is not None and news.entry_id[0] > oldest.timestamp() * 1000
