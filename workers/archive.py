"""Job: move audit lines from the stream into SQL, and forget deliveries that are not kept any longer."""

import asyncio
import logging
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from bridge.audit import retention
from bridge.core.errors import ArchiveUnfit
from bridge.services import Services
from bridge.store import keys
from bridge.store.deliveries import records
from workers import context

log = logging.getLogger(__name__)

FORGET_TURN_MS = 3_600_000


async def archive() -> None:
    """Archive all that waits, unless that is being done: where the database hangs, no place after place is taken."""
    services = context.services()
    if not services.archive.at_work.locked():
        async with services.archive.at_work:
            await _archive(services)


async def _archive(services: Services) -> None:
    try:
        await services.archive.catch_up(services.redis)
        await _forget_old(services)
    except (SQLAlchemyError, ArchiveUnfit) as error:
        log.error("the audit archive cannot be used (%s): lines wait in Redis", type(error).__name__)
    await records.forget_old(services.redis, services.clock.now())


async def make_ready(services: Services) -> None:
    """Bring the archive's tables up to date as the process starts; popups do not wait for it."""
    try:
        await asyncio.to_thread(services.archive.works)
    except (SQLAlchemyError, ArchiveUnfit) as error:
        log.error("the audit archive cannot be used (%s): `popbridge doctor` tells more", type(error).__name__)


async def _forget_old(services: Services) -> None:
    """Once an hour: lines older than `audit.retention_days`."""
    if await services.redis.set(keys.turn("forget"), "1", nx=True, px=FORGET_TURN_MS):
        now = services.clock.now()
        before = now - timedelta(days=services.settings.audit.retention_days)
        forgotten = await retention.forget(services.archive, before, now)
        await services.redis.xtrim(keys.AUDIT_ASIDE, minid=str(records.milliseconds(before)), approximate=False)
        if forgotten:
            log.info("%d audit lines were older than %d days", forgotten, services.settings.audit.retention_days)
        await asyncio.to_thread(retention.optimize, services.archive)
