"""The phone system is asked while Redis tells whether a click is a repeat: one wait less for every new click."""

import asyncio
from collections.abc import Callable, Collection, Sequence

from bridge.calls.live_calls import Lookup, LookupResult
from bridge.core.model import ExtensionId

MOST_KEPT, MOST_AHEAD = 4096, 8


class Ahead:
    """Questions asked before it is known that somebody needs them, and who needs none.

    A repeat that another process has seen costs a question for nothing; one that this process has seen costs none.
    With `MOST_AHEAD` of them on their way no further one is asked ahead: clicks that come so close together share
    questions once Redis has told all of them, and that they cost less is worth more then than the wait.
    """

    def __init__(self, lookup: Lookup, ticks: Callable[[], float]) -> None:
        self._lookup, self._ticks = lookup, ticks
        self._until: dict[str, float] = {}
        self._asked: set[asyncio.Task[LookupResult]] = set()

    def ask(self, extensions: Sequence[ExtensionId], names: Collection[str]) -> "asyncio.Task[LookupResult] | None":
        """The question, on its way; None where one of these `names` needs none, or many are asked already. Whoever has
        no use for it cancels it: others who share it still get their answer."""
        now = self._ticks()
        if len(self._asked) >= MOST_AHEAD or any(self._until.get(name, now) > now for name in names):
            return None
        asked = asyncio.create_task(self._lookup.live_calls(extensions))
        self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)
        return asked

    def needs_none(self, name: str, seconds: float) -> None:
        """So long; of many names, the oldest are forgotten."""
        self._until.pop(name, None)
        self._until[name] = self._ticks() + seconds
        if len(self._until) > MOST_KEPT:
            del self._until[next(iter(self._until))]
