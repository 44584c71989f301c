"""What somebody has to look after, whichever worker it is: deliveries that are due, audit lines that wait."""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from redis.exceptions import RedisError

from bridge.core import background
from bridge.observability import heartbeat
from bridge.services import Services
from bridge.store import figures, foreign, health, keys, searches, workers
from bridge.store.client import Batch
from bridge.store.deliveries import ledger, records
from bridge.store.jobs import ARCHIVE, CONTACT, DELIVER
from workers.archive import archive
from workers.contact import contact
from workers.deliver import deliver
from workers.rq_worker import Worker

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
SWEEP_TURN_MS, ARCHIVE_TURN_MS, HEALTH_TURN_MS = 200, 1000, 60_000
SAY_SECONDS, SIGN_SECONDS = 2.0, 2.0
MANY, HERE = 500, 64
"""Deliveries that one look queues, and jobs that are done here at once."""
FUNCTIONS: Mapping[str, Callable[..., Coroutine[Any, Any, None]]] = {
    DELIVER: deliver,
    ARCHIVE: archive,
    CONTACT: contact,
}


class Here:
    """Stands in for the queue while somebody else's worker takes all that is put there: what was lost is done by this
    process, whose turn it is."""

    def __init__(self) -> None:
        self._waiting: list[Coroutine[Any, Any, None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, pipeline: Batch, name: str, *args: str) -> None:
        """Take one job on; nothing is put on the queue."""
        if len(self._tasks) + len(self._waiting) < HERE:  # one that finds no place is looked at again
            self._waiting.append(FUNCTIONS[name](*args))

    def run(self) -> None:
        """Begin what was taken on."""
        for one in self._waiting:
            task = asyncio.create_task(_safely(one))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._waiting = []

    async def end(self) -> None:
        """Begin nothing more, and end what runs."""
        for one in self._waiting:
            one.close()
        await background.end(*self._tasks)


async def _safely(job: Coroutine[Any, Any, None]) -> None:
    try:
        await job
    except Exception:
        log.exception("a job failed; it is looked at again")


async def keep_up(services: Services) -> None:
    """Look a few times a second, for ever; a Redis that is away is looked for again."""
    here = Here()
    try:
        await _keep_up(services, here)
    finally:
        await here.end()


async def _keep_up(services: Services, here: Here) -> None:
    while True:
        try:
            await _look(services, here)
        except (RedisError, OSError) as error:
            log.warning("upkeep waits for redis: %s", type(error).__name__)
        except Exception:
            log.exception("upkeep goes on")  # nobody else would look after what is due
        await asyncio.sleep(LOOK_SECONDS)


async def _look(services: Services, here: Here) -> None:
    due = await services.redis.zcount(keys.DUE, "-inf", records.milliseconds(services.clock.now()))
    if due and await _my_turn(services, "sweep", SWEEP_TURN_MS):
        queue = here if await foreign.workers(services.redis) else services.jobs
        await ledger.queue_due(services.redis, queue, services.clock.now(), HERE if queue is here else MANY)
        here.run()
    if await searches.are_due(services.redis, services.clock.now()) and await _my_turn(
        services, "searches", SWEEP_TURN_MS
    ):
        queue = here if await foreign.workers(services.redis) else services.jobs
        await searches.queue_lost(services.redis, queue, services.clock.now(), HERE if queue is here else MANY)
        here.run()
    if await _my_turn(services, "health", HEALTH_TURN_MS):
        now = services.clock.now()
        await health.keep(services.redis, now)
        await figures.forget_old(services.redis, now)
    if await services.redis.xlen(keys.AUDIT) and await _my_turn(services, "archive", ARCHIVE_TURN_MS):
        queue = here if await foreign.workers(services.redis) else services.jobs
        async with services.redis.pipeline(transaction=True) as pipe:
            pipe.multi()
            queue.add(pipe, ARCHIVE)
            await pipe.execute()
        here.run()


async def say_how_it_is(services: Services, worker: Worker) -> None:
    """Tell the others, for ever, what only this process knows: `/metrics` is asked elsewhere."""
    while True:
        status = workers.Status(
            at=services.clock.now().timestamp(),
            in_flight=worker.in_flight,
            circuits=services.targets.circuits(),
            machine=socket.gethostname(),
            ahead=round(services.shared_clock.ahead, 3),
        )
        try:
            await workers.report(services.redis, worker.name, status)
        except (RedisError, OSError):
            log.debug("what this worker does is not told: redis is away")
        await asyncio.sleep(SAY_SECONDS)


async def watch_queue(services: Services) -> None:
    """Log RQ workers of others on the queue, for ever: once when they come, and when they have left."""
    before: list[foreign.Foreigner] = []
    while True:
        with suppress(RedisError, OSError):
            found = await foreign.workers(services.redis)
            if found and found != before:
                log.error(
                    "RQ workers that are not popbridge's take its jobs, popups are late: %s", foreign.named(found)
                )
            elif before and not found:
                log.info("no other RQ worker is on the queue any more")
            before = found
        await asyncio.sleep(SAY_SECONDS)


async def show_life(services: Services, worker: Worker) -> None:
    """Give `popbridge health --worker` a sign, for ever, as long as the worker goes on."""
    folder = services.settings.data_dir
    try:
        while True:
            if worker.goes_on:
                heartbeat.beat(folder)
            await asyncio.sleep(SIGN_SECONDS)
    except OSError as error:
        log.warning("no sign of life can be given in %s: %s", folder, error.strerror)
    finally:
        with suppress(OSError):
            heartbeat.stop(folder)


async def _my_turn(services: Services, what: str, turn_ms: int) -> bool:
    """Whether no other worker did it just now."""
    return bool(await services.redis.set(keys.turn(what), "1", nx=True, px=turn_ms))
