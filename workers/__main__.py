"""The worker process: `popbridge worker`, or `python -m workers --config FILE`."""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import click
from redis.exceptions import RedisError

from bridge import reload
from bridge.config.loader import settings_file
from bridge.config.models import Settings
from bridge.core import background, collector
from bridge.core.errors import RedisUnfit, SettingsError
from bridge.events.lease import keep_listening
from bridge.observability import logs, open_files, sd_notify, tracing
from bridge.services import Services, open_services
from bridge.settings import load_settings
from bridge.store import durability, workers
from bridge.store.client import open_sync, open_worker
from bridge.store.embedded import redis_address
from bridge.store.jobs import QUEUE, JsonQueue
from workers import context
from workers.archive import make_ready
from workers.maintenance import keep_up, say_how_it_is, show_life, watch_queue
from workers.rq_worker import Worker

log = logging.getLogger(__name__)

PLACES = 64
DRAIN_SECONDS = 10.0
"""How long jobs may take to end at a stop; whoever stops the worker should wait longer before killing it."""
LEAVE_SECONDS = 3.0
"""How long all the rest of a stop may take; after that the process ends whatever hangs in it."""


async def run(settings: Settings, places: int, file: Path) -> None:
    """Run deliveries and upkeep until SIGTERM or SIGINT; SIGHUP reads `file` again."""
    url = redis_address(settings)
    await durability.check(settings, url)
    connection, aio = open_sync(url, settings.redis.prefix), open_worker(url, settings.redis.prefix)
    worker = Worker(JsonQueue(QUEUE, connection=connection), connection, aio, places)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stop, worker)

    @asynccontextmanager
    async def use(services: Services) -> AsyncIterator[None]:
        services.targets.room = places
        context.start(services)
        beat = sd_notify.beat(lambda: worker.goes_on)
        lines = (
            make_ready(services),
            keep_up(services),
            say_how_it_is(services, worker),
            show_life(services, worker),
            watch_queue(services),
            *(
                keep_listening(services, name)
                for name, account in services.settings.pbx.items()
                if account.events != "off"
            ),
            beat,
        )
        upkeep = [asyncio.create_task(line) for line in lines]
        try:
            yield
        finally:
            await background.end(*upkeep)

    async with open_services(settings, url) as services:
        try:
            async with reload.in_use(services, use, lambda: _again(file)):
                log.info("the worker is ready for %d jobs at once", places)
                sd_notify.notify(sd_notify.READY)
                collector.settle()
                await worker.serve(DRAIN_SECONDS)
        finally:
            with suppress(RedisError, OSError):  # away: what this worker said of itself is forgotten in time
                await workers.remove(services.redis, worker.name)
            context.start(None)
            await aio.aclose()
            connection.close()


def _stop(worker: Worker) -> None:
    sd_notify.notify(sd_notify.STOPPING)
    worker.stop()
    last = threading.Timer(DRAIN_SECONDS + LEAVE_SECONDS, os._exit, (0,))  # Python itself waits for every thread
    last.daemon = True
    last.start()


def _again(file: Path) -> Settings:
    settings = reload.read(file)
    logs.start(settings.log, "worker")
    return settings


@click.command()
@click.option("--config")
@click.option("--concurrency", type=click.IntRange(1, 1000), default=PLACES)
def main(config: str | None, concurrency: int) -> None:
    """Run deliveries and upkeep until told to stop."""
    reload.hold()
    try:
        settings = load_settings(config)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(2)
    logs.start(settings.log, "worker")
    open_files.take_all()
    try:
        with tracing.exporting("worker"):
            asyncio.run(run(settings, concurrency, settings_file(config)))
    except RedisUnfit as error:
        for line in error.lines:
            click.echo(f"redis: {line}", err=True)
        sys.exit(1)
    except (RedisError, OSError) as error:
        log.error("the worker cannot reach redis: %s", type(error).__name__)
        sys.exit(1)


if __name__ == "__main__":
    main()
