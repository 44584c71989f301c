"""Part `popup`: from a click to the popup at the CRM, on a quiet system, over web process and worker."""

import http.client
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bridge.store import keys
from tests.bench import click, machine
from tests.bench.clicker import request
from tests.bench.figures import middle, percentile, plain, table
from tests.bench.phone import DELAY_SECONDS
from tests.bench.processes import module, running, wait_until
from tests.bench.report import Options, Report
from tests.bench.sink import Sink, open_sink

EVERY_SECONDS, WARM = 0.1, 10
CLICKS_PER_SECOND_ASKED = 50
"""Clicks for each second of `--seconds`: few would leave no 99th percentile."""


def measure(options: Options) -> Report:
    """As many rounds as asked for, each with a bridge of its own."""
    rounds = []
    for number in range(options.rounds):
        rounds.append(_round(int(options.seconds * CLICKS_PER_SECOND_ASKED)))
        print(f"bench: popup, round {number + 1}: {plain(rounds[-1][0])} / {plain(rounds[-1][1])} ms", file=sys.stderr)
    row: dict[str, Any] = {
        "system": click.SHARED,
        "p50_ms": middle(p50 for p50, _ in rounds),
        "p99_ms": middle(p99 for _, p99 in rounds),
    }
    shown = table(["button to popup, ms", "p50", "p99"], [[row["system"], plain(row["p50_ms"]), plain(row["p99_ms"])]])
    told = f"a click each {EVERY_SECONDS * 1000:g} ms, less the phone system's own {DELAY_SECONDS * 1000:g} ms"
    return Report(f"popup: from the button to the CRM, {told}", [shown], [row])


def _round(clicks: int) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="popbridge-bench-") as name, open_sink(Path(name)) as sink:
        folder = Path(name)
        shared = next(web for web in click.WEBS if web.name == click.SHARED)
        with click.started(replace(shared, popups=sink.url(0)), folder) as up:
            work = module("workers", "--config", str(folder / f"popbridge-{up.ports[0]}.toml"))
            with running(work, machine.MEASURED, folder / "worker.log"):
                wait_until(lambda: not up.redis.client.zcard(keys.DUE), "the worker pushes what the warm-up left")
                _press(up.ports[0], WARM, sink)
                took = _press(up.ports[0], clicks, sink)
    return percentile(took, 0.5), percentile(took, 0.99)


def _press(port: int, clicks: int, sink: Sink) -> Sequence[float]:
    """Milliseconds of each click, in order. They are far enough apart for the popups to come in order too."""
    sink.forget()
    clicked = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.connect()
    for number in range(clicks):
        clicked.append(time.monotonic())
        connection.sock.sendall(request(number % click.AGENTS))
        reply = http.client.HTTPResponse(connection.sock)
        reply.begin()
        assert b'"found"' in reply.read(), "a click finds no call"
        time.sleep(max(0.0, clicked[-1] + EVERY_SECONDS - time.monotonic()))
    sink.wait_for(clicks, "all popups arrive")
    connection.close()
    arrived = sorted(at for _, at in sink.done())
    return [1000 * (at - since - DELAY_SECONDS) for since, at in zip(clicked, arrived, strict=True)]
