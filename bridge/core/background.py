"""Ending what runs in the background."""

import asyncio
from typing import Any

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
