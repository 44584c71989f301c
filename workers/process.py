"""What all jobs of one worker process share: one event loop and one kit, so that connections outlive a job."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

from bridge.messages import Secret
from bridge.settings import Settings
from bridge.wiring import Kit, open_kit

_running: "Process | None" = None


class Process:
    """Runs the lines of jobs, one at a time."""

    def __init__(self, settings: Settings, redis_url: Secret) -> None:
        self._runner = asyncio.Runner()
        self._opening: AbstractAsyncContextManager[Kit] = open_kit(settings, redis_url)
        self._kit = self._runner.run(self._opening.__aenter__())

    def run(self, line: Callable[[Kit], Coroutine[Any, Any, None]]) -> None:
        """Run one line to its end."""
        self._runner.run(line(self._kit))

    def close(self) -> None:
        """Close all connections."""
        self._runner.run(self._closed())
        self._runner.close()

    async def _closed(self) -> None:
        await self._opening.__aexit__(None, None, None)


def start(settings: Settings, redis_url: Secret) -> Process:
    """Make this process one that jobs can run in."""
    global _running  # RQ calls jobs by name alone, so what they need must be found from here
    _running = Process(settings, redis_url)
    return _running


def run(line: Callable[[Kit], Coroutine[Any, Any, None]]) -> None:
    """Run a job's line in this process."""
    if _running is None:
        raise RuntimeError("jobs run in a process started by `popbridge worker`")
    _running.run(line)
