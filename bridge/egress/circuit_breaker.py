"""A circuit breaker: after several failures in a row it opens, and requests fail at once; then one may try."""

from collections.abc import Callable
from enum import StrEnum

FAILURES = 5
PAUSE_SECONDS = 5.0


class CircuitState(StrEnum):
    """Closed lets all through, open nobody, half-open one."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class CircuitBreaker:
    """Counts failures in a row. `ticks` counts seconds steadily."""

    def __init__(self, ticks: Callable[[], float], failures: int = FAILURES, pause: float = PAUSE_SECONDS) -> None:
        self._ticks, self._most, self._pause = ticks, failures, pause
        self._failures = 0
        self._opened_at: float | None = None
        self._trying = False

    @property
    def state(self) -> CircuitState:
        """What the next one would meet."""
        if self._opened_at is None:
            return CircuitState.CLOSED
        over = self._ticks() - self._opened_at >= self._pause
        return CircuitState.HALF_OPEN if over else CircuitState.OPEN

    def admit(self) -> bool:
        """Whether to try now. Whoever is let through must say how it went."""
        if self.state is CircuitState.CLOSED:
            return True
        if self.state is CircuitState.OPEN or self._trying:
            return False
        self._trying = True
        return True

    def succeeded(self) -> None:
        """The other side answered, whatever it said."""
        self._failures, self._opened_at, self._trying = 0, None, False

    def failed(self) -> None:
        """No connection, no answer in time, or a fault of the other side."""
        self._failures += 1
        if self._trying or self._failures >= self._most:
            self._opened_at = self._ticks()
        self._trying = False

    def gave_up(self) -> None:
        """The try ended without telling anything about the other side."""
        self._trying = False
