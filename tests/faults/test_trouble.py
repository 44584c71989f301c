"""Redis in trouble, and strangers on its queue: each is called by its name, with the fix."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from redis import Redis
from redis import exceptions as told
from redis.sentinel import MasterNotFoundError

from bridge.core.finding import Grade
from bridge.core.http_types import Secret
from bridge.doctor import inside
from bridge.services import Services
from bridge.store import foreign, trouble
from tests.commands import popbridge
from tests.jobs.test_worker import working
from tests.stage import Stage, until
from tests.web.test_doctor import configured
from workers.maintenance import watch_queue

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (told.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "its memory is full"),
        (told.ResponseError("OOM command not allowed when used memory > 'maxmemory'."), "its memory is full"),
        (told.ReadOnlyError("You can't write against a read only replica."), "it is a replica"),
        (
            told.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
            "cannot write its files",
        ),
        (told.ResponseError("NOREPLICAS Not enough good replicas to write."), "min-replicas-to-write"),
        (told.BusyLoadingError("Redis is loading the dataset in memory"), "is loading"),
        (told.AuthenticationError("invalid username-password pair"), "user or password"),
        (told.NoPermissionError("this user has no permissions to run the 'eval' command"), "does not allow this user"),
        (told.ResponseError("MASTERDOWN Link with MASTER is down"), "without its primary"),
        (told.ResponseError("BUSY Redis is busy running a script."), "somebody's script"),
        (told.ConnectionError("max number of clients reached"), "no more connections"),
        (told.MaxConnectionsError("Too many connections"), "no connection left"),
        (MasterNotFoundError("No master found for 'main'"), "no primary"),
        (told.TimeoutError("Timeout reading from socket"), "does not answer in time"),
        (told.ResponseError("ERR something new"), "refuses what popbridge asks"),
        (told.ConnectionError("Error 111 connecting to 127.0.0.1:6379."), "cannot be reached"),
        (ConnectionResetError("reset by peer"), "cannot be reached"),
    ],
)
def test_each_trouble_has_its_words_and_its_fix(error: Exception, what: str) -> None:
    found = trouble.of(error)
    assert what in found.what
    assert len(found.fix) > 10


@pytest.mark.parametrize(
    ("name", "value", "what", "fix"),
    [
        ("maxmemory", "1mb", "takes no writes: its memory is full", "maxmemory"),
        ("min-replicas-to-write", "3", "takes no writes: fewer replicas", "replicas"),
    ],
)
async def test_a_redis_that_takes_no_writes_says_why_everywhere(
    stage: Stage, redis_url: Secret, name: str, value: str, what: str, fix: str, said: io.StringIO
) -> None:
    stage.talk()
    file = stage.write_settings()
    with configured(redis_url, name, value):
        (found,) = (one for one in await inside.of_redis(stage.services) if one.grade is Grade.FAIL)
        assert what in found.message
        assert fix in found.fix
        assert what in (await stage.get("/readyz")).json()["checks"]["redis"]
        click = await stage.click()
        assert (click.status_code, click.json()["reason"]) == (503, "unavailable")
        assert what in click.json()["detail"]
        assert what in said.getvalue()
        done = await popbridge(file, "token", "create", "--role", "admin")
        assert (done.exit_code, what in done.stderr, fix in done.stderr) == (1, True, True), done.stderr
    assert (await stage.click()).status_code == 200


@contextmanager
def rq_worker(url: Secret, *options: str, **environ: str) -> Iterator["subprocess.Popen[bytes]"]:
    """RQ's own worker command."""
    command = [str(Path(sys.executable).parent / "rq"), "worker", *options, "--url", url.reveal()]
    process = subprocess.Popen(
        command,
        cwd="/",
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its scheduler is a process of its own
        process.wait()


async def metric(stage: Stage) -> float:
    lines = (await stage.get("/metrics")).text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("popbridge_foreign_workers ")))


@pytest.mark.parametrize(
    "options",
    [
        ("popbridge",),
        ("popbridge", "--name", "mine", "--serializer", "json"),
        ("popbridge", "other", "--worker-class", "rq.worker.SimpleWorker"),
        ("other", "popbridge", "--with-scheduler"),
    ],
)
async def test_a_foreign_rq_worker_on_the_queue_is_named_by_doctor_metrics_and_log(
    stage: Stage, redis_url: Secret, options: tuple[str, ...], said: io.StringIO
) -> None:
    watching = asyncio.create_task(watch_queue(stage.services))
    async with working(stage):
        assert await foreign.workers(stage.redis) == []
        assert await metric(stage) == 0
        with rq_worker(redis_url, *options) as process:

            async def is_named() -> bool:
                found = await inside.of_workers(stage.services)
                return any(one.grade is Grade.FAIL and str(process.pid) in one.fix for one in found)

            await until(is_named, 20)
            assert await metric(stage) == 1
            await until(lambda: asyncio.sleep(0, f"(pid {process.pid})" in said.getvalue()))
            stage.talk()
            answer = (await stage.click()).json()
            await stage.crm.wait_for(answer["click_id"], 30)  # late perhaps, but there
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_foreign_worker_on_another_queue_or_of_another_prefix_is_nobodys_business(
    stage: Stage, redis_url: Secret
) -> None:
    with rq_worker(redis_url, "other"), rq_worker(redis_url, "popbridge", RQ_KEY_PREFIX="staging:rq"):
        with Redis.from_url(redis_url.reveal()) as direct:
            await until(lambda: asyncio.to_thread(direct.scard, "rq:workers:other"), 20)
            await until(lambda: asyncio.to_thread(direct.scard, "staging:rq:workers:popbridge"), 20)
        assert await foreign.workers(stage.redis) == []


async def test_what_a_stranger_says_of_itself_is_bounded_and_dead_ones_are_not_named(
    stage: Stage, redis_url: Secret
) -> None:
    with Redis.from_url(redis_url.reveal()) as direct:
        for number in range(5):
            key = f"rq:worker:w{number}"
            direct.hset(key, mapping={"hostname": "x\x1b[31m\n" + "y" * 500, "pid": str(number)})
            direct.sadd("rq:workers:popbridge", key)
        direct.sadd("rq:workers:popbridge", "rq:worker:dead", "rq:worker:popbridge-ours")
    found = await foreign.workers(stage.redis)
    assert [one.pid for one in found] == ["0", "1", "2", "3", "4"]
    text = foreign.named(found)
    assert text.isprintable()
    assert len(text) < 300


async def test_workers_of_the_version_before_are_ours(stage: Stage, redis_url: Secret) -> None:
    """Their names do not tell; that they report to popbridge does."""
    services: Services = stage.services
    with Redis.from_url(redis_url.reveal()) as direct:
        direct.hset("rq:worker:0abc", mapping={"hostname": "web1", "pid": "7"})
        direct.sadd("rq:workers:popbridge", "rq:worker:0abc")
        assert len(await foreign.workers(services.redis)) == 1
        direct.hset("popbridge:workers", "0abc", '{"at": 1, "in_flight": 0, "circuits": {}}')
        assert await foreign.workers(services.redis) == []
