"""Step 2: which calls are live on these lines? Asks the phone systems; owns time limits, sharing and circuits."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from bridge import pbx
from bridge.calls.shared_queries import Questions
from bridge.config.models import PbxAccount
from bridge.core.clock import Clock
from bridge.core.errors import ExchangeFailed, PbxError, PbxUnintelligible, PbxUnreachable
from bridge.core.http_types import Reply, Request
from bridge.core.model import Call, Line, Outcome, ServedFrom
from bridge.egress.circuit_breaker import Circuit, CircuitState
from bridge.egress.client import Exchange
from bridge.observability import tracing
from bridge.pbx import CallQueue, Listing, Person

KNOWN_SECONDS = 60.0
"""How long an extension that was there once is taken to be there still."""
NOWHERE = "neither with a call nor among its extensions"
MOST_UNCOUNTED = 1000
"""Questions whose durations are kept until a click comes and counts them."""
NOBODY_TELLS = "or there is no such extension: this account may ask only for those that have a call"


@dataclass(frozen=True, slots=True)
class Heard:
    """What the phone systems said about an agent's lines: all live calls, or why there are none to choose from.

    `pbx_ms` is the time this click waited for them.
    """

    calls: tuple[Call, ...]
    outcome: Outcome
    why: str
    served_from: ServedFrom | None
    pbx_ms: float


@dataclass(frozen=True, slots=True)
class _OneLine:
    """One line's part: its calls (None: the phone system does not list it), or the failure.

    `hint` is what it may mean besides that there are none.
    """

    line: Line
    calls: tuple[Call, ...] | None = None
    served_from: ServedFrom | None = None
    hint: str = ""
    error: PbxError | None = None


class PhoneSystem:
    """One `[pbx.NAME]`: asks it by its adapter, within its time limit."""

    def __init__(self, name: str, account: PbxAccount, exchange: Exchange, clock: Clock) -> None:
        self.name, self.account, self.adapter = name, account, pbx.find(account.kind)
        self._exchange, self._clock = exchange, clock
        self.took: deque[float] = deque(maxlen=MOST_UNCOUNTED)
        self.questions = Questions(
            self._calls, self.adapter.always_whole, account.fresh_seconds, clock.ticks, Circuit(clock.ticks)
        )
        self._extensions = Extensions(self._all_extensions, clock.ticks) if self.adapter.extensions else None

    async def line(self, extension: str, clicked_at: float) -> _OneLine:
        """What it says about one extension; failures are told, not raised."""
        line = Line(self.name, extension)
        try:
            heard = await self.questions.about(extension, clicked_at)
            if extension in heard.listing.unreadable:
                raise PbxUnintelligible(f"the phone system '{self.name}' sent calls of {extension} that cannot be read")
            calls = heard.listing.extensions.get(extension)
            hint = heard.listing.empty_hint if calls is None else ""
            if calls is None and self._extensions is not None:
                is_there = await self._extensions.has(extension, clicked_at)
                calls = None if is_there is False else ()
                hint = {True: hint, False: NOWHERE, None: NOBODY_TELLS}[is_there]
        except PbxError as error:
            return _OneLine(line, error=error)
        return _OneLine(line, calls, heard.served_from, hint)

    async def snapshot(self, extension: str | None) -> Listing:
        """The extensions it lists now, or the one asked for, with their calls. Raises `PbxError`."""
        return (await self.questions.about(extension, self._clock.ticks())).listing

    async def queues(self, queue: str | None) -> tuple[CallQueue, ...] | None:
        """Who waits in its queues; None where this make has none to ask for. Raises `PbxError`."""
        if self.adapter.queues is None:
            return None
        return await self.adapter.queues(self.account, self.send, queue, self._clock.now())

    async def people(self) -> tuple[Person, ...]:
        """The users in its own directory; nobody where this make has none. Raises `PbxError`."""
        return await self.adapter.people(self.account, self.send) if self.adapter.people else ()

    async def send(self, request: Request) -> Reply:
        """The reply to a question of the adapter. Raises `PbxUnreachable` or `PbxUnintelligible`."""
        try:
            return await self._exchange.send(request, self.account.timeout_seconds, repeatable=True)
        except ExchangeFailed as error:
            failure = PbxUnintelligible if error.cause == "too-large" else PbxUnreachable
            raise failure(f"the phone system '{self.name}': {error}") from None

    async def _calls(self, extension: str | None) -> Listing:
        scope, started = "account" if extension is None else "extension", self._clock.ticks()
        with tracing.step("question", "CLIENT", pbx=self.name, scope=scope):
            try:
                listing: Listing = await self.adapter.calls(
                    self.account, self.send, self.name, extension, self._clock.now()
                )
            finally:
                self.took.append(self._clock.ticks() - started)
        return listing

    async def _all_extensions(self) -> frozenset[str] | None:
        return await self.adapter.extensions(self.account, self.send) if self.adapter.extensions else None


class Extensions:
    """The extensions there are, of a phone system whose list of calls leaves out idle ones. Clicks share questions."""

    def __init__(self, ask: Callable[[], Awaitable[frozenset[str] | None]], ticks: Callable[[], float]) -> None:
        self._ask, self._ticks = ask, ticks
        self._asked_at = float("-inf")
        self._question: asyncio.Task[frozenset[str] | None] | None = None

    async def has(self, extension: str, clicked_at: float) -> bool | None:
        """Whether it is one of them; None where nobody can tell. Raises `PbxError`.

        That there is no such extension is told only from a question asked after the click (in ticks).
        """
        known = await self._known(self._ticks() - KNOWN_SECONDS)
        if known is not None and extension not in known:
            known = await self._known(clicked_at)
        return None if known is None else extension in known

    async def _known(self, since: float) -> frozenset[str] | None:
        """What was asked at `since` or later. It belongs to nobody: who gives up waiting takes it from no other."""
        if self._question is None or self._asked_at < since or _failed(self._question):
            self._asked_at, self._question = self._ticks(), asyncio.create_task(self._answer())
            self._question.add_done_callback(_failed)  # seen, even if nobody waits any more
        return await asyncio.shield(self._question)

    async def _answer(self) -> frozenset[str] | None:
        return await self._ask()


def _failed(question: "asyncio.Task[frozenset[str] | None]") -> bool:
    return question.done() and (question.cancelled() or question.exception() is not None)


class Lookup:
    """Asks about lines, each on its own phone system."""

    def __init__(self, accounts: Mapping[str, PbxAccount], exchange: Exchange, clock: Clock) -> None:
        self.systems = {name: PhoneSystem(name, account, exchange, clock) for name, account in accounts.items()}
        self._clock = clock

    async def live_calls(self, lines: Sequence[Line]) -> Heard:
        """The live calls on `lines`, all asked at the same time. Failures are told as outcomes, never raised."""
        started = self._clock.ticks()
        answers = await asyncio.gather(*(self.systems[line.pbx].line(line.extension, started) for line in lines))
        outcome, why = _verdict(answers)
        calls = tuple(call for answer in answers for call in answer.calls or ())
        ms = round((self._clock.ticks() - started) * 1000, 1)
        return Heard(calls, outcome, why, _served_from(answers), ms)

    async def each(self, lines: Collection[Line]) -> dict[Line, Heard]:
        """What is live on each of `lines`, asked together: a few lines one by one, many as the whole account.

        Lines of a phone system that is not in the settings are left out.
        """
        started, known = self._clock.ticks(), [line for line in lines if line.pbx in self.systems]
        answers = await asyncio.gather(*(self.systems[line.pbx].line(line.extension, started) for line in known))
        ms = round((self._clock.ticks() - started) * 1000, 1)
        return {
            answer.line: Heard(tuple(answer.calls or ()), *_verdict([answer]), answer.served_from, ms)
            for answer in answers
        }

    def asked(self) -> list[tuple[str, float]]:
        """The questions that ended since this was called last: to whom, and how many seconds each took."""
        return [(name, system.took.popleft()) for name, system in self.systems.items() for _ in range(len(system.took))]

    def circuits(self) -> dict[str, CircuitState]:
        """The state of each phone system's circuit in this process."""
        return {name: system.questions.circuit.state for name, system in self.systems.items()}


def _served_from(answers: Sequence[_OneLine]) -> ServedFrom | None:
    """The least fresh that took part; None when nothing was heard at all."""
    took_part = {answer.served_from for answer in answers}
    order = (ServedFrom.RECENT, ServedFrom.SHARED, ServedFrom.PBX)
    return next((source for source in order if source in took_part), None)


def _verdict(answers: Sequence[_OneLine]) -> tuple[Outcome, str]:
    """The outcome over all lines. Calls found outweigh a failure elsewhere; a failure outweighs silence."""
    if any(answer.calls for answer in answers):
        return Outcome.FOUND, ""
    for answer in answers:
        if answer.error is not None:
            return answer.error.outcome, str(answer.error)
    idle = [answer for answer in answers if answer.calls is not None]
    if idle:
        return Outcome.NO_ACTIVE_CALL, f"no call is live on {_names(idle)} now{_hint(idle)}"
    return Outcome.UNKNOWN_EXTENSION, f"the phone system does not list {_names(answers)}{_hint(answers)}"


def _hint(answers: Sequence[_OneLine]) -> str:
    hints = [answer.hint for answer in answers if answer.hint and not answer.calls]
    return f", {hints[0]}" if hints else ""


def _names(answers: Sequence[_OneLine]) -> str:
    names = [answer.line.extension for answer in answers]
    return ("extension " if len(names) == 1 else "extensions ") + ", ".join(names)
