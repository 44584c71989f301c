"""Only our own functions run, and nothing in Redis is ever unpickled."""

import importlib
import os
import pickle
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from bridge.messages import Secret
from bridge.store.jobs import NAMES, QUEUE, JsonQueue
from workers.__main__ import ListedJob, Worker


class Planted:
    """Unpickled, it leaves a folder behind."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.file),)


def burst(connection: "Redis") -> None:
    worker = Worker([JsonQueue(QUEUE, connection=connection)], connection=connection, serializer=JSONSerializer)
    worker.work(burst=True, logging_level="CRITICAL")


def test_every_job_name_is_a_function() -> None:
    for name in NAMES:
        module, _, function = name.rpartition(".")
        assert callable(getattr(importlib.import_module(module), function))


def test_a_foreign_function_is_not_run(redis_url: Secret, tmp_path: Path) -> None:
    with Redis.from_url(redis_url.reveal()) as connection:
        target = tmp_path / "made"
        job = JsonQueue(QUEUE, connection=connection).enqueue("os.mkdir", str(target))
        burst(connection)
        assert not target.exists()
        assert ListedJob.fetch(job.id, connection=connection).is_failed


@pytest.mark.parametrize("field", ["data", "meta"])
def test_a_planted_pickle_is_never_read(redis_url: Secret, tmp_path: Path, field: str) -> None:
    with Redis.from_url(redis_url.reveal()) as connection:
        target = tmp_path / "ran"
        job = Queue(QUEUE, connection=connection, serializer="json").enqueue("workers.archive.archive")
        connection.hset(f"rq:job:{job.id}", field, pickle.dumps(Planted(target)))
        burst(connection)
        assert not target.exists()
        pickle.loads(pickle.dumps(Planted(target)))
        assert target.exists(), "the plant itself works"


def test_registries_and_jobs_read_json_whoever_builds_them(redis_url: Secret) -> None:
    with Redis.from_url(redis_url.reveal()) as connection:
        queue = JsonQueue(QUEUE, connection=connection)
        for part in (queue, queue.started_job_registry, queue.failed_job_registry, ListedJob("x", connection)):
            assert part.serializer is JSONSerializer
