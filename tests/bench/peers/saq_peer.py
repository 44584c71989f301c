"""saq, in an environment of its own: `feed …` or `work`."""

import asyncio
import logging
import secrets
import sys
from typing import Any

from saq import Queue, Worker

from tests.bench.peers.feeder import BODY, CONCURRENCY, REDIS, TARGET, feed
from tests.bench.peers.push import open_client, push


async def deliver(context: dict[str, Any], *, target: str, message_id: str, body: str) -> None:
    await push(context["client"], target, message_id, body)


async def start(context: dict[str, Any]) -> None:
    context["client"] = open_client()


async def stop(context: dict[str, Any]) -> None:
    await context["client"].aclose()


async def work() -> None:
    queue = Queue.from_url(REDIS)
    worker: Any = Worker(queue, functions=[deliver], concurrency=CONCURRENCY, startup=start, shutdown=stop)
    await worker.start()


async def put_all() -> None:
    queue = Queue.from_url(REDIS)
    await queue.connect()

    async def put() -> str:
        message_id = secrets.token_hex(16)
        await queue.enqueue("deliver", target=TARGET, message_id=message_id, body=BODY)
        return message_id

    await feed(put, sys.argv[2:])


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(work() if sys.argv[1] == "work" else put_all())
