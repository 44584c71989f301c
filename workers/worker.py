"""Running many jobs at once in one process, on RQ's own queue, jobs and registries.

RQ's workers run one job at a time (and fork for it). This one is an asyncio loop that keeps RQ's records as RQ keeps
them, so that `rq info` and RQ's own registries tell the truth, but writes them in shared pipelines: the records of
many jobs go to Redis together. RQ's `pipeline=` methods only buffer, so they fill pipelines of redis.asyncio as well.

RQ's records are for people to look at and for jobs to be found by. What must not be lost is in the ledger of
deliveries (`bridge.store.deliveries`): a job that is lost at any point is queued again by the sweeper.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty
from rq.utils import now as rq_now
from rq.worker.base import BaseWorker, WorkerStatus

from bridge import background, logs
from bridge.store.jobs import NAMES, RESULT_SECONDS, JsonQueue

log = logging.getLogger(__name__)

POP_SECONDS = 1
"""A waiting pop notices a stop this late, and a Redis that went away."""
BATCH = 16
"""Jobs popped together at most, so that those who wait behind are not kept from other workers."""
GATHER_SECONDS = 0.002
"""Ends of jobs within this time are written together."""
BEAT_SECONDS = 5.0
MAINTENANCE_SECONDS = 30.0
AWAY_SECONDS = 0.5
WORKER_TTL = 30

HOOKS = frozenset({b"success_callback_name", b"failure_callback_name", b"stopped_callback_name", b"webhooks"})
"""What RQ would call when a job ends, or when it tidies up after one that died: functions and addresses not ours."""

Function = Callable[..., Coroutine[Any, Any, None]]


class ListedJob(Job):
    """A job that is read as JSON by whoever reads it, only run when its function is one of ours, and that calls nobody
    when it ends."""

    def __init__(self, id: str | None = None, connection: Redis | None = None, serializer: Any = None) -> None:
        super().__init__(id, connection, serializer or JSONSerializer)

    def restore(self, raw_data: dict[bytes, bytes]) -> Any:
        """Take the fields from Redis, but for the hooks."""
        return super().restore({name: value for name, value in raw_data.items() if name not in HOOKS})

    @property
    def func(self) -> Any:
        """The function, if it is on the list."""
        if self.func_name not in NAMES:
            raise PermissionError("this job's function is not one of popbridge's")
        return super().func


class _NoPenalty(BaseDeathPenalty):
    """RQ bounds a job by a signal, which knows nothing of many jobs at once; `asyncio.timeout` bounds ours."""

    def setup_death_penalty(self) -> None: ...
    def cancel_death_penalty(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Ended:
    job: Job
    execution: Execution
    failure: str | None


class Worker(BaseWorker):
    """One loop, one queue, at most `places` jobs at once."""

    job_class = ListedJob
    queue_class = JsonQueue
    death_penalty_class = _NoPenalty

    def __init__(self, queue: JsonQueue, connection: Redis, aio: AsyncRedis, places: int) -> None:
        super().__init__(
            [queue],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL,
            maintenance_interval=int(MAINTENANCE_SECONDS),
        )
        queue.job_class = ListedJob  # for RQ's registries, which read jobs too
        self._queue, self._aio, self._places = queue, aio, places
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(places)
        self._ended: list[_Ended] = []
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()
        self._running: dict[str, tuple[Job, Execution]] = {}

    def subscribe(self) -> None:
        """Nobody commands this worker through Redis."""

    def stop(self) -> None:
        """Pop nothing more and end what runs. Only sets a flag: safe from a signal handler."""
        self._stopping.set()
        self._room.release()  # who waits for a place hears of it at once

    @property
    def in_flight(self) -> int:
        """Jobs that run now."""
        return len(self._tasks)

    async def serve(self, drain_seconds: float) -> None:
        """Run jobs until stopped, then let those that run end, for `drain_seconds` at most."""
        await asyncio.to_thread(self.bootstrap, "WARNING")
        helpers = [asyncio.create_task(line) for line in (self._write_ends(), self._beat())]
        try:
            while not self._stopping.is_set():
                await self._safely(self._pop)
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

    async def _pop(self) -> None:
        """Take as many jobs as there is room for, waiting for the first."""
        await self._room.acquire()
        taken, started = 1, 0
        try:
            queue, between = self._queue.key, self._queue.intermediate_queue_key
            first = None if self._stopping.is_set() else await self._aio.blmove(queue, between, POP_SECONDS)
            if first is not None:
                ids = [cast(bytes, first), *await self._pop_more()]
                taken = len(ids)
                started = await self._admit(ids)
        finally:
            for _ in range(taken - started):
                self._room.release()

    async def _pop_more(self) -> list[bytes]:
        """Those that wait behind the first, as far as there is room."""
        wanted = min(BATCH, self._places - self.in_flight - 1)
        if wanted < 1:
            return []
        async with self._aio.pipeline(transaction=False) as pipe:
            for _ in range(wanted):
                pipe.lmove(self._queue.key, self._queue.intermediate_queue_key)
            found = [job_id for job_id in await pipe.execute() if job_id is not None]
        for _ in found:
            await self._room.acquire()
        return found

    async def _admit(self, ids: list[bytes]) -> int:
        """Load the jobs, note in RQ's records that they run, run them; how many there were."""
        jobs = await self._load(ids)
        async with self._aio.pipeline(transaction=True) as pipe:
            for job_id in ids:
                pipe.lrem(self._queue.intermediate_queue_key, 1, cast(str, job_id))
            admitted = [(job, self._note_start(job, pipe)) for job in jobs]
            await pipe.execute()
        for job, execution in admitted:
            self._running[execution.id] = (job, execution)
            task = asyncio.create_task(self._run(job, execution))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(admitted)

    async def _load(self, ids: Iterable[bytes]) -> list[Job]:
        """The jobs that can be read. One that cannot be is nobody's loss: it was not ours."""
        wanted = [job_id.decode(errors="replace") for job_id in ids]
        async with self._aio.pipeline(transaction=False) as pipe:
            for job_id in wanted:
                pipe.hgetall(cast(Any, self.job_class.key_for(job_id)))
            rows = await pipe.execute()
        jobs: list[Job] = []
        for job_id, row in zip(wanted, rows, strict=True):
            job = self.job_class(job_id, self.connection, JSONSerializer)
            try:
                job.restore(row)
                assert job.func_name  # noqa: S101 - reads the data, which may be anything
            except Exception as error:
                log.error("a job that cannot be read was dropped: %s", type(error).__name__)
                continue
            jobs.append(job)
        return jobs

    def _note_start(self, job: Job, pipe: Any) -> Execution:
        job.started_at = rq_now()
        execution = Execution.create(job, self.get_heartbeat_ttl(job), pipeline=pipe, worker_name=self.name)
        self.executions[execution.id] = execution
        job.prepare_for_execution(self.name, pipeline=pipe)
        pipe.persist(job.key)
        return execution

    async def _run(self, job: Job, execution: Execution) -> None:
        failure: str | None = None
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
        self._ended.append(_Ended(job, execution, failure))
        self._news.set()
        self._room.release()

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
            async with self._aio.pipeline(transaction=True) as pipe:
                for one in ended:
                    self._note_end(one, pipe)
                await pipe.execute()
        except BaseException:
            self._ended = ended + self._ended
            self._news.set()
            raise
        for one in ended:
            self._running.pop(one.execution.id, None)

    def _note_end(self, one: _Ended, pipe: Any) -> None:
        job = one.job
        if one.failure is None:
            job._result = None
            job._handle_success(
                RESULT_SECONDS,
                pipeline=pipe,
                worker_name=self.name,
                execution_id=one.execution.id,
                execution_started_at=one.execution.created_at,
                execution_ended_at=job.ended_at,
            )
            job.cleanup(RESULT_SECONDS, pipeline=pipe, remove_from_queue=False)
            self.increment_successful_job_count(pipeline=pipe)
        else:
            job.set_status(JobStatus.FAILED, pipeline=pipe)
            job._handle_failure(
                one.failure,
                pipeline=pipe,
                worker_name=self.name,
                execution_id=one.execution.id,
                execution_started_at=one.execution.created_at,
                execution_ended_at=job.ended_at,
            )
            self.increment_failed_job_count(pipeline=pipe)
        self.cleanup_execution(job, pipeline=pipe, execution=one.execution)

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
            for job, execution in list(self._running.values()):
                ttl = self.get_heartbeat_ttl(job)
                execution.heartbeat(job.started_job_registry, ttl, pipeline=cast(Any, pipe))
                job.heartbeat(rq_now(), ttl, pipeline=cast(Any, pipe), xx=True)
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
