"""A machine whose clock is wrong delivers in time all the same, and is named."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.core.http_types import Secret
from bridge.doctor import inside
from tests.stage import open_stage, until

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
@pytest.mark.parametrize("off", ["+5m", "-5m"])
async def test_a_worker_whose_clock_is_off_delivers_in_time_and_is_named(
    tmp_path: Path, redis_url: Secret, off: str
) -> None:
    async with open_stage(tmp_path, redis_url) as stage:
        command = ["faketime", "-f", off, sys.executable, "-m", "workers", "--config", str(stage.write_settings())]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            stage.talk()
            answer = (await stage.click()).json()
            await stage.crm.wait_for(answer["click_id"], 20)

            async def is_named() -> bool:
                return any(f"{off[0]}300 s" in str(one) for one in await inside.of_workers(stage.services))

            await until(is_named)
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # faketime waits for the worker as its child
            await asyncio.to_thread(process.wait, 20)
