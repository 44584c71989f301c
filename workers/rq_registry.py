"""RQ's records of jobs: taken from the queue, running, ended. Many jobs share commands and round trips.

They are kept so that `rq info` and RQ's registries tell the truth, in far fewer commands than RQ itself needs. What a
job leaves while it lasts and is of no use once it has ended is only written by the heartbeat, for jobs that last;
what our jobs never have (results, dependents) is not written.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from rq.executions import Execution, ExecutionRegistry
from rq.job import Job, JobStatus
from rq.registry import FinishedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer
from rq.suspension import WORKERS_SUSPENDED
from rq.utils import current_timestamp, utcformat
from rq.utils import now as rq_now

from bridge.store.client import Pipelines
from bridge.store.jobs import FAILURE_SECONDS, NAMES, RESULT_SECONDS, JsonQueue
from bridge.store.scripts import Scripts

# KEYS: queue, registry of started jobs, what `rq suspend` leaves, what jobs' keys begin with. ARGV: how many at most,
# execution, when it counts as dead, time, worker. A job is never between queue and registry, so no reply that is lost
# can strand one there.
TAKE = """
if redis.call('EXISTS', KEYS[3]) == 1 then return 'suspended' end
local ids = redis.call('LPOP', KEYS[1], ARGV[1])
if not ids then return nil end
local taken, started = {}, {}
for _, id in ipairs(ids) do
  local key = KEYS[4] .. id
  local row = redis.call('HGETALL', key)
  if #row > 0 then
    redis.call('HSET', key, 'status', 'started', 'started_at', ARGV[4], 'last_heartbeat', ARGV[4],
      'worker_name', ARGV[5])
    started[#started + 1] = ARGV[3]
    started[#started + 1] = id .. ':' .. ARGV[2]
    taken[#taken + 1] = {id, row}
  end
end
if #taken > 0 then redis.call('ZADD', KEYS[2], unpack(started)) end
return taken
"""
HOOKS = frozenset({b"success_callback_name", b"failure_callback_name", b"stopped_callback_name", b"webhooks"})
"""What RQ would call when a job ends, or when it tidies up after one that died: functions and addresses not ours."""
DEAD_SECONDS = 90
"""How long after its last heartbeat RQ may call a job abandoned."""


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


@dataclass(frozen=True, slots=True)
class Running:
    """One job that was taken, and RQ's name for this run of it."""

    job: Job
    execution: Execution


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended: `failure` None is well."""

    of: Running
    failure: str | None


class Records:
    """What RQ knows of one worker's jobs on one queue."""

    def __init__(self, queue: JsonQueue, aio: AsyncRedis, worker_name: str, worker_key: str) -> None:
        self._queue, self._aio, self._connection = queue, aio, queue.connection
        self._scripts = Scripts(cast(Pipelines, aio))
        self._worker_name, self._worker_key = worker_name, worker_key
        self._started = StartedJobRegistry(queue=queue)
        self._finished = FinishedJobRegistry(queue=queue)

    async def wait(self, seconds: float) -> None:
        """Until a job waits, or this time is over. The first is moved to where it is: nothing is taken yet."""
        await self._aio.blmove(self._queue.key, self._queue.key, int(seconds), "LEFT", "LEFT")

    async def take(self, most: int) -> tuple[list[Running], list[str]] | None:
        """Jobs that run from now on as far as RQ knows, and why others that were taken can never run. None: nothing is
        taken while the workers are suspended."""
        execution_id, now = uuid4().hex, rq_now()
        rows = await self._scripts.eval(
            TAKE,
            4,
            self._queue.key,
            self._started.key,
            WORKERS_SUSPENDED,
            ListedJob.key_for(""),
            most,
            execution_id,
            int(current_timestamp()) + DEAD_SECONDS,
            utcformat(now),
            self._worker_name,
        )
        if rows == b"suspended":
            return None
        running, unreadable, causes = [], [], []
        for job_id, row in rows or []:
            job = ListedJob(job_id.decode(errors="replace"), self._connection)
            execution = Execution(execution_id, job.id, self._connection, self._worker_name)
            try:
                _read(job, dict(zip(row[::2], row[1::2], strict=True)))
            except Exception as error:
                causes.append(type(error).__name__)
                unreadable.append(execution)
                continue
            job.started_at = now
            running.append(Running(job, execution))
        if unreadable:
            await self._forget(unreadable)
        return running, causes

    async def _forget(self, unreadable: Sequence[Execution]) -> None:
        async with self._aio.pipeline(transaction=True) as pipe:
            pipe.zrem(self._started.key, *(one.composite_key for one in unreadable))
            for one in unreadable:
                pipe.expire(ListedJob.key_for(one.job_id), FAILURE_SECONDS)
            await pipe.execute()

    def buffer_alive(self, pipe: Any, running: Iterable[Running]) -> None:
        """Buffer that these jobs still run, and what RQ wants to know of jobs that last."""
        for one in running:
            job, execution = one.job, one.execution
            execution.last_heartbeat = rq_now()
            execution.save(DEAD_SECONDS, pipe)
            ExecutionRegistry(job.id, self._connection).add(execution, DEAD_SECONDS, pipe)
            self._started.add_execution(execution, pipe, DEAD_SECONDS, xx=True)
            pipe.sadd(execution.worker_executions_key, execution.composite_key)
            pipe.expire(execution.worker_executions_key, DEAD_SECONDS + 60)
            job.heartbeat(execution.last_heartbeat, DEAD_SECONDS, pipe, xx=True)

    async def write_ends(self, ended: Sequence[Ended]) -> None:
        """Write how these ended, all or nothing."""
        async with self._aio.pipeline(transaction=True) as pipe:
            pipe.zrem(self._started.key, *(one.of.execution.composite_key for one in ended))
            pipe.srem(ended[0].of.execution.worker_executions_key, *(one.of.execution.composite_key for one in ended))
            pipe.delete(*_while_it_lasted(ended))
            self._buffer_successes(pipe, [one.of.job for one in ended if one.failure is None])
            self._buffer_failures(pipe, [one for one in ended if one.failure is not None])
            await pipe.execute()

    def _buffer_successes(self, pipe: Any, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        until = int(current_timestamp()) + RESULT_SECONDS
        pipe.zadd(self._finished.key, {job.id: until for job in jobs})
        pipe.hincrby(self._worker_key, "successful_job_count", len(jobs))
        for job in jobs:
            pipe.hset(job.key, mapping={"status": JobStatus.FINISHED, "ended_at": utcformat(job.ended_at or rq_now())})
            pipe.expire(job.key, RESULT_SECONDS)

    def _buffer_failures(self, pipe: Any, ended: Sequence[Ended]) -> None:
        if ended:
            pipe.hincrby(self._worker_key, "failed_job_count", len(ended))
        for one in ended:
            job, execution = one.of.job, one.of.execution
            job.set_status(JobStatus.FAILED, pipeline=pipe)
            job._handle_failure(
                one.failure or "",
                pipeline=pipe,
                worker_name=self._worker_name,
                execution_id=execution.id,
                execution_started_at=execution.created_at,
                execution_ended_at=job.ended_at,
            )


def _read(job: ListedJob, row: dict[bytes, bytes]) -> None:
    """Take in what was kept of the job, which may be anything. Raises whatever its unpickling raises."""
    job.restore(row)
    if not job.func_name:
        raise ValueError("a job without a function")


def _while_it_lasted(ended: Iterable[Ended]) -> Iterator[str]:
    """The keys that the heartbeat may have written."""
    for one in ended:
        yield one.of.execution.key
        yield ExecutionRegistry.key_template.format(one.of.job.id)
