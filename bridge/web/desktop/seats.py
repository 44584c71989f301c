"""How many event streams one agent and one address may have open in this process: a flood of them stops nobody else."""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.exceptions import HTTPException

from bridge.config.models import Desktop
from bridge.store import keys
from bridge.store.tokens import Grant

log = logging.getLogger(__name__)

RETRY_SECONDS = 30
LOG_SECONDS = 60.0
"""A flood is logged once in this time."""


class TooManyStreams(HTTPException):
    """A 429. It closes the connection: refused ones must not pile up."""

    reason = "too-many-streams"

    def __init__(
        self, whose: str, most: int, setting: str, what: str = "desktop pages", section: str = "desktop"
    ) -> None:
        told = f"{most} {what} {whose} are open already: {section}.{setting} allows no more."
        super().__init__(429, told, headers={"Retry-After": str(RETRY_SECONDS), "Connection": "close"})


class Seats:
    """Counts open streams. All tokens of an agent count together: each can be traded for any number of sessions."""

    def __init__(self) -> None:
        self._agents: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()
        self._logged_at = float("-inf")

    def check_address(self, address: str, limits: Desktop) -> None:
        """Raises `TooManyStreams`. Asked before the token is looked up: to refuse must cost less than to ask."""
        most = limits.streams_per_address
        if most and self._addresses[address] >= most:
            raise self._refusal("from this address", most, "streams_per_address")

    @contextmanager
    def taken(self, grant: Grant, address: str, limits: Desktop) -> Iterator[None]:
        """One stream more while the block lasts. Raises `TooManyStreams`."""
        seat = self.take(grant, address, limits)
        try:
            yield
        finally:
            seat.leave()

    def take(self, grant: Grant, address: str, limits: Desktop) -> "Seat":
        """One stream more, until its seat is left. Raises `TooManyStreams`."""
        agent, most = keys.desktop(grant), limits.streams_per_agent
        if most and self._agents[agent] >= most:
            raise self._refusal("of this agent", most, "streams_per_agent")
        self._agents[agent] += 1
        self._addresses[address] += 1
        return Seat(self, agent, address)

    def give_back(self, agent: str, address: str) -> None:
        """One stream less."""
        for counts, name in ((self._agents, agent), (self._addresses, address)):
            counts[name] -= 1
            if not counts[name]:
                del counts[name]

    def _refusal(self, whose: str, most: int, setting: str) -> TooManyStreams:
        if time.monotonic() - self._logged_at > LOG_SECONDS:
            self._logged_at = time.monotonic()
            log.warning("a desktop page is refused: %d %s are open (desktop.%s)", most, whose, setting)
        return TooManyStreams(whose, most, setting)


@dataclass(frozen=True, slots=True)
class Seat:
    """An open stream's place: ten thousand of them are held for hours, so each is small."""

    seats: Seats
    agent: str
    address: str

    def leave(self) -> None:
        """The stream is over."""
        self.seats.give_back(self.agent, self.address)
