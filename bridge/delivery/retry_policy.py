"""How long a delivery that did not succeed waits for its next attempt; pure."""

FIRST_WAIT, LONGEST_WAIT, LONGEST_DEFER, JITTER = 0.5, 30.0, 4.0, 0.25
LONGEST_NOTE_WAIT = 600.0
"""Seconds. A popup is of use for minutes, a note for days."""


def growing_wait(times: int, chance: float, longest: float = LONGEST_WAIT) -> float:
    """Half a second, doubled with each time up to `longest`, and up to a quarter more or less by `chance` (0 to 1)."""
    wait: float = min(FIRST_WAIT * 2 ** min(times, 16), longest)
    return wait * (1 + JITTER * (2 * chance - 1))
