"""`popbridge up`, `serve` and `worker`: the processes."""

import logging
import os
import sys
from collections.abc import Coroutine
from typing import Any

import click

from bridge import reload
from bridge.cli import up as processes
from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.terminal import failures_explained
from bridge.observability import logs, open_files, sd_notify
from bridge.store import embedded

log = logging.getLogger(__name__)

SWITCH_SECONDS = 0.001
"""So long the event loop may wait for a thread that reads a large answer; Python's own 5 ms would be felt in each of a
click's turns."""


@click.command()
@with_settings
def up(chosen: Chosen) -> None:
    """Run web and worker, and an embedded Redis if there is no [redis] url."""
    reload.hold()
    settings = chosen.settings()
    logs.start(settings.log, "web")
    open_files.take_all()
    _run(processes.up(settings, chosen.file, _ready))


@click.command()
@click.option("--fd", type=click.IntRange(0), help="File descriptor of a listening socket, as systemd passes it: 3.")
@with_settings
def serve(chosen: Chosen, fd: int | None) -> None:
    """Run one web process."""
    reload.hold()
    settings = chosen.settings()
    logs.start(settings.log, "web")
    open_files.take_all()

    async def web() -> None:
        async with embedded.redis_of(settings) as url:
            number = sd_notify.socket_given() if fd is None else fd
            await processes.serve(settings, lambda: processes.again_from(chosen.file), url, _ready, number)

    _run(web())


def _ready(address: str) -> None:
    sys.setswitchinterval(SWITCH_SECONDS)
    log.info("popbridge listens on %s", address)


def _run(process: Coroutine[Any, Any, None]) -> None:
    with failures_explained():
        processes.run(process)


@click.command()
@click.option("--concurrency", type=click.IntRange(1, 1000), default=64, show_default=True, help="Jobs at once.")
@with_settings
def worker(chosen: Chosen, concurrency: int) -> None:
    """Run one worker process."""
    reload.hold()
    chosen.settings()
    command = [sys.executable, "-m", "workers", "--config", str(chosen.file), "--concurrency", str(concurrency)]
    os.execv(sys.executable, command)  # noqa: S606
