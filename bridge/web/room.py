"""How many requests may ask Redis about a token or a page at once: the others wait for a moment, in turn.

Thousands of pages come back together after a restart. Without this they would use up the connections and most would
be refused.
"""

import asyncio
from types import TracebackType
from typing import Self

from bridge.store.clicks.accept import unavailable

PLACES = 128
"""Half of the connections that there are for them."""
PATIENCE_SECONDS = 5.0


class Room:
    """`async with room:` waits for a place. Raises `Unavailable` (503) when none gets free in time."""

    def __init__(self, places: int = PLACES) -> None:
        self._places = asyncio.Semaphore(places)

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise unavailable() from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._places.release()
