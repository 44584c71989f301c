"""The real bridge as a child process: started, waited for, stopped; and tokens for it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import IO

from bridge.core.errors import RequestFailed
from bridge.core.http_types import Request
from bridge.core.model import Agent
from bridge.demo.cast import CRM, Player
from bridge.demo.stage import Stage
from bridge.egress.client import EgressClient
from bridge.settings import load_settings
from bridge.store import tokens, workers
from bridge.store.client import open_async
from bridge.store.embedded import redis_address
from bridge.store.embedded_server import dies_with_parent
from bridge.store.tokens import Role

READY_SECONDS = 30.0
STOP_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.05
LIFE = timedelta(days=30)
"""Of the tokens."""


class BridgeFailed(RuntimeError):
    """The bridge did not start, or ended; the text has the last it said."""


@asynccontextmanager
async def running_bridge(stage: Stage, client: EgressClient) -> AsyncIterator[asyncio.subprocess.Process]:
    """`popbridge up`, ready when the block begins and gone when it ends. Raises `BridgeFailed`."""
    with stage.log_file.open("wb") as log:
        process = await _popbridge(stage, "up", output=log)
        try:
            await _until_ready(stage, client, process)
            yield process
        finally:
            await _stop(process)


async def new_tokens(stage: Stage, players: Iterable[Player]) -> tuple[str, dict[str, str]]:
    """A supervisor's bearer token, and one for each of these agents by their `crm_user`, as `token create` makes them:
    here, as a process of its own for each takes a second."""
    settings = load_settings(str(stage.settings_file), {})
    redis, now = open_async(redis_address(settings), settings.redis.prefix), datetime.now(UTC)
    try:
        _, supervisor = await tokens.create(redis, Role.SUPERVISOR, None, now, now + LIFE)
        agents = {}
        for player in players:
            agent = Agent(CRM, player.crm_user, player.name, ())
            _, agents[player.crm_user] = await tokens.create(redis, Role.AGENT, agent, now, now + LIFE)
    finally:
        await redis.aclose()
    return supervisor, agents


async def _popbridge(stage: Stage, *arguments: str, output: IO[bytes] | None = None) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", "--config", str(stage.settings_file), *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output or pipe,
        stderr=output or pipe,
        env={name: value for name, value in os.environ.items() if not name.startswith("POPBRIDGE_")},
        start_new_session=True,  # Ctrl-C is for us: the bridge is stopped in its turn
        preexec_fn=dies_with_parent(),
    )


async def _until_ready(stage: Stage, client: EgressClient, process: asyncio.subprocess.Process) -> None:
    told = "nothing"
    try:
        async with asyncio.timeout(READY_SECONDS):
            while (told := await _missing(stage, client)) != "":
                if process.returncode is not None:
                    raise BridgeFailed(f"the bridge ended with {process.returncode}: {last_words(stage)}")
                await asyncio.sleep(LOOK_EVERY_SECONDS)
    except TimeoutError:
        raise BridgeFailed(f"the bridge is not ready after {READY_SECONDS:g} s ({told}): {last_words(stage)}") from None


async def _missing(stage: Stage, client: EgressClient) -> str:
    """What the bridge lacks to be ready, in its own words; empty when it is."""
    try:
        reply = await client.send(Request("GET", f"{stage.bridge_url}/readyz"), timeout_seconds=2)
    except RequestFailed as failure:
        return str(failure)
    if reply.status != 200:
        return reply.body.decode(errors="replace")[:300]
    return "" if await _has_worker(stage) else "no worker is up yet"


async def _has_worker(stage: Stage) -> bool:
    """Whether a popup would be delivered at once: workers come up a moment after the web process."""
    settings = load_settings(str(stage.settings_file), {})
    redis = open_async(redis_address(settings), settings.redis.prefix)
    try:
        alive, _ = await workers.statuses(redis, datetime.now(UTC))
    finally:
        await redis.aclose()
    return bool(alive)


def last_words(stage: Stage) -> str:
    """The end of the bridge's log, and where the rest is."""
    lines = stage.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n  ".join([f"see {stage.log_file}", *lines[-8:]])


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
