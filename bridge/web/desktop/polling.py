"""`GET /desktop/poll`: the events of a page whose network lets no stream through. It asks again and again.

The answer is the text that the stream would have sent meanwhile: the same events, rights and replay. Between two
questions the page's events wait in its mailbox.
"""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, suppress

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bridge.store.desktop.stream import EntryId
from bridge.store.tokens import Grant
from bridge.web.body import source_of
from bridge.web.desktop import open_pages
from bridge.web.desktop.hub import Hub
from bridge.web.desktop.open_pages import QUEUE
from bridge.web.desktop.stream import hello, last_event
from bridge.web.signin import agent_of

HOLD_SECONDS = 2.0
"""A question is answered at once when there is something to tell, else after this long."""
PAGE_CHARACTERS = 64


class Mailbox:
    """A page as the hub sees it. It is gone when nobody asked for it between two heartbeats, or when too much waits;
    who asks then begins anew. `seen` is the last entry that was taken."""

    def __init__(self, grant: Grant, seen: EntryId, gone: Callable[[], object]) -> None:
        self.grant, self.seen, self._gone = grant, seen, gone
        self._waiting: list[tuple[EntryId | None, bytes]] = []
        self._came, self._is_asked = asyncio.Event(), True

    def tell(self, text: bytes, entry: EntryId | None = None) -> None:
        """Keep it until it is taken."""
        self._waiting.append((entry, text))
        self._came.set()
        if len(self._waiting) > QUEUE:
            self._gone()

    def beat(self) -> None:
        """The end, unless it was asked for since the last one."""
        if not self._is_asked:
            self._gone()
        self._is_asked = False

    def end(self, farewell: bytes | None) -> None:
        """With these last words for whoever is just asking."""
        if farewell is not None:
            self.tell(farewell)
        self._gone()

    async def take(self) -> bytes:
        """What waits, or else what comes next; empty when nothing does."""
        self._is_asked = True
        with suppress(TimeoutError):
            async with asyncio.timeout(HOLD_SECONDS):
                await self._came.wait()
        self._is_asked = True
        return self.drain()

    def drain(self) -> bytes:
        """What waits. An entry that was taken before is left out."""
        self._came.clear()
        waiting, self._waiting = self._waiting, []
        return b"".join(text for entry, text in waiting if self._is_new(entry))

    def _is_new(self, entry: EntryId | None) -> bool:
        is_new = entry is None or entry > self.seen
        self.seen = max(self.seen, entry or self.seen)
        return is_new


class Mailboxes:
    """The mailboxes of this process, by token and by the name that each page gives itself."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._boxes: dict[tuple[str, str], Mailbox] = {}

    def find(self, grant: Grant, page: str) -> Mailbox | None:
        """The mailbox of a page that asked before."""
        return self._boxes.get((grant.token_id, page))

    async def open(self, grant: Grant, page: str, after: EntryId | None, seat: ExitStack) -> bytes:
        """A new one, which has the `seat` until it is gone; what the page has missed. Raises redis-py's errors."""
        box = Mailbox(grant, after or (0, 0), seat.close)
        seat.callback(self._leave, page, box)
        self._boxes[grant.token_id, page] = box
        desk = self._hub.join(box)
        missed = await self._hub.catch_up(box, after)
        box.seen = max(box.seen, missed.last)
        self._hub.show_card(desk, box, missed)
        return b"".join(open_pages.chunk(news) for news in missed.news) + box.drain()

    def _leave(self, page: str, box: Mailbox) -> None:
        self._hub.leave(box)
        if self.find(box.grant, page) is box:
            del self._boxes[box.grant.token_id, page]


async def poll(request: Request) -> Response:
    """The endpoint."""
    state, page = request.app.state, request.query_params.get("page", "")
    if len(page) > PAGE_CHARACTERS:
        raise HTTPException(400, f"page must have at most {PAGE_CHARACTERS} characters.")
    grant = await agent_of(request)
    box = state.mailboxes.find(grant, page)
    text = await box.take() if box is not None else await _begin(request, grant, page)
    return Response(text, media_type="text/plain")


async def _begin(request: Request, grant: Grant, page: str) -> bytes:
    state, address = request.app.state, source_of(request)
    limits = state.services.settings.desktop
    state.seats.check_address(address, limits)
    seat = ExitStack()
    try:
        seat.enter_context(state.seats.taken(grant, address, limits))
        said = await hello(request, grant)
        missed: bytes = await state.mailboxes.open(grant, page, last_event(request), seat)
    except BaseException:
        seat.close()
        raise
    return said + missed
