"""`popbridge up`: the web door, a worker and, without a `[redis] url`, the embedded Redis, all on one machine."""

import asyncio
import logging
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

from bridge import reload
from bridge.config.models import Settings
from bridge.core import collector
from bridge.core.errors import CannotListen
from bridge.core.http_types import Secret
from bridge.observability import logs, web_address
from bridge.reload import Read
from bridge.store import durability, embedded, embedded_server
from bridge.web.app import create_app
from bridge.web.server import Server, inherited, listen

log = logging.getLogger(__name__)

WORKER_STOP_SECONDS = 15.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
STEADY_SECONDS = 30.0


async def serve(
    settings: Settings, again: Read, redis_url: Secret, ready: Callable[[str], None], number: int | None = None
) -> None:
    """The web door until it is told to stop. `ready` gets its address once it listens.

    `number` is the file descriptor of a socket that somebody else opened and keeps open while this process comes and
    goes, so that clicks wait and are not refused. At SIGHUP the settings are had from `again`.
    """
    await durability.check(settings, redis_url)
    listening = _listening(settings, number)
    if settings.server.port == 0:
        web_address.note(settings.data_dir, _address(listening))
    ready(_address(listening))
    app = create_app(settings, redis_url, again=again)
    server = Server(app, settings.server.trusted_proxies, settings.server.keep_alive_seconds)
    collector.settle()
    await server.serve(sockets=[listening])


def _listening(settings: Settings, number: int | None) -> socket.socket:
    if number is not None:
        try:
            return inherited(number)
        except OSError as error:
            raise CannotListen(f"file descriptor {number} is no listening socket: {error.strerror}") from None
    try:
        return listen(settings.server.host, settings.server.port)
    except OSError as error:
        at = f"{settings.server.host}:{settings.server.port}"
        raise CannotListen(f"cannot listen on {at}: {error.strerror}; see [server] host and port") from None


def _address(listening: socket.socket) -> str:
    if listening.family == socket.AF_UNIX:
        return f"unix:{listening.getsockname()}"
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def again_from(file: Path) -> Settings:
    """The settings of a web process, read again. Raises `SettingsError`."""
    settings = reload.read(file)
    logs.start(settings.log, "web")
    return settings


async def up(settings: Settings, file: Path, ready: Callable[[str], None]) -> None:
    """Everything until it is told to stop; a worker that dies is started again. The worker stops before Redis."""
    async with embedded.redis_of(settings) as redis_url:
        running: set[Process] = set()

        def again() -> Settings:
            renewed = again_from(file)
            for process in running:
                process.send_signal(signal.SIGHUP)
            return renewed

        worker = asyncio.create_task(_keep_worker(file, running))
        try:
            await serve(settings, again, redis_url, ready)
        finally:
            await _cancelled(worker)


async def _keep_worker(file: Path, running: set[Process]) -> None:
    pause = FIRST_PAUSE
    while True:
        started = asyncio.get_running_loop().time()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "workers",
            "--config",
            str(file),
            stdin=asyncio.subprocess.DEVNULL,
            preexec_fn=embedded_server.dies_with_parent(),
            start_new_session=True,  # Ctrl-C is for us: the worker is stopped in its turn
        )
        running.add(process)
        try:
            code = await process.wait()
        finally:
            running.discard(process)
            await _stop(process)
        log.error("the worker ended with %s and is started again", code)
        steady = asyncio.get_running_loop().time() - started > STEADY_SECONDS
        pause = FIRST_PAUSE if steady else min(pause * 2, LONGEST_PAUSE)
        await asyncio.sleep(pause)


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(WORKER_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def run(line: Coroutine[Any, Any, None]) -> None:
    """Run until done or interrupted; Ctrl-C is a normal end."""
    with suppress(KeyboardInterrupt):
        asyncio.run(line)
