"""Job: move audit lines from the stream into SQL, and forget deliveries that are not kept any longer."""

import asyncio
import logging
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from bridge.audit import retention
from bridge.core.errors import ArchiveUnfit
from bridge.services import Kit
from bridge.store import keys
from bridge.store.deliveries import records
from workers import context

log = logging.getLogger(__name__)

FORGET_TURN_MS = 3_600_000


async def archive() -> None:
    """Archive all that waits, unless that is being done: where the database hangs, no place after place is taken."""
    kit = context.kit()
    if not kit.archive.at_work.locked():
        async with kit.archive.at_work:
            await _archive(kit)


async def _archive(kit: Kit) -> None:
    try:
        await kit.archive.catch_up(kit.redis)
        await _forget_old(kit)
    except (SQLAlchemyError, ArchiveUnfit) as error:
        log.error("the audit archive cannot be used (%s): lines wait in Redis", type(error).__name__)
    await records.forget_old(kit.redis, kit.clock.now())


async def make_ready(kit: Kit) -> None:
    """Bring the archive's tables up to date as the process starts; popups do not wait for it."""
    try:
        await asyncio.to_thread(kit.archive.works)
    except (SQLAlchemyError, ArchiveUnfit) as error:
        log.error("the audit archive cannot be used (%s): `popbridge doctor` tells more", type(error).__name__)


async def _forget_old(kit: Kit) -> None:
    """Once an hour: lines older than `audit.retention_days`."""
    if await kit.redis.set(keys.turn("forget"), "1", nx=True, px=FORGET_TURN_MS):
        now = kit.clock.now()
        before = now - timedelta(days=kit.settings.audit.retention_days)
        forgotten = await retention.forget(kit.archive, before, now)
        await kit.redis.xtrim(keys.AUDIT_ASIDE, minid=str(records.milliseconds(before)), approximate=False)
        if forgotten:
            log.info("%d audit lines were older than %d days", forgotten, kit.settings.audit.retention_days)
        await asyncio.to_thread(retention.tidy, kit.archive)
