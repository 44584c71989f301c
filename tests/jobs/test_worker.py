"""The worker on a real queue: many at once, only what is on the list, nothing unpickled, RQ's own records right."""

import asyncio
import importlib
import json
import os
import pickle
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from rq.suspension import resume, suspend

from bridge.core.http_types import Secret
from bridge.doctor import examine
from bridge.store import keys
from bridge.store.client import open_sync, open_worker
from bridge.store.jobs import NAMES, QUEUE, JsonQueue
from bridge.store.tokens import Role
from tests.faults.black_hole import black_hole, crm_at
from tests.faults.proxy import redis_line
from tests.stage import Stage, open_stage, until
from workers import context
from workers.maintenance import keep_up
from workers.rq_registry import ListedJob
from workers.rq_worker import Worker

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def working(stage: Stage, places: int = 8, drain_seconds: float = 5.0) -> AsyncIterator[Worker]:
    """A worker in this process, with upkeep."""
    connection, aio = open_sync(stage.redis_url), open_worker(stage.redis_url)
    queue = JsonQueue(QUEUE, connection=connection)
    worker = await asyncio.to_thread(Worker, queue, connection, aio, places)
    stage.services.targets.room = places
    context.start(stage.services)
    running = asyncio.create_task(worker.serve(drain_seconds))
    upkeep = asyncio.create_task(keep_up(stage.services))
    try:
        yield worker
    finally:
        worker.stop()
        upkeep.cancel()
        failures = await asyncio.gather(running, upkeep, return_exceptions=True)
        context.start(None)
        await aio.aclose()
        connection.close()
    assert failures[0] is None, failures[0]


async def states(stage: Stage, popup: Any) -> dict[str, str]:
    shown = await stage.get(f"/api/popups/{popup['popup_id']}", await stage.token(Role.SUPERVISOR))
    return {delivery["target"]: delivery["state"] for delivery in shown.json()["deliveries"]}


class Planted:
    """Unpickled, it leaves a folder behind."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.file),)


def queue_is_done(stage: Stage) -> bool:
    with Redis.from_url(stage.redis_url.reveal()) as direct:
        waiting = direct.llen(f"rq:queue:{QUEUE}") + direct.llen(f"rq:queue:{QUEUE}:intermediate")
        return waiting == 0 and direct.zcard(f"rq:wip:{QUEUE}") == 0


async def done(stage: Stage) -> None:
    async def nothing_waits() -> bool:
        return await asyncio.to_thread(queue_is_done, stage)

    await until(nothing_waits)


def test_every_job_name_is_a_function() -> None:
    for name in NAMES:
        module, _, function = name.rpartition(".")
        assert asyncio.iscoroutinefunction(getattr(importlib.import_module(module), function))


async def test_popups_are_pushed_many_at_once_over_kept_connections(stage: Stage) -> None:
    stage.talk()
    stage.crm.faults.slow_seconds = 0.3
    async with working(stage, places=40):
        popups = [(await stage.click()).json()["popup"] for _ in range(24)]
        started = time.monotonic()
        for popup in popups:
            await stage.crm.wait_for(popup["click_id"], 10)
        assert time.monotonic() - started < 24 * 0.3 / 3, "not one after the other"
        assert len(stage.crm.received) == 24
        await done(stage)
    assert await states(stage, popups[0]) == {"acme": "delivered", "desktop": "pending"}


async def test_rqs_own_records_are_as_its_own_worker_leaves_them(stage: Stage) -> None:
    stage.talk()

    def left() -> set[str]:
        with Redis.from_url(stage.redis_url.reveal(), decode_responses=True) as direct:
            kinds = {key.rsplit(":", 1)[0] if key.count(":") > 1 else key for key in direct.keys("rq:*")}
            fields = {f"{field}" for key in direct.keys("rq:job:*") for field in direct.hkeys(key) if ":" not in field}
            return kinds | {f"field {name}" for name in fields}

    async with working(stage):
        await stage.click()
        await done(stage)
        ours = await asyncio.to_thread(left)
    with Redis.from_url(stage.redis_url.reveal()) as direct:
        for key in direct.keys("rq:*"):
            direct.delete(key)
        JsonQueue(QUEUE, connection=direct).enqueue("time.time", result_ttl=60)
    await asyncio.to_thread(run_stock, stage.redis_url)
    theirs = await asyncio.to_thread(left)
    assert {name for name in ours if "worker" not in name} >= {
        name for name in theirs if "worker" not in name and "clean" not in name and name != "field result"
    } - {"rq:executions", "rq:results"}


def run_stock(url: Secret) -> None:
    """RQ's own worker until the queue is empty, in a process of its own."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "rq.cli", "worker", "--burst", "-u", url.reveal(), "--serializer", "json"]
    command += ["-w", "rq.SimpleWorker", QUEUE]
    subprocess.run(command, check=True, capture_output=True, timeout=30)


async def test_rq_suspend_holds_popups_up_and_resume_lets_them_go(stage: Stage) -> None:
    stage.talk()
    with Redis.from_url(stage.redis_url.reveal()) as direct:
        suspend(direct)
        async with working(stage):
            popup = (await stage.click()).json()["popup"]
            assert any(one.fix.startswith("rq resume") for one in await examine(stage.services, []))
            assert not any(one.popup for one in stage.crm.received)
            assert direct.llen(f"rq:queue:{QUEUE}") >= 2
            resume(direct)
            await stage.crm.wait_for(popup["click_id"], 10)
            await done(stage)


async def test_a_foreign_function_is_not_run(stage: Stage, tmp_path: Path) -> None:
    target = tmp_path / "made"
    with Redis.from_url(stage.redis_url.reveal()) as direct:
        job = JsonQueue(QUEUE, connection=direct).enqueue("os.mkdir", str(target))
        async with working(stage):
            await done(stage)
        assert not target.exists()
        assert ListedJob.fetch(job.id, connection=direct).is_failed


@pytest.mark.parametrize("field", ["data", "meta"])
async def test_a_planted_pickle_is_never_read(stage: Stage, tmp_path: Path, field: str) -> None:
    target = tmp_path / "ran"
    with Redis.from_url(stage.redis_url.reveal()) as direct:
        job = Queue(QUEUE, connection=direct, serializer="json").enqueue("workers.archive.archive")
        direct.hset(f"rq:job:{job.id}", field, pickle.dumps(Planted(target)))
        async with working(stage):
            await done(stage)
            stage.talk()
            popup = (await stage.click()).json()["popup"]
            await stage.crm.wait_for(popup["click_id"], 10)
    assert not target.exists()
    pickle.loads(pickle.dumps(Planted(target)))
    assert target.exists(), "the plant itself works"


async def test_what_rq_would_call_for_a_job_that_died_is_not_called(stage: Stage, tmp_path: Path) -> None:
    called = asyncio.Event()

    async def hear(_: Any, writer: asyncio.StreamWriter) -> None:
        called.set()
        writer.close()

    ear = await asyncio.start_server(hear, "127.0.0.1", 0)
    hook = {"url": f"http://127.0.0.1:{ear.sockets[0].getsockname()[1]}/", "job_status": "failed", "timeout": 1}
    (tmp_path / "planted_callback.py").write_text(f"import os; os.mkdir({str(tmp_path / 'ran')!r})")
    with Redis.from_url(stage.redis_url.reveal()) as direct, pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        queue = JsonQueue(QUEUE, connection=direct)
        job = queue.enqueue("workers.archive.archive")
        planted = {"status": "started", "failure_callback_name": "planted_callback.run", "webhooks": json.dumps([hook])}
        direct.hset(f"rq:job:{job.id}", mapping=planted)
        direct.lrem(f"rq:queue:{QUEUE}", 1, job.id)
        direct.zadd(f"rq:wip:{QUEUE}", {f"{job.id}:execution": 1})
        async with working(stage):
            await done(stage)

            async def given_up() -> bool:
                return await asyncio.to_thread(lambda: ListedJob.fetch(job.id, connection=direct).is_failed)

            await until(given_up)
    assert not (tmp_path / "ran").exists(), "its callback was looked for"
    assert not called.is_set(), "its webhook was called"
    ear.close()


@pytest.mark.parametrize(
    "planted",
    [
        {"data": "{"},
        {"timeout": "soon"},
        {"created_at": "once"},
        {"enqueued_at": b"\xff"},
        {"status": "odd"},
        {"data": "1"},
    ],
    ids=lambda planted: "=".join(map(str, *planted.items())),
)
async def test_nothing_planted_in_redis_stops_the_worker(stage: Stage, planted: dict[str, Any]) -> None:
    stage.talk()
    with Redis.from_url(stage.redis_url.reveal()) as direct:
        queue = JsonQueue(QUEUE, connection=direct)
        for at_front in (True, False):
            job = queue.enqueue("workers.archive.archive", at_front=at_front)
            direct.hset(f"rq:job:{job.id}", mapping=planted)
        direct.rpush(f"rq:queue:{QUEUE}", b"\xff\xfe", "no-such-job")
        popup = (await stage.click()).json()["popup"]
        async with working(stage):
            await stage.crm.wait_for(popup["click_id"], 10)
            direct.delete(f"rq:queue:{QUEUE}")
            popup = (await stage.click()).json()["popup"]
            direct.delete(f"rq:queue:{QUEUE}")
            await stage.crm.wait_for(popup["click_id"], 10)


def test_registries_and_jobs_read_json_whoever_builds_them(redis_url: Secret) -> None:
    with Redis.from_url(redis_url.reveal()) as connection:
        queue = JsonQueue(QUEUE, connection=connection)
        for part in (queue, queue.started_job_registry, queue.failed_job_registry, ListedJob("x", connection)):
            assert part.serializer is JSONSerializer


async def test_a_stop_lets_running_deliveries_end_and_takes_no_more(stage: Stage) -> None:
    stage.talk()
    stage.crm.faults.slow_seconds = 0.5
    async with working(stage) as worker:
        popup = (await stage.click()).json()["popup"]

        async def pushing() -> bool:
            return worker.in_flight > 0

        await until(pushing)
    assert await states(stage, popup) == {"acme": "delivered", "desktop": "pending"}
    later = (await stage.click()).json()["popup"]
    assert await states(stage, later) == {"acme": "pending", "desktop": "pending"}


async def test_a_stop_is_noticed_while_every_place_is_taken(tmp_path: Path, redis_url: Secret) -> None:
    async with black_hole() as address:
        extra = crm_at("dead", address, push_timeout_seconds="20") | {"POPBRIDGE_CRM__ACME__TARGETS": "dead"}
        async with open_stage(tmp_path, redis_url, extra=extra) as stage, asyncio.timeout(12):
            stage.talk()
            async with working(stage, places=1, drain_seconds=0.1) as worker:
                await stage.click()

                async def pushing() -> bool:
                    return worker.in_flight == 1

                await until(pushing)
                await asyncio.sleep(0.1)  # by now it waits for a place


async def test_a_stop_is_noticed_while_there_is_nothing_to_do(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_: object, seconds: float) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("workers.rq_registry.Records.wait", nothing)
    async with working(stage) as worker:

        async def idle() -> bool:
            return worker._idle is not None

        async def over() -> bool:
            return worker._idle is None

        await until(idle)
        worker.stop()
        await until(over)


async def test_slow_crms_leave_places_for_the_others(tmp_path: Path, redis_url: Secret) -> None:
    slow = ("one", "two", "three")
    async with black_hole() as address:
        extra = {"POPBRIDGE_CRM__ACME__TARGETS": ",".join((*slow, "acme"))}
        for name in slow:
            extra |= crm_at(name, address, push_timeout_seconds="20")
        async with open_stage(tmp_path, redis_url, extra=extra) as stage:
            stage.talk()
            async with working(stage, places=8, drain_seconds=0.1):
                for _ in range(20):
                    popup = (await stage.click()).json()["popup"]
                await stage.crm.wait_for(popup["click_id"], 10)


async def test_an_audit_database_that_hangs_holds_up_no_popup(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    over, hung = threading.Event(), []

    def hang(_: object) -> list[Any]:
        hung.append(1)
        over.wait(30)
        return []

    monkeypatch.setattr(stage.services.archive, "insert", hang)
    monkeypatch.setattr("workers.maintenance.ARCHIVE_TURN_MS", 50)
    stage.talk()
    try:
        async with working(stage, places=4, drain_seconds=0.1):
            await stage.click()

            async def archiving() -> bool:
                return bool(hung)

            await until(archiving)
            for _ in range(4):
                await asyncio.sleep(0.3)  # time for upkeep to queue it again
                popup = (await stage.click()).json()["popup"]
            await stage.crm.wait_for(popup["click_id"], 10)
            assert len(hung) == 1, "it is archived by one at a time"
    finally:
        over.set()


STUCK = """
import sys, time
from bridge.audit.archive import Archive
from workers import __main__ as worker

def hang(*_):
    print("hangs", flush=True)
    time.sleep(600)

Archive.insert = hang
worker.DRAIN_SECONDS = worker.LEAVE_SECONDS = 0.5
sys.argv = ["worker", "--config", sys.argv[1]]
worker.main()
"""


async def test_a_thread_that_hangs_keeps_no_worker_from_ending(stage: Stage) -> None:
    await stage.click()
    config = stage.write_settings()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STUCK, str(config), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(30):
            assert process.stdout is not None
            assert await process.stdout.readline() == b"hangs\n"
            process.terminate()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()


async def test_a_stop_without_redis_is_an_orderly_end(tmp_path: Path, redis_url: Secret) -> None:
    async with redis_line(redis_url) as (line, address), open_stage(tmp_path, address) as stage:
        config = stage.write_settings()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "workers", "--config", str(config), cwd=ROOT, stderr=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(40):

                async def tells_how_it_is() -> bool:
                    return bool(await stage.redis.hgetall(keys.WORKERS))

                await until(tells_how_it_is, 30)
                line.down = True
                line.cut()
                process.terminate()
                _, told = await process.communicate()
            assert (process.returncode, b"Traceback" in told) == (0, False)
        finally:
            if process.returncode is None:
                process.kill()


async def test_redis_away_and_back_loses_nothing(tmp_path: Path, redis_url: Secret) -> None:
    async with redis_line(redis_url) as (line, address), open_stage(tmp_path, address) as stage:
        stage.talk()
        async with working(stage):
            first = (await stage.click()).json()["popup"]
            await stage.crm.wait_for(first["click_id"], 10)
            line.down = True
            line.cut()
            await asyncio.sleep(0.3)
            line.down = False
            second = (await stage.click()).json()["popup"]
            await stage.crm.wait_for(second["click_id"], 20)


async def test_a_job_lost_on_the_way_is_queued_again(stage: Stage) -> None:
    stage.talk()
    popup = (await stage.click()).json()["popup"]
    with Redis.from_url(stage.redis_url.reveal()) as direct:
        direct.delete(f"rq:queue:{QUEUE}")
    async with working(stage):
        await stage.crm.wait_for(popup["click_id"], 10)
    metrics = (await stage.get("/metrics")).text
    assert "popbridge_recovered_total 2.0" in metrics


async def test_a_dead_crm_takes_no_place_from_a_healthy_one(tmp_path: Path, redis_url: Secret) -> None:
    async with black_hole() as address:
        extra = crm_at("dead", address, pushes_at_once="4") | {"POPBRIDGE_CRM__ACME__TARGETS": "dead,acme"}
        async with open_stage(tmp_path, redis_url, extra=extra) as stage:
            stage.talk()
            async with working(stage, places=16):
                popups = [(await stage.click()).json()["popup"] for _ in range(60)]
                started = time.monotonic()
                for popup in popups:
                    await stage.crm.wait_for(popup["click_id"], 15)
                assert time.monotonic() - started < 5, "before a single push to the dead one has timed out"
                assert (await states(stage, popups[-1]))["dead"] == "pending"
