"""Room for clicks: how many wait for their answer in this process, and how many were turned away for that."""

import asyncio
import logging
from collections import Counter
from collections.abc import Collection

from bridge.store import counters
from bridge.store.client import TextRedis

log = logging.getLogger(__name__)

COUNT_SECONDS = 1.0
LOOK_SECONDS, LATE_SECONDS = 0.05, 0.25
"""How often the event loop is watched, and from when on it is late: then health checks and the API are late too."""
FADING = 0.95
"""By what it is forgotten at each look, so that the next moment without a queue does not fill it at once."""
FEW = 64
"""So many may wait however late it is: a moment's pause turns nobody away."""


class ClickRoom:
    """`waiting` clicks have arrived whole and have no answer yet; there is room for `most`. `names` are the CRMs'.

    A click is turned away before anything of it is parsed: were that as dear as an answer, a process that gets five
    times what it can do would only refuse.
    """

    def __init__(self, most: int, names: Collection[str]) -> None:
        self.most, self.names = most, names
        self.waiting = 0
        self._late = 0.0
        self._turned_away: Counter[str] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether the next one is turned away."""
        return self.waiting >= self.most or (self.waiting >= FEW and self._late > LATE_SECONDS)

    def turn_away(self, name: str) -> None:
        """Note one that was turned away; `name` is what its address has."""
        self._turned_away[name if name in self.names else ""] += 1

    async def watch(self) -> None:
        """Measure by how much the event loop is late, for ever."""
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + LOOK_SECONDS
            await asyncio.sleep(LOOK_SECONDS)
            self._late = max(clock() - due, self._late * FADING)

    async def report(self, redis: TextRedis) -> None:
        """Count and log those that were turned away, every second, for ever: each by itself would be too dear."""
        while True:
            await asyncio.sleep(COUNT_SECONDS)
            turned_away, self._turned_away = self._turned_away, Counter()
            for crm, times in turned_away.items():
                await counters.count(redis, "clicks_overload", times, crm=crm)
            if turned_away:
                log.warning("%d clicks were answered 503: %d wait already", turned_away.total(), self.waiting)
