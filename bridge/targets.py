"""Room for pushes: each target has so many places, and a circuit, so that a dead CRM takes none from the others."""

from collections.abc import Callable, Mapping
from math import inf

from bridge.circuit import Circuit, CircuitState
from bridge.settings import CrmAccount

TURNS_PER_SECOND = 50


class Target:
    """One CRM as a receiver of popups, in this process."""

    def __init__(self, places: int, ticks: Callable[[], float], free: Callable[[], float]) -> None:
        self._places, self._ticks, self._free = places, ticks, free
        self._last_turn = 0.0
        self.circuit = Circuit(ticks)
        self.in_flight = 0

    def enter(self) -> bool:
        """Take a place if there is one. Whoever got one calls `leave`.

        No target has more places than it leaves free, so that several slow ones share and never take them all.
        """
        if self.in_flight >= min(self._places, self._free()) or not self.circuit.lets_through():
            return False
        self.in_flight += 1
        return True

    def turn(self) -> float:
        """Seconds until one who was not let in should ask again. While the circuit is not closed they come one by one,
        a few a second however many they are: else asking in vain is all that this process does."""
        if self.circuit.state is CircuitState.CLOSED:
            return 0.0
        now = self._ticks()
        self._last_turn = max(self._last_turn + 1 / TURNS_PER_SECOND, now)
        return self._last_turn - now

    def leave(self, alive: bool | None) -> None:
        """Give the place back. `alive`: the CRM answered like one that works; None: it was not asked."""
        self.in_flight -= 1
        if alive is None:
            self.circuit.gave_up()
        elif alive:
            self.circuit.succeeded()
        else:
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
