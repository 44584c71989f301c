"""What is published on a channel, heard on a connection that is known to live."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from redis.exceptions import RedisError

from bridge.core import background
from bridge.store.client import Subscription, TextRedis

log = logging.getLogger(__name__)

QUIET_SECONDS = 2.0
"""A subscription that is silent this long gets a ping."""


async def messages(redis: TextRedis, channel: str) -> AsyncGenerator[str | None, None]:
    """The messages from now on. None comes first: earlier ones are not heard.

    Raises redis-py's errors and OSError when the connection breaks.
    """
    subscription = redis.pubsub()
    try:
        await subscription.subscribe(channel)
        async with aclosing(_listened(subscription)) as heard:
            async for message in heard:
                if message["type"] == "subscribe":
                    yield None
                elif message["type"] == "message":
                    yield message["data"]
    finally:
        await subscription.aclose()


async def _listened(subscription: Subscription) -> AsyncGenerator[dict[str, Any], None]:
    """All messages. One time limit for each would be half of what a message costs: so a subscription that is silent is
    looked after beside it, and cut when it does not respond, which ends the reading."""
    heard = [0]
    watching = asyncio.create_task(_cut_when_silent(subscription, heard))
    try:
        async for message in subscription.listen():
            heard[0] += 1
            yield message
    finally:
        await background.end(watching)


async def _cut_when_silent(subscription: Subscription, heard: list[int]) -> None:
    """Ask a subscription that has heard nothing for a while for a sign of life; without one it is cut."""
    while True:
        before = heard[0]
        await asyncio.sleep(QUIET_SECONDS)
        if heard[0] > before:
            continue
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(QUIET_SECONDS):
                await subscription.ping()
        await asyncio.sleep(QUIET_SECONDS)
        if heard[0] == before and subscription.connection is not None:
            log.warning("the subscription does not respond")
            await subscription.connection.disconnect(nowait=True)
