"""What is compared: how each is fed, how each is run, each as its own documentation has it."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.bench.peers.environments import python_of
from tests.bench.processes import module

PEERS = "tests.bench.peers"


@dataclass(frozen=True, slots=True)
class System:
    """One way to have pushes done.

    `most` is how many jobs a second it surely does not reach on one core, `places` how many it has on their way at
    once; `speed_alone`: its latency is not measured; `workers`: so many processes do it.
    """

    name: str
    feed: list[str]
    work: list[str]
    most: float
    places: int = 1
    environ: Mapping[str, str] = field(default_factory=dict)
    speed_alone: bool = False
    workers: int = 1

    def backlog(self, delay_ms: int, seconds: float) -> int:
        """How many jobs last for so many seconds when each push takes at least `delay_ms`."""
        most = min(self.most, self.places * 1000 / delay_ms) if delay_ms else self.most
        return int(most * seconds) + self.places


OURS, OVERDUE = "popbridge", "popbridge, clicks 3 s old"


def systems(config: str, places: int, wanted: Callable[[str], bool]) -> Iterator[System]:
    """Those that are wanted and can be run here. `config` is popbridge's settings file."""
    feed = module("tests.bench.deliveries")
    work = [sys.executable, "-m", "workers", "--config", config, "--concurrency", str(places)]
    for name, age, alone in ((OURS, "-60", False), (OVERDUE, "3", True)):
        if wanted(name):
            yield System(name, feed, work, 700, places, {"BENCH_CONFIG": config, "BENCH_AGE": age}, alone)
    for kind, most in (("Worker", 60), ("SimpleWorker", 350)):
        if wanted(f"RQ {kind}"):
            feeds, works = module(f"{PEERS}.rq_peer", "feed"), module(f"{PEERS}.rq_peer", "work", kind)
            yield System(f"RQ {kind}", feeds, works, most)
    for peer, name, transport in ASYNCIO_PEERS:
        if wanted(name) and (python := python_of(peer)):
            yield _asyncio_peer(peer, name, python, transport, places)


ASYNCIO_PEERS = (
    ("arq", "arq", "aiohttp"),
    ("arq", "arq, httpx's own pool", "httpx"),
    ("saq", "saq", "aiohttp"),
    ("streaq", "streaq", "aiohttp"),
    ("taskiq", "taskiq", "aiohttp"),
)
"""Environment, name, what is under httpx: the same transport as popbridge has, or httpx as it comes."""
COMMANDS: dict[str, list[str]] = {
    "streaq": ["streaq", "run", f"{PEERS}.streaq_peer:worker"],
    "taskiq": ["taskiq", "worker", f"{PEERS}.taskiq_peer:broker", "--workers", "1", "--max-async-tasks"],
}
"""How the worker is started by those that want it started by their own command; the last takes the concurrency."""


def _work(peer: str, python: str, places: int) -> list[str]:
    if peer not in COMMANDS:
        return module(f"{PEERS}.{peer}_peer", "work", python=python)
    given = [str(places)] if peer == "taskiq" else []
    return module(*COMMANDS[peer], *given, python=python)


def _asyncio_peer(peer: str, name: str, python: str, transport: str, places: int) -> System:
    feed = module(f"{PEERS}.{peer}_peer", "feed", python=python)
    work = _work(peer, python, places)
    environ = {"BENCH_CONCURRENCY": str(places), "BENCH_TRANSPORT": transport}
    return System(name, feed, work, 900, places, environ)
