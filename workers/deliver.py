"""Job: try one delivery."""

from bridge.push import push
from workers import process


def deliver(delivery_id: str) -> None:
    """Try the delivery once, if it is pending and nobody else is at it."""
    process.run(lambda kit: push(delivery_id, kit))
