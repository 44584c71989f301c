"""Job: move audit lines from the stream into SQL, and forget deliveries that are not kept any longer."""

from bridge.store import deliveries
from workers import process


async def archive() -> None:
    """Archive all that waits."""
    kit = process.kit()
    await kit.archive.catch_up(kit.redis)
    await deliveries.forget_old(kit.redis, kit.clock.now())
