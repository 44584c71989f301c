"""Asking one phone system, no more often than needed: clicks share questions, and young answers serve again.

What a click may be told (contract 3): calls from an answer asked at most `fresh_seconds` before the click; "no call"
and "unknown extension" only from an answer asked after it. A shared question belongs to nobody: when one of those who
wait for it gives up, the others still get theirs.

Where other web processes ask the same phone system (`partners`), whoever of all comes first asks for all calls. Of
another process' answer the calls are told, by the same rule; what it does not name is asked anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from secrets import token_hex

from bridge.calls.partners import LONGEST_SECONDS, AskedElsewhere, NoAnswer, Partners, patience
from bridge.calls.query import Query, QueryResult
from bridge.core.errors import PbxError, PbxUnreachable
from bridge.core.model import ServedFrom
from bridge.core.reasons import reason
from bridge.egress.circuit_breaker import PAUSE_SECONDS, CircuitBreaker, CircuitState
from bridge.pbx.contract import Listing

BUSY = 3
"""With this many questions for single extensions on their way, the next one is for the whole account. So is the one
after it, if that many clicks were served by it. A make whose questions for the whole account cost more has a number of
its own."""

NEWEST = 0.25
"""The share of the newest question in what they usually take."""

Ask = Callable[[str | None], Awaitable[Listing]]
"""Asks for one extension, or (None) for all."""


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
        longest_seconds: float = LONGEST_SECONDS,
    ) -> None:
        """`longest_seconds`: how long a question may take; a partner's answer is not waited for longer."""
        self._ask, self._always_whole, self._fresh, self._ticks = ask, always_whole, fresh_seconds, ticks
        self.circuit, self._whole_from = circuit, whole_from
        self._longest = min(longest_seconds, LONGEST_SECONDS)
        self._questions: list[Query] = []
        self._whole: Query | None = None
        self.partners: Partners | None = None
        self.asked = 0
        """How many questions were sent."""
        self.wanted = 0
        """How many times an answer was wanted."""
        self.usual = 0.0
        """What a question usually takes, in seconds; 0.0: none was answered yet."""

    async def about(self, extension: str | None, clicked_at: float) -> QueryResult:
        """What it says about `extension` (None: all of them), for a click at `clicked_at` (in ticks).

        Raises `PbxError`.
        """
        self._forget(clicked_at)
        self.wanted += 1
        told_nothing = lost = False
        for question in reversed(self._questions):
            if question.covers(extension) and question.asked_at >= clicked_at - self._fresh:
                heard = await self._join(question)
                if heard is not None and question.tells(heard.listing, extension, clicked_at):
                    return heard
                told_nothing, lost = told_nothing or heard is not None, lost or heard is None
        return await self._anew(extension, clicked_at, told_nothing, together=not (told_nothing or lost))

    async def _anew(self, extension: str | None, clicked_at: float, alone: bool, together: bool) -> QueryResult:
        """By a question that is asked after the click, or (`together`) by one of a partner's that names its calls."""
        for question in self._questions:
            is_after = question.is_ours and question.asked_at >= clicked_at
            if is_after and question.covers(extension) and (heard := await self._join(question)) is not None:
                return heard
        question = self._new(extension, clicked_at, alone, together)
        heard = await self._join(question, ServedFrom.PBX)
        if heard is not None and (question.is_ours or question.tells(heard.listing, extension, clicked_at)):
            return heard
        return await self._anew(extension, clicked_at, heard is not None, together=False)

    async def alone(self, extension: str) -> Listing:
        """A question of its own about one extension. Raises `PbxError`."""
        return await self._asked(extension)

    async def _join(self, question: Query, served_from: ServedFrom | None = None) -> QueryResult | None:
        """Its answer; None: whoever asked it tells none."""
        is_first, was_done = served_from is not None, question.task.done()
        question.joined += 0 if is_first else 1
        try:
            listing = await asyncio.shield(question.task)
        except NoAnswer:
            return None
        if served_from is None or not question.is_ours:
            served_from = ServedFrom.RECENT if was_done else ServedFrom.SHARED
        return QueryResult(listing, question.asked_at, served_from)

    def _new(self, extension: str | None, clicked_at: float, alone: bool, together: bool) -> Query:
        """A new question; `alone`: it is asked because a young answer told nothing, so few others will share it.
        `together`: a partner may ask it."""
        whole = self._always_whole or extension is None or self._is_worth_a_whole(clicked_at, alone)
        scope = None if whole else extension
        question = Query(scope, self._ticks(), asyncio.get_running_loop().create_future())
        if whole and extension is not None and together and self._asks_together():
            question.is_ours = False
            question.task = asyncio.create_task(self._asked_together(question))
        else:
            question.task = asyncio.create_task(self._told(scope) if whole else self._asked(scope))
        self._add(question)
        self._whole = question if whole else self._whole
        return question

    def _add(self, question: Query) -> None:
        question.task.add_done_callback(lambda task: task.cancelled() or task.exception())  # seen, even if nobody waits
        self._questions.append(question)

    def add(self, other: AskedElsewhere) -> None:
        """A partner asks this."""
        self._whole = question = Query(None, other.asked_at, other.answer, is_ours=False)
        self._add(question)

    def count_partners(self) -> int:
        """How many other processes ask together with this one at present."""
        return self.partners.count() if self.partners is not None and self._asks_together() else 0

    def _asks_together(self) -> bool:
        """Whether partners are asked who asks: not while it is not known whether the phone system can be reached, nor
        where it often takes longer than they would wait."""
        if self.partners is None or not self._fresh or 2 * self.usual > self._longest:
            return False
        return self.circuit.state is CircuitState.CLOSED and self.partners.pays(self.usual)

    async def _asked_together(self, question: Query) -> Listing:
        """By this process or by a partner, whoever comes first."""
        assert self.partners is not None  # noqa: S101 - `_asks_together`
        name = token_hex(8)
        other = await self.partners.take(name, patience(self.usual, self._longest))
        if other is not None and other.asked_at >= question.asked_at - self._fresh:
            question.asked_at = min(question.asked_at, other.asked_at)
            return await asyncio.shield(other.answer)
        question.is_ours, question.asked_at = True, self._ticks()
        return await self._told(None, name)

    async def _told(self, scope: str | None, name: str = "") -> Listing:
        """The answer, which partners are told too; `name`: they know of the question by it."""
        if not name and self._asks_together() and self.partners is not None:
            self.partners.announce(name := token_hex(8), patience(self.usual, self._longest))
        listing = None
        try:
            listing = await self._asked(scope)
        finally:
            if name and self.partners is not None:
                self.partners.tell(name, listing)
        return listing

    def _is_worth_a_whole(self, clicked_at: float, alone: bool) -> bool:
        busy = self._whole_from()
        if busy is None or self._waiting(clicked_at) >= busy:
            return busy is not None
        return not alone and (self._still_busy(busy) or self._waiting_everywhere() >= busy)

    def _waiting_everywhere(self) -> float:
        """How many questions would be on their way in all processes, if each click asked one of its own."""
        return self.usual * self.partners.clicks_per_second() if self.partners and self._asks_together() else 0.0

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
        self._admit()
        self.asked += 1
        asked_at = self._ticks()
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
        took = self._ticks() - asked_at
        self.usual = took if not self.usual else (1 - NEWEST) * self.usual + NEWEST * took
        return listing

    def _forget(self, now: float) -> None:
        """Drop answers too old to serve anybody. A failure serves only those who waited for it."""
        self._questions = [question for question in self._questions if self._useful(question, now)]

    def _useful(self, question: Query, now: float) -> bool:
        if not question.task.done():
            return True
        failed = question.task.cancelled() or question.task.exception() is not None
        return not failed and question.asked_at >= now - self._fresh
