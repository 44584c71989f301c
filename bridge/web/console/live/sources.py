"""What is known of each phone system now: by its listener, or by asking it once for all who look at the live page."""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from redis.exceptions import RedisError

from bridge.calls.phone_system import PhoneSystem
from bridge.core.errors import PbxError
from bridge.core.json_codec import from_json, json_text
from bridge.core.model import Call
from bridge.core.reasons import Reason
from bridge.pbx.contract import CallQueue, ListsQueues
from bridge.services import Services
from bridge.store import floor
from bridge.store.listeners import Kept, Status

Noun = TypeVar("Noun")
log = logging.getLogger(__name__)

LEASE_ROUNDS = 3
"""After so many rounds without a sign of the process that asks, another one does."""
NOT_LISTENED = Reason("nobody-listens")


@dataclass(frozen=True, slots=True)
class Queues:
    """A phone system's queues as it was last asked; `problem`: it could not be."""

    queues: tuple[CallQueue, ...] = ()
    at: float = 0.0
    problem: Reason | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One phone system. `way`: `events` (somebody listens), `asked` (while somebody looks), or `none`. `lines` is None
    while nothing is known; `queues` where it has none to ask for, or they were not asked for yet. `names` are all its
    extensions; None: it does not list idle ones."""

    way: str = "none"
    lines: Mapping[str, tuple[Call, ...]] | None = None
    people: Mapping[str, str | None] = field(default_factory=dict)
    at: float = 0.0
    problem: Reason | None = None
    queues: Queues | None = None
    names: frozenset[str] | None = None

    def knows(self, extension: str) -> bool:
        """Whether it is known what this extension does: its calls, or that it has none."""
        return self.lines is not None and (self.names is None or extension in self.names)


def way_of(services: Services, pbx: str) -> str:
    """How the live page learns of this phone system's calls."""
    if services.settings.pbx[pbx].events != "off":
        return "events"
    return "asked" if services.settings.console.refresh_seconds else "none"


async def ask(services: Services, pbx: str, who: str) -> None:
    """Ask it what nobody reports, if no other process does: its calls where nobody listens, and its queues."""
    system, seconds = services.lookup.systems[pbx], services.settings.console.refresh_seconds
    wants_queues = isinstance(system.adapter, ListsQueues)
    if way_of(services, pbx) != "asked" and not wants_queues:
        return
    lease = LEASE_ROUNDS * seconds + system.account.timeout_seconds
    if not await floor.may_ask(services.redis, pbx, who, lease):
        return
    wanted = [_queues(services, system)] if wants_queues else []
    if way_of(services, pbx) == "asked":
        wanted.append(_picture(services, system))
    await asyncio.gather(*wanted)


async def _picture(services: Services, system: PhoneSystem) -> None:
    try:
        listing = await system.snapshot(None)
    except PbxError as error:
        before = (await floor.load(services.redis, [system.name]))[system.name].asked
        kept = _read(Kept, before) or Kept()
        picture = replace(kept, problem=error.reason)
    else:
        lines = {name: calls for name, calls in listing.extensions.items() if calls}
        names = frozenset(listing.extensions) if system.adapter.lists_idle else None
        picture = Kept(lines, dict(listing.logged_in), services.clock.now().timestamp(), None, names)
    await floor.save(services.redis, system.name, floor.ASKED, json_text(picture))


async def _queues(services: Services, system: PhoneSystem) -> None:
    now = services.clock.now().timestamp()
    try:
        found = Queues(await system.queues(None) or (), now)
    except PbxError as error:
        found = Queues((), now, error.reason)
    await floor.save(services.redis, system.name, floor.QUEUES, json_text(found))


async def load(services: Services, names: Collection[str]) -> dict[str, Source]:
    """What is known of these phone systems now. Large texts are read beside the event loop."""
    kept = await floor.load(services.redis, names)
    return await asyncio.to_thread(lambda: {name: _source(services, name, kept[name]) for name in names})


def _source(services: Services, pbx: str, kept: floor.Kept) -> Source:
    way = way_of(services, pbx)
    picture = _read(Kept, kept.picture if way == "events" else kept.asked if way == "asked" else None)
    queues = _read(Queues, kept.queues)
    at, problem = (picture.at, picture.problem) if picture else (0.0, None)
    if way == "events":
        status = _read(Status, kept.listening)
        at, problem = (status.heard_at, status.problem or status.down) if status else (at, NOT_LISTENED)
        picture = picture if picture or status is None or not status.heard_at else Kept()
    if picture is None:
        return Source(way, None, {}, at, problem, queues)
    return Source(way, picture.lines, picture.people, at, problem, queues, picture.names)


def _read(kind: type[Noun], text: str | None) -> Noun | None:
    """The noun in this text; None where there is none, or one of another version."""
    try:
        return from_json(kind, text) if text else None
    except ValueError:
        return None


async def ask_all(services: Services, names: Collection[str], who: str) -> None:
    """`ask` of each; none holds up another, and a Redis that is away holds up nobody."""
    told = await asyncio.gather(*(ask(services, name, who) for name in names), return_exceptions=True)
    for failure in told:
        if isinstance(failure, RedisError | OSError):
            log.warning("the live page waits for redis: %s", type(failure).__name__)
        elif isinstance(failure, BaseException):
            log.error("a phone system could not be asked for the live page", exc_info=failure)
