"""SIGHUP: the settings are read again and new services made of them. While they are wrong, the old stay in use."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from bridge.agents import agents_file
from bridge.config.models import Settings
from bridge.core.errors import SettingsError
from bridge.services import Services, renewed
from bridge.settings import load_settings

log = logging.getLogger(__name__)

Use = Callable[[Services], AbstractAsyncContextManager[None]]
Read = Callable[[], Settings]


def hold() -> None:
    """From here on SIGHUP does not end this process, though nothing listens to it yet: who starts reads the settings
    anyway."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def read(file: Path) -> Settings:
    """The settings, if they and the agents are right. Raises `SettingsError`."""
    settings = load_settings(str(file))
    agents_file.read(settings.agents.file, set(settings.crm), set(settings.pbx))
    return settings


@asynccontextmanager
async def in_use(services: Services, use: Use, again: Read | None = None) -> AsyncIterator["Renewal"]:
    """`use(services)` while the block lasts; at SIGHUP the settings are had from `again`, if given."""
    renewal, loop = Renewal(services), asyncio.get_running_loop()
    await renewal.begin(use)
    if again is not None:
        loop.add_signal_handler(signal.SIGHUP, renewal.ask, use, again)
    try:
        yield renewal
    finally:
        if again is not None:
            loop.remove_signal_handler(signal.SIGHUP)
            hold()
        await renewal.end()


class Renewal:
    """The Services that is in use, and those before it until nothing can be at work with them any more."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._use, self._kept = AsyncExitStack(), AsyncExitStack()
        self._tasks: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()

    async def begin(self, use: Use) -> None:
        """The first one comes into use."""
        await self._use.enter_async_context(use(self._services))

    def ask(self, use: Use, again: Read) -> None:
        """Renew as soon as may be; from a signal's handler."""
        self._start(self._ask(use, again))

    async def _ask(self, use: Use, again: Read) -> None:
        async with self._one_at_a_time:
            try:
                settings = await asyncio.to_thread(again)
            except SettingsError as error:
                told = "; ".join(error.problems)
                log.error("the settings stay as they were: %s", told)
                return
            for name in waiting(self._services.settings, settings):
                log.warning("%s has changed, which counts from the next start on", name)
            await self.renew(settings, use)
            log.info("the settings were read again and are in use")

    async def renew(self, settings: Settings, use: Use) -> None:
        """A Services of `settings` takes the place of the one in use."""
        kept, used, before = AsyncExitStack(), AsyncExitStack(), self._services
        self._services = await kept.enter_async_context(renewed(before, settings))
        await used.enter_async_context(use(self._services))
        await self._use.aclose()
        self._start(_close(self._kept, before.hold_seconds + before.lease.total_seconds()))
        self._use, self._kept = used, kept

    async def end(self) -> None:
        """Nothing is in use any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._use.aclose()
        await self._kept.aclose()

    def _start(self, line: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(line)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _close(kept: AsyncExitStack, seconds: float) -> None:
    try:
        await asyncio.sleep(seconds)
    finally:
        await kept.aclose()


def waiting(before: Settings, after: Settings) -> Iterator[str]:
    """What differs and cannot be changed while the process runs."""
    for name in ("host", "port", "trusted_proxies"):
        if getattr(before.server, name) != getattr(after.server, name):
            yield f"server.{name}"
    if before.data_dir != after.data_dir:
        yield "data_dir"
    if _redis(before) != _redis(after):
        yield "redis.url"
    if before.redis.prefix != after.redis.prefix:
        yield "redis.prefix"


def _redis(settings: Settings) -> str:
    return settings.redis.url.fingerprint if settings.redis.url else ""
