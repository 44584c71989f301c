"""taskiq over Redis streams, in an environment of its own: `feed …`; the worker is `taskiq worker …:broker`.

Its results are kept for an hour: without an end they would be kept for ever.
"""

import asyncio
import secrets
import sys

from taskiq import TaskiqEvents, TaskiqState
from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from tests.bench.peers.feeder import BODY, REDIS, TARGET, feed
from tests.bench.peers.push import open_client, push

URL = REDIS or "redis://127.0.0.1"
RESULT_SECONDS = 3600
broker = RedisStreamBroker(URL).with_result_backend(RedisAsyncResultBackend(URL, result_ex_time=RESULT_SECONDS))


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def start(state: TaskiqState) -> None:
    state.client = open_client()


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def stop(state: TaskiqState) -> None:
    await state.client.aclose()


@broker.task(task_name="deliver")
async def deliver(target: str, message_id: str, body: str) -> None:
    await push(broker.state.client, target, message_id, body)


async def put_all() -> None:
    await broker.startup()

    async def put() -> str:
        message_id = secrets.token_hex(16)
        await deliver.kiq(TARGET, message_id, BODY)
        return message_id

    await feed(put, sys.argv[2:])
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(put_all())
