"""Puts jobs on a queue, for each system by its own means, and prints as JSON when each was meant to be put there.

Arguments: `backlog COUNT` (as fast as it goes) or `open RATE SECONDS SEED` (at moments drawn beforehand, whether or
not the last one is through: who waits is not thereby spared).
"""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator

REDIS = os.environ.get("BENCH_REDIS", "")
TARGET = os.environ.get("BENCH_TARGET", "")
BODY = os.environ.get("BENCH_BODY", "")
CONCURRENCY = int(os.environ.get("BENCH_CONCURRENCY", "64"))
AT_ONCE = 16

Put = Callable[[], Awaitable[str]]
"""Puts one job on the queue; the `webhook-id` under which it will arrive."""


async def feed(put: Put, arguments: list[str]) -> None:
    """Do what the arguments say and print who was meant to be there when (seconds, `time.monotonic`)."""
    kind, *numbers = arguments
    if kind == "backlog":
        meant = await _backlog(put, int(numbers[0]))
    else:
        meant = await _open_loop(put, float(numbers[0]), float(numbers[1]), int(numbers[2]))
    json.dump(meant, sys.stdout)


async def _backlog(put: Put, count: int) -> dict[str, float]:
    meant: dict[str, float] = {}
    left = iter(range(count))

    async def line() -> None:
        for _ in left:
            at = time.monotonic()
            meant[await put()] = at

    await asyncio.gather(*(line() for _ in range(AT_ONCE)))
    return meant


async def _open_loop(put: Put, rate: float, seconds: float, seed: int) -> dict[str, float]:
    meant: dict[str, float] = {}
    start = time.monotonic() + 0.05

    async def one(at: float) -> None:
        meant[await put()] = at

    async with asyncio.TaskGroup() as group:
        for moment in moments(rate, seconds, seed):
            await asyncio.sleep(start + moment - time.monotonic())
            group.create_task(one(start + moment))
    return meant


def moments(rate: float, seconds: float, seed: int) -> Iterator[float]:
    """Arrivals of a Poisson process: seconds from the start, `rate` per second on average."""
    chance = random.Random(seed)
    at = chance.expovariate(rate)
    while at < seconds:
        yield at
        at += chance.expovariate(rate)
