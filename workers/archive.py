"""Job: move audit lines from the stream into SQL."""

from workers import process


async def archive() -> None:
    """Archive all that waits."""
    kit = process.kit()
    await kit.archive.catch_up(kit.redis)
