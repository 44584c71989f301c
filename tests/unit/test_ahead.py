"""Questions asked ahead: for new clicks, not for known repeats, and not for many at once."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from bridge.calls import ahead
from bridge.calls.ahead import Ahead
from bridge.core.model import ExtensionId

pytestmark = pytest.mark.anyio
LINE = [ExtensionId("main", "201")]


class Held:
    """A phone system that answers when it is let."""

    def __init__(self) -> None:
        self.asked, self.answers = 0, asyncio.Event()

    async def live_calls(self, extensions: Sequence[ExtensionId]) -> Any:
        """Whatever it may be."""
        self.asked += 1
        await self.answers.wait()


async def test_a_repeat_that_is_known_asks_nothing() -> None:
    line, now = Held(), 0.0
    questions = Ahead(cast(Any, line), lambda: now)
    questions.needs_none("click", 5)
    assert questions.ask(LINE, ["click"]) is None
    now = 6.0
    asked = questions.ask(LINE, ["click"])
    assert asked is not None
    line.answers.set()
    await asked


async def test_many_clicks_at_once_are_told_apart_first_and_share_what_is_asked_then() -> None:
    line = Held()
    questions = Ahead(cast(Any, line), lambda: 0.0)
    asked = [questions.ask(LINE, [str(number)]) for number in range(ahead.MOST_AHEAD + 3)]
    assert [one is None for one in asked] == [False] * ahead.MOST_AHEAD + [True] * 3
    line.answers.set()
    await asyncio.gather(*(one for one in asked if one is not None))
    await asyncio.sleep(0)
    last = questions.ask(LINE, ["later"])
    assert last is not None
    last.cancel()
