"""Step 2: which calls are live on these lines? Asks the phone systems; owns time limits, sharing and circuits."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge import pbx
from bridge.circuit import Circuit, CircuitState
from bridge.clock import Clock
from bridge.domain import Call, Line, Outcome, ServedFrom
from bridge.errors import ExchangeFailed, PbxError, PbxUnintelligible, PbxUnreachable
from bridge.exchange import Exchange
from bridge.messages import Reply, Request
from bridge.pbx import CallQueue, Listing, Person
from bridge.questions import Questions
from bridge.settings import PbxAccount

KNOWN_SECONDS = 60.0
"""How long the list of extensions of a phone system that has to be asked for it serves again."""


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
    """One line's part: its calls (None: the phone system does not list it), or the failure."""

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
        self.questions = Questions(
            self._calls, self.adapter.always_whole, account.fresh_seconds, clock.ticks, Circuit(clock.ticks)
        )
        self._known: frozenset[str] | None = None
        self._known_at = float("-inf")

    async def line(self, extension: str, clicked_at: float) -> _OneLine:
        """What it says about one extension; failures are told, not raised."""
        line = Line(self.name, extension)
        try:
            heard = await self.questions.about(extension, clicked_at)
            calls = heard.listing.extensions.get(extension)
            if extension in heard.listing.unreadable:
                raise PbxUnintelligible(f"the phone system '{self.name}' sent calls of {extension} that cannot be read")
            if calls is None and await self._is_idle(extension):
                calls = ()
        except PbxError as error:
            return _OneLine(line, error=error)
        return _OneLine(line, calls, heard.served_from, heard.listing.empty_hint)

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
        listing: Listing = await self.adapter.calls(self.account, self.send, self.name, extension, self._clock.now())
        return listing

    async def _is_idle(self, extension: str) -> bool:
        """Whether an extension that the list of calls leaves out exists; so it is taken where nobody can tell."""
        if self.adapter.extensions is None:
            return False
        if self._clock.ticks() - self._known_at > KNOWN_SECONDS:
            self._known = await self.adapter.extensions(self.account, self.send)
            self._known_at = self._clock.ticks()
        return self._known is None or extension in self._known


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
        return Outcome.NO_ACTIVE_CALL, f"no call is live on {_names(idle)} now"
    hint = f", {answers[0].hint}" if answers[0].hint else ""
    return Outcome.UNKNOWN_EXTENSION, f"the phone system does not list {_names(answers)}{hint}"


def _names(answers: Sequence[_OneLine]) -> str:
    names = [answer.line.extension for answer in answers]
    return ("extension " if len(names) == 1 else "extensions ") + ", ".join(names)
