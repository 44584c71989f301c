"""`python -m tests.audit.archiver REDIS DATABASE`: archives for ever, a few lines at a time, until it is killed."""

import asyncio
import sys

from redis.exceptions import RedisError

from bridge.audit import archive as archiving
from bridge.audit.archive import Archive
from bridge.core.http_types import Secret
from bridge.store.client import open_async


async def main(redis_url: str, database_url: str) -> None:
    """Archive; a Redis that is away is looked for again. The first thing it says is that it begins."""
    archiving.BATCH = 7
    archive = Archive(Secret(database_url))
    archive.works()
    print("begins", flush=True)
    while True:
        redis = open_async(Secret(redis_url))
        try:
            await archive.catch_up(redis)
        except (RedisError, OSError):
            pass
        finally:
            await redis.aclose()
        await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
