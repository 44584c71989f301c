"""Job: queue again every delivery that is due, whether its job was lost or its wait is over."""

from bridge.store import deliveries
from bridge.wiring import Kit
from workers import process


def sweep() -> None:
    """Queue what is due."""
    process.run(_sweep)


async def _sweep(kit: Kit) -> None:
    await deliveries.queue_due(kit.redis, kit.jobs, kit.clock.now())
