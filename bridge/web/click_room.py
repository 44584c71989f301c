"""Room for clicks: how many wait for their answer in this process, and how many were turned away for that."""

import asyncio
import logging
from collections import Counter
from collections.abc import Collection

from bridge.store import counters
from bridge.store.client import TextRedis

log = logging.getLogger(__name__)

COUNT_SECONDS = 1.0
LOOK_SECONDS, LATE_SECONDS = 0.05, 0.018
"""How often the event loop is watched, and by how much it may be late: a click goes through it several times, so its
answer is late by several times that, and health checks and the API are late by it."""
CROWD, SELDOM_SECONDS = 8, 0.25
"""While fewer wait, that is looked at so seldom: each look costs an idle process as much as it costs a busy one."""
NEWEST = 0.25
"""The share of the newest look in what is taken for late: one pause by itself turns nobody away."""
FEWER, MORE = 0.8, 1.05
"""How the number of those who may wait changes at each look, while it is late and while it is far from late."""
FEW = 32
"""So many may wait however late it is."""


class ClickRoom:
    """`waiting` clicks have arrived whole and have no answer yet; there is room for `most`. `names` are the CRMs'.

    There is room for fewer while the event loop is late: of those who wait for the processor, each makes all others
    wait. Those who wait for a slow phone system make nobody late.

    A click is turned away before anything of it is parsed: were that as dear as an answer, a process that gets five
    times what it can do would only refuse.
    """

    def __init__(self, most: int, names: Collection[str]) -> None:
        self.most, self.names = most, names
        self.waiting = 0
        self._late, self._room = 0.0, float("inf")
        self._turned_away: Counter[str] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether the next one is turned away."""
        return self.waiting >= min(self.most, self._room)

    def turn_away(self, name: str) -> None:
        """Note one that was turned away; `name` is what its address has."""
        self._turned_away[name if name in self.names else ""] += 1

    async def watch(self) -> None:
        """Measure by how much the event loop is late, for ever."""
        clock = asyncio.get_running_loop().time
        while True:
            seconds = LOOK_SECONDS if self.waiting >= CROWD else SELDOM_SECONDS
            due = clock() + seconds
            await asyncio.sleep(seconds)
            self.look(clock() - due)

    def look(self, late: float) -> None:
        """Make room for more or fewer, as the event loop is late by so many seconds."""
        self._late += NEWEST * (late - self._late)
        if self._late > LATE_SECONDS:
            self._room = max(FEW, FEWER * min(self._room, self.most))
        elif self._late < LATE_SECONDS / 2:
            self._room = MORE * min(self._room, self.most)

    async def report(self, redis: TextRedis) -> None:
        """Count and log those that were turned away, every second, for ever: each by itself would be too dear."""
        while True:
            await asyncio.sleep(COUNT_SECONDS)
            turned_away, self._turned_away = self._turned_away, Counter()
            for crm, times in turned_away.items():
                await counters.count(redis, "clicks_overload", times, crm=crm)
            if turned_away:
                log.warning("%d clicks were answered 503: %d wait already", turned_away.total(), self.waiting)
