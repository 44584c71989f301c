"""More clicks than a web process can answer, and health checks beside them.

Processes of their own: `python -m tests.bench.crowd clicks PORT RATE SECONDS SEED AGENTS` (a rate of 0: `AT_ONCE` at a
time, the next as soon as one is answered) prints as JSON how many were pressed, found their call within `IN_TIME_MS`,
found it later, and were turned away, after a first second; `… crowd livez PORT SECONDS` prints how many milliseconds
each health check took.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable

from tests.bench.clicker import GRACE_SECONDS, Reader, request
from tests.bench.peers.feeder import moments

AT_ONCE = 48
"""Clicks that wait at a time to learn what a process can do: it turns nobody away."""
IN_TIME_MS = 250.0
FIRST_SECONDS, ASK_SECONDS = 1.0, 0.02
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

Heard = Callable[[bytes, float], None]
"""Is told an answer and how many milliseconds it took."""


class Line(Reader):
    """One kept connection, one request on it at a time."""

    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self._tell, self._meant = heard, 0.0

    def send(self, words: bytes, meant: float) -> None:
        """A request that was meant for this moment."""
        self._meant = meant
        self._transport.write(words)

    def answered(self, body: bytes) -> None:
        """One answer is there."""
        self._tell(body, 1000 * (time.monotonic() - self._meant))


async def _opened(port: int, heard: Heard) -> Line:
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(lambda: Line(heard), "127.0.0.1", port)
    return line


async def pressed(port: int, rate: float, seconds: float, seed: int, agents: int) -> dict[str, int]:
    """Press, and count how it went."""
    found: Counter[str] = Counter(pressed=0, in_time=0, late=0, turned_away=0)
    begins = time.monotonic() + FIRST_SECONDS

    def count(body: bytes, took: float) -> None:
        if time.monotonic() - took / 1000 < begins:
            return
        found["pressed"] += 1
        what = ("in_time" if took <= IN_TIME_MS else "late") if b'"found"' in body else "turned_away"
        found[what] += 1

    await (_open_loop if rate else _closed_loop)(port, rate, FIRST_SECONDS + seconds, seed, agents, count)
    return dict(found)


async def _closed_loop(port: int, rate: float, seconds: float, seed: int, agents: int, count: Heard) -> None:
    until = time.monotonic() + seconds

    async def line(number: int) -> None:
        answers: asyncio.Queue[tuple[bytes, float]] = asyncio.Queue()
        one = await _opened(port, lambda body, took: answers.put_nowait((body, took)))
        while (now := time.monotonic()) < until:
            one.send(request(number % agents), now)
            count(*await answers.get())
            number += AT_ONCE

    await asyncio.gather(*map(line, range(AT_ONCE)))


async def _open_loop(port: int, rate: float, seconds: float, seed: int, agents: int, count: Heard) -> None:
    idle: list[Line] = []
    planned = [(at, request(number % agents)) for number, at in enumerate(moments(rate, seconds, seed))]
    start = time.monotonic() + 0.05

    async def new(words: bytes, at: float) -> None:
        line = await _opened(port, lambda body, took: (count(body, took), idle.append(line))[0])
        line.send(words, at)

    async with asyncio.TaskGroup() as group:
        for at, words in planned:
            if (wait := start + at - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            if idle:
                idle.pop().send(words, start + at)
            else:
                group.create_task(new(words, start + at))
    await asyncio.sleep(GRACE_SECONDS)


async def asked(port: int, seconds: float) -> list[float]:
    """How long health checks took, one after the other; those meant while one waited take as long as it still did."""
    took: list[float] = []
    answers: asyncio.Queue[float] = asyncio.Queue()
    line = await _opened(port, lambda body, ms: answers.put_nowait(ms))
    meant = time.monotonic()
    until = meant + seconds
    while meant < until:
        await asyncio.sleep(meant - time.monotonic())
        line.send(LIVEZ, meant)
        await answers.get()
        while meant <= time.monotonic():
            took.append(round(1000 * (time.monotonic() - meant), 3))
            meant += ASK_SECONDS
    return took


def main(what: str, port: str, *numbers: str) -> object:
    """As the first line says."""
    if what == "livez":
        return asyncio.run(asked(int(port), float(numbers[0])))
    rate, seconds, seed, agents = numbers
    return asyncio.run(pressed(int(port), float(rate), float(seconds), int(seed), int(agents)))


if __name__ == "__main__":
    json.dump(main(*sys.argv[1:]), sys.stdout)
