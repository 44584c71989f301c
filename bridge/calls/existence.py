"""Whether there is an extension, of a phone system whose list of calls names only those that have one."""

import asyncio
from collections.abc import Awaitable, Callable

from bridge.pbx.contract import Existence

KNOWN_SECONDS = 60.0
"""How long an extension that was listed once is taken to be there still."""


class Extensions:
    """The extensions there are, of a phone system whose list of calls leaves out idle ones. Clicks share questions.

    `ask` is for the list of all, `ask_one` for one alone, where the phone system can be asked so.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[frozenset[str] | None]],
        ask_one: Callable[[str], Awaitable[Existence]],
        ticks: Callable[[], float],
    ) -> None:
        self._ask, self._ask_one, self._ticks = ask, ask_one, ticks
        self._seen: dict[str, float] = {}
        self._asked_at = float("-inf")
        self._question: asyncio.Task[frozenset[str] | None] | None = None

    async def existence(self, extension: str, clicked_at: float) -> Existence:
        """Whether it is one of them. Raises `PbxError`.

        That there is no such extension is told only from a question asked after the click (in ticks).
        """
        since = self._ticks() - KNOWN_SECONDS
        if self._seen.get(extension, float("-inf")) >= since:
            return Existence.EXISTS
        asked_at = self._ticks()
        one = await self._ask_one(extension)
        if one is not Existence.NOBODY_TELLS:
            self._note(extension, one, asked_at)
            return one
        known = await self._known(since)
        if known is not None and extension not in known:
            known = await self._known(clicked_at)
        if known is None:
            return Existence.NOBODY_TELLS
        return Existence.EXISTS if extension in known else Existence.UNKNOWN

    def _note(self, extension: str, one: Existence, asked_at: float) -> None:
        """Those who exist are known to for a while, as if a list had named them."""
        self._seen = {name: at for name, at in self._seen.items() if at >= asked_at - KNOWN_SECONDS}
        if one is Existence.EXISTS:
            self._seen[extension] = asked_at

    async def _known(self, since: float) -> frozenset[str] | None:
        """What was asked at `since` or later. It belongs to nobody: who gives up waiting takes it from no other."""
        if self._question is None or self._asked_at < since or _failed(self._question):
            self._asked_at, self._question = self._ticks(), asyncio.create_task(self._answer())
            self._question.add_done_callback(_failed)  # seen, even if nobody waits any more
        return await asyncio.shield(self._question)

    async def _answer(self) -> frozenset[str] | None:
        return await self._ask()


def _failed(question: "asyncio.Task[frozenset[str] | None]") -> bool:
    return question.done() and (question.cancelled() or question.exception() is not None)
