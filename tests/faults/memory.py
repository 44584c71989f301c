"""A CRM with memory: it keeps a record of each call, made once and updated. What is there of it after each fault?

A push that arrives twice is recognised by its id; a record that is made twice stays there for ever. So the fault comes
at the worst moments: while the CRM is asked to write, and after it has written but before it has said so.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from signal import SIGKILL
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.core.delivery import Delivery, DeliveryState, Event
from bridge.core.tokens import LimitsRequests
from bridge.crm.contract import NamesSenders
from bridge.crm.registry import find
from bridge.store.calls import popups
from bridge.store.deliveries import records
from tests.faults.world import World, open_world
from tests.stage import DANA, until

CRM, KNOWN, CONTACT = "sales", "0522340002", "9001"
READS = re.compile(
    r"/(?:coql|query|search|o?auth|oauth2?|batch|profile|scope)\b|/token|lookup|/user\.(?:get|current)|\.list$", re.I
)
"""Paths of an API that are asked by POST, and change nothing there."""
MARGIN_SECONDS, HOLD_SECONDS = 15.0, 10.0
SAYS_ERROR: dict[type, tuple[object, object]] = {bool: (False, True), str: ("", "INTERNAL_SERVER_ERROR")}
"""How a simulator is told not to, and to, answer 200 with an error inside: by a switch, or the error's name."""
KEYS = {"log_calls": True, "targets": [CRM], "recheck_seconds": 0, "search_seconds": 1.0, "push_timeout_seconds": 2.0}


class Between(StrEnum):
    """What happens in between."""

    KILLED_BEFORE = "workers killed while a record is written"
    KILLED_AFTER = "workers killed after it was written"
    ANSWER_LOST = "the answer lost after it was written"
    TOO_MANY = "429"
    ERROR_IN_200 = "200 with an error inside"
    TOKEN_EXPIRED = "tokens expire"


@dataclass(slots=True)
class Door:
    """Before the CRM's API: it holds what writes, loses its answers, or refuses it. Reads pass."""

    between: Between | None = None
    times: int = 0
    inside: ASGIApp | None = None
    held: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    def before(self, app: ASGIApp) -> ASGIApp:
        """The API behind this door."""
        self.inside = app
        return self._pass

    def shut(self, between: Between, times: int) -> None:
        """From now on; `times`: how many writes are answered wrongly."""
        self.between, self.times = between, times
        self.held, self.opened = asyncio.Event(), asyncio.Event()

    def open(self) -> None:
        """Everything passes."""
        self.between, self.times = None, 0
        self.opened.set()

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.inside is not None
        is_write = scope["type"] == "http" and scope["method"] != "GET" and not READS.search(scope["path"])
        between = self.between if is_write else None
        if between is Between.KILLED_BEFORE:
            await self._hold()
        if between is Between.TOO_MANY and self._again():
            await JSONResponse({"message": "too many"}, 429, {"Retry-After": "1"})(scope, receive, send)
            return
        told: list[Message] = []

        async def keep(message: Message) -> None:
            told.append(message)

        body = await Request(scope, receive).body() if scope["type"] == "http" else b""

        async def again() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self.inside(scope, again, keep)
        if between is Between.KILLED_AFTER:
            await self._hold()
        if between is Between.ANSWER_LOST and self._again():
            raise ConnectionResetError("the answer is lost")
        for message in told:
            await send(message)

    async def _hold(self) -> None:
        self.held.set()
        await self.opened.wait()

    def _again(self) -> bool:
        self.times -= 1
        return self.times >= 0


@dataclass(slots=True)
class Row:
    """What became of the calls of a round."""

    calls: int
    records: int
    shown_twice: int
    slowest: float
    why: str = ""

    def __str__(self) -> str:
        """Calls, records, and how long the slowest took."""
        text = f"{self.calls} / {self.records} / {self.slowest:.1f} s"
        return f"**{text}: {self.why}**" if self.why else text


@dataclass(slots=True)
class Office:
    """A world whose clicks come from a CRM with memory."""

    kind: str
    world: World
    door: Door
    presses: int = 0
    calls: int = 0

    @property
    def crm(self) -> Any:
        """Its simulator."""
        return self.world.stage.simulated_crms[CRM]

    @property
    def period_seconds(self) -> float:
        """After so long all requests of its rate limit may be sent again; 0.0: it has none."""
        adapter, account = find(self.kind), self.world.stage.services.settings.crm[CRM]
        limit = adapter.rate_limit(account) if isinstance(adapter, LimitsRequests) else None
        return limit.seconds if limit else 0.0

    def has(self, between: Between) -> bool:
        """Whether this can happen to this make."""
        if between is Between.TOKEN_EXPIRED:
            tokens = getattr(self.crm, "tokens", None)
            return isinstance(tokens, dict) or hasattr(tokens, "ends")
        return between is not Between.ERROR_IN_200 or type(getattr(self.crm.faults, "says_error", None)) in SAYS_ERROR

    def say_errors(self, is_on: bool) -> None:
        """Whether the CRM answers 200 with an error inside."""
        faults = self.crm.faults
        faults.says_error = SAYS_ERROR[type(faults.says_error)][is_on]

    async def get_to_know(self) -> None:
        """One click before anything happens: a CRM that has to be asked who clicked is asked now, and remembered."""
        await self._ended([await self._click()])

    async def run(self, between: Between, calls: int) -> Row:
        """Calls are clicked, the fault comes in between, and every call is accounted for."""
        began = len(self.crm.logged()), {one.ivrid for one in self.crm.shown()}
        if between is Between.ERROR_IN_200:
            self.say_errors(True)
        elif between is not Between.TOKEN_EXPIRED:
            self.door.shut(between, calls)
        clicked = [await self._click() for _ in range(calls)]
        started = time.monotonic()
        await self._break(between, clicked)
        found = await self._ended(clicked)
        self.door.open()
        return self._judged(between, calls, began, found, time.monotonic() - started)

    async def _click(self) -> str:
        """One call, clicked and over; the id of its popup."""
        ivrid = self.world.stage.talk(number=KNOWN)
        self.presses += 1
        answer = (await self.world.stage.press(CRM, f"press-{self.presses}")).json()
        assert answer["outcome"] == "found", answer
        self.world.stage.phone.hang_up(ivrid)
        return str(answer["popup"]["popup_id"])

    async def _break(self, between: Between, clicked: Sequence[str]) -> None:
        match between:
            case Between.KILLED_BEFORE | Between.KILLED_AFTER:
                async with asyncio.timeout(HOLD_SECONDS):
                    await self.door.held.wait()
                for worker in self.world.workers:
                    worker.signal(SIGKILL)
                self.door.open()
            case Between.ERROR_IN_200:
                await until(lambda: self._tried(clicked), HOLD_SECONDS)
                self.say_errors(False)
            case Between.TOKEN_EXPIRED:
                if isinstance(self.crm.tokens, dict):
                    self.crm.tokens.clear()
                else:
                    self.crm.tokens.ends = 0.0

    async def _tried(self, clicked: Sequence[str]) -> bool:
        """Whether a write was refused."""
        return any(attempt.error for one in await self._deliveries(clicked) for attempt in one.attempts)

    async def _deliveries(self, clicked: Sequence[str]) -> list[Delivery]:
        kept = [await popups.popup(self.world.direct, popup_id) for popup_id in clicked]
        return await records.get(self.world.direct, [one for known in kept if known for one in known[1]])

    async def _ended(self, clicked: Sequence[str]) -> list[Delivery]:
        """The deliveries once all have ended, or as they are when that takes too long."""
        lag = 3 * getattr(self.crm, "index_delay", 0.0)  # what may be there and is not found yet is not made again
        lag += self.period_seconds
        until_time = time.monotonic() + self.world.lease_seconds + MARGIN_SECONDS + lag
        while True:
            found = await self._deliveries(clicked)
            if all(one.state is not DeliveryState.PENDING for one in found) or time.monotonic() > until_time:
                return found
            await asyncio.sleep(0.05)

    def _judged(
        self, between: Between, calls: int, began: tuple[int, set[str]], found: Sequence[Delivery], seconds: float
    ) -> Row:
        """What became of the calls. A popup that is refused inside a 200 has been refused."""
        logged, shown = list(self.crm.logged())[began[0] :], [one for one in self.crm.shown() if one.agent == DANA]
        ids = [one.ivrid for one in shown if one.ivrid and one.ivrid not in began[1]]
        twice = len(ids) - len(set(ids))
        row = Row(calls, len(logged), twice, seconds)
        wanted = [one for one in found if one.event is Event.LOG or between is not Between.ERROR_IN_200]
        lost = [f"{one.event} is {one.state}" for one in wanted if one.state is not DeliveryState.DELIVERED]
        strangers = [one for one in logged if one.contact_id != CONTACT]
        checks: list[tuple[Callable[[], bool], str]] = [
            (lambda: not lost, ", ".join(lost)),
            (lambda: len(logged) == calls, f"{len(logged)} records of {calls} calls"),
            (lambda: not twice, f"{twice} popups twice"),
            (lambda: not strangers, f"{len(strangers)} records without the caller"),
        ]
        row.why = "; ".join(told for is_so, told in checks if not is_so())
        return row


@asynccontextmanager
async def open_office(kind: str) -> AsyncIterator[Office]:
    """A world with that make of CRM; everything in it ends with the block."""
    door = Door()
    async with open_world(crms={CRM: kind}, crm_keys=KEYS, before_crms=door.before) as world:
        office = Office(kind, world, door)
        if isinstance(find(kind), NamesSenders):
            await office.get_to_know()
        yield office


def markdown(rows: dict[tuple[str, Between], Row]) -> str:
    """The column as a table."""
    kinds = list(dict.fromkeys(kind for kind, _ in rows))
    lines = ["| calls / records / slowest recovery | " + " | ".join(kinds) + " |", "| --- " * (len(kinds) + 1) + "|"]
    for between in Between:
        cells = [str(rows[kind, between]) if (kind, between) in rows else "-" for kind in kinds]
        lines.append(f"| {between} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
