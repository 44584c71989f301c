"""Job: move audit lines from the stream into SQL, and forget deliveries that are not kept any longer."""

import logging
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from bridge.shapes import time_text
from bridge.store import deliveries, keys
from bridge.wiring import Kit
from workers import process

log = logging.getLogger(__name__)

FORGET_TURN_MS = 3_600_000


async def archive() -> None:
    """Archive all that waits."""
    kit = process.kit()
    try:
        await kit.archive.catch_up(kit.redis)
        await _forget_old(kit)
    except SQLAlchemyError as error:
        log.error("the audit archive cannot be used (%s): lines wait in Redis", type(error).__name__)
    await deliveries.forget_old(kit.redis, kit.clock.now())


async def _forget_old(kit: Kit) -> None:
    """Once an hour: lines older than `audit.retention_days`."""
    if await kit.redis.set(keys.turn("forget"), "1", nx=True, px=FORGET_TURN_MS):
        before = kit.clock.now() - timedelta(days=kit.settings.audit.retention_days)
        forgotten = await kit.archive.forget(time_text(before))
        if forgotten:
            log.info("%d audit lines were older than %d days", forgotten, kit.settings.audit.retention_days)
