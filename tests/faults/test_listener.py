"""Real workers listen to a phone system; the one that does is killed in the middle of a call."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.core.http_types import Secret
from bridge.core.model import Caller
from bridge.store import listeners
from bridge.store.embedded_server import dies_with_parent
from tests.stage import CALLER, DANA, DID, OMER, OZEKI, Make, Stage, open_stage, simulated, until

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
TAKE_OVER_SECONDS = 10.0
WAYS: list[tuple[str, Make]] = [("poll", OZEKI), ("connect", simulated("3cx", Secret("made-up-secret-of-3cx")))]


@asynccontextmanager
async def worker(stage: Stage, number: int) -> AsyncIterator[asyncio.subprocess.Process]:
    with (stage.folder / f"worker-{number}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "workers", "--config", str(stage.folder / "popbridge.toml")),
            cwd=ROOT,
            env={**os.environ, **stage.extra},
            stdout=log,
            stderr=log,
            preexec_fn=dies_with_parent(),
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def told(stage: Stage, kind: str) -> list[str]:
    """To whom, each as often as it was told."""
    events = [one.event for one in stage.crm.accepted() if one.event and one.event["type"] == kind]
    return sorted(event["data"]["agent"]["crm_user"] for event in events)


async def holder(stage: Stage) -> int:
    """The process that listens and has heard something; 0: none."""
    found = await listeners.status(stage.redis, "main")
    return int(found.worker.split()[1]) if found is not None and found.heard_at else 0


async def test_another_takes_over_and_nothing_pops_twice_or_never(tmp_path: Path, redis_url: Secret) -> None:
    """Both ways at once, each in a database of its own: the time of the lease is waited for once."""
    async with asyncio.TaskGroup() as ways:
        for number, (way, make) in enumerate(WAYS):
            (folder := tmp_path / way).mkdir()
            ways.create_task(taken_over(folder, Secret(f"{redis_url.reveal()}?db={number}"), way, make), name=way)


async def taken_over(folder: Path, redis_url: Secret, way: str, make: Make) -> None:
    extra = {"POPBRIDGE_CRM__ACME__EVENTS": "call.popup,call.ended", "POPBRIDGE_CRM__ACME__TARGETS": "acme"}
    keys = {"events": way, "poll_seconds": 0.3}
    pops = {DANA: "ringing", OMER: "ringing"}
    opened = open_stage(folder, redis_url, make, main_keys=keys, pops=pops, extra=extra)
    async with opened as stage, worker(stage, 1) as one, worker(stage, 2) as other:
        await until(lambda: holder(stage), 20)
        dana, omer = stage.make.dana, stage.make.omer

        def rings(extension: str) -> str:
            return stage.phone.incoming([extension], Caller(CALLER), datetime.now(UTC), DID)

        before = rings(dana)
        await until(lambda: told(stage, "call.popup"))
        stage.phone.answer(before, dana, datetime.now(UTC))
        (killed,) = [each for each in (one, other) if each.pid == await holder(stage)]
        killed.send_signal(signal.SIGKILL)
        await killed.wait()
        meanwhile = rings(omer)

        async def is_taken_over() -> Any:
            return await holder(stage) not in (0, killed.pid)

        await until(is_taken_over, TAKE_OVER_SECONDS)
        everything = [DANA, OMER]

        async def has_popped() -> bool:
            return await told(stage, "call.popup") == everything

        await until(has_popped)
        stage.phone.hang_up(before)
        stage.phone.hang_up(meanwhile)

        async def has_ended() -> bool:
            return await told(stage, "call.ended") == everything

        await until(has_ended, 20)
        assert await told(stage, "call.popup") == everything
