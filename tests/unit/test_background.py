"""Ending what runs in the background."""

import asyncio

import pytest

from bridge.core import background

pytestmark = pytest.mark.anyio


async def test_a_task_that_forgets_a_cancellation_is_ended_all_the_same() -> None:
    forgotten = 0

    async def forgetful() -> None:
        nonlocal forgotten
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if forgotten >= 2:
                    raise
                forgotten += 1

    async def failing() -> None:
        raise ValueError("a fault of its own")

    tasks = [asyncio.create_task(forgetful()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    await background.end(*tasks)
    assert forgotten == 2
    assert all(task.done() for task in tasks)


async def test_nothing_to_end() -> None:
    await background.end()
