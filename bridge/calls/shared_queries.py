"""Asking one phone system, no more often than needed: clicks share questions, and young answers serve again.

What a click may be told (contract 3): calls from an answer asked at most `fresh_seconds` before the click; "no call"
and "unknown extension" only from an answer asked after it. A shared question belongs to nobody: when one of those who
wait for it gives up, the others still get theirs.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bridge.core.errors import PbxError, PbxUnreachable
from bridge.core.model import ServedFrom
from bridge.core.reasons import reason
from bridge.egress.circuit_breaker import PAUSE_SECONDS, CircuitBreaker
from bridge.pbx.contract import Listing

BUSY = 3
"""With this many questions for single extensions on their way, the next one is for the whole account. So is the one
after it, if that many clicks were served by it. A make whose questions for the whole account cost more has a number of
its own."""

Ask = Callable[[str | None], Awaitable[Listing]]
"""Asks for one extension, or (None) for all."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """An answer: the listing, when it was asked (in ticks), how this click came by it."""

    listing: Listing
    asked_at: float
    served_from: ServedFrom


@dataclass(slots=True)
class _Query:
    extension: str | None
    asked_at: float
    task: "asyncio.Task[Listing]"
    joined: int = 0

    def covers(self, extension: str | None) -> bool:
        return self.extension in (None, extension)


class SharedQueries:
    """The questions to one phone system."""

    def __init__(
        self,
        ask: Ask,
        always_whole: bool,
        fresh_seconds: float,
        ticks: Callable[[], float],
        circuit: CircuitBreaker,
        whole_from: Callable[[], int | None] = lambda: BUSY,
    ) -> None:
        self._ask, self._always_whole, self._fresh, self._ticks = ask, always_whole, fresh_seconds, ticks
        self.circuit, self._whole_from = circuit, whole_from
        self._questions: list[_Query] = []
        self._whole: _Query | None = None
        self.asked = 0
        """How many questions were sent."""

    async def about(self, extension: str | None, clicked_at: float) -> QueryResult:
        """What it says about `extension` (None: all of them), for a click at `clicked_at` (in ticks).

        Raises `PbxError`.
        """
        self._forget(clicked_at)
        told_nothing = False
        for question in reversed(self._questions):
            if question.covers(extension) and question.asked_at >= clicked_at - self._fresh:
                heard = await self._join(question)
                if question.asked_at >= clicked_at or _has_calls(heard.listing, extension):
                    return heard
                told_nothing = True
        for question in self._questions:
            if question.covers(extension) and question.asked_at >= clicked_at:
                return await self._join(question)
        question = self._new(extension, clicked_at, alone=told_nothing)
        return QueryResult(await asyncio.shield(question.task), question.asked_at, ServedFrom.PBX)

    async def alone(self, extension: str) -> Listing:
        """A question of its own about one extension. Raises `PbxError`."""
        self._admit()
        self.asked += 1
        return await self._asked(extension)

    async def _join(self, question: _Query) -> QueryResult:
        question.joined += 1
        served_from = ServedFrom.RECENT if question.task.done() else ServedFrom.SHARED
        return QueryResult(await asyncio.shield(question.task), question.asked_at, served_from)

    def _new(self, extension: str | None, clicked_at: float, alone: bool) -> _Query:
        """A new question; `alone`: it is asked because a young answer told nothing, so few others will share it."""
        self._admit()
        whole = self._always_whole or extension is None or self._is_worth_a_whole(clicked_at, alone)
        scope = None if whole else extension
        question = _Query(scope, self._ticks(), asyncio.create_task(self._asked(scope)))
        question.task.add_done_callback(lambda task: task.cancelled() or task.exception())  # seen, even if nobody waits
        self._questions.append(question)
        self._whole = question if scope is None else self._whole
        self.asked += 1
        return question

    def _is_worth_a_whole(self, clicked_at: float, alone: bool) -> bool:
        busy = self._whole_from()
        return busy is not None and (self._waiting(clicked_at) >= busy or (not alone and self._still_busy(busy)))

    def _admit(self) -> None:
        if not self.circuit.admit():
            raise PbxUnreachable(reason("circuit-open", seconds=PAUSE_SECONDS))

    def _waiting(self, clicked_at: float) -> int:
        """Questions on their way. Where nothing young may serve again, those of the same moment alone: a question for
        the whole account would serve nobody else."""
        since = float("-inf") if self._fresh else clicked_at
        return sum(1 for question in self._questions if not question.task.done() and question.asked_at >= since)

    def _still_busy(self, busy: int) -> bool:
        """Whether the whole account was asked a moment ago, and for good reason."""
        last = self._whole
        return last is not None and last.joined >= busy and last.asked_at >= self._ticks() - 2 * self._fresh

    async def _asked(self, extension: str | None) -> Listing:
        try:
            listing = await self._ask(extension)
        except PbxUnreachable:
            self.circuit.failed()
            raise
        except PbxError:
            self.circuit.succeeded()
            raise
        except BaseException:
            self.circuit.gave_up()
            raise
        self.circuit.succeeded()
        return listing

    def _forget(self, now: float) -> None:
        """Drop answers too old to serve anybody. A failure serves only those who waited for it."""
        self._questions = [question for question in self._questions if self._useful(question, now)]

    def _useful(self, question: _Query, now: float) -> bool:
        if not question.task.done():
            return True
        failed = question.task.cancelled() or question.task.exception() is not None
        return not failed and question.asked_at >= now - self._fresh


def _has_calls(listing: Listing, extension: str | None) -> bool:
    """Whether an answer older than the click may be told: one with calls, and any snapshot of everything."""
    return extension is None or bool(listing.extensions.get(extension))
