"""What somebody has to look after, whichever worker it is: deliveries that are due, audit lines that wait."""

import asyncio
import logging
import socket
from contextlib import suppress

from redis.exceptions import RedisError

from bridge.observability import heartbeat
from bridge.services import Services
from bridge.store import keys, workers
from bridge.store.deliveries import ledger, records
from bridge.store.jobs import ARCHIVE
from workers.rq_worker import Worker

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.25
SWEEP_TURN_MS, ARCHIVE_TURN_MS = 200, 1000
SAY_SECONDS, SIGN_SECONDS = 2.0, 2.0


async def keep_up(services: Services) -> None:
    """Look a few times a second, for ever; a Redis that is away is looked for again."""
    while True:
        try:
            await _look(services)
        except (RedisError, OSError) as error:
            log.warning("upkeep waits for redis: %s", type(error).__name__)
        except Exception:
            log.exception("upkeep goes on")  # nobody else would look after what is due
        await asyncio.sleep(LOOK_SECONDS)


async def _look(services: Services) -> None:
    due = await services.redis.zcount(keys.DUE, "-inf", records.milliseconds(services.clock.now()))
    if due and await _my_turn(services, "sweep", SWEEP_TURN_MS):
        await ledger.queue_due(services.redis, services.jobs, services.clock.now())
    if await services.redis.xlen(keys.AUDIT) and await _my_turn(services, "archive", ARCHIVE_TURN_MS):
        async with services.redis.pipeline(transaction=True) as pipe:
            pipe.multi()
            services.jobs.add(pipe, ARCHIVE)
            await pipe.execute()


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
