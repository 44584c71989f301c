"""Listening to one phone system, by one process at a time (`lease`).

What it tells, and what it answers when it is asked, becomes a picture; what has happened since the last picture becomes
popups and ends of calls; then the picture is written down. A listener that dies in between leaves the picture from
before: whoever takes over finds the same turns again, and nothing is told twice.
"""

import asyncio
import logging
import socket
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from redis.exceptions import RedisError

from bridge.calls.phone_system import PhoneSystem
from bridge.calls.pictures import Happened, Lines, Turn, step
from bridge.core.errors import PbxError, Unavailable
from bridge.core.reasons import Reason, reason
from bridge.events import subscriptions
from bridge.events import told as events
from bridge.events.ask import ask
from bridge.events.count import count
from bridge.events.ends import end
from bridge.events.pop import pop
from bridge.events.told import Known
from bridge.pbx.contract import AskAgain, Change, Picture, Subscribed, Told
from bridge.services import Services
from bridge.store import listeners
from bridge.store.listeners import Status

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.05
"""How often it is looked whether events wait."""
GATHER_SECONDS = 0.02
"""How long hints are gathered before they become one question."""
TURNS_AT_ONCE = 32
"""Of a first look at a large floor, hundreds come together: all at once they would use up the connections to Redis."""
SAFETY_SECONDS = 30.0
"""How often the whole picture is asked for beside events: one may have been lost. Half as often where that takes a
question for each extension."""
BACK_OFF_SECONDS = (1.0, 2.0, 5.0, 10.0)
AGAIN_SECONDS, SAVE_SECONDS = 0.5, 0.5
ASK_AGAIN_SECONDS = 2.0
"""A question that a hint led to and that had no answer is asked again after this long."""
GAP_SECONDS = 120.0
"""What was answered in a gap in which nobody listened pops if the gap was no longer; a popup later than this is of no
use. After a longer one, or at the very start, by the call's own times: only what was answered since then and just now.
"""
CLOCKS_SECONDS = 2.0
"""How far apart the phone system's clock and ours may be there."""
POLL = AskAgain()
"""A question that no event asked for."""
NOT_YET = Reason("listener-not-yet")


@dataclass(eq=False, slots=True)
class Listener:
    """One phone system's listener, as long as this process is the one."""

    services: Services
    system: PhoneSystem
    known: Known = field(default_factory=lambda: Known({}))
    before: Lines = field(default_factory=dict)
    arrived: "asyncio.Queue[tuple[str, Told]]" = field(default_factory=asyncio.Queue)
    again: asyncio.TimerHandle | None = None
    began_at: float = 0.0
    pictured_at: float = 0.0
    """When the whole was known last, by this listener or the one before it."""
    saved: object = ()
    """What `_look` was when the picture was last written down."""
    doing: Status = field(default_factory=lambda: Status(0.0, "", "", ""))

    def status(self, who: str) -> Status:
        """How it is going."""
        now, calls = self.services.clock.now().timestamp(), sum(map(len, self.before.values()))
        way = self.system.account.events
        return replace(self.doing, at=now, worker=who, machine=socket.gethostname(), way=way, calls=calls)

    async def run(self) -> None:
        """Until it fails: redis-py's errors, or a fault of ours."""
        self.before = await listeners.load_picture(self.services.redis, self.system.name)
        self.known = Known(self.before)
        self.began_at = self.services.clock.now().timestamp()
        last = await listeners.status(self.services.redis, self.system.name)
        self.pictured_at = last.heard_at if last is not None else 0.0
        account = self.system.account
        lines = [
            self._save(),
            self._poll(account.poll_seconds if account.events == "poll" else self._safety_seconds()),
            self._take_in(),
        ]
        if account.events == "push":
            lines.append(self._read_events())
        if account.events == "connect":
            self.doing = replace(self.doing, down=NOT_YET)
            lines.append(self._connect())
        if self.system.is_to_subscribe:
            lines.append(subscriptions.keep(self.services, self.system, self._subscribed))
        async with asyncio.TaskGroup() as group:
            for line in lines:
                group.create_task(line)

    def _safety_seconds(self) -> float:
        return SAFETY_SECONDS * (1 if self.system.whole_from() is not None else 2)

    async def _poll(self, seconds: float) -> None:
        while True:
            await self.arrived.put(("", POLL))
            await asyncio.sleep(seconds)

    async def _read_events(self) -> None:
        last = ""
        while True:
            for entry_id, fields in await listeners.waiting_events(self.services.redis, self.system.name, last):
                last = entry_id
                await self.arrived.put((entry_id, events.read(fields)))
            await asyncio.sleep(LOOK_SECONDS)

    async def _connect(self) -> None:
        failures = 0
        while True:
            try:
                async with aclosing(self.system.connection()) as told:
                    async for one in told:
                        failures, self.doing = 0, replace(self.doing, down=None)
                        await self.arrived.put(("", one))
                raise ConnectionError("the connection was closed")
            except (PbxError, OSError) as error:
                why = error.reason if isinstance(error, PbxError) else reason("as-told", what=str(error))
                self.doing = replace(self.doing, down=why)
                log.warning("the connection to %s ended: %s", self.system.name, error)
            await asyncio.sleep(BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)])
            failures += 1

    def _subscribed(self, found: Subscribed) -> None:
        told = replace(self.doing, subscribed=found.in_force, missing=found.missing, unsubscribed=found.problem)
        self.doing = told

    async def _take_in(self) -> None:
        while True:
            batch = [await self.arrived.get()]
            if isinstance(batch[0][1], AskAgain):
                await asyncio.sleep(GATHER_SECONDS)
            while not self.arrived.empty():
                batch.append(self.arrived.get_nowait())
            await self._take(batch)

    async def _take(self, batch: list[tuple[str, Told]]) -> None:
        """Take in what has come, in order: each picture by itself, so that nothing between two of them is missed."""
        hints: list[AskAgain] = []
        was_heard = bool(self.doing.heard_at)
        for _, one in batch:
            if isinstance(one, AskAgain):
                hints.append(one)
            elif self.known.takes(one):
                await self._tell(is_whole=isinstance(one, Picture))
            else:
                hints.append(AskAgain(frozenset({one.extension})) if isinstance(one, Change) else POLL)
        found = 0
        if hints and await self._ask(extensions := await self._named(hints)):
            found = await self._tell(is_whole=extensions is None)
        events = sum(one is not POLL for _, one in batch)
        if events:
            now = self.services.clock.now().timestamp()
            self.doing = replace(self.doing, told=self.doing.told + events, event_at=now, unannounced=0)
        elif was_heard:
            self.doing = replace(self.doing, unannounced=self.doing.unannounced + found)
        if last := next((entry for entry, _ in reversed(batch) if entry), ""):
            await listeners.events_taken(self.services.redis, self.system.name, last)

    async def _named(self, hints: list[AskAgain]) -> frozenset[str] | None:
        """The extensions that are to be asked about; None: all, as one of the hints names none."""
        if any(not hint.extensions and not hint.owners for hint in hints):
            return None
        named = frozenset(name for hint in hints for name in hint.extensions)
        owners = frozenset(owner for hint in hints for owner in hint.owners)
        if not owners:
            return named
        try:
            found = await self.system.extensions_of(owners)
        except PbxError as error:
            log.info("whose calls have changed on %s was not told: %s", self.system.name, error)
            return None
        return None if found is None else named | found

    async def _ask(self, extensions: frozenset[str] | None) -> bool:
        """Ask about these (None: all), as `ask` does; False when there was no answer: nothing is known then, and
        nothing has ended."""
        if extensions is not None and not extensions:
            return False
        try:
            asked = await ask(self.system, self.known, extensions or frozenset())
        except PbxError as error:
            self.doing = replace(self.doing, problem=error.reason)
            if self.system.account.events != "poll":
                self._ask_again()
            return False
        self.doing = replace(self.doing, asked=self.doing.asked + asked)
        return True

    def _ask_again(self) -> None:
        """About all, soon; once, however many questions have had no answer meanwhile."""
        loop = asyncio.get_running_loop()
        if self.again is None or self.again.when() <= loop.time():
            self.again = loop.call_later(ASK_AGAIN_SECONDS, self.arrived.put_nowait, ("", POLL))

    async def _tell(self, is_whole: bool) -> int:
        """What has happened since the last picture, and how much that is. A turn that cannot be written down now is
        tried until it is."""
        turns, kept = step(self.before, self.known.lines)
        now = self.services.clock.now().timestamp()
        was_away = is_whole and now - self.pictured_at > GAP_SECONDS
        since = max(now - GAP_SECONDS, (self.pictured_at or self.began_at) - CLOCKS_SECONDS)
        self.pictured_at = now if is_whole else self.pictured_at
        self.doing = replace(self.doing, heard_at=now, problem=None)
        if turns:
            room = asyncio.Semaphore(TURNS_AT_ONCE)

            async def tell(turn: Turn) -> None:
                async with room:
                    await self._turn(turn, was_away and _was_before(turn, since))

            await asyncio.gather(*map(tell, turns))
        self.before = kept
        return len(turns)

    async def _save(self) -> None:
        """Write the picture down now and then: from an older one, whoever takes over tells some turns again, which
        changes nothing."""
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            picture = self._picture()
            if (look := _look(picture)) != self.saved:
                self.saved = look
                await listeners.save_picture(self.services.redis, self.system.name, picture)

    def _picture(self) -> listeners.Kept:
        names = self.known.names if self.system.adapter.lists_idle else None
        return listeners.Kept(dict(self.before), dict(self.known.people), self.doing.heard_at, None, names)

    async def _turn(self, turn: Turn, was_missed: bool) -> None:
        while True:
            try:
                if turn.what is Happened.LEFT:
                    await end(self.system.name, turn, self.known.people, self.services)
                else:
                    lines, people = self.known.lines, self.known.people
                    await pop(self.system.name, turn, lines, people, self.services, was_missed)
                return await count(self.system.name, turn, self.known.people, self.services)
            except (Unavailable, RedisError, OSError) as error:
                log.warning("a turn of a call waits for redis: %s", type(error).__name__)
            await asyncio.sleep(AGAIN_SECONDS)


def _was_before(turn: Turn, since: float) -> bool:
    """Whether a call that is first seen answered was so before then (epoch seconds), as far as it tells its times."""
    at = turn.call.answered_at or turn.call.started_at
    return turn.is_new and (at is None or at.timestamp() < since)


def _look(picture: listeners.Kept) -> object:
    """What of a picture is worth writing it down anew: whoever takes over needs it, and so does the live page."""
    calls = [(extension, call.identity, call.state) for extension, its in picture.lines.items() for call in its]
    return calls, picture.people, picture.names
