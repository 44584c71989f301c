"""Time and chance, handed in so that tests can hold them still."""

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """`now` is the time of day in UTC; `ticks` counts seconds steadily; `chance` is a number from 0 to 1."""

    now: Callable[[], datetime] = _now
    ticks: Callable[[], float] = time.perf_counter
    chance: Callable[[], float] = random.random


def new_id(prefix: str, now: datetime) -> str:
    """`prefix` and a UUID version 7 in hex: unique, and later ids sort behind earlier ones."""
    milliseconds = int(now.timestamp() * 1000) & (2**48 - 1)
    chance = int.from_bytes(os.urandom(10), "big")
    number = milliseconds << 80 | 0x7 << 76 | (chance >> 68 & 0xFFF) << 64 | 0b10 << 62 | chance & (2**62 - 1)
    return f"{prefix}_{number:032x}"
