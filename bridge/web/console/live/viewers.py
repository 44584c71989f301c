"""Open live pages, and what each of them was sent already."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from starlette.requests import Request
from starlette.types import Send

from bridge.agents.access import Access
from bridge.core.json_codec import json_text
from bridge.store.clicks.callers import key_of
from bridge.store.grants import Grant
from bridge.web.api.audit import record_shown
from bridge.web.console.live.rows import Rows
from bridge.web.desktop.open_pages import Page
from bridge.web.desktop.seats import TooManyStreams

MOST_VIEWERS = 500
"""Of one process."""
MOST_REMEMBERED = 5000
"""Callers that a page was shown: beyond that they are recorded anew."""


class Viewer:
    """One open live page."""

    def __init__(self, request: Request, grant: Grant, send: Send) -> None:
        self.request, self.grant, self.page = request, grant, Page(grant, send, (0, 0))
        self._sent: dict[str, str] = {}
        self._around = ""
        self._recorded: set[str] = set()

    async def show(self, rows: Rows, around: str, now: str, access: Access) -> None:
        """Send what has changed since it was sent last. Who is shown a caller is recorded before. Raises redis-py's
        errors: nothing was sent then.

        `around` is the JSON of what is not a row."""
        now_shown = {**rows.agents, **rows.queues}
        changed = [key for key, text in now_shown.items() if self._sent.get(key) is not text]
        gone = [key for key in self._sent if key not in now_shown]
        if not (changed or gone or around != self._around):
            return
        await self._record(changed, rows, access)
        text = _message(changed, gone, rows, around if around != self._around else "", now)
        self.page.tell(f"event: {'change' if self._around else 'floor'}\ndata: {text}\n\n".encode())
        self._sent, self._around = now_shown, around

    async def _record(self, changed: Iterable[str], rows: Rows, access: Access) -> None:
        shown = {key_of(caller): caller for key in changed for caller in rows.callers.get(key, ())}
        new = {key: caller for key, caller in shown.items() if key and key not in self._recorded}
        if not new:
            return
        await record_shown(self.request, access, "live", new.values())
        if len(self._recorded) > MOST_REMEMBERED:
            self._recorded.clear()
        self._recorded.update(new)


def _message(changed: Collection[str], gone: Collection[str], rows: Rows, around: str, now: str) -> str:
    agents = ",".join(rows.agents[key] for key in changed if key in rows.agents)
    queues = ",".join(rows.queues[key] for key in changed if key in rows.queues)
    parts = [f'"now":"{now}"']
    parts += [f'"agents":[{agents}]'] if agents else []
    parts += [f'"queues":[{queues}]'] if queues else []
    parts += [f'"gone":{json_text(list(gone))}'] if gone else []
    parts += [around] if around else []
    return "{" + ",".join(parts) + "}"


class Seats:
    """How many live pages one person, and all together, may have open in this process."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, holder: str, most: int) -> Iterator[None]:
        """One more while the block lasts. Raises `TooManyStreams`."""
        if self._taken[holder] >= most or self._taken.total() >= MOST_VIEWERS:
            raise TooManyStreams("of this person", most, "streams_per_person", "live pages", "console")
        self._taken[holder] += 1
        try:
            yield
        finally:
            self._taken[holder] -= 1
            if not self._taken[holder]:
                del self._taken[holder]


async def leave_all(viewers: Collection[Viewer], leaving: asyncio.Event, farewell: bytes) -> None:
    """When the process stops every page is told so, and connects to another."""
    await leaving.wait()
    for viewer in [*viewers]:
        viewer.page.end(farewell)
