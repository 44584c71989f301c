"""Accepting a click exactly once: who works on it, its stored answer, and the one transaction that writes it all."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

from redis.exceptions import RedisError, WatchError

from bridge.domain import Click
from bridge.errors import Unavailable
from bridge.store import keys
from bridge.store.connection import Batch, TextRedis

log = logging.getLogger(__name__)

RUNNING = "running:"
WAIT_SECONDS = 0.025
BEGIN_PAUSES = (0.0, 0.05)
"""Between the tries to take on a click, in seconds: kept connections may be dead after a Redis that was away."""
COMMIT_SECONDS = 5.0
COMMIT_PAUSES = (0.0, 0.05, 0.2, 0.5, 1.0)
RETRY_AFTER_SECONDS = 2

Stored = dict[str, Any]
"""An answer as it was first sent: contract 3's JSON."""


def unavailable() -> Unavailable:
    """The refusal for every way in which Redis can be away."""
    return Unavailable("The bridge's store cannot be reached: nothing was accepted", RETRY_AFTER_SECONDS)


def _stored(text: str | None) -> Stored | None:
    if text is None or text.startswith(RUNNING):
        return None
    answer: Stored = json.loads(text)
    return answer


def _key(click: Click) -> str:
    return keys.accepted(click.crm, click.key or click.click_id)


async def begin(redis: TextRedis, click: Click, hold_seconds: float) -> Stored | None:
    """Take on the click (None), or give the answer that it was given before.

    A repeat that comes while the first is still being answered waits for that answer. Whoever dies while answering
    holds the click no longer than `hold_seconds`. Raises `Unavailable`.
    """
    if click.key is None:
        return None
    try:
        async with asyncio.timeout(2 * hold_seconds):
            for pause in BEGIN_PAUSES:
                try:
                    return await _begin(redis, click, hold_seconds)
                except (RedisError, OSError) as error:
                    log.warning("redis did not take a click: %s", type(error).__name__)
                await asyncio.sleep(pause)
            return await _begin(redis, click, hold_seconds)
    except (RedisError, TimeoutError, OSError):
        raise unavailable() from None


async def _begin(redis: TextRedis, click: Click, hold_seconds: float) -> Stored | None:
    """The key tells who works on the click, so asking again after a lost reply finds ourselves."""
    mine, key = RUNNING + click.click_id, _key(click)
    while not await redis.set(key, mine, nx=True, px=int(hold_seconds * 1000)):
        text = await redis.get(key)
        if text == mine:
            return None
        if (answer := _stored(text)) is not None:
            return answer
        await asyncio.sleep(WAIT_SECONDS)
    return None


async def abandon(redis: TextRedis, click: Click) -> None:
    """Let a repeat of a click that could not be answered start at once."""
    if click.key is None:
        return
    try:
        async with redis.pipeline(transaction=True) as pipe:
            await pipe.watch(_key(click))
            if await pipe.get(_key(click)) == RUNNING + click.click_id:
                pipe.multi()
                pipe.delete(_key(click))
                await pipe.execute()
    except (RedisError, OSError):
        log.warning("a click that failed is held until its time runs out")


async def commit(redis: TextRedis, click: Click, answer: Stored, write: Callable[[Batch], None]) -> Stored:
    """Write the answer and everything `write` buffers: all or nothing, once. Returns the answer that stands.

    Raises `Unavailable`, after `COMMIT_SECONDS` at the latest. A transaction that the server has taken but not
    answered by then may still be carried out: a repeat with the same id finds it.
    """
    try:
        async with asyncio.timeout(COMMIT_SECONDS):
            return await _commit(redis, click, answer, write)
    except TimeoutError:
        raise unavailable() from None


async def _commit(redis: TextRedis, click: Click, answer: Stored, write: Callable[[Batch], None]) -> Stored:
    """The key is watched, so redis-py never repeats the transaction by itself: a lost reply raises here, and the next
    round finds either our own answer (it was written) or none (it was not). Raises `Unavailable`.
    """
    key, text = _key(click), json.dumps(answer, ensure_ascii=False)
    for pause in COMMIT_PAUSES:
        await asyncio.sleep(pause)
        try:
            async with redis.pipeline(transaction=True) as pipe:
                await pipe.watch(key)
                if (stored := _stored(await pipe.get(key))) is not None:
                    return stored
                pipe.multi()
                pipe.set(key, text, ex=keys.ACCEPTED_SECONDS)
                write(pipe)
                await pipe.execute()
                return answer
        except WatchError:
            continue
        except (RedisError, OSError) as error:
            log.warning("redis did not take a transaction: %s", type(error).__name__)
    raise unavailable()
