"""Part `overload`: five times the clicks that one web process can answer: how many it still answers in time, and how
its health check fares.

What it can do is measured first, by as many clicks at a time as it always takes, the next as soon as one is answered.
"""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.bench import click, crowd, machine
from tests.bench.figures import middle, percentile, plain, table
from tests.bench.processes import module, told_by
from tests.bench.report import Options, Report

TIMES = 5
WEBS = (click.Web(click.SHARED), click.Web(click.ALONE, more="fresh_seconds = 0"))
KEYS = ("can", "usual_p99_ms", "in_time", "late", "turned_away", "livez_p99_ms")


def measure(options: Options) -> Report:
    """Every web, one after the other, and all that again for each round."""
    webs = [web for web in WEBS if options.wants(web.name)]
    found: dict[str, list[dict[str, float]]] = {web.name: [] for web in webs}
    for number in range(options.rounds):
        for web in webs:
            found[web.name].append(_one(web, options.seconds, number))
            told = ", ".join(f"{key} {plain(value)}" for key, value in found[web.name][-1].items())
            print(f"bench: overload, round {number + 1}, {web.name}: {told}", file=sys.stderr)
    rows = [_row(name, each) for name, each in found.items()]
    head = [
        f"clicks/s, {TIMES} times what it can answer",
        "can answer",
        "/livez p99 ms then",
        f"answered in {crowd.IN_TIME_MS:g} ms",
    ]
    head += ["later", "turned away", "/livez p99 ms", "share of what it can"]
    lines = [[row["system"], *(plain(row[key]) for key in KEYS), f"{row['share']:.0%}"] for row in rows]
    return Report("overload", [table(head, lines)], rows)


def _one(web: click.Web, seconds: float, number: int) -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory(prefix="popbridge-bench-") as name,
        click.started(web, Path(name)) as up,
        ThreadPoolExecutor() as threads,
    ):
        usual = threads.submit(_livez, up.ports[0], crowd.FIRST_SECONDS + seconds)
        can = _crowd(up, 0, seconds, number)["in_time"] / seconds
        livez = threads.submit(_livez, up.ports[0], crowd.FIRST_SECONDS + seconds)
        told = _crowd(up, TIMES * can, seconds, number)
        waits = {"usual_p99_ms": percentile(usual.result(), 0.99), "livez_p99_ms": percentile(livez.result(), 0.99)}
    rates = {key: told[key] / seconds for key in ("pressed", "in_time", "late", "turned_away")}
    return {"can": can, **rates, **waits}


def _crowd(up: click.Running, rate: float, seconds: float, seed: int) -> dict[str, int]:
    numbers = (str(up.ports[0]), str(rate), str(seconds), str(seed), str(up.web.agents))
    told: dict[str, int] = told_by(module(crowd.__name__, "clicks", *numbers), machine.LOAD, {}, 30 + 3 * seconds)
    return told


def _livez(port: int, seconds: float) -> list[float]:
    told: list[float] = told_by(
        module(crowd.__name__, "livez", str(port), str(seconds)), machine.LOAD, {}, 30 + 3 * seconds
    )
    return told


def _row(name: str, rounds: list[dict[str, float]]) -> dict[str, Any]:
    row: dict[str, Any] = {"system": name, **{key: middle(each[key] for each in rounds) for key in rounds[0]}}
    return row | {"share": middle(each["in_time"] / max(1.0, each["can"]) for each in rounds)}
