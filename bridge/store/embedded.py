"""popbridge's own Redis, for those who have none: in `data_dir`, append-only, on a private socket.

Several processes may use it: the one that holds a lock owns the server, and when it ends another takes over.
"""

import asyncio
import fcntl
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bridge.config.models import Settings
from bridge.core.errors import EmbeddedRedisFailed
from bridge.core.http_types import Secret
from bridge.store import embedded_server as server

log = logging.getLogger(__name__)

TAKE_OVER_SECONDS = 0.25


@asynccontextmanager
async def running(data_dir: Path) -> AsyncIterator[Secret]:
    """The server's address, while the block lasts. A server that another process runs is shared.

    When the server dies it is restarted, and when its owner ends, another process that uses it takes over. Raises
    `EmbeddedRedisFailed` when it does not start at all.
    """
    folder = server.private_folder(data_dir)
    with (folder / "owner.lock").open("w") as lock:
        process = await server.start(data_dir) if await _own(lock.fileno(), data_dir) else None
        keeper = asyncio.create_task(_keep(data_dir, lock.fileno(), process))
        try:
            yield server.url(data_dir)
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper


async def _own(lock: int, data_dir: Path) -> bool:
    """Become the owner (True), or find that another owner's server responds (False)."""
    try:
        async with asyncio.timeout(server.START_SECONDS):
            while not _locked(lock):
                if await server.answers(data_dir):
                    return False
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise EmbeddedRedisFailed(f"another process owns the Redis in {data_dir}, and it does not respond") from None
    return True


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _keep(data_dir: Path, lock: int, process: asyncio.subprocess.Process | None) -> None:
    """Restart the server whenever it ends, or when its owner has ended; stop it when cancelled."""
    try:
        while True:
            if process is not None:
                await process.wait()
            while not _locked(lock):  # noqa: ASYNC110 - another process's lock
                await asyncio.sleep(TAKE_OVER_SECONDS)
            try:
                process = await server.start(data_dir)
            except EmbeddedRedisFailed as error:
                log.error("%s", error)
                await asyncio.sleep(TAKE_OVER_SECONDS)
    finally:
        if process is not None:
            await server.stop(process)


@asynccontextmanager
async def redis_of(settings: Settings) -> AsyncIterator[Secret]:
    """The address of Redis: the one in the settings, else the embedded server, started if necessary."""
    if settings.redis.url is not None:
        yield settings.redis.url
        return
    async with running(settings.data_dir) as address:
        yield address


def redis_address(settings: Settings) -> Secret:
    """The address of Redis, running or not: for commands that do not require it."""
    return settings.redis.url or server.url(settings.data_dir)
