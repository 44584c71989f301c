"""What runs in the background: for as long as something else lasts, and how it is ended."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

log = logging.getLogger(__name__)

AGAIN_SECONDS = 0.25


async def end(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel these tasks, which have nothing to tidy up, and wait until each has ended, whatever it ended with.

    They are cancelled again until then: a cancellation that meets a library at the wrong moment (redis-py about to
    time out, for one) is taken for that library's own and forgotten, and its loop would go on for ever.
    """
    while waiting := [task for task in tasks if not task.done()]:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def at_work(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run these, which would run for ever, for as long as the block lasts."""
    lines = [asyncio.create_task(line) for line in work]
    for line in lines:
        line.add_done_callback(_log_failure)
    try:
        yield
    finally:
        await end(*lines)


def _log_failure(line: "asyncio.Task[None]") -> None:
    if not line.cancelled() and (error := line.exception()) is not None:
        log.error("a task in the background has failed", exc_info=error)
