"""Room for pushes: each target has so many places, and a circuit, so that a dead CRM takes none from the others."""

from collections.abc import Callable, Mapping
from enum import Enum
from math import inf

from bridge.config.models import CrmAccount
from bridge.egress.circuit_breaker import CircuitBreaker, CircuitState

TURNS_PER_SECOND = 50
"""How many ask again in a second, at least; twice as many as there are pushes that end, if those are more."""


class Visit(Enum):
    """How it went with whoever had a place: the CRM was not asked, answered like one that works, or did not."""

    NOT_ASKED = "not-asked"
    ANSWERED = "answered"
    FAILED = "failed"


class Target:
    """One CRM as a receiver of popups, in this process."""

    def __init__(self, places: int, ticks: Callable[[], float], free: Callable[[], float]) -> None:
        self._places, self._ticks, self._free = places, ticks, free
        self._last_turn = 0.0
        self._second, self._ends, self._ends_before = 0, 0, 0
        self.circuit = CircuitBreaker(ticks)
        self.in_flight = 0

    def enter(self) -> bool:
        """Take a place if there is one. Whoever got one calls `leave`.

        No target has more places than it leaves free, so that several slow ones share and never take them all.
        """
        if self.in_flight >= min(self._places, self._free()) or not self.circuit.admit():
            return False
        self.in_flight += 1
        return True

    def turn(self) -> float:
        """Seconds until one who was not let in should ask again. They come one after the other, however many they are:
        else asking in vain is all that this process does beside a target that does not answer."""
        now = self._ticks()
        pace = max(TURNS_PER_SECOND, 2 * self._ends_per_second(now))
        self._last_turn = max(self._last_turn + 1 / pace, now)
        return self._last_turn - now

    def _ends_per_second(self, now: float) -> int:
        """Pushes that ended in this second or the one before."""
        if (second := int(now)) != self._second:
            before = self._ends if second == self._second + 1 else 0
            self._second, self._ends, self._ends_before = second, 0, before
        return max(self._ends, self._ends_before)

    def leave(self, visit: Visit) -> None:
        """Give the place back."""
        self.in_flight -= 1
        self._ends_per_second(self._ticks())
        self._ends += 1
        match visit:
            case Visit.NOT_ASKED:
                self.circuit.gave_up()
            case Visit.ANSWERED:
                self.circuit.succeeded()
            case Visit.FAILED:
                self.circuit.failed()


class Targets:
    """All CRMs as receivers. `room`: how many pushes this process can have on their way, to all of them."""

    def __init__(self, accounts: Mapping[str, CrmAccount], ticks: Callable[[], float], room: float = inf) -> None:
        self.room = room
        self._targets = {name: Target(account.pushes_at_once, ticks, self._free) for name, account in accounts.items()}

    def __getitem__(self, name: str) -> Target:
        return self._targets[name]

    def _free(self) -> float:
        """What one alone may take is its own limit only."""
        if len(self._targets) == 1:
            return inf
        return self.room - sum(target.in_flight for target in self._targets.values())

    def circuits(self) -> dict[str, CircuitState]:
        """The state of each target's circuit in this process."""
        return {name: target.circuit.state for name, target in self._targets.items()}
