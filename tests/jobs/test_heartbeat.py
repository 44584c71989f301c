"""`popbridge health --worker`: a worker that hangs is noticed, one that waits for Redis is not taken for one."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.cli.main import main
from bridge.observability import heartbeat
from tests.jobs.test_worker import working
from tests.stage import Stage, until
from workers import maintenance, rq_worker
from workers.maintenance import show_life

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


def health(file: Path) -> Result:
    return CliRunner().invoke(main, ["--config", str(file), "health", "--worker"])


@contextmanager
def process(file: Path) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "workers", "--config", str(file)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as running:
        try:
            yield running
        finally:
            running.kill()


def signs(stage: Stage) -> list[Path]:
    return list((stage.folder / "var" / "workers").glob("*"))


def make_old(sign: Path) -> None:
    long_ago = time.time() - 2 * heartbeat.SILENT_SECONDS
    os.utime(sign, (long_ago, long_ago))


async def test_a_worker_process_is_asked_from_outside(stage: Stage) -> None:
    file = stage.write_settings()
    none = await asyncio.to_thread(health, file)
    assert (none.exit_code, none.stderr) == (1, f"no worker of this machine runs on {stage.folder}/var\n")

    async def lives() -> bool:
        return (await asyncio.to_thread(health, file)).exit_code == 0

    with process(file) as running:
        await until(lives, 30)
        running.send_signal(signal.SIGSTOP)  # as if it hung
        await until(stopped(running.pid))
        make_old(signs(stage)[0])
        hangs = await asyncio.to_thread(health, file)
        assert hangs.exit_code == 1
        assert f"process {running.pid} hangs: no heartbeat for 30 s" in hangs.stderr
        running.send_signal(signal.SIGCONT)
        await until(lives)
        running.send_signal(signal.SIGTERM)
        await asyncio.to_thread(running.wait, 20)
    assert signs(stage) == []


def stopped(pid: int) -> Callable[[], Awaitable[bool]]:
    async def is_stopped() -> bool:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    return is_stopped


async def test_what_a_killed_worker_left_is_thrown_away(stage: Stage) -> None:
    heartbeat.beat(stage.services.settings.data_dir)
    (mine,) = signs(stage)
    with subprocess.Popen(["true"]) as dead:
        pass
    mine.rename(mine.with_name(mine.name.replace(str(os.getpid()), str(dead.pid))))
    assert heartbeat.silences(stage.services.settings.data_dir) == {}
    assert signs(stage) == []


async def test_a_worker_that_looks_for_no_job_gives_no_sign(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "SIGN_SECONDS", 0.01)
    async with working(stage) as at_work:
        showing = asyncio.create_task(show_life(stage.services, at_work))
        await until(given(stage))
        monkeypatch.setattr(rq_worker, "STUCK_SECONDS", -1.0)
        assert not at_work.goes_on
        make_old(signs(stage)[0])
        for _ in range(5):
            await asyncio.sleep(0.02)
        (silence,) = heartbeat.silences(stage.services.settings.data_dir).values()
        assert silence > heartbeat.SILENT_SECONDS
        monkeypatch.setattr(rq_worker, "STUCK_SECONDS", 120.0)
        await until(given(stage))
        showing.cancel()
        await asyncio.wait([showing])
    assert signs(stage) == []


async def test_a_worker_that_waits_for_redis_goes_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rq_worker, "AWAY_SECONDS", 0.01)
    async with working(stage) as at_work:
        looks: list[float] = []

        async def away(_: int) -> None:
            looks.append(at_work._looked_at)
            raise ConnectionError

        async def looked_again() -> bool:
            return len(set(looks)) >= 3

        monkeypatch.setattr(at_work._records, "take", away)
        await until(looked_again)
        assert at_work.goes_on


def given(stage: Stage) -> Callable[[], Awaitable[bool]]:
    async def has_sign() -> bool:
        told = heartbeat.silences(stage.services.settings.data_dir).values()
        return any(seconds < heartbeat.SILENT_SECONDS for seconds in told)

    return has_sign


async def test_a_folder_that_cannot_be_written_stops_no_worker(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    data = stage.services.settings.data_dir
    data.mkdir(exist_ok=True)
    (data / "workers").write_text("in the way")
    async with working(stage) as at_work:
        await show_life(stage.services, at_work)
    assert "no sign of life can be given" in caplog.text
