"""`GET /desktop/events`: the agent's popups as they come (SSE); `Last-Event-ID` catches up.

No response object, generator or task for an idle page: with ten thousand of them each costs more than the pages.
"""

import asyncio
import logging
import re
from dataclasses import asdict

from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge.core.json_codec import as_json, time_text
from bridge.services import Services
from bridge.store.desktop import preferences, stream
from bridge.store.desktop.stream import EntryId
from bridge.store.tokens import Grant
from bridge.web.body import source_of
from bridge.web.desktop import open_pages
from bridge.web.desktop.hub import Hub
from bridge.web.desktop.open_pages import Page
from bridge.web.desktop.page import of_crm
from bridge.web.desktop.seats import Seat
from bridge.web.http_protocol import IS_BEHIND
from bridge.web.signin import agent_of, told_of

log = logging.getLogger(__name__)

RETRY_MS = 1000
ENTRY_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")
WAITING = "popbridge.stream"
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"connection", b"close"),
]


class Stream:
    """A stream that may begin. Its endpoint only leaves it in the scope; `Streaming` runs it when all layers between
    have returned: a page that is idle for hours must not hold the frames of ten of them."""

    def __init__(self, hub: Hub, grant: Grant, hello: bytes, after: EntryId | None, seat: Seat) -> None:
        self._hub, self._grant, self._hello, self._after, self._seat = hub, grant, hello, after, seat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, as a response: nothing is sent yet."""
        scope[WAITING] = self
        self._is_behind = scope.get("state", {}).get(IS_BEHIND, open_pages.may_be_behind)

    async def run(self, receive: Receive, send: Send) -> None:
        """Until the page goes, the server stops, the token ends, or the reader is too slow."""
        page = Page(self._grant, send, self._after or (0, 0), self._is_behind)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await self._begin(page)
            await page.until_gone(receive)
        except asyncio.CancelledError:
            await part(page)
        except (RedisError, OSError) as error:
            log.warning("a stream ends, redis is away: %s", type(error).__name__)
            await send({"type": "http.response.body", "body": open_pages.BYE, "more_body": False})
        finally:
            self._hub.leave(page)
            self._seat.leave()

    async def _begin(self, page: Page) -> None:
        await page.catch_up(self._hello)
        self._hello = b""
        desk = self._hub.join(page)
        missed = await self._hub.catch_up(page, self._after)
        if missed.news:
            await page.catch_up(b"".join(open_pages.chunk(news) for news in missed.news))
        page.go_live(missed.last)
        self._hub.show_card(desk, page, missed)


async def part(page: Page) -> None:
    """Last words of a page that was ended; one that does not take them is dropped."""
    try:
        await page.part()
    except TimeoutError:
        log.info("a page that did not take its last words is dropped")


class Streaming(Starlette):
    """Starlette, and the streams that its endpoints leave in the scope."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await super().__call__(scope, receive, send)
        if (stream := scope.pop(WAITING, None)) is not None:
            await stream.run(receive, send)


async def events(request: Request) -> Response | Stream:
    """The endpoint."""
    if request.method == "HEAD":
        return Response(status_code=405, headers={"Allow": "GET"})
    state = request.app.state
    limits, address = state.services.settings.desktop, source_of(request)
    state.seats.check_address(address, limits)
    grant = await agent_of(request)
    seat = state.seats.take(grant, address, limits)
    try:
        return Stream(state.hub, grant, await hello(request, grant), last_event(request), seat)
    except BaseException:
        seat.leave()
        raise


async def hello(request: Request, grant: Grant) -> bytes:
    """The first event of every page: the time, and what the page needs to know of its agent."""
    services: Services = request.app.state.services
    async with request.app.state.room:
        wanted = await preferences.load(services.redis, grant)
    said = {
        "now": time_text(services.clock.now()),
        "agent": told_of(services, grant),
        "preferences": as_json(asdict(wanted)),
        **of_crm(services, grant),
    }
    return f"retry: {RETRY_MS}\n\n".encode() + open_pages.event("hello", said)


def last_event(request: Request) -> EntryId | None:
    """How far the page has read its agent's stream before; None for a newly opened page."""
    last = request.headers.get("last-event-id", "")
    return stream.entry_id(last) if ENTRY_ID.fullmatch(last) else None
