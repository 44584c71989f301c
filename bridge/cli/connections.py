"""What a command connects to. The embedded Redis is started for the command if it is not running.

A command that finds another installation under its prefix refuses: most write, if only who looked at what.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bridge.config.models import Settings
from bridge.store import embedded, installation
from bridge.store.client import TextRedis, open_async

if TYPE_CHECKING:
    from bridge.services import Services


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator["Services"]:
    """The services, on the settings' Redis. They bring SQL and the HTTP client, which not every command needs."""
    from bridge.services import open_services

    async with embedded.redis_of(settings) as url, open_services(settings, url) as services:
        await installation.require(services.redis, settings)
        yield services


@asynccontextmanager
async def opened_redis(settings: Settings) -> AsyncIterator[TextRedis]:
    """The settings' Redis alone."""
    async with embedded.redis_of(settings) as url:
        redis = open_async(url, settings.redis.prefix)
        try:
            await installation.require(redis, settings)
            yield redis
        finally:
            await redis.aclose()
