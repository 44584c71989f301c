"""Part `desktop`: many idle pages on one web process: what they cost, how soon one and all of them are told."""

import asyncio
import re
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis import Redis

from bridge.domain import Agent, Popup
from bridge.messages import Secret
from bridge.shapes import json_text
from bridge.store import desktop, tokens
from bridge.store.connection import TextRedis, open_async
from bridge.store.tokens import Role
from tests.bench import machine
from tests.bench.figures import middle, percentile, plain, table
from tests.bench.processes import BenchFailed, free_port, redis_server, running, wait_until
from tests.bench.report import Options, Report
from tests.unit.nouns import POPUP

PAGES = 2000
ONE, GAP_SECONDS = 300, 0.01
PATIENCE_SECONDS = 30.0
POPUP_START, POPUP_ID = b"event: popup\n", re.compile(rb'"popup_id":"([^"]+)"')


class PageClient(asyncio.Protocol):
    """A page as cheap as it can be: when which popup came."""

    def __init__(self, request: bytes) -> None:
        self._request, self._rest = request, b""
        self.open = asyncio.get_running_loop().create_future()
        self.came: list[tuple[str, float]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        at = time.perf_counter()
        *events, self._rest = (self._rest + data).split(b"\n\n")
        for event in events:
            if POPUP_START in event and (found := POPUP_ID.search(event)):
                self.came.append((found[1].decode(), at))
            elif b"event: hello" in event and not self.open.done():
                self.open.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.open.done():
            self.open.set_exception(BenchFailed("a page was not let in"))


@dataclass(frozen=True, slots=True)
class Round:
    """What one server was measured at. MB are 1,000,000 bytes of resident memory, over all pages."""

    mb_per_1000: float
    idle_cpu: float
    one_ms: list[float]
    all_ms: float
    all_cpu_us: float
    after_break_ms: float
    lost: int
    doubled: int


@dataclass(slots=True)
class Stage:
    """A web process with open pages."""

    redis: TextRedis
    client: "Redis"
    pid: int
    pages: dict[str, PageClient] = field(default_factory=dict)
    sent: int = 0

    def popup(self, crm_user: str) -> Popup:
        """A new popup for one agent."""
        self.sent += 1
        return replace(POPUP, popup_id=f"pop_{self.sent:012d}", agent=replace(POPUP.agent, crm_user=crm_user))

    async def push(self, popups: Sequence[Popup]) -> None:
        """As workers do, here many in one write."""
        until = datetime.now(UTC) + timedelta(minutes=2)
        async with self.redis.pipeline(transaction=False) as pipe:
            for popup in popups:
                kept = desktop._kept(popup.agent, desktop.POPUP, json_text(popup), until, popup.popup_id)
                pipe.eval(desktop.PUSH, 2, *kept)
            await pipe.execute()

    async def arrived(self, popups: Sequence[Popup]) -> list[float]:
        """When each came, in perf_counter's seconds; waits for all."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        wanted = {popup.popup_id for popup in popups}
        pages = {popup.agent.crm_user: self.pages[popup.agent.crm_user] for popup in popups}
        while True:
            came = {popup_id: at for page in pages.values() for popup_id, at in page.came[-3:] if popup_id in wanted}
            if len(came) == len(wanted):
                return list(came.values())
            if time.monotonic() > deadline:
                raise BenchFailed(f"{len(wanted) - len(came)} of {len(wanted)} popups did not come")
            await asyncio.sleep(0.001)


def measure(options: Options) -> Report:
    """`rounds` servers, one after the other."""
    _allow_files(2 * PAGES)
    found = []
    for number in range(options.rounds):
        found.append(asyncio.run(_round(options.seconds)))
        print(f"bench: desktop, round {number + 1}: {plain(found[-1].mb_per_1000)} MB per 1,000", file=sys.stderr)
    return _report(found)


def _allow_files(wanted: int) -> None:
    """For this process and those that it starts."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, max(wanted + 500, 1024)), most))


async def _round(idle_seconds: float) -> Round:
    async with AsyncExitStack() as stack:
        stage = await stack.enter_async_context(_open())
        before = _resident(stage.pid)
        await stack.enter_async_context(_pages(stage))
        await asyncio.sleep(1.0)
        cost = (_resident(stage.pid) - before) / 1e6 / PAGES * 1000
        cpu = machine.seconds_of(stage.pid)
        await asyncio.sleep(idle_seconds)
        idle = (machine.seconds_of(stage.pid) - cpu) / idle_seconds
        one = await _one_by_one(stage)
        all_ms, cpu_us = await _all(stage)
        after_break = await _after_a_break(stage)
        came = [popup_id for page in stage.pages.values() for popup_id, _ in page.came]
        lost, doubled = stage.sent - len(set(came)), len(came) - len(set(came))
        return Round(cost, idle, one, all_ms, cpu_us, after_break, lost, doubled)


@asynccontextmanager
async def _open() -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="popbridge-bench-") as name:
        folder = Path(name)
        with redis_server(folder / "redis", machine.MEASURED) as server:
            port = free_port()
            config = _settings(folder, server.url, port)
            command = [sys.executable, "-m", "bridge", "--config", str(config), "serve"]
            with running(command, machine.MEASURED, folder / "web.log") as process:
                log = folder / "web.log"
                wait_until(lambda: "listens" in log.read_text(errors="replace"), "the web process starts")
                redis = open_async(Secret(server.url))
                try:
                    await asyncio.sleep(1.0)
                    yield Stage(redis, server.client, process.pid, await _clients(redis, port))
                finally:
                    await redis.aclose()


def _settings(folder: Path, redis_url: str, port: int) -> Path:
    config = folder / "popbridge.toml"
    rows = [f"acme,{_name(number)},main,SIP{number},Agent {number}" for number in range(PAGES)]
    (folder / "agents.csv").write_text("\n".join(["crm,crm_user,pbx,extension,name", *rows]) + "\n")
    config.write_text(
        f"""
[server]
port = {port}
reads_per_minute = 1000000
[redis]
url = "{redis_url}"
[desktop]
refresh_seconds = 0
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


def _name(number: int) -> str:
    return f"agent{number}@acme.example"


async def _clients(redis: TextRedis, port: int) -> dict[str, PageClient]:
    """One page for each agent, not connected yet."""
    now, made = datetime.now(UTC), {}
    for number in range(PAGES):
        agent = Agent("acme", _name(number), "", ())
        _, token = await tokens.create(redis, Role.AGENT, agent, now, now + timedelta(hours=1))
        request = f"GET /desktop/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
        made[agent.crm_user] = PageClient(request.encode())
    return made


@asynccontextmanager
async def _pages(stage: Stage) -> AsyncIterator[None]:
    """All pages open, fifty at a time."""
    loop, transports = asyncio.get_running_loop(), []
    clients = [*stage.pages.values()]
    port = int(re.search(rb"127.0.0.1:(\d+)", clients[0]._request)[1])  # type: ignore[index]
    try:
        for start in range(0, len(clients), 50):
            part = clients[start : start + 50]
            for client in part:
                transports.append((await loop.create_connection(lambda one=client: one, "127.0.0.1", port))[0])
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
        pushed = time.perf_counter()
        await stage.push([popup])
        took.append((max(await stage.arrived([popup])) - pushed) * 1000)
        await asyncio.sleep(GAP_SECONDS)
    return took


async def _all(stage: Stage) -> tuple[float, float]:
    """Every agent has a popup: milliseconds from the first push to the last page, and the web's CPU µs for each."""
    popups, cpu = [stage.popup(name) for name in stage.pages], machine.seconds_of(stage.pid)
    pushed = time.perf_counter()
    await stage.push(popups)
    took = max(await stage.arrived(popups)) - pushed
    return took * 1000, (machine.seconds_of(stage.pid) - cpu) / len(popups) * 1e6


async def _after_a_break(stage: Stage) -> float:
    """The subscription is cut, every agent has a popup: milliseconds from the cut until all of them have it."""
    popups = [stage.popup(name) for name in stage.pages]
    cut = time.perf_counter()
    stage.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    await stage.push(popups)
    return (max(await stage.arrived(popups)) - cut) * 1000


def _resident(pid: int) -> int:
    """Bytes of memory that the process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _report(found: Sequence[Round]) -> Report:
    one = [value for each in found for value in each.one_ms]
    rows = {
        "MB per 1,000 idle pages": middle(each.mb_per_1000 for each in found),
        f"core taken by {PAGES:,} idle pages": middle(each.idle_cpu for each in found),
        "one page told, p50 ms": percentile(one, 0.5),
        "one page told, p99 ms": percentile(one, 0.99),
        f"all {PAGES:,} told, each its own popup, ms": middle(each.all_ms for each in found),
        "web's CPU per page told, µs": middle(each.all_cpu_us for each in found),
        f"all {PAGES:,} told after the subscription broke, ms": middle(each.after_break_ms for each in found),
        "lost": float(sum(each.lost for each in found)),
        "doubled": float(sum(each.doubled for each in found)),
    }
    lines = [[name, plain(value)] for name, value in rows.items()]
    title = f"desktop: {PAGES:,} idle pages on one web process"
    return Report(title, [table(["", "popbridge"], lines)], [{"system": "popbridge", **rows}])
