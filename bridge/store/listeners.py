"""Listening to phone systems: who does it, what they know, and the events that wait for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.core.json_codec import from_json, json_text
from bridge.core.model import Call
from bridge.core.reasons import Reason
from bridge.store import keys, leases
from bridge.store.client import StreamEntry, TextRedis

LEASE_SECONDS = 6.0
"""How long a listener that dies keeps others out."""
STATUS_SECONDS = 60
PICTURE_SECONDS = keys.CALL_SECONDS
UNANNOUNCED = 3
"""So many changes of calls without an event: events do not come. One or two may be asked for before theirs comes."""
MOST_WAITING = 10_000
"""Events that may wait; where there are more, a new question tells what they would have."""


@dataclass(frozen=True, slots=True)
class Status:
    """How the listener to a phone system is doing. `at`, `heard_at` (of the newest picture or event) and `event_at` (of
    the newest event) are epoch seconds; `problem` is None while all is well; `told` and `asked` count events and
    questions. `down` is why there is no connection, where one is to be held. `unannounced` counts what has happened to
    calls since the newest event and was found by asking alone. `subscribed` and `missing` are extensions whose events
    are subscribed to, or are still to be; `unsubscribed` is why not.
    """

    at: float
    worker: str
    machine: str
    way: str
    heard_at: float = 0.0
    problem: Reason | None = None
    told: int = 0
    asked: int = 0
    calls: int = 0
    event_at: float = 0.0
    down: Reason | None = None
    unannounced: int = 0
    subscribed: int = 0
    missing: int = 0
    unsubscribed: Reason | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture as it is written down: the calls by extension, and who is logged in, as far as it is said. `at` in
    epoch seconds is when it was true; `problem`: it could not be asked for. `names` are all extensions
    that the phone system lists (None: it lists those with calls alone)."""

    lines: dict[str, tuple[Call, ...]] = field(default_factory=dict)
    people: dict[str, str | None] = field(default_factory=dict)
    at: float = 0.0
    problem: Reason | None = None
    names: frozenset[str] | None = None


async def hold(redis: TextRedis, pbx: str, who: str) -> bool:
    """Be the one who listens to this phone system, for `LEASE_SECONDS` from now; False: somebody else is."""
    return await leases.hold(redis, keys.listener(pbx), who, LEASE_SECONDS)


async def leave(redis: TextRedis, pbx: str, who: str) -> None:
    """Let others listen at once."""
    await leases.release(redis, keys.listener(pbx), who)


async def load_picture(redis: TextRedis, pbx: str) -> Mapping[str, tuple[Call, ...]]:
    """Who was on which call when the last listener wrote it down; nobody where that is not known."""
    text = await redis.get(keys.picture(pbx))
    try:
        return from_json(Kept, text).lines if text else {}
    except ValueError:
        return {}  # of another version


async def save_picture(redis: TextRedis, pbx: str, picture: Kept) -> None:
    """Write it down."""
    async with redis.pipeline(transaction=True) as pipe:
        pipe.set(keys.picture(pbx), json_text(picture), ex=PICTURE_SECONDS)
        pipe.incr(keys.floor_turn(pbx))
        pipe.expire(keys.floor_turn(pbx), PICTURE_SECONDS)
        await pipe.execute()


async def report(redis: TextRedis, pbx: str, status: Status) -> None:
    """Say how it is going."""
    await redis.set(keys.listening(pbx), json_text(status), ex=STATUS_SECONDS)


async def status(redis: TextRedis, pbx: str) -> Status | None:
    """How it is going; None where nobody has listened for a minute."""
    text = await redis.get(keys.listening(pbx))
    try:
        return from_json(Status, text) if text else None
    except ValueError:
        return None  # of another version


async def keep_event(redis: TextRedis, pbx: str, fields: Mapping[str, str]) -> None:
    """Keep an event that the phone system has sent, until the listener has taken it in."""
    await redis.xadd(keys.told(pbx), fields, maxlen=MOST_WAITING)


async def waiting_events(redis: TextRedis, pbx: str, after: str) -> list[StreamEntry]:
    """The events that wait, oldest first, from the one after `after` ("": the first)."""
    return await redis.xrange(keys.told(pbx), min=f"({after}" if after else "-", count=100)


async def events_taken(redis: TextRedis, pbx: str, last: str) -> None:
    """The events up to `last` need not be kept any longer."""
    await redis.xdel(keys.told(pbx), last)
    await redis.xtrim(keys.told(pbx), minid=last, approximate=False)
