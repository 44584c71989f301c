"""The partners in the questions to one phone system: who they are, and what one of them is asking."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

from bridge.calls import partners
from bridge.calls.partners import AskedElsewhere, NoAnswer
from bridge.calls.shared_queries import SharedQueries
from bridge.pbx.contract import Listing
from bridge.store.calls import questions
from bridge.store.calls.questions import Asks, Says
from bridge.store.scripts import Scripts

TRIPS = 4
"""A question that takes so many trips to Redis or more is worth sharing: that costs a trip or two, and who joins one on
its way waits half as long as for one of their own."""
TRIPS_KEPT = 40
LIKELY = 0.5
"""So many clicks elsewhere that an answer may serve, on average, make it worth telling."""
TAKE_SECONDS = 0.1
"""A Redis that does not tell within this who asks is not waited for."""
UNTOLD_SECONDS, TOO_LONG_SECONDS = 0.25, 60.0
"""How long this process asks by itself after that, and after an answer that was too long to be passed on."""
GONE_SECONDS = 3.0
"""A partner that is silent this long is gone."""


class Line:
    """The connection that processes tell each other on. `is_open`: what others tell is heard."""

    def __init__(self, scripts: Scripts, ticks: Callable[[], float]) -> None:
        self.scripts, self.ticks = scripts, ticks
        self.is_open = False
        self._met = float("-inf")
        self._news = asyncio.Event()
        self._trips = deque[float](maxlen=TRIPS_KEPT)
        self._measured = (0.0, 0)

    @property
    def is_alone(self) -> bool:
        """Whether no other process has been heard of late."""
        return self._met < self.ticks() - GONE_SECONDS

    def meet(self) -> None:
        """Another process is heard."""
        if self.is_alone:
            self._news.set()
        self._met = self.ticks()

    async def pause(self, seconds: float) -> None:
        """Until then, or until another process is heard after a time alone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()

    @property
    def trip(self) -> float | None:
        """How long Redis takes to reply, by the quickest of the last times: what keeps this process from hearing it
        keeps it from hearing phone systems too. None: not measured yet."""
        return min(self._trips, default=None)

    def measure(self, sent: float, redis_time: int) -> None:
        """Redis replied with its time (in microseconds) to what was sent at this moment (in ticks)."""
        self._trips.append(self.ticks() - sent)
        self._measured = sent, redis_time

    def at(self, redis_time: int) -> float:
        """This moment of Redis' in ticks, or a little earlier."""
        sent, then = self._measured
        return min(self.ticks(), sent + (redis_time - then) / 1_000_000)


class Circle:
    """See `partners.Partners`."""

    def __init__(self, account: str, fresh_seconds: float, queries: SharedQueries, line: Line) -> None:
        self._account, self._fresh, self._queries, self._line = account, fresh_seconds, queries, line
        self._known: dict[str, AskedElsewhere] = {}
        self._mine: set[str] = set()
        self._rates: dict[str, tuple[float, float]] = {}
        self._own_rate, self._counted = 0.0, queries.wanted
        self._alone_until = float("-inf")
        self._telling: set[asyncio.Task[None]] = set()

    def pays(self, usual: float) -> bool:
        """As `Partners` says: only where it is quicker than asking, and somebody is likely to have use for it."""
        line = self._line
        if not line.is_open or line.trip is None or line.ticks() < self._alone_until or usual < TRIPS * line.trip:
            return False
        return self._elsewhere() * (self._fresh + usual) >= LIKELY

    def count(self) -> int:
        """As `Partners` says: those that have clicks for it."""
        self._elsewhere()
        return len(self._rates)

    def clicks_per_second(self) -> float:
        """As `Partners` says."""
        return self._own_rate + self._elsewhere()

    def _elsewhere(self) -> float:
        since = self._line.ticks() - GONE_SECONDS
        if any(at < since for _, at in self._rates.values()):
            self._rates = {who: told for who, told in self._rates.items() if told[1] >= since}
        return sum(rate for rate, _ in self._rates.values())

    def rate(self, seconds: float) -> float:
        """How many clicks a second have asked of late, `seconds` after it was asked for last: a rise counts at once."""
        newest = (self._queries.wanted - self._counted) / seconds
        self._counted = self._queries.wanted
        self._own_rate = round(max(newest, (self._own_rate + newest) / 2), 2)
        return self._own_rate

    def is_here(self, who: str, rate: float | None) -> None:
        """A partner lives, and so many clicks a second ask there."""
        if rate:
            self._rates[who] = rate, self._line.ticks()
        else:
            self._rates.pop(who, None)

    async def take(self, question: str, seconds: float) -> AskedElsewhere | None:
        """As `Partners` says. Where Redis does not tell in time, this process asks."""
        self._mine.add(question)
        try:
            async with asyncio.timeout(TAKE_SECONDS):
                held = await questions.take(self._line.scripts, self._account, question, seconds)
        except (RedisError, OSError, TimeoutError):
            self._alone_until = self._line.ticks() + UNTOLD_SECONDS
            return None
        if held is None or held.question in self._mine:
            return None
        self._mine.discard(question)
        return self.asks(held)

    def asks(self, told: Asks) -> AskedElsewhere | None:
        """A partner asks; None: it is this process."""
        if told.question in self._mine:
            return None
        if told.question not in self._known:
            loop = asyncio.get_running_loop()
            known = AskedElsewhere(self._line.at(told.at), loop.create_future())
            self._known[told.question] = known
            self._queries.add(known)
            loop.call_later(told.seconds, self._lose, told.question)
            loop.call_later(told.seconds + self._fresh, self._known.pop, told.question, None)
        return self._known[told.question]

    def says(self, told: Says) -> None:
        """What a partner was answered."""
        if (known := self._known.get(told.question)) is None or known.answer.done():
            return
        if told.text:
            known.answer.set_result(partners.read(told.text))
        else:
            known.answer.set_exception(NoAnswer())

    def _lose(self, question: str) -> None:
        if (known := self._known.get(question)) is not None and not known.answer.done():
            known.answer.set_exception(NoAnswer())

    def lose_all(self) -> None:
        """Nobody is heard any longer."""
        for question in self._known:
            self._lose(question)

    def announce(self, question: str, seconds: float) -> None:
        """As `Partners` says."""
        self._mine.add(question)
        self._send(self._announce(question, seconds))

    async def _announce(self, question: str, seconds: float) -> None:
        await questions.take(self._line.scripts, self._account, question, seconds, anyway=True)

    def tell(self, question: str, listing: Listing | None) -> None:
        """As `Partners` says."""
        self._send(self._tell(question, listing))

    async def _tell(self, question: str, listing: Listing | None) -> None:
        text = await partners.written(listing) if listing is not None else ""
        if listing is not None and not text:
            self._alone_until = self._line.ticks() + TOO_LONG_SECONDS
        try:
            await questions.say(self._line.scripts, self._account, question, text)
        finally:
            self._mine.discard(question)

    def _send(self, sending: Coroutine[Any, Any, None]) -> None:
        """In the background. Where Redis is away, partners wait no longer than they would for a process that died."""

        async def sent() -> None:
            with suppress(RedisError, OSError):
                await sending

        task = asyncio.create_task(sent())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
