"""Running many jobs at once in one process, on RQ's own queue, jobs and registries.

RQ's workers run one job at a time (and fork for it). This one is an asyncio loop that keeps RQ's records as RQ keeps
them, so that `rq info` and RQ's own registries tell the truth, but those of many jobs together (`workers.rq_registry`).

RQ's records are for people to look at and for jobs to be found by. What must not be lost is in the ledger of
deliveries (`bridge.store.deliveries`): a job that is lost at any point is queued again by the sweeper.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, cast
from uuid import uuid4

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty
from rq.utils import now as rq_now
from rq.worker.base import BaseWorker, WorkerStatus

from bridge.core import background
from bridge.observability import logs
from bridge.store import foreign
from bridge.store.jobs import JsonQueue
from workers.rq_registry import Ended, ListedJob, Records, Running

log = logging.getLogger(__name__)

WAIT_SECONDS = 1
"""Who waits for a job notices a stop this late, and a Redis that went away."""
BATCH = 16
"""Jobs taken together at most, so that those who wait behind are not kept from other workers."""
GATHER_SECONDS = 0.002
"""Ends of jobs within this time are written together, and places that get free meanwhile are filled together."""
BEAT_SECONDS = 5.0
MAINTENANCE_SECONDS = 30.0
AWAY_SECONDS = 0.5
SUSPENDED_SECONDS = 2.0
WORKER_TTL = 30
STUCK_SECONDS = 120.0
"""A worker that looked for no job this long hangs: none takes so long that all places stay taken."""


Function = Callable[..., Coroutine[Any, Any, None]]


class _NoPenalty(BaseDeathPenalty):
    """RQ bounds a job by a signal, which knows nothing of many jobs at once; `asyncio.timeout` bounds ours."""

    def setup_death_penalty(self) -> None: ...
    def cancel_death_penalty(self) -> None: ...


class Worker(BaseWorker):
    """One loop, one queue, at most `places` jobs at once."""

    job_class = ListedJob
    queue_class = JsonQueue
    death_penalty_class = _NoPenalty

    def __init__(self, queue: JsonQueue, connection: Redis, aio: AsyncRedis, places: int) -> None:
        super().__init__(
            [queue],
            name=f"{foreign.OURS}{uuid4().hex}",
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL,
            maintenance_interval=int(MAINTENANCE_SECONDS),
        )
        queue.job_class = ListedJob  # for RQ's registries, which read jobs too
        self._aio, self._places = aio, places
        self._records = Records(queue, aio, self.name, self.key)
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._ended: list[Ended] = []
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()
        self._idle: asyncio.Task[Any] | None = None
        self._running: dict[str, Running] = {}
        self._looked_at = time.monotonic()

    def subscribe(self) -> None:
        """Nobody commands this worker through Redis."""

    def stop(self) -> None:
        """Pop nothing more and end what runs. To be called in the worker's own loop, as by its signal handlers."""
        self._stopping.set()
        self._room.set()  # who waits for a place hears of it at once
        if self._idle is not None:
            self._idle.cancel()  # who waits for a job, too

    @property
    def in_flight(self) -> int:
        """Jobs that run now."""
        return len(self._tasks)

    @property
    def goes_on(self) -> bool:
        """Whether it looked for jobs of late, or waits for those that run to end."""
        return self._stopping.is_set() or time.monotonic() - self._looked_at < STUCK_SECONDS

    async def serve(self, drain_seconds: float) -> None:
        """Run jobs until stopped, then let those that run end, for `drain_seconds` at most."""
        await asyncio.to_thread(self.bootstrap, "WARNING")
        helpers = [asyncio.create_task(line) for line in (self._write_ends(), self._beat())]
        try:
            while not self._stopping.is_set():
                await self._safely(self._take)
            await self._drain(drain_seconds)
        finally:
            await background.end(*helpers)
            await asyncio.to_thread(self._leave)

    async def _safely(self, line: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Redis away, or odd things in it, are no reason to end: what was lost is queued again by the sweeper."""
        try:
            await line()
        except (RedisError, OSError) as error:
            log.warning("the worker waits for redis: %s", type(error).__name__)
            await asyncio.sleep(AWAY_SECONDS)
        except Exception:
            log.exception("the worker goes on")
            await asyncio.sleep(AWAY_SECONDS)

    def _leave(self) -> None:
        try:
            self.teardown()  # type: ignore[no-untyped-call]
        except (RedisError, OSError):
            log.warning("the worker could not sign off: redis is away")

    # from the queue to a running job

    async def _take(self) -> None:
        """Run as many jobs as wait and there is room for. When fewer wait, wait for one first."""
        most = await self._wait_for_room()
        while not self._stopping.is_set():
            taken = await self._records.take(most)
            if taken is None:
                await self._suspended()
                continue
            running, unreadable = taken
            for cause in unreadable:
                log.error("a job that cannot be read was dropped: %s", cause)
            for one in running:
                self._start(one)
            if len(running) + len(unreadable) < most and not self._stopping.is_set():
                await self._wait_for_jobs()
            most = await self._wait_for_room()

    async def _wait_for_jobs(self) -> None:
        """Until there is one, for a moment, or until the worker is told to stop. Nothing is taken."""
        self._idle = asyncio.current_task()
        try:
            await self._records.wait(WAIT_SECONDS)
        except asyncio.CancelledError:
            if not self._stopping.is_set() or (self._idle is not None and self._idle.uncancel()):
                raise
        finally:
            self._idle = None

    async def _suspended(self) -> None:
        """A moment in which `rq suspend` is in force."""
        self._looked_at = time.monotonic()
        log.warning("suspended by 'rq suspend', popups wait: 'rq resume' ends that")
        with suppress(TimeoutError):
            async with asyncio.timeout(SUSPENDED_SECONDS):
                await self._stopping.wait()

    async def _wait_for_room(self) -> int:
        """How many more jobs may run, once that is at least one or the worker is told to stop."""
        self._looked_at = time.monotonic()
        while self.in_flight >= self._places and not self._stopping.is_set():
            self._room.clear()
            await self._room.wait()
            await asyncio.sleep(GATHER_SECONDS)
        return min(BATCH, self._places - self.in_flight)

    def _start(self, one: Running) -> None:
        self._running[one.execution.composite_key] = one
        task = asyncio.create_task(self._run(one))
        self._tasks.add(task)
        task.add_done_callback(self._leave_place)

    def _leave_place(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._room.set()

    async def _run(self, one: Running) -> None:
        job, failure = one.job, cast(str | None, None)
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(job.timeout):
                await job.func(*job.args)
        except (Exception, asyncio.CancelledError) as error:
            failure = f"{type(error).__name__}: {error}"
            log.exception("job %s failed", job.id)
        ms = round((asyncio.get_running_loop().time() - started) * 1000, 1)
        logs.event(
            log, "job", job=str(job.func_name).rpartition(".")[2], outcome="failed" if failure else "done", ms=ms
        )
        job.ended_at = rq_now()
        self._ended.append(Ended(one, failure))
        self._news.set()

    # from an ended job to RQ's records

    async def _write_ends(self) -> None:
        """Write the ends of jobs, those of a few milliseconds together."""
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._news.clear()
            await self._safely(self._flush)

    async def _flush(self) -> None:
        ended, self._ended = self._ended, []
        if not ended:
            return
        try:
            await self._records.write_ends(ended)
        except BaseException:
            self._ended = ended + self._ended
            self._news.set()
            raise
        for one in ended:
            self._running.pop(one.of.execution.composite_key, None)

    # heartbeat, upkeep, stop

    async def _beat(self) -> None:
        """Tell RQ that worker and jobs live, and have it tidy up after workers that died."""
        cleaned = 0.0
        loop = asyncio.get_running_loop()
        while True:
            await self._safely(self._tell)
            if loop.time() - cleaned > MAINTENANCE_SECONDS:
                cleaned = loop.time()
                await self._safely(lambda: asyncio.to_thread(self.run_maintenance_tasks))
            await asyncio.sleep(BEAT_SECONDS)

    async def _tell(self) -> None:
        async with self._aio.pipeline(transaction=False) as pipe:
            self.heartbeat(WORKER_TTL + 60, pipeline=cast(Any, pipe))
            state = WorkerStatus.BUSY if self._tasks else WorkerStatus.IDLE
            self.set_state(state, pipeline=cast(Any, pipe))
            self._records.buffer_alive(pipe, list(self._running.values()))
            await pipe.execute()

    async def _drain(self, seconds: float) -> None:
        """Let what runs end. What does not in time is tried by another worker once its lease is over."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)
        for task in set(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=1.0)
        await self._safely(self._flush)
