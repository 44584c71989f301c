"""Job: try one delivery."""

from bridge.push import push
from workers import process


async def deliver(delivery_id: str) -> None:
    """Try the delivery once, if it is pending and nobody else is at it."""
    await push(delivery_id, process.kit())
