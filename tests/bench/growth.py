"""Part `growth`: what a larger account, more web processes and more workers cost, all on one core and one Redis."""

import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tests.bench import click, machine, worker
from tests.bench.figures import middle, plain, table
from tests.bench.report import Options, Report
from tests.bench.systems import OURS, systems

ACCOUNT_RATE, WEB_RATES = 50, (100, 300)
WARM_SECONDS = 1.0
"""Web processes take clicks at the measured rate this long before: they learn from each other how many there are."""
ACCOUNTS = (("voicenter", "extensions", (1, 100, 1000)), ("ozeki", "calls", (10, 1000, 5000)))
PROCESSES = (1, 2, 4)
DELAY_MS = 200
"""Of the CRM: 64 pushes at once by one worker are 320 a second at most, so a second worker can do more."""
COSTS = ("web_ms", "redis_ms", "questions")
Rows = list[dict[str, Any]]


def measure(options: Options) -> Report:
    """Accounts, web processes, workers, one after the other, and all that again for each round."""
    rounds = [_round(options, number) for number in range(options.rounds)]
    rows = [_middle([each[at] for each in rounds]) for at in range(len(rounds[0]))]
    tables = [_account_table(rows), _web_table(rows), _worker_table(rows)]
    title = f"growth: {machine.described()['cores']}, of which web processes or workers with their one Redis have one"
    return Report(title, tables, rows)


def _middle(rows: Rows) -> dict[str, Any]:
    """The medians of one row over rounds."""
    words = ("of", "name", "rate")
    return {key: value if key in words else middle(row[key] for row in rows) for key, value in rows[0].items()}


def _round(options: Options, number: int) -> Rows:
    rows = [_account(make, size, what, options, number) for make, what, sizes in ACCOUNTS for size in sizes]
    rows += [row for count in PROCESSES for row in _webs(count, options, number)]
    return rows + _workers(options, number)


def _account(make: str, size: int, what: str, options: Options, number: int) -> dict[str, Any]:
    web = click.Web(f"{make}: {size:,} {what}", make=make, size=size)
    with ExitStack() as stack:
        up = _up(stack, web)
        point = click.point(up, ACCOUNT_RATE, options.seconds, number)
        stall = up.watch(ACCOUNT_RATE, options.seconds, number)["apart"]
    return _told("account", web.name, ACCOUNT_RATE, asdict(point) | {"stall_ms": stall})


def _webs(count: int, options: Options, number: int) -> Rows:
    with ExitStack() as stack:
        up = _up(stack, click.Web(str(count), processes=count))
        points = []
        for rate in WEB_RATES:
            up.click(rate, WARM_SECONDS, number)
            points.append((rate, click.point(up, rate, options.seconds, number)))
    return [_told("web", str(count), rate, asdict(point)) for rate, point in points]


def _up(stack: ExitStack, web: click.Web) -> click.Running:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="popbridge-bench-"))
    return stack.enter_context(click.started(web, Path(folder)))


def _workers(options: Options, number: int) -> Rows:
    rows = []
    with worker.staged(options) as stage:
        config, places = str(worker.config_file(stage.folder)), options.concurrency
        [ours] = systems(config, places, lambda name: name == OURS)
        for count in PROCESSES:
            system = replace(ours, places=count * places, workers=count)
            found = asdict(worker.throughput(stage, system, DELAY_MS, number))
            del found["by_command"]
            rows.append(_told("worker", str(count), DELAY_MS, found))
    return rows


def _told(of: str, name: str, rate: float, found: dict[str, Any]) -> dict[str, Any]:
    said = ", ".join(f"{key} {plain(value)}" for key, value in found.items())
    print(f"bench: growth, {of} {name}, {rate:g}: {said}", file=sys.stderr)
    return {"of": of, "name": name, "rate": rate, **found}


def _account_table(rows: Rows) -> str:
    head = [f"account, {ACCOUNT_RATE} clicks/s", "p50 / p99 ms beyond the phone system's 40", "web ms CPU per click"]
    head += ["Redis ms CPU per click", "questions per click", "event loop's longest stall, ms"]
    return table(
        head, [[row["name"], _waited(row), *_plain(row, (*COSTS, "stall_ms"))] for row in _of(rows, "account")]
    )


def _web_table(rows: Rows) -> str:
    head = ["web processes", "clicks/s", "p50 / p99 ms beyond the phone system's 40", "web ms CPU per click"]
    head += ["Redis ms CPU per click", "questions per click"]
    lines = [[row["name"], str(row["rate"]), _waited(row), *_plain(row, COSTS)] for row in _of(rows, "web")]
    return table(head, lines)


def _worker_table(rows: Rows) -> str:
    head = [f"workers, CRM answers after {DELAY_MS} ms", "jobs/s from a backlog", "worker ms CPU per job"]
    head += ["Redis ms CPU per job", "commands", "round trips", "doubled"]
    keys = ("jobs_per_s", "worker_ms", "redis_ms", "commands", "round_trips", "doubled")
    return table(head, [[row["name"], *_plain(row, keys)] for row in _of(rows, "worker")])


def _of(rows: Rows, of: str) -> Rows:
    return [row for row in rows if row["of"] == of]


def _waited(row: dict[str, Any]) -> str:
    if row["done_share"] < click.ENOUGH:
        return f"backlog ({row['done_share']:.0%} done)"
    return f"{plain(row['p50_ms'])} / {plain(row['p99_ms'])}"


def _plain(row: dict[str, Any], keys: Sequence[str]) -> list[str]:
    return [plain(row[key]) for key in keys]
