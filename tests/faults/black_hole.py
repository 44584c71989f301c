"""A CRM that takes connections and never answers, and what a healthy one feels of those who wait for it."""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bridge.store import keys
from bridge.store.embedded_server import dies_with_parent
from tests.faults.world import ROOT, RedisServer
from tests.stage import DANA, VOICENTER, Stage, open_stage, until

WAITING, MEASURED, PAUSE_SECONDS = 1000, 100, 0.05
AT_ONCE = 20


@asynccontextmanager
async def black_hole() -> AsyncIterator[str]:
    """An address that takes connections and never answers."""
    swallowed: list[asyncio.StreamWriter] = []
    hole = await asyncio.start_server(lambda _, writer: swallowed.append(writer), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{hole.sockets[0].getsockname()[1]}/popups"
    finally:
        for writer in swallowed:
            writer.close()
        hole.close()


def crm_at(name: str, address: str, **more: str) -> dict[str, str]:
    """The settings of one more CRM."""
    section = {
        "kind": "webhook",
        "click_token": f"token-of-{name}-0123456789",
        "popup_secrets": "whsec_UG9wdXBTZWNyZXRQb3B1cFNlY3JldFBvcHVw",
        "popup_url": address,
        **more,
    }
    return {f"POPBRIDGE_CRM__{name.upper()}__{key.upper()}": value for key, value in section.items()}


@dataclass(frozen=True, slots=True)
class Felt:
    """Median milliseconds from a click to the popup at a healthy CRM: alone, and beside a dead one."""

    alone_ms: float
    beside_ms: float

    @property
    def times(self) -> float:
        """How many times as long it takes beside the dead one."""
        return self.beside_ms / self.alone_ms

    def __str__(self) -> str:
        return f"{self.alone_ms:.1f} ms alone, {self.beside_ms:.1f} ms beside: {self.times:.2f} times"


async def measure(waiting: int = WAITING, measured: int = MEASURED) -> Felt:
    """One worker process as it ships, one web process, a Redis of their own."""
    async with black_hole() as address, _bridge(address) as stage:
        await _median(stage, 10)
        alone = await _median(stage, measured)
        await _press_for_the_dead(stage, waiting)
        beside = await _median(stage, measured)
        assert await stage.redis.zcard(keys.DUE) >= waiting, "they all still wait"
    return Felt(alone, beside)


def told(rounds: Sequence[Felt]) -> str:
    """The round in the middle."""
    middle = sorted(rounds, key=lambda felt: felt.times)[len(rounds) // 2]
    beside = f"{WAITING} popups that wait for one that never answers"
    return f"button to a healthy CRM beside {beside}, median of {MEASURED}, middle of {len(rounds)} runs: {middle}"


@asynccontextmanager
async def _bridge(address: str) -> AsyncIterator[Stage]:
    dead = crm_at("dead", address, pbx="main", targets="dead", popup_ttl_seconds="600")
    extra = {**dead, "POPBRIDGE_CRM__ACME__TARGETS": "acme", "POPBRIDGE_CRM__DEAD__AGENT_CLICKS_PER_MINUTE": "0"}
    extra["POPBRIDGE_CRM__ACME__AGENT_CLICKS_PER_MINUTE"] = "0"
    with tempfile.TemporaryDirectory(prefix="popbridge-hole-") as name:
        folder = Path(name)
        server = RedisServer(folder)
        await server.start()
        try:
            row = f"dead,{DANA},main,{VOICENTER.dana},Dana Cohen"
            opened = open_stage(folder, server.url, extra=extra, agents=[row])
            async with opened as stage, worker_of(stage, extra):
                stage.talk()
                yield stage
        finally:
            await server.kill()


@asynccontextmanager
async def worker_of(stage: Stage, extra: Mapping[str, str]) -> AsyncIterator[None]:
    """A worker process of a stage with these settings."""
    command = [sys.executable, "-m", "workers", "--config", str(stage.folder / "popbridge.toml")]
    with (stage.folder / "worker.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env={**os.environ, **extra}, stdout=log, stderr=log, preexec_fn=dies_with_parent()
        )
        try:
            yield
        finally:
            process.kill()
            await process.wait()


async def _median(stage: Stage, measured: int) -> float:
    felt = []
    for _ in range(measured):
        started = time.time()
        popup = (await stage.click()).json()["popup"]
        felt.append((await stage.crm.wait_for(popup["click_id"], 30)).at - started)
        await asyncio.sleep(PAUSE_SECONDS)
    return statistics.median(felt) * 1000


async def _press_for_the_dead(stage: Stage, waiting: int) -> None:
    headers = {"Authorization": "Bearer token-of-dead-0123456789"}
    free = asyncio.Semaphore(AT_ONCE)

    async def click() -> None:
        async with free:
            answer = await stage.http.post(
                f"{stage.bridge_url}/clicks/dead", json={"extension": stage.make.dana}, headers=headers
            )
            assert answer.json()["popup"], answer.text

    await asyncio.gather(*(click() for _ in range(waiting)))

    async def looked_at() -> bool:
        return await stage.redis.llen("rq:queue:popbridge") == 0

    await until(looked_at, 60)
