"""Python's garbage collector, for a process that people wait for."""

import gc

SELDOM = 10_000
"""New objects after which the collector looks for garbage. An answer of 1,000 rows is 8,000 of them: with Python's 700,
looking is a quarter of what reading it costs."""


def settle() -> None:
    """Leave alone what is there now, which is there for good: to walk it again and again would hold up everything for
    40 ms each time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(SELDOM)
