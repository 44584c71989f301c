"""Having Redis rewrite its files, so that they no longer contain what was redacted."""

import asyncio
from collections.abc import Awaitable, Callable

from redis.exceptions import ResponseError

from bridge.store.client import TextRedis

REWRITE_SECONDS, POLL_SECONDS = 120.0, 0.05
REWRITING = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")


async def rewrite_files(redis: TextRedis) -> str:
    """Have Redis rewrite its files; the result in words."""
    try:
        async with asyncio.timeout(REWRITE_SECONDS):
            appends = bool((await redis.info("persistence")).get("aof_enabled"))
            saves = any((await redis.config_get("save")).values())
            if appends:
                await _rewritten(redis, redis.bgrewriteaof)
            if saves:
                await _rewritten(redis, redis.bgsave)
            failed = await _failed(redis)
    except TimeoutError:
        return "Redis is still rewriting its files"
    except ResponseError:
        return "Redis refused to rewrite its files: they may contain the data until it does"
    if failed:
        return "Redis could not rewrite its files, which still contain the data: see its log"
    return "Redis has rewritten its files" if appends or saves else "Redis keeps no files"


async def _rewritten(redis: TextRedis, begin: Callable[[], Awaitable[object]]) -> None:
    """A rewrite already in progress began too early: wait for it, then begin another."""
    await _settled(redis)
    await begin()
    await _settled(redis)


async def _settled(redis: TextRedis) -> None:
    while await _rewriting(redis):  # noqa: ASYNC110 - another process's work
        await asyncio.sleep(POLL_SECONDS)


async def _rewriting(redis: TextRedis) -> bool:
    info = await redis.info("persistence")
    return any(info.get(name) for name in REWRITING)


async def _failed(redis: TextRedis) -> bool:
    info = await redis.info("persistence")
    return "err" in (info.get("aof_last_bgrewrite_status"), info.get("rdb_last_bgsave_status"))
