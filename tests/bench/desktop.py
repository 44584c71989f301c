"""Part `desktop`: many idle pages on one web process: what they cost, how soon one and all of them are told."""

import asyncio
import re
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.core.http_types import Secret
from bridge.core.json_codec import json_text
from bridge.core.model import Agent, Popup
from bridge.store import tokens
from bridge.store.client import open_async
from bridge.store.desktop import stream
from bridge.store.tokens import Role
from tests.bench import machine
from tests.bench.figures import middle, percentile, plain, table
from tests.bench.processes import BenchFailed, Server, free_port, redis_server, running, wait_until
from tests.bench.report import Options, Report
from tests.unit.nouns import POPUP

PAGES = (2_000, 10_000)
SPARE_FILES = 500
BYTES_PER_PAGE = 60_000
"""Of all processes and the kernel together, generously."""
ONE, GAP_SECONDS = 300, 0.01
PATIENCE_SECONDS = 30.0
POPUP_START, POPUP_ID = b"event: popup\n", re.compile(rb'"popup_id":"([^"]+)"')


Came = list[tuple[str, float]]
"""Which popup came to a page, and when (seconds, `time.perf_counter`, on Linux the same as `time.monotonic`)."""


class PageClient(asyncio.Protocol):
    """A page as cheap as it can be. What comes is noted in `came`, which all pages share, by what `named` finds."""

    named = POPUP_ID

    def __init__(self, request: bytes, came: Came) -> None:
        self._request, self._rest, self._came = request, b"", came
        self.open = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        at = time.perf_counter()
        *events, self._rest = (self._rest + data).split(b"\n\n")
        for event in events:
            if b"event: hello" in event and not self.open.done():
                self.open.set_result(None)
            else:
                self.event(event, at)

    def event(self, event: bytes, at: float) -> None:
        """One event of the stream."""
        if POPUP_START in event and (found := self.named.search(event)):
            self._came.append((found[1].decode(), at))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.open.done():
            self.open.set_exception(BenchFailed("a page was not let in"))


@dataclass(frozen=True, slots=True)
class Round:
    """What one server was measured at. MB are 1,000,000 bytes of resident memory, over all pages."""

    pages: int
    mb_per_1000: float
    idle_cpu: float
    one_ms: list[float]
    all_ms: float
    written_ms: float
    all_cpu_us: float
    after_break_ms: float
    lost: int
    doubled: int


@dataclass(slots=True)
class Stage:
    """A web process with open pages. `seen`: so many of what came were counted before."""

    server: Server
    port: int
    pid: int
    pages: dict[str, PageClient] = field(default_factory=dict)
    came: Came = field(default_factory=list)
    seen: int = 0
    sent: int = 0

    def popup(self, crm_user: str) -> Popup:
        """A new popup for one agent."""
        self.sent += 1
        return replace(POPUP, popup_id=f"pop_{self.sent:012d}", agent=replace(POPUP.agent, crm_user=crm_user))

    def prepared(self, popups: Sequence[Popup]) -> bytes:
        """As workers write them, the script by its hash; packed beforehand, so that only sending it is measured."""
        until = datetime.now(UTC) + timedelta(minutes=2)
        script = self.server.client.script_load(stream.PUSH)
        kept = (stream._kept(one.agent, stream.POPUP, json_text(one), until, one.popup_id) for one in popups)
        return b"".join(_packed(["EVALSHA", script, 3, *each]) for each in kept)

    async def push(self, packed: bytes, count: int) -> None:
        """Send it in one go; waits for Redis's answers, each a line of length and a line of text."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        writer.write(packed)
        lines = 0
        while lines < 2 * count:
            answers = await reader.read(1 << 20)
            if not answers or answers.startswith(b"-"):
                raise BenchFailed(f"redis: {answers[:200].decode(errors='replace')}")
            lines += answers.count(b"\n")
        writer.close()

    async def arrived(self, popups: Sequence[Popup]) -> list[float]:
        """When each came, in perf_counter's seconds; waits for all."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        wanted = {popup.popup_id for popup in popups}
        found: dict[str, float] = {}
        while len(found) < len(wanted):
            if time.monotonic() > deadline:
                raise BenchFailed(f"{len(wanted) - len(found)} of {len(wanted)} popups did not come")
            await asyncio.sleep(0.001)
            found.update((popup_id, at) for popup_id, at in self.came[self.seen :] if popup_id in wanted)
            self.seen = len(self.came)
        return list(found.values())


def _packed(words: Sequence[object]) -> bytes:
    """A command in Redis's own protocol."""
    each = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(each) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in each)


def measure(options: Options) -> Report:
    """`rounds` servers for each number of pages, one after the other."""
    sizes = [pages for pages in options.pages or PAGES if is_possible(pages)]
    found: dict[int, list[Round]] = {pages: [] for pages in sizes}
    for number in range(options.rounds):
        for pages in sizes:
            found[pages].append(one := asyncio.run(_round(pages, options.seconds)))
            told = f"{plain(one.mb_per_1000)} MB per 1,000, all told in {plain(one.all_ms)} ms"
            print(f"bench: desktop, round {number + 1}, {pages:,} pages: {told}", file=sys.stderr)
    return _report(found)


def is_possible(pages: int) -> bool:
    """Allows this process, and those that it starts, so many open files; False, and a line that says why, if not."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted, free = pages + SPARE_FILES, machine.free_bytes()
    if most != resource.RLIM_INFINITY and wanted > most:
        lack = f"a process may have {most:,} files open, {wanted:,} are wanted (ulimit -Hn)"
    elif free is not None and pages * BYTES_PER_PAGE > free:
        lack = f"{free / 1e6:,.0f} MB of memory are free, {pages * BYTES_PER_PAGE / 1e6:,.0f} are wanted"
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, wanted), most))
        return True
    print(f"bench: desktop: {pages:,} pages are left out: {lack}", file=sys.stderr)
    return False


async def _round(pages: int, idle_seconds: float) -> Round:
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(_open(pages))
        before = _resident(stage.pid)
        await stack.enter_async_context(pages_open(stage))
        await asyncio.sleep(1.0)
        cost = (_resident(stage.pid) - before) / 1e6 / pages * 1000
        cpu = machine.seconds_of(stage.pid)
        await asyncio.sleep(idle_seconds)
        idle = (machine.seconds_of(stage.pid) - cpu) / idle_seconds
        one = await _one_by_one(stage)
        all_ms, written_ms, cpu_us = await _all(stage)
        after_break = await _after_a_break(stage)
        came = [popup_id for popup_id, _ in stage.came]
        lost, doubled = stage.sent - len(set(came)), len(came) - len(set(came))
        return Round(pages, cost, idle, one, all_ms, written_ms, cpu_us, after_break, lost, doubled)


@asynccontextmanager
async def _open(pages: int) -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="popbridge-bench-") as name:
        folder = Path(name)
        with redis_server(folder / "redis", machine.MEASURED) as server:
            port = free_port()
            config = _settings(folder, server.url, port, pages)
            command = [sys.executable, "-m", "bridge", "--config", str(config), "serve"]
            with running(command, machine.MEASURED, folder / "web.log") as process:
                log = folder / "web.log"
                wait_until(lambda: "listens" in log.read_text(errors="replace"), "the web process starts")
                stage = Stage(server, port, process.pid)
                await add_clients(stage, pages)
                await asyncio.sleep(1.0)
                yield stage


def settings_of(folder: Path, port: int, redis_url: str) -> str:
    """The sections of a bridge whose pages are all at one address and follow no calls."""
    return f"""
data_dir = "{folder}/data"
[server]
port = {port}
reads_per_minute = 1000000
[redis]
url = "{redis_url}"
[desktop]
refresh_seconds = 0
streams_per_address = 0
"""


def _settings(folder: Path, redis_url: str, port: int, pages: int) -> Path:
    config = folder / "popbridge.toml"
    rows = [f"acme,{name_of(number)},main,SIP{number},Agent {number}" for number in range(pages)]
    (folder / "agents.csv").write_text("\n".join(["crm,crm_user,pbx,extension,name", *rows]) + "\n")
    config.write_text(
        settings_of(folder, port, redis_url)
        + """
[pbx.main]
kind = "voicenter"
base_url = "http://127.0.0.1:9"
code = "nobody"
region = "IL"
[crm.acme]
kind = "webhook"
click_token = "token-of-acme-0123456789"
"""
    )
    return config


def name_of(number: int) -> str:
    """Whose page it is."""
    return f"agent{number}@acme.example"


async def add_clients(stage: Stage, pages: int, page: type[PageClient] = PageClient) -> None:
    """One page for each agent, not connected yet."""
    redis, now = open_async(Secret(stage.server.url)), datetime.now(UTC)
    for number in range(pages):
        agent = Agent("acme", name_of(number), "", ())
        _, token = await tokens.create(redis, Role.AGENT, agent, now, now + timedelta(hours=1))
        head = f"GET /desktop/events HTTP/1.1\r\nHost: 127.0.0.1:{stage.port}\r\nAuthorization: Bearer {token}\r\n\r\n"
        stage.pages[agent.crm_user] = page(head.encode(), stage.came)
    await redis.aclose()


@asynccontextmanager
async def pages_open(stage: Stage) -> AsyncIterator[None]:
    """All pages open, fifty at a time."""
    loop, transports = asyncio.get_running_loop(), []
    clients = [*stage.pages.values()]
    try:
        for start in range(0, len(clients), 50):
            part = clients[start : start + 50]
            for client in part:
                transports.append((await loop.create_connection(lambda one=client: one, "127.0.0.1", stage.port))[0])
            await asyncio.wait_for(asyncio.gather(*(client.open for client in part)), PATIENCE_SECONDS)
        yield
    finally:
        for transport in transports:
            transport.abort()


async def _one_by_one(stage: Stage) -> list[float]:
    """Milliseconds from the push to the page, one agent after the other."""
    took, names = [], [*stage.pages]
    for number in range(ONE):
        popup = stage.popup(names[number * 7 % len(names)])
        packed, pushed = stage.prepared([popup]), time.perf_counter()
        await stage.push(packed, 1)
        took.append((max(await stage.arrived([popup])) - pushed) * 1000)
        await asyncio.sleep(GAP_SECONDS)
    return took


async def _all(stage: Stage) -> tuple[float, float, float]:
    """Every agent has a popup: milliseconds from the first push to the last page, to Redis's last answer, and the
    web's CPU µs for each."""
    popups, cpu = [stage.popup(name) for name in stage.pages], machine.seconds_of(stage.pid)
    packed, pushed = stage.prepared(popups), time.perf_counter()
    await stage.push(packed, len(popups))
    written = time.perf_counter() - pushed
    took = max(await stage.arrived(popups)) - pushed
    return took * 1000, written * 1000, (machine.seconds_of(stage.pid) - cpu) / len(popups) * 1e6


async def _after_a_break(stage: Stage) -> float:
    """The subscription is cut, every agent has a popup: milliseconds from the cut until all of them have it."""
    popups = [stage.popup(name) for name in stage.pages]
    packed, cut = stage.prepared(popups), time.perf_counter()
    stage.server.client.client_kill_filter(_type="pubsub")
    await stage.push(packed, len(popups))
    return (max(await stage.arrived(popups)) - cut) * 1000


def _resident(pid: int) -> int:
    """Bytes of memory that the process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _report(found: Mapping[int, Sequence[Round]]) -> Report:
    rows = [_row(rounds) for rounds in found.values() if rounds]
    names = [name for name in rows[0] if name not in ("system", "pages")] if rows else []
    lines = [[name, *(plain(row[name]) for row in rows)] for name in names]
    head = ["popbridge", *(f"{row['pages']:,} pages" for row in rows)]
    return Report("desktop: idle pages on one web process", [table(head, lines)], rows)


def _row(rounds: Sequence[Round]) -> dict[str, Any]:
    one = [value for each in rounds for value in each.one_ms]
    return {
        "system": "popbridge",
        "pages": rounds[0].pages,
        "MB per 1,000 idle pages": middle(each.mb_per_1000 for each in rounds),
        "core taken by idle pages": middle(each.idle_cpu for each in rounds),
        "one page told, p50 ms": percentile(one, 0.5),
        "one page told, p99 ms": percentile(one, 0.99),
        "all told, each its own popup, ms": middle(each.all_ms for each in rounds),
        "of which until Redis had written them, ms": middle(each.written_ms for each in rounds),
        "web's CPU per page told, µs": middle(each.all_cpu_us for each in rounds),
        "all told after the subscription broke, ms": middle(each.after_break_ms for each in rounds),
        "lost": float(sum(each.lost for each in rounds)),
        "doubled": float(sum(each.doubled for each in rounds)),
    }
