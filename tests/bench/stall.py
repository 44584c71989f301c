"""Part `stall`: how long the web process's event loop stands still while Redis does, for 200 ms."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench import click
from tests.bench.figures import middle, plain, table
from tests.bench.report import Options, Report
from tests.bench.watcher import EVERY_SECONDS, STOPPED_SECONDS

RATE, STOPS = 50, 4
BLOCKING = "RQ's enqueue in a handler"
WEBS = (
    click.Web(click.FLOOR, "tests.bench.peers.floor:app", asks=False),
    click.Web(BLOCKING, "tests.bench.peers.blocking:app", asks=False),
    click.Web(click.SHARED),
)


def measure(options: Options) -> Report:
    """Every web, one after the other, and all that again for each round."""
    webs = [web for web in WEBS if options.wants(web.name)]
    found: dict[str, list[dict[str, Any]]] = {web.name: [] for web in webs}
    for number in range(options.rounds):
        for web in webs:
            found[web.name].append(_one(web, number))
            told = ", ".join(map(plain, found[web.name][-1]["stood"]))
            print(f"bench: stall, round {number + 1}, {web.name}: {told} ms", file=sys.stderr)
    rows = [_row(name, each) for name, each in found.items()]
    title = f"stall: Redis stands still for {STOPPED_SECONDS * 1000:g} ms, {STOPS} times, {RATE} clicks/s"
    return Report(title, [_table(rows)], rows)


def _one(web: click.Web, number: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="popbridge-bench-") as name, click.started(web, Path(name)) as up:
        told: dict[str, Any] = up.watch(RATE, STOPS * EVERY_SECONDS, number, up.redis.pid)
        return told


def _row(name: str, rounds: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "system": name,
        "longest_ms": middle(max(each["stood"]) for each in rounds),
        "usual_ms": middle(wait for each in rounds for wait in each["stood"]),
        "apart_ms": middle(each["apart"] for each in rounds),
        "done_share": middle(len(each["took"]) / max(1, each["meant"]) for each in rounds),
    }


def _table(rows: list[dict[str, Any]]) -> str:
    head = [
        "event loop's stall, ms",
        "longest of a round",
        "median standstill",
        "longest apart from them",
        "clicks done",
    ]
    keys = ("longest_ms", "usual_ms", "apart_ms")
    return table(
        head, [[row["system"], *(plain(row[key]) for key in keys), f"{row['done_share']:.0%}"] for row in rows]
    )
