"""How long each step of a click takes."""

from bridge.core.clock import Clock


class StepTimer:
    """How long each step of one click took, in milliseconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._started = clock, clock.ticks()
        self._last = self._started
        self.ms: dict[str, float] = {}

    def mark(self, step: str) -> None:
        """The step that ends now."""
        now = self._clock.ticks()
        self.ms[step], self._last = round((now - self._last) * 1000, 2), now

    def total(self) -> float:
        """Since the click arrived."""
        return round((self._clock.ticks() - self._started) * 1000, 1)
