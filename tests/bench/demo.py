"""Part `demo`: how long `./dev demo --once` takes where everything is set up, from the command to its end."""

import subprocess
import sys
import time

from tests.bench import machine
from tests.bench.figures import middle, plain, table
from tests.bench.processes import ROOT, BenchFailed
from tests.bench.report import Options, Report

LIMIT_SECONDS = 120.0


def measure(options: Options) -> Report:
    """Once for each round. What a first run costs depends on the network: it is not measured here."""
    took, _ = [], _once()  # the first may have something to set up
    for number in range(options.rounds):
        took.append(_once())
        print(f"bench: demo, round {number + 1}: {plain(took[-1])} s", file=sys.stderr)
    row = {"system": "./dev demo --once", "seconds": middle(took)}
    shown = table(["where everything is set up", "s"], [[str(row["system"]), plain(middle(took))]])
    return Report("demo: from the command to its end", [shown], [row])


def _once() -> float:
    started = time.monotonic()
    done = subprocess.run(
        ["./dev", "demo", "--once"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
        preexec_fn=machine.unpin,
    )
    if done.returncode:
        raise BenchFailed(f"./dev demo --once: {done.stderr[-2000:]}")
    return time.monotonic() - started
