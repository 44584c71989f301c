"""Asks a web process for `/livez` all the time while clicks come in: how long its event loop stands still.

A process of its own: `python -m tests.bench.watcher PORT RATE SECONDS SEED AGENTS [REDIS]`. With the process id of
Redis, that is stopped (SIGSTOP) for `STOPPED_SECONDS` once in `EVERY_SECONDS`. Prints as JSON what the presser tells,
the longest wait of each standstill, and the longest at any other time, in milliseconds.
"""

import asyncio
import json
import os
import signal
import sys
import time
from typing import cast

from tests.bench.clicker import click

GAP_SECONDS = 0.002
STOPPED_SECONDS, EVERY_SECONDS = 0.2, 0.75
AFTER_SECONDS = 0.3
"""So long after Redis goes on a wait still counts as the standstill's: all that waited is done then."""
REQUEST = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

Waits = list[tuple[float, float]]
"""When a question was meant (seconds, `time.monotonic`) and how many milliseconds later its answer came."""


class Watch(asyncio.Protocol):
    """One kept connection, a question every `GAP_SECONDS`. Those meant while one waits would wait less: they are left
    out."""

    def __init__(self) -> None:
        self.waits: Waits = []
        self._heard, self._meant, self._is_lost = b"", 0.0, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask(time.monotonic())

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, end, body = self._heard.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]):
            return
        now, self._heard = time.monotonic(), b""
        self.waits.append((self._meant, 1000 * (now - self._meant)))
        meant = self._meant + GAP_SECONDS * (1 + (now - self._meant) // GAP_SECONDS)
        asyncio.get_running_loop().call_later(meant - now, self._ask, meant)

    def connection_lost(self, error: Exception | None) -> None:
        self._is_lost = True

    def whole(self) -> Waits:
        """All waits until now, that of a question which still waits as well. Raises when the line broke meanwhile."""
        if self._is_lost:
            raise ConnectionError("the web process hung up on the watcher")
        if self.waits and self.waits[-1][0] == self._meant:
            return self.waits
        return [*self.waits, (self._meant, 1000 * (time.monotonic() - self._meant))]

    def _ask(self, meant: float) -> None:
        self._meant = meant
        self._transport.write(REQUEST)


async def stops(redis: int, count: int) -> list[float]:
    """Stop Redis so often; when (seconds, `time.monotonic`)."""
    found = []
    for _ in range(count):
        await asyncio.sleep(EVERY_SECONDS - STOPPED_SECONDS)
        found.append(time.monotonic())
        os.kill(redis, signal.SIGSTOP)
        try:
            await asyncio.sleep(STOPPED_SECONDS)
        finally:
            os.kill(redis, signal.SIGCONT)
    return found


async def watched(port: int, rate: float, seconds: float, seed: int, agents: int, redis: int = 0) -> dict[str, object]:
    """Press, watch and, if it is to be, stop Redis."""
    _, watch = await asyncio.get_running_loop().create_connection(Watch, "127.0.0.1", port)
    clicking = asyncio.create_task(click([port], rate, seconds, seed, agents))
    stopped = await stops(redis, round(seconds / EVERY_SECONDS)) if redis else []
    told = await clicking
    waits, until = watch.whole(), STOPPED_SECONDS + AFTER_SECONDS
    stood = [[ms for at, ms in waits if start - GAP_SECONDS <= at < start + until] for start in stopped]
    apart = [ms for at, ms in waits if not any(start - GAP_SECONDS <= at < start + until for start in stopped)]
    return told | {"stood": [max(each) for each in stood], "apart": max(apart)}


if __name__ == "__main__":
    port, rate, seconds, *numbers = sys.argv[1:]
    json.dump(asyncio.run(watched(int(port), float(rate), float(seconds), *map(int, numbers))), sys.stdout)
