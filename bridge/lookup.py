"""Step 2: which calls are live on these lines? Asks the phone systems and owns the time limits."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge import pbx
from bridge.clock import Clock
from bridge.domain import Call, Line, Outcome, ServedFrom
from bridge.errors import ExchangeFailed, PbxError, PbxUnintelligible, PbxUnreachable
from bridge.exchange import Exchange
from bridge.messages import Reply, Request
from bridge.settings import PbxAccount

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """What the phone systems said about an agent's lines: all live calls, or why there are none to choose from."""

    calls: tuple[Call, ...]
    outcome: Outcome
    why: str
    served_from: ServedFrom | None
    asked_at: datetime
    pbx_ms: float


@dataclass(frozen=True, slots=True)
class _OneLine:
    line: Line
    calls: tuple[Call, ...] | None
    hint: str = ""
    error: PbxError | None = None


class Lookup:
    """Asks about lines, each phone system by its own adapter."""

    def __init__(self, accounts: Mapping[str, PbxAccount], exchange: Exchange, clock: Clock) -> None:
        self._accounts, self._exchange, self._clock = accounts, exchange, clock

    async def live_calls(self, lines: tuple[Line, ...]) -> Heard:
        """The live calls on `lines`, all asked at the same time. Failures are told as outcomes, never raised."""
        asked_at, started = self._clock.now(), self._clock.ticks()
        answers = await asyncio.gather(*(self._ask(line) for line in lines))
        outcome, why = _verdict(answers)
        calls = tuple(call for answer in answers for call in answer.calls or ())
        ms = (self._clock.ticks() - started) * 1000
        return Heard(calls, outcome, why, ServedFrom.PBX, asked_at, round(ms, 1))

    async def _ask(self, line: Line) -> _OneLine:
        account = self._accounts[line.pbx]
        adapter = pbx.find(account.kind)
        try:
            listing = await adapter.calls(account, self._sender(account), line.pbx, line.extension, self._clock.now())
        except ExchangeFailed as error:
            unread = error.cause == "too-large"
            failure = PbxUnintelligible if unread else PbxUnreachable
            return _OneLine(line, None, error=failure(f"the phone system '{line.pbx}': {error}"))
        except PbxError as error:
            return _OneLine(line, None, error=error)
        return _OneLine(line, listing.extensions.get(line.extension), listing.empty_hint)

    def _sender(self, account: PbxAccount) -> pbx.Send:
        async def send(request: Request) -> Reply:
            return await self._exchange.send(request, account.timeout_seconds, repeatable=True)

        return send


def _verdict(answers: list[_OneLine]) -> tuple[Outcome, str]:
    """The outcome over all lines. Calls found outweigh a failure elsewhere; a failure outweighs silence."""
    if any(answer.calls for answer in answers):
        return Outcome.FOUND, ""
    for answer in answers:
        if answer.error is not None:
            return answer.error.outcome, str(answer.error)
    if any(answer.calls is not None for answer in answers):
        known = _names(answer for answer in answers if answer.calls is not None)
        return Outcome.NO_ACTIVE_CALL, f"no call is live on {known} now"
    hint = f", {answers[0].hint}" if answers[0].hint else ""
    return Outcome.UNKNOWN_EXTENSION, f"the phone system does not list {_names(answers)}{hint}"


def _names(answers: object) -> str:
    names = [answer.line.extension for answer in answers if isinstance(answer, _OneLine)]  # type: ignore[attr-defined]
    return ("extension " if len(names) == 1 else "extensions ") + ", ".join(names)
