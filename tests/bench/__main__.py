"""`python -m tests.bench [PART …] [--json] [--rounds N] [--seconds S] [--only NAME …]`, or `./dev bench …`."""

import argparse
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from tests.bench import (
    audit,
    click,
    contacts,
    demo,
    desktop,
    events,
    goals,
    growth,
    machine,
    overload,
    parse,
    plot,
    popup,
    screen,
    stall,
    worker,
)
from tests.bench.processes import BenchFailed
from tests.bench.report import Options, Part

PARTS: dict[str, Part] = {
    "click": click.measure,
    "popup": popup.measure,
    "contacts": contacts.measure,
    "events": events.measure,
    "stall": stall.measure,
    "growth": growth.measure,
    "overload": overload.measure,
    "worker": worker.measure,
    "desktop": desktop.measure,
    "screen": screen.measure,
    "parse": parse.measure,
    "audit": audit.measure,
    "demo": demo.measure,
}


ROUNDS = {
    "click": 2,
    "popup": 3,
    "contacts": 3,
    "events": 1,
    "stall": 3,
    "growth": 1,
    "overload": 3,
    "worker": 1,
    "desktop": 1,
    "screen": 1,
    "parse": 3,
    "audit": 1,
    "demo": 3,
}
"""So many that the whole bench takes about ten minutes."""


def _of(options: Options, part: str) -> Options:
    return options if options.rounds else replace(options, rounds=ROUNDS[part])


def _chosen(named: list[str]) -> list[str]:
    """The parts to measure; the desktop is not told without what is seen of it."""
    wanted = {*named, "screen"} if "desktop" in named else {*named}
    return [name for name in PARTS if name in wanted or not named]


def main() -> int:
    """Measure the parts that are named, or all."""
    arguments = parser().parse_args()
    if unknown := [name for name in arguments.parts if name not in PARTS]:
        parser().error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    signal.signal(signal.SIGTERM, _leave)
    options = Options(
        arguments.rounds or 0,
        arguments.seconds,
        arguments.concurrency,
        tuple(arguments.only),
        arguments.lines,
        tuple(arguments.pages),
    )
    before = machine.load_average()
    machine.pin(machine.LOAD)
    try:
        reports = {name: PARTS[name](_of(options, name)) for name in _chosen(arguments.parts)}
    except BenchFailed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    told = machine.described() | {"load_average_before": round(before, 2), "rounds": arguments.rounds or str(ROUNDS)}
    told["seconds"] = options.seconds
    if arguments.json:
        print(json.dumps({"machine": told, "parts": {name: each.rows for name, each in reports.items()}}, indent=1))
    else:
        print(", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in told.items()))
        print("\n" + "\n\n".join([*(each.text() for each in reports.values()), goals.closing(reports)]).rstrip())
    if arguments.plot:
        rows = [reports[part].rows if part in reports else [] for part in ("click", "growth")]
        Path(arguments.plot).write_text(plot.drawn(*rows), encoding="utf-8")
    return 0


def parser() -> argparse.ArgumentParser:
    """What may be said on the command line."""
    found = argparse.ArgumentParser(prog="./dev bench", description="What it costs, side by side with what else is.")
    found.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all if none is named")
    found.add_argument("--plot", metavar="FILE.svg", help="how cost grows, drawn: of the parts click and growth")
    found.add_argument("--json", action="store_true", help="rows for programs instead of tables")
    found.add_argument("--rounds", type=int, help=f"interleaved repeats, of which medians are shown: {ROUNDS}")
    found.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    found.add_argument("--concurrency", type=int, default=64, help="pushes at once, of every worker that can")
    found.add_argument("--only", nargs="*", default=(), help="only systems whose names contain one of these")
    found.add_argument("--lines", type=int, default=20_000, help="clicks in the audit log of the part audit")
    found.add_argument("--pages", type=int, nargs="+", default=desktop.PAGES, help="open pages in the part desktop")
    return found


def _leave(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
