"""Which calls are live on these extensions? Asks each one's phone system, all at the same time."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from bridge.calls.phone_system import OneExtension, PhoneSystem
from bridge.config.models import PbxAccount
from bridge.core.clock import Clock
from bridge.core.model import Call, ExtensionId, Outcome, ServedFrom
from bridge.core.reasons import Reason
from bridge.core.session import Session
from bridge.egress.circuit_breaker import CircuitState

OpenSession = Callable[[str, PbxAccount], Session]
"""The session of a phone system by its name and account."""


@dataclass(frozen=True, slots=True)
class LookupResult:
    """What the phone systems said about an agent's extensions: all live calls, or why there are none to choose from.

    `pbx_ms` is the time this click waited for them.
    """

    calls: tuple[Call, ...]
    outcome: Outcome
    reason: Reason | None
    served_from: ServedFrom | None
    pbx_ms: float


class Lookup:
    """Asks about extensions, each on its own phone system."""

    def __init__(self, accounts: Mapping[str, PbxAccount], open_session: OpenSession, clock: Clock) -> None:
        self.systems = {
            name: PhoneSystem(name, account, open_session(name, account), clock) for name, account in accounts.items()
        }
        self._clock = clock

    async def live_calls(self, extensions: Sequence[ExtensionId]) -> LookupResult:
        """The live calls on `extensions`, all asked at the same time. Failures are told as outcomes, never raised."""
        started = self._clock.ticks()
        answers = await self._ask(extensions, started)
        outcome, cause = _verdict(answers)
        calls = tuple(call for answer in answers for call in answer.calls or ())
        ms = round((self._clock.ticks() - started) * 1000, 1)
        return LookupResult(calls, outcome, cause, _served_from(answers), ms)

    async def each(self, extensions: Collection[ExtensionId]) -> dict[ExtensionId, LookupResult]:
        """What is live on each of `extensions`, asked together: a few one by one, many as the whole account.

        Extensions of a phone system that is not in the settings are left out.
        """
        started = self._clock.ticks()
        answers = await self._ask([one for one in extensions if one.pbx in self.systems], started)
        ms = round((self._clock.ticks() - started) * 1000, 1)
        return {
            answer.extension: LookupResult(tuple(answer.calls or ()), *_verdict([answer]), answer.served_from, ms)
            for answer in answers
        }

    async def _ask(self, extensions: Sequence[ExtensionId], started: float) -> list[OneExtension]:
        return await asyncio.gather(*(self.systems[one.pbx].extension(one.extension, started) for one in extensions))

    def take_durations(self) -> list[tuple[str, float]]:
        """Take out the durations of the questions that ended since the last call: whom, and how many seconds."""
        return [
            (name, system.durations.popleft())
            for name, system in self.systems.items()
            for _ in range(len(system.durations))
        ]

    def partners(self) -> dict[str, int]:
        """With how many other processes this one asks each phone system together."""
        return {name: system.questions.count_partners() for name, system in self.systems.items()}

    def circuits(self) -> dict[str, CircuitState]:
        """The state of each phone system's circuit in this process."""
        return {name: system.questions.circuit.state for name, system in self.systems.items()}


def _served_from(answers: Sequence[OneExtension]) -> ServedFrom | None:
    """The least fresh that took part; None when nothing was answered at all."""
    took_part = {answer.served_from for answer in answers}
    order = (ServedFrom.RECENT, ServedFrom.SHARED, ServedFrom.PBX)
    return next((source for source in order if source in took_part), None)


def _verdict(answers: Sequence[OneExtension]) -> tuple[Outcome, Reason | None]:
    """The outcome over all extensions. Calls found outweigh a failure elsewhere; a failure outweighs silence."""
    if any(answer.calls for answer in answers):
        return Outcome.FOUND, None
    for answer in answers:
        if answer.error is not None:
            return answer.error.outcome, answer.error.reason
    idle = [answer for answer in answers if answer.calls is not None]
    if idle:
        return Outcome.NO_ACTIVE_CALL, _told("no-call", idle)
    return Outcome.UNKNOWN_EXTENSION, _told("extension-unlisted", answers)


def _told(code: str, answers: Sequence[OneExtension]) -> Reason:
    names = [answer.extension.extension for answer in answers]
    hints = [answer.hint for answer in answers if answer.hint is not None and not answer.calls]
    return Reason(code, {"count": len(names), "extensions": names}, tuple(hints[:1]))
