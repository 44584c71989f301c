"""arq, in an environment of its own: `feed …` or `work`."""

import asyncio
import secrets
import sys
from typing import Any

from arq import create_pool, run_worker
from arq.connections import RedisSettings
from arq.logs import default_log_config

from tests.bench.peers.feeder import BODY, CONCURRENCY, REDIS, TARGET, feed
from tests.bench.peers.push import open_client, push


async def deliver(context: dict[str, Any], target: str, message_id: str, body: str) -> None:
    await push(context["client"], target, message_id, body)


async def start(context: dict[str, Any]) -> None:
    context["client"] = open_client()


async def stop(context: dict[str, Any]) -> None:
    await context["client"].aclose()


class WorkerSettings:
    functions = (deliver,)
    on_startup = start
    on_shutdown = stop
    max_jobs = CONCURRENCY
    redis_settings = RedisSettings.from_dsn(REDIS or "redis://127.0.0.1")


async def put_all() -> None:
    pool = await create_pool(WorkerSettings.redis_settings)

    async def put() -> str:
        message_id = secrets.token_hex(16)
        await pool.enqueue_job("deliver", TARGET, message_id, BODY)
        return message_id

    await feed(put, sys.argv[2:])


if __name__ == "__main__":
    if sys.argv[1] == "work":
        import logging.config

        logging.config.dictConfig(default_log_config(verbose=False))
        run_worker(WorkerSettings)
    else:
        asyncio.run(put_all())
