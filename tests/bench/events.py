"""Part `events`: from a call that begins to ring to the card on the agent's open page, without a click.

1,000 extensions, each with an agent whose page is open and whose popups come when it rings; 50 changes a second.
"""

import asyncio
import json
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import desktop, machine
from tests.bench.busy_phone import RINGING_SHARE, SECRET
from tests.bench.figures import middle, percentile, plain, table
from tests.bench.processes import BenchFailed, free_port, module, redis_server, running, wait_until
from tests.bench.report import Options, Report

EXTENSIONS, RATE = 1000, 50.0
LEAST_SECONDS, SETTLE_SECONDS, GRACE_SECONDS = 12.0, 3.0, 4.0
POLL_SECONDS = 2.0
IVRID = re.compile(rb'"ivrid":"(?:\d+\.)?(\d+)"')
"""As the phone system counts calls; Asterisk puts the time before it."""

WAYS = {
    "push": ("voicenter", f'code = "ACCOUNTCODE77"\nevents = "push"\nevent_secret = "{SECRET}"'),
    "connect": ("asterisk", 'username = "u"\npassword = "INVENTED42"\ntrunks = ["provider"]\nevents = "connect"'),
    "poll": ("voicenter", f'code = "ACCOUNTCODE77"\nevents = "poll"\npoll_seconds = {POLL_SECONDS}'),
}
SETTINGS = """
[pbx.main]
kind = "{make}"
base_url = "http://127.0.0.1:{phone}"
region = "IL"
{keys}
[crm.acme]
kind = "webhook"
pbx = "main"
targets = ["desktop"]
click_token = "token-of-acme-0123456789"
"""


class Page(desktop.PageClient):
    """A page that notes which call came."""

    named = IVRID


@dataclass(frozen=True, slots=True)
class Round:
    """One way, once. `took` is of the cards that came, in ms; what is spent is seconds of processor per second."""

    took: list[float]
    rang: int
    doubled: int
    questions: float
    listener: float
    web: float
    redis: float


@dataclass(frozen=True, slots=True)
class Running:
    """A bridge that listens. `phone` is the port of whoever measures at the phone system."""

    stage: desktop.Stage
    worker: int
    phone: int

    def ask(self, what: str) -> Any:
        """What the phone system's process says."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.phone}/{what}", timeout=10) as response:
            return json.load(response)

    def spent(self) -> tuple[float, float, float]:
        """Processor seconds of worker, web process and Redis."""
        pids = (self.worker, self.stage.pid, self.stage.server.pid)
        return machine.seconds_of(pids[0]), machine.seconds_of(pids[1]), machine.seconds_of(pids[2])


def measure(options: Options) -> Report:
    """Every way, one after the other, and all that again for each round."""
    ways = [way for way in WAYS if options.wants(way)]
    if not desktop.is_possible(EXTENSIONS):
        return Report("events: left out", [], [])
    found: dict[str, list[Round]] = {way: [] for way in ways}
    for number in range(options.rounds):
        for way in ways:
            found[way].append(one := asyncio.run(_round(way, max(options.seconds, LEAST_SECONDS), number)))
            told = f"p50 {plain(percentile(one.took, 0.5))} ms, p99 {plain(percentile(one.took, 0.99))} ms"
            cost = f"{plain(one.questions)} questions/s, listener {one.listener:.0%} of a core"
            print(f"bench: events, round {number + 1}, {way}: {told}, {cost}", file=sys.stderr)
    rows = [_row(way, rounds) for way, rounds in found.items()]
    title = f"events: {EXTENSIONS:,} extensions, {RATE:g} changes a second; questions are answered after 40 ms"
    return Report(title, [_table(rows)], rows)


async def _round(way: str, seconds: float, seed: int) -> Round:
    with _started(way) as up:
        await desktop.add_clients(up.stage, EXTENSIONS, Page)
        async with desktop.pages_open(up.stage):
            await _first_popups(up)
            asked, spent, started = await asyncio.to_thread(up.ask, "count"), up.spent(), time.monotonic()
            await asyncio.to_thread(up.ask, f"start?{RATE},{seconds},{seed}")
            await asyncio.sleep(seconds)
            now, lasted = up.spent(), time.monotonic() - started
            questions = (await asyncio.to_thread(up.ask, "count") - asked) / lasted
            await asyncio.sleep(GRACE_SECONDS)
            rang = await asyncio.to_thread(up.ask, "rang")
    new = {ivrid: at for ivrid, at in rang.items() if at >= started}
    came = [(ivrid, at) for ivrid, at in up.stage.came if ivrid in new]
    first = dict(reversed(came))
    took = [1000 * (at - new[ivrid]) for ivrid, at in first.items()]
    if not took:
        raise BenchFailed(f"{way}: no card came")
    listener, web, redis = ((after - before) / lasted for after, before in zip(now, spent, strict=True))
    return Round(took, len(new), len(came) - len(first), questions, listener, web, redis)


async def _first_popups(up: Running) -> None:
    """The calls that rang when listening began have popped, and all is quiet."""
    there, deadline = int(EXTENSIONS * RINGING_SHARE), time.monotonic() + desktop.PATIENCE_SECONDS
    while len(up.stage.came) < there and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    await asyncio.sleep(SETTLE_SECONDS)


@contextmanager
def _started(way: str) -> Iterator[Running]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="popbridge-bench-")))
        server = stack.enter_context(redis_server(folder / "redis", machine.MEASURED))
        port, phone, manager = free_port(), free_port(), free_port()
        file = _settings(folder, way, server.url, port, phone, manager)
        pushed = [str(port)] if way == "push" else []
        calls = module("tests.bench.busy_phone", str(phone), str(manager), str(EXTENSIONS), *pushed)
        stack.enter_context(running(calls, machine.LOAD, folder / "phone.log"))
        log = folder / "web.log"
        serve = module("bridge", "--config", str(file), "serve")
        web = stack.enter_context(running(serve, machine.MEASURED, log))
        wait_until(lambda: "listens" in log.read_text(errors="replace"), "the web process starts")
        work = module("workers", "--config", str(file))
        worker = stack.enter_context(running(work, machine.MEASURED, folder / "worker.log"))
        yield Running(desktop.Stage(server, port, web.pid), worker.pid, phone)


def _settings(folder: Path, way: str, redis: str, port: int, phone: int, manager: int) -> Path:
    make, keys = WAYS[way]
    told = f"{keys}\nevents_port = {manager}" if way == "connect" else keys
    file = folder / "popbridge.toml"
    head = desktop.settings_of(folder, port, redis)
    file.write_text(head + SETTINGS.format(make=make, phone=phone, keys=told))
    rows = [f"acme,{desktop.name_of(number)},main,SIP{number},Agent {number},ringing" for number in range(EXTENSIONS)]
    (folder / "agents.csv").write_text("\n".join(["crm,crm_user,pbx,extension,name,pop", *rows]) + "\n")
    return file


def _row(way: str, rounds: Sequence[Round]) -> dict[str, Any]:
    return {
        "system": way,
        "p50_ms": middle(percentile(one.took, 0.5) for one in rounds),
        "p99_ms": middle(percentile(one.took, 0.99) for one in rounds),
        "cards": sum(len(one.took) for one in rounds),
        "missed": sum(one.rang - len(one.took) for one in rounds),
        "doubled": sum(one.doubled for one in rounds),
        "questions": middle(one.questions for one in rounds),
        "listener": middle(one.listener for one in rounds),
        "web": middle(one.web for one in rounds),
        "redis": middle(one.redis for one in rounds),
    }


def _table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["way", "ring to card, ms: p50 / p99", "cards", "missed", "doubled", "questions a second"]
    head += ["of a core: listener / web / Redis"]
    lines = []
    for row in rows:
        shares = " / ".join(f"{row[name]:.0%}" for name in ("listener", "web", "redis"))
        counts = [str(row[name]) for name in ("cards", "missed", "doubled")]
        waited = f"{plain(row['p50_ms'])} / {plain(row['p99_ms'])}"
        lines.append([row["system"], waited, *counts, plain(row["questions"]), shares])
    return table(head, lines)
