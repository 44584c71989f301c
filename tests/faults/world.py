"""A whole bridge for breaking: its own Redis, real worker processes each behind a line of its own, a CRM that counts.

The web side runs here and talks to Redis directly, so that clicks are accepted while the workers are cut off.
"""

import asyncio
import json
import os
import re
import secrets
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.core.delivery import Delivery, DeliveryState
from bridge.core.http_types import Secret
from bridge.crm.webhook.simulator import WebhookSimulator
from bridge.store.calls import popups
from bridge.store.client import TextRedis, open_async
from bridge.store.deliveries import records
from bridge.store.embedded_server import dies_with_parent, find_binary
from bridge.store.jobs import DELIVER
from tests.faults.proxy import Passing, ProxyConnection, redis_line
from tests.faults.seams import Gate, Seam, seam_of
from tests.stage import POPUP_SECRET, Stage, open_stage, until

ROOT = Path(__file__).parents[2]
START_SECONDS, STOP_SECONDS, CLAIM_SECONDS = 20.0, 15.0, 0.5
PUSH_TIMEOUT_SECONDS = 1.0
SETTINGS = {
    "POPBRIDGE_CRM__ACME__PUSH_TIMEOUT_SECONDS": str(PUSH_TIMEOUT_SECONDS),
    "POPBRIDGE_CRM__ACME__TARGETS": "acme",
    "POPBRIDGE_CRM__ACME__PUSHES_AT_ONCE": "64",
}
END = re.compile(
    rb"XADD\r\n\$15\r\npopbridge:audit\r\n\$\d+\r\n[^\r]+\r\n\$4\r\nkind\r\n\$8\r\ndelivery\r\n"
    rb"\$4\r\nline\r\n\$\d+\r\n([^\r]+)\r\n"
)
"""How Redis notes in its own log of writes that a delivery's end was written to the audit."""


class RedisServer:
    """A server in a folder of its own, killed and started again at will.

    It writes each change to disk before it answers: with `everysec` a killed Redis may lose what it has confirmed while
    the disk was busy, which is for whoever runs Redis to choose and nothing that a client can mend.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._ends: dict[str, int] = defaultdict(int)
        self._read: dict[Path, int] = defaultdict(int)
        self.url = Secret(f"unix://{folder / 'redis.sock'}")
        self.starts = 0

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        (self._folder / "redis.sock").unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self._folder / "redis.sock"),
            "dir": str(self._folder),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            "auto-aof-rewrite-percentage": "0",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._process = await asyncio.create_subprocess_exec(
            find_binary(), *arguments, stdout=asyncio.subprocess.DEVNULL, preexec_fn=dies_with_parent()
        )
        self.starts += 1
        await until(self._answers, START_SECONDS)

    async def _answers(self) -> bool:
        client = open_async(self.url)
        try:
            return bool(await client.ping())
        except (RedisError, OSError):
            return False
        finally:
            await client.aclose()

    async def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    def ends(self) -> dict[str, int]:
        """How often an end of each delivery was written to the audit, by the server's own log of writes."""
        for file in (self._folder / "appendonlydir").glob("*.incr.aof"):
            with file.open("rb") as log:
                log.seek(self._read[file])
                start = self._read[file]
                for found in END.finditer(log.read()):
                    self._ends[json.loads(found[1])["delivery_id"]] += 1
                    self._read[file] = start + found.end()
        return self._ends


class CountingCrm(WebhookSimulator):
    """A CRM with one address per worker, that counts what arrives there and holds it at the gate."""

    gate = Gate()

    def __init__(self) -> None:
        super().__init__([POPUP_SECRET])
        self.arrivals: dict[str, list[float]] = defaultdict(list)
        self.ids_of: dict[str, set[str]] = defaultdict(set)

    def app(self) -> Starlette:
        """The CRM's web side: `/N/popups` for worker N."""
        return Starlette(routes=[Mount("/{worker:int}", self._counted(super().app()))])

    def _counted(self, inside: ASGIApp) -> ASGIApp:
        async def take(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            body = await request.body()  # before the hold: whoever sent it may die meanwhile
            webhook_id = request.headers["webhook-id"]
            self.arrivals[webhook_id].append(time.time())
            self.ids_of[json.loads(body)["data"]["popup_id"]].add(webhook_id)
            await self.gate.reach(int(scope["path_params"]["worker"]), Seam.DURING_POST)

            async def again() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            await inside(scope, again, send)

        return take


@dataclass(eq=False)
class WorkerSlot:
    """A place where a worker runs, started again at once whenever it ends, as a supervisor does."""

    number: int
    line: ProxyConnection
    environment: dict[str, str]
    config: Path
    starts: int = 0
    losing: Callable[[Passing], bool] | None = None
    to_lose: int = 0
    lost: int = 0
    claims: int = 0
    exit_code: int | None = None
    process: asyncio.subprocess.Process | None = None
    _pops: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def log(self) -> Path:
        """What the workers here said."""
        return self.config.parent / f"worker-{self.number}.log"

    async def supervise(self) -> None:
        """Run a worker for ever."""
        try:
            while True:
                self.process = await self._start()
                self.exit_code = await self.process.wait()
        finally:
            await self._end()

    async def _start(self) -> asyncio.subprocess.Process:
        self._pops.clear()
        self.starts += 1
        command = [sys.executable, "-m", "workers", "--config", str(self.config)]
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *command,
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=dies_with_parent(),
                start_new_session=True,
            )

    async def _end(self) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send the running worker a signal."""
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)

    async def works(self) -> bool:
        """Whether the worker asks for jobs."""
        return self._pops.is_set()

    def heal(self) -> None:
        """Lose no more replies."""
        self.losing, self.to_lose, self.lost = None, 0, 0

    def note(self, passing: Passing) -> bool:
        """Note a message of the worker's; False when its reply is to be lost."""
        if passing.name == b"BLMOVE":
            self._pops.set()
        self.claims += seam_of(passing) is Seam.BEFORE_CLAIM
        if self.losing is None or not self.to_lose or not passing.found_something or not self.losing(passing):
            return True
        self.to_lose -= 1
        self.lost += 1
        return False


@dataclass(eq=False)
class World:
    """Everything that takes part, and what has been sent."""

    stage: Stage
    redis_server: RedisServer
    crm: CountingCrm
    workers: list[WorkerSlot]
    direct: TextRedis
    accepted: dict[str, str] = field(default_factory=dict)

    @property
    def gate(self) -> Gate:
        """Where deliveries are held now."""
        return self.crm.gate

    @gate.setter
    def gate(self, gate: Gate) -> None:
        self.crm.gate = gate

    @property
    def lease_seconds(self) -> float:
        """How long a dead worker's claim holds."""
        return self.stage.services.lease.total_seconds()

    async def ready(self) -> None:
        """Every worker asks for jobs."""
        for worker in self.workers:
            await until(worker.works, START_SECONDS)

    async def click(self, seconds: float = 20.0) -> str:
        """A click, sent again with the same id until it is accepted, as a CRM does. The id of its popup's delivery."""
        deadline = time.monotonic() + seconds
        while (popup := (await self._answer(deadline))["popup"]) is None:
            pass  # the phone system did not answer in time, on a machine this busy: another click
        delivery_id = str(await until(lambda: self._delivery_of(popup["popup_id"]), seconds))
        self.accepted[delivery_id] = popup["popup_id"]
        return delivery_id

    async def _delivery_of(self, popup_id: str) -> str | None:
        with suppress(RedisError, OSError):
            kept = await popups.popup(self.direct, popup_id)
            assert kept is not None, "an accepted popup is gone"
            (delivery_id,) = kept[1]
            return delivery_id
        return None

    async def _answer(self, deadline: float) -> Any:
        message_id = f"msg_{secrets.token_hex(8)}"
        while True:
            with suppress(httpx.TransportError):
                response = await self.stage.click(message_id=message_id)
                if response.status_code == 200:
                    return response.json()
                assert response.status_code == 503, response.text
            assert time.monotonic() < deadline, "no click was accepted"
            await asyncio.sleep(0.05)

    async def queue_again(self, wanted: list[str]) -> None:
        """Queue these deliveries once more, as RQ may run a job twice, and let workers try to claim them."""
        before = sum(worker.claims for worker in self.workers)
        async with self.direct.pipeline(transaction=True) as pipe:
            pipe.multi()
            for delivery_id in wanted:
                self.stage.services.jobs.add(pipe, DELIVER, delivery_id)
            await pipe.execute()

        async def tried() -> bool:
            return sum(worker.claims for worker in self.workers) >= before + len(wanted)

        with suppress(AssertionError):  # a worker may find its connections dead, and lose the jobs
            await until(tried, CLAIM_SECONDS)

    async def ended(self, wanted: list[str], until_time: float) -> list[Delivery]:
        """The deliveries once all have ended, or as they are at `until_time` (of the clock on the wall)."""
        while True:
            found = await records.get(self.direct, wanted)
            if all(each.state is not DeliveryState.PENDING for each in found) or time.time() > until_time:
                return found
            await asyncio.sleep(0.02)

    def tails(self) -> str:
        """The ends of the workers' logs."""
        return "\n".join(worker.log.read_text(errors="replace")[-3000:] for worker in self.workers)


@asynccontextmanager
async def open_world(workers: int = 2, **changed: Any) -> AsyncIterator[World]:
    """A world with its workers at work; everything in it ends with the block. `changed`: what is different on stage."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="popbridge-faults-")))
        server = RedisServer(folder)
        await server.start()
        stack.push_async_callback(server.kill)
        crm = CountingCrm()
        stage = await stack.enter_async_context(open_stage(folder, server.url, crm=crm, extra=SETTINGS, **changed))
        stage.talk()
        direct = open_async(server.url)
        stack.push_async_callback(direct.aclose)
        world = World(stage, server, crm, [], direct)
        for number in range(workers):
            world.workers.append(await _open_worker(stack, world, number))
        await world.ready()
        yield world


async def _open_worker(stack: AsyncExitStack, world: World, number: int) -> WorkerSlot:
    line, address = await stack.enter_async_context(redis_line(world.redis_server.url))
    environment = {
        **SETTINGS,
        "POPBRIDGE_REDIS__URL": address.reveal(),
        "POPBRIDGE_CRM__ACME__POPUP_URL": f"{world.stage.pbx_url}/crm/{number}/popups",
    }
    slot = WorkerSlot(number, line, environment, world.stage.folder / "popbridge.toml")

    async def hear(passing: Passing) -> bool:
        return await world.gate.reach(number, seam_of(passing)) and slot.note(passing)

    line.hear = hear
    supervising = asyncio.create_task(slot.supervise())
    stack.push_async_callback(_cancelled, supervising)
    return slot


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
