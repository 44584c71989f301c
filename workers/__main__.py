"""The worker process: `popbridge worker`, or `python -m workers --config FILE`."""

import logging
import sys
from typing import Any

import click
from redis import Redis
from redis.exceptions import RedisError
from rq import SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from bridge import logs
from bridge.errors import SettingsError
from bridge.store.connection import open_sync
from bridge.store.jobs import NAMES, QUEUE, JsonQueue
from bridge.up import redis_address
from bridge.wiring import load_settings
from workers import process
from workers.timetable import Timetable

log = logging.getLogger(__name__)

WORKER_TTL, MAINTENANCE_SECONDS = 20, 15


class ListedJob(Job):
    """A job that is read as JSON by whoever reads it, and only run when its function is one of ours."""

    def __init__(self, id: str | None = None, connection: Redis | None = None, serializer: Any = None) -> None:
        super().__init__(id, connection, serializer or JSONSerializer)

    @property
    def func(self) -> Any:
        """The function, if it is on the list."""
        if self.func_name not in NAMES:
            raise PermissionError("this job's function is not one of popbridge's")
        return super().func


class Worker(SimpleWorker):
    """RQ's worker that runs jobs in its own process, reading nothing but JSON."""

    queue_class = JsonQueue
    job_class = ListedJob


@click.command()
@click.option("--config")
def main(config: str | None) -> None:
    """Run deliveries and upkeep until told to stop."""
    logs.start()
    try:
        settings = load_settings(config)
    except SettingsError as error:
        for mistake in error.mistakes:
            click.echo(mistake, err=True)
        sys.exit(2)
    url = redis_address(settings)
    running, timetable = process.start(settings, url), Timetable(open_sync(url))
    connection = open_sync(url)
    try:
        queue = JsonQueue(QUEUE, connection=connection)
        worker = Worker(
            [queue],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL,
            maintenance_interval=MAINTENANCE_SECONDS,
        )
        timetable.start()
        log.info("the worker is ready")
        worker.work(logging_level="WARNING")
    except (RedisError, OSError) as error:
        log.error("the worker lost redis: %s", type(error).__name__)
        sys.exit(1)
    finally:
        if timetable.is_alive():
            timetable.stop()
        running.close()


if __name__ == "__main__":
    main()
