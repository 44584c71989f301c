"""`GET /desktop/events`: the agent's popups as they come (SSE); `Last-Event-ID` catches up.

Plain ASGI, because a response object, a generator and a task for each of ten thousand idle pages would cost more
memory than the pages are worth.
"""

import asyncio
import logging
import re
from dataclasses import asdict

from redis.exceptions import RedisError
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge.shapes import as_json, time_text
from bridge.store import desktop
from bridge.store.desktop import EntryId
from bridge.store.tokens import Grant
from bridge.web import pages
from bridge.web.hub import Hub
from bridge.web.pages import Page
from bridge.web.signin import agent_of, told_of
from bridge.wiring import Kit

log = logging.getLogger(__name__)

RETRY_MS = 1000
ENTRY_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class Events:
    """The endpoint."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["method"] == "HEAD":
            await Response(status_code=405, headers={"Allow": "GET"})(scope, receive, send)
            return
        grant, hello = await _hello(Request(scope, receive))
        after = _last_event(scope)
        hub: Hub = scope["app"].state.hub
        page = Page(grant, send, after or (0, 0))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await page.catch_up(hello)
            await _follow(hub, page, after, receive)
        except asyncio.CancelledError:
            await _part(page)
        except (RedisError, OSError) as error:
            log.warning("a stream ends, redis is away: %s", type(error).__name__)
            await send({"type": "http.response.body", "body": pages.BYE, "more_body": False})
        finally:
            hub.leave(page)


async def _hello(request: Request) -> tuple[Grant, bytes]:
    kit: Kit = request.app.state.kit
    grant = await agent_of(request)
    preferences = await desktop.preferences(kit.redis, grant)
    said = {
        "now": time_text(kit.clock.now()),
        "agent": told_of(kit, grant),
        "preferences": as_json(asdict(preferences)),
    }
    return grant, f"retry: {RETRY_MS}\n\n".encode() + pages.event("hello", said)


def _last_event(scope: Scope) -> EntryId | None:
    last = Headers(scope=scope).get("last-event-id", "")
    return desktop.entry_id(last) if ENTRY_ID.fullmatch(last) else None


async def _follow(hub: Hub, page: Page, after: EntryId | None, receive: Receive) -> None:
    desk = hub.join(page)
    missed = await hub.catch_up(page, after)
    if missed.news:
        await page.catch_up(b"".join(pages.chunk(news) for news in missed.news))
    page.go_live(missed.last)
    hub.show_card(desk, page, missed)
    del missed, desk
    await page.until_gone(receive)


async def _part(page: Page) -> None:
    try:
        await page.part()
    except TimeoutError:
        log.info("a page that did not take its last words is dropped")
