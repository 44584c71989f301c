"""RQ: `feed …` or `work Worker|SimpleWorker`."""

import asyncio
import secrets
import sys
from typing import Any

import rq
from redis import Redis

from tests.bench.peers import rq_job
from tests.bench.peers.feeder import BODY, REDIS, TARGET, feed


def main() -> None:
    connection: Redis = Redis.from_url(REDIS)
    queue = rq.Queue(connection=connection)
    if sys.argv[1] == "work":
        worker: Any = getattr(rq, sys.argv[2])
        worker([queue], connection=connection).work()
        return

    async def put() -> str:
        message_id = secrets.token_hex(16)
        queue.enqueue(rq_job.deliver, TARGET, message_id, BODY)
        return message_id

    asyncio.run(feed(put, sys.argv[2:]))


if __name__ == "__main__":
    main()
