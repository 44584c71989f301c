"""Part `click`: the answer to a click at fixed rates, beside the obvious script and the floor.

The measured web process and its Redis have one core, the phone system and the presser the other.
"""

import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import machine
from tests.bench.figures import middle, percentile, plain, table, times
from tests.bench.peers.node_red import run as node_red
from tests.bench.phone import DELAY_SECONDS, extension
from tests.bench.processes import Server, free_port, module, redis_server, running, told_by, wait_until
from tests.bench.report import Options, Report
from tests.bench.sink import open_sink

RATES = (5, 20, 100, 300, 500, 1000)
AGENTS = 50
"""Each with an extension of the phone system's account, and on the phone."""
WARM_CLICKS, WARM_RATE, WARM_TRIES = 20, 20, 5
ENOUGH = 0.99
"""The share of clicks that must be answered for a rate to count as kept up with."""
P99_MS = 150.0

SETTINGS = """
data_dir = "{folder}/data"
[server]
port = {port}
[redis]
url = "{redis}"
[pbx.main]
kind = "{make}"
base_url = "http://127.0.0.1:{phone}"
{keys}
{more}
[crm.acme]
kind = "webhook"
agent_clicks_per_minute = 1000000
pbx = "main"
targets = ["acme"]
click_secrets = ["whsec_Q2xpY2tTZWNyZXRDbGlja1NlY3JldENsaWNr"]
popup_url = "{popups}"
popup_secrets = ["whsec_UG9wdXBTZWNyZXRQb3B1cFNlY3JldFBvcHVw"]
"""

KEYS = {
    "voicenter": 'code = "ACCOUNTCODE77"',
    "ozeki": 'region = "HU"\nusername = "popbridge"\npassword = "INVENTED42"',
}


@dataclass(frozen=True, slots=True)
class Web:
    """One way to answer clicks. `asks`: it asks the phone system; `more`: settings of popbridge's phone system.

    The phone system is of this make and has so many extensions (Voicenter) or calls (Ozeki).
    """

    name: str
    app: str = ""
    asks: bool = True
    more: str = ""
    processes: int = 1
    popups: str = "http://127.0.0.1:9/popups"
    make: str = "voicenter"
    size: int = AGENTS

    @property
    def agents(self) -> int:
        """How many click in turn."""
        return min(AGENTS, self.size)


FLOOR, OBVIOUS, NODE_RED = "floor: only answers", "obvious script", "Node-RED flow"
SHARED, ALONE = "popbridge", "popbridge, a question per click"
WEBS = (
    Web(FLOOR, "tests.bench.peers.floor:app", asks=False),
    Web(OBVIOUS, "tests.bench.peers.obvious:app"),
    Web(NODE_RED),
    Web(SHARED),
    Web(ALONE, more="fresh_seconds = 0"),
)


@dataclass(frozen=True, slots=True)
class Point:
    """One rate. Milliseconds beyond the phone system's own 40; processor milliseconds and questions are per click."""

    p50_ms: float | None
    p99_ms: float | None
    done_share: float
    web_ms: float
    redis_ms: float
    questions: float


@dataclass(frozen=True, slots=True)
class Running:
    """A web that is up."""

    web: Web
    ports: list[int]
    pids: list[int]
    redis: Server
    phone: int

    def click(self, rate: float, seconds: float, seed: int) -> Any:
        """What the presser tells."""
        arguments = [",".join(map(str, self.ports)), str(rate), str(seconds), str(seed), str(self.web.agents)]
        return told_by(module("tests.bench.clicker", *arguments), machine.LOAD, {}, 30 + 2 * seconds)

    def watch(self, rate: float, seconds: float, seed: int, redis: int | None = None) -> Any:
        """What the watcher tells of the first web process; with a process id it stops that Redis meanwhile."""
        stopped = [] if redis is None else [str(redis)]
        arguments = [str(self.ports[0]), str(rate), str(seconds), str(seed), str(self.web.agents), *stopped]
        return told_by(module("tests.bench.watcher", *arguments), machine.LOAD, {}, 30 + 2 * seconds)

    def asked(self) -> int:
        """How many questions the phone system got."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.phone}/count", timeout=10) as response:
            return int(response.read())

    def spent(self) -> tuple[float, float]:
        """Processor seconds of the web processes and of Redis."""
        return sum(map(machine.seconds_of, self.pids)), machine.seconds_of(self.redis.pid)


@contextmanager
def started(web: Web, folder: Path) -> Iterator[Running]:
    """A web, warmed up, with a Redis and a phone system of its own."""
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server(folder / "redis", machine.MEASURED))
        phone = free_port()
        told = module("tests.bench.phone", str(phone), web.make, str(web.size))
        stack.enter_context(running(told, machine.LOAD, folder / "phone.log"))
        environ = {"BENCH_REDIS": redis.url, "BENCH_PHONE": f"http://127.0.0.1:{phone}"}
        if web.name == NODE_RED:
            environ["BENCH_POPUPS"] = stack.enter_context(open_sink(folder)).url(0)
        ports = [free_port() for _ in range(web.processes)]
        pids = []
        for port in ports:
            command = _command(web, folder, port, redis.url, phone)
            log = folder / f"web-{port}.log"
            pids.append(stack.enter_context(running(command, machine.MEASURED, log, environ)).pid)
        for port in (*ports, phone):
            wait_until(lambda port=port: _listens(port), f"{web.name} starts")  # type: ignore[misc]
        found = Running(web, ports, pids, redis, phone)
        for _ in range(WARM_TRIES):
            if (told := found.click(WARM_RATE, WARM_CLICKS / WARM_RATE, 0))["took"]:
                break
        assert told["took"], f"{web.name} finds no call: {told['wrong']}"
        yield found


def _command(web: Web, folder: Path, port: int, redis: str, phone: int) -> list[str]:
    if web.name == NODE_RED:
        return node_red.command(port, folder / "node-red")
    if web.app:
        quiet = ("--no-access-log", "--log-level", "warning")
        return module("uvicorn", web.app, "--port", str(port), "--http", "httptools", "--loop", "asyncio", *quiet)
    file = folder / f"popbridge-{port}.toml"
    told = {"phone": phone, "make": web.make, "keys": KEYS[web.make], "more": web.more, "popups": web.popups}
    file.write_text(SETTINGS.format(folder=folder, port=port, redis=redis, **told))
    lines = [extension(web.make, number) for number in range(web.agents)]
    rows = [f"acme,{number}@acme.example,main,{line},Agent {number}" for number, line in enumerate(lines)]
    (folder / "agents.csv").write_text("\n".join(["crm,crm_user,pbx,extension,name", *rows]) + "\n")
    return module("bridge", "--config", str(file), "serve")


def _listens(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/count", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def point(up: Running, rate: float, seconds: float, seed: int) -> Point:
    """Clicks at one rate for some seconds."""
    asked, (web, redis) = up.asked(), up.spent()
    told = up.click(rate, seconds, seed)
    now_web, now_redis = up.spent()
    own = 1000 * DELAY_SECONDS if up.web.asks else 0.0
    took = [each - own for each in told["took"]]
    done = max(1, len(took))
    return Point(
        p50_ms=percentile(took, 0.5) if took else None,
        p99_ms=percentile(took, 0.99) if took else None,
        done_share=len(took) / max(1, told["meant"]),
        web_ms=1000 * (now_web - web) / done,
        redis_ms=1000 * (now_redis - redis) / done,
        questions=(up.asked() - asked) / done,
    )


Points = dict[tuple[str, int], list[Point]]


def measure(options: Options) -> Report:
    """Every web at every rate, one web after the other, and all that again for each round."""
    webs = [web for web in WEBS if options.wants(web.name) and (web.name != NODE_RED or node_red.is_installed())]
    found = measured(webs, RATES, options)
    rows = [_row(web.name, rate, found[web.name, rate]) for web in webs for rate in RATES if (web.name, rate) in found]
    title = f"click: {AGENTS} agents, the phone system answers after 40 ms"
    return Report(title, [_wait_table(rows), _cost_table(rows), *_best_table(rows)], rows)


def measured(webs: "list[Web]", rates: tuple[int, ...], options: Options) -> Points:
    """The points of every round. A rate that a web cannot keep up with is its last."""
    found: Points = {}
    for number in range(options.rounds):
        for web in webs:
            with tempfile.TemporaryDirectory(prefix="popbridge-bench-") as name, started(web, Path(name)) as up:
                for rate in rates:
                    one = point(up, rate, options.seconds, number)
                    found.setdefault((web.name, rate), []).append(one)
                    _say(number, web, rate, one)
                    if one.done_share < ENOUGH:
                        break
                    time.sleep(0.1)
    return found


def _say(number: int, web: Web, rate: int, one: Point) -> None:
    waited = f"p50 {plain(one.p50_ms)} ms, p99 {plain(one.p99_ms)} ms, done {one.done_share:.0%}"
    print(f"bench: click, round {number + 1}, {rate}/s, {web.name}: {waited}, {plain(one.web_ms)} ms", file=sys.stderr)


def _row(name: str, rate: int, points: "list[Point]") -> dict[str, Any]:
    fields = ("p50_ms", "p99_ms", "done_share", "web_ms", "redis_ms", "questions")
    row: dict[str, Any] = {"system": name, "rate": rate}
    return row | {field: middle(getattr(one, field) for one in points) for field in fields}


Rows = list[dict[str, Any]]


def _names(rows: Rows) -> list[str]:
    return list(dict.fromkeys(row["system"] for row in rows))


def _wait_table(rows: Rows) -> str:
    head = ["p50 / p99 ms beyond the phone system's 40", *(f"{rate}/s" for rate in RATES)]
    return table(head, [[name, *(_waited(rows, name, rate) for rate in RATES)] for name in _names(rows)])


def _waited(rows: Rows, name: str, rate: int) -> str:
    row = at(rows, name, rate)
    if not row:
        return "–"
    if row["done_share"] < ENOUGH:
        return f"backlog ({row['done_share']:.0%} done)"
    return f"{plain(row['p50_ms'])} / {plain(row['p99_ms'])}"


def _cost_table(rows: Rows) -> str:
    head = ["per click: web ms CPU / Redis ms CPU / questions", *(f"{rate}/s" for rate in RATES)]
    return table(head, [[name, *(_spent(rows, name, rate) for rate in RATES)] for name in _names(rows)])


def _spent(rows: Rows, name: str, rate: int) -> str:
    row = at(rows, name, rate)
    return " / ".join(plain(row[key]) for key in ("web_ms", "redis_ms", "questions")) if row else "–"


def at(rows: Rows, name: str, rate: int) -> Mapping[str, Any]:
    """The row of one web at one rate; empty when it was not measured."""
    return next((row for row in rows if (row["system"], row["rate"]) == (name, rate)), {})


def kept_up(rows: Rows, name: str) -> int | None:
    """The highest measured rate that it answers whole, with a p99 within `P99_MS`."""
    good = [row["rate"] for row in rows if row["system"] == name and row["done_share"] >= ENOUGH]
    return max((rate for rate in good if at(rows, name, rate)["p99_ms"] <= P99_MS), default=None)


def _best_table(rows: Rows) -> list[str]:
    ours = at(rows, SHARED, 100)
    if not ours:
        return []
    head = ["against popbridge", "processor time per click at 100/s", f"highest rate with p99 ≤ {P99_MS:g} ms"]
    lines = []
    for name in _names(rows):
        row = at(rows, name, 100)
        lines.append([name, times(row.get("web_ms"), ours["web_ms"]), f"{kept_up(rows, name) or '–'}/s"])
    return [table(head, lines)]
