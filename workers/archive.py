"""Job: move audit lines from the stream into SQL."""

from bridge.wiring import Kit
from workers import process


def archive() -> None:
    """Archive all that waits."""
    process.run(_archive)


async def _archive(kit: Kit) -> None:
    await kit.archive.catch_up(kit.redis)
