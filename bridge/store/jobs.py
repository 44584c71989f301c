"""Queueing background jobs: the only module of `bridge` that uses RQ. Jobs are named by strings.

Everything is JSON: a pickle in Redis would let anybody who can write there run code. RQ's pool creates queues without
the configured serializer, so the queue class itself defaults to JSON.
"""

from datetime import datetime
from typing import Any, cast

from redis import Redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.suspension import WORKERS_SUSPENDED
from rq.worker.base import BaseWorker
from rq.worker_registration import WORKERS_BY_QUEUE_KEY

from bridge.store.client import Batch, TextRedis

QUEUE = "popbridge"
QUEUE_KEY = Queue.redis_queue_namespace_prefix + QUEUE
QUEUE_WORKERS = WORKERS_BY_QUEUE_KEY % QUEUE
"""Set: the keys of the workers that RQ knows on the queue, of dead ones too."""
DELIVER = "workers.deliver.deliver"
ARCHIVE = "workers.archive.archive"
CONTACT = "workers.contact.contact"
NAMES = frozenset({DELIVER, ARCHIVE, CONTACT})
"""The only functions a worker runs, whatever Redis holds."""

TIMEOUT_SECONDS = 90
RESULT_SECONDS = 60
FAILURE_SECONDS = 86400
OLDEST = """
local id = redis.call('LINDEX', KEYS[1], 0)
return id and redis.call('HGET', KEYS[2] .. id, 'enqueued_at')
"""
FLOOR = (7, 0, 0)
"""The oldest supported server. Setting it saves RQ a blocking request in the event loop."""


class JsonQueue(Queue):
    """RQ's queue with the JSON serializer, whoever creates it."""

    def __init__(self, name: str = QUEUE, *args: Any, serializer: Any = None, **kwargs: Any) -> None:
        kwargs["serializer"] = serializer or JSONSerializer
        super().__init__(name, *args, **kwargs)


class Jobs:
    """Adds jobs to the queue."""

    def __init__(self, connection: Redis) -> None:
        self._queue = JsonQueue(QUEUE, connection=connection)
        self._queue.redis_server_version = FLOOR

    def add(self, pipeline: Batch, name: str, *args: str) -> None:
        """Buffer one job in `pipeline`; it exists once that is executed.

        RQ only buffers here, so a pipeline of redis.asyncio works as well as its own.
        """
        self._queue.enqueue_call(
            name,
            args=args,
            timeout=TIMEOUT_SECONDS,
            result_ttl=RESULT_SECONDS,
            failure_ttl=FAILURE_SECONDS,
            description=f"{name} {' '.join(args)}".strip(),
            pipeline=cast(Any, pipeline),
        )


def worker_key(name: str) -> str:
    """Hash: what a worker tells RQ of itself."""
    return f"{BaseWorker.redis_worker_namespace_prefix}{name}"


async def are_suspended(redis: TextRedis) -> bool:
    """Whether `rq suspend` keeps workers from taking jobs."""
    return await redis.get(WORKERS_SUSPENDED) is not None


async def oldest(redis: TextRedis) -> datetime | None:
    """When the job that runs next was queued; None when the queue is empty."""
    found = await redis.eval(OLDEST, 2, QUEUE_KEY, Job.key_for(""))
    return datetime.fromisoformat(found) if found else None
