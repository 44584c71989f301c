"""Part `parse`: long answers of phone systems, and one extension's calls in them: how long it takes, how long the event
loop stands still."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from bridge.core import collector
from bridge.core.http_types import Reply
from bridge.pbx import registry as pbx
from tests.bench.figures import middle, plain, table
from tests.bench.makes import answers
from tests.bench.phone import answer, calls, extension, row
from tests.bench.report import Options, Report
from tests.contract.session import ScriptedSession

EXTENSIONS, CALLS = (1, 100, 1000), (10, 1000, 5000)
TIMES = 5
TICK_SECONDS = 0.0005
Read = Callable[[], Awaitable[Any]]
VOICENTER = {"base_url": "http://127.0.0.1:9", "code": "ACCOUNTCODE77"}
MAKES: tuple[tuple[str, int, str, dict[str, Any]], ...] = (
    ("asterisk", 50, "100 channels by AMI", {"interface": "ami"}),
    ("asterisk", 50, "100 channels by ARI", {"interface": "ari"}),
    ("freeswitch", 500, "1,000 channels", {}),
    ("kamailio", 1000, "1,000 calls", {}),
    ("3cx", 1000, "1,000 calls", {}),
    ("yeastar", 1000, "1,000 calls", {}),
    ("ringcentral", 1000, "1,000 calls", {}),
    ("webex", 100, "100 calls", {}),
)
OZEKI = {"base_url": "http://127.0.0.1:9", "region": "HU", "username": "popbridge", "password": "INVENTED42"}


def measure(options: Options) -> Report:
    """Every make, each size several times, with the garbage collector as processes of popbridge have it."""
    collector.settle()
    rows = [_row("voicenter", VOICENTER, f"{each:,} extensions", _account(each), options.rounds) for each in EXTENSIONS]
    rows += [_row("ozeki", OZEKI, f"{each:,} calls", calls(each), options.rounds) for each in CALLS]
    rows += [_of_make(*each, options.rounds) for each in MAKES]
    head = ["answer", "questions", "KB", "ms", "processor ms", "longest stall of the event loop, ms"]
    shown = ("questions", "kb", "ms", "cpu_ms", "stall_ms")
    lines = [[f"{row['make']}: {row['size']}", *(plain(row[key]) for key in shown)] for row in rows]
    return Report("parse: a whole account's answer into calls", [table(head, lines)], rows)


def _account(extensions: int) -> bytes:
    return answer([row(number) for number in range(extensions)])


def _row(make: str, keys: dict[str, str], size: str, body: bytes, rounds: int) -> dict[str, Any]:
    adapter = pbx.find(make)
    account = adapter.account.model_validate({"kind": make, **keys})

    reply = Reply(200, {"content-type": "application/json"}, body, 40.0)
    session = ScriptedSession(adapter, account, [reply], datetime.now(UTC))

    async def read() -> None:
        listing = await adapter.calls(account, session, None)
        assert listing.extensions.get(extension(make, 0)), "nothing was read"

    return {"make": make, "size": size, "questions": 1, "kb": len(body) / 1024, **_figures(read, rounds)}


def _of_make(kind: str, calls: int, size: str, keys: dict[str, Any], rounds: int) -> dict[str, Any]:
    """What its simulator answers, in as many requests as that takes."""
    found = answers(kind, calls, **keys)

    async def read() -> None:
        assert await found.read() == calls, "not all was read"

    kb = sum(len(reply.body) for reply in found.replies) / 1024
    return {"make": kind, "size": size, "questions": len(found.replies), "kb": kb, **_figures(read, rounds)}


def _figures(read: Read, rounds: int) -> dict[str, Any]:
    times = [asyncio.run(_timed(read)) for _ in range(TIMES * rounds)]
    ms, stall, cpu = (middle(each[at] for each in times) for at in (0, 1, 2))
    return {"ms": ms, "stall_ms": stall, "cpu_ms": cpu}


async def _timed(read: Read) -> tuple[float, float, float]:
    """Milliseconds of one reading after one to warm up, the longest time in it that nothing else could run, and the
    processor time of it. The second is processor time too: what foreign programs take of the cores is no stall."""
    await read()
    gaps: list[float] = []
    ticking = asyncio.create_task(_tick(gaps))
    await asyncio.sleep(0.01)
    gaps.clear()
    started, worked = time.perf_counter(), time.process_time()
    await read()
    took, worked = time.perf_counter() - started, time.process_time() - worked
    await asyncio.sleep(2 * TICK_SECONDS)
    ticking.cancel()
    return 1000 * took, 1000 * max(gaps, default=0.0), 1000 * worked


async def _tick(gaps: list[float]) -> None:
    last = time.process_time()
    while True:
        await asyncio.sleep(TICK_SECONDS)
        now = time.process_time()
        gaps.append(now - last)
        last = now
