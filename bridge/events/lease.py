"""Which process listens to a phone system: one at a time, by a lease, until another has to take over."""

import asyncio
import logging
import os
import socket
from contextlib import suppress

from redis.exceptions import RedisError

from bridge.core import background
from bridge.events.listen import Listener
from bridge.services import Services
from bridge.store import listeners

log = logging.getLogger(__name__)

HOLD_SECONDS, TAKE_OVER_SECONDS = 2.0, 1.0
"""How often the lease is renewed, and looked at by who waits for it."""


async def keep_listening(services: Services, pbx: str) -> None:
    """Listen to this phone system, for ever, whenever nobody else does."""
    who = f"{socket.gethostname()} {os.getpid()} {id(services):x}"
    while True:
        try:
            if await listeners.hold(services.redis, pbx, who):
                await _while_held(services, pbx, who)
        except (RedisError, OSError) as error:
            log.warning("listening to %s waits for redis: %s", pbx, type(error).__name__)
        except Exception:
            log.exception("listening to %s begins again", pbx)
        await asyncio.sleep(TAKE_OVER_SECONDS)


async def _while_held(services: Services, pbx: str, who: str) -> None:
    listener = Listener(services, services.lookup.systems[pbx])
    work = asyncio.create_task(listener.run())
    try:
        while not work.done():
            await asyncio.wait([work], timeout=HOLD_SECONDS)
            if not await listeners.hold(services.redis, pbx, who):
                log.warning("another process listens to %s now", pbx)
                return
            await listeners.report(services.redis, pbx, listener.status(who))
        work.result()
    finally:
        await background.end(work)
        with suppress(RedisError, OSError):
            await listeners.leave(services.redis, pbx, who)
