"""Job: try one delivery."""

from bridge.delivery.deliver import deliver as attempt
from workers import context


async def deliver(delivery_id: str) -> None:
    """Try the delivery once, if it is pending and nobody else is at it."""
    await attempt(delivery_id, context.services())
