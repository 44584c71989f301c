"""streaq, in an environment of its own: `feed …`; the worker is `streaq run tests.bench.peers.streaq_peer:worker`."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from streaq import Worker

from tests.bench.peers.feeder import BODY, CONCURRENCY, REDIS, TARGET, feed
from tests.bench.peers.push import open_client, push


@asynccontextmanager
async def lifespan() -> AsyncIterator[httpx.AsyncClient]:
    async with open_client() as client:
        yield client


worker = Worker(REDIS or "redis://127.0.0.1", concurrency=CONCURRENCY, lifespan=lifespan)


@worker.task
async def deliver(target: str, message_id: str, body: str) -> None:
    await push(worker.context, target, message_id, body)


async def put_all() -> None:
    async def put() -> str:
        message_id = secrets.token_hex(16)
        await deliver.enqueue(TARGET, message_id, BODY)
        return message_id

    async with worker:
        await feed(put, sys.argv[2:])


if __name__ == "__main__":
    asyncio.run(put_all())
