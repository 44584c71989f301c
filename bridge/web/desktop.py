"""The agent's desktop page and its event stream."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from bridge.store import deliveries, desktop
from bridge.store.connection import Entry
from bridge.store.tokens import Grant
from bridge.web.signin import grant_of
from bridge.wiring import Kit

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
RETRY_MS = 1000
ENTRY_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")
HEARTBEAT_READS = 15
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors "
)


async def page(request: Request) -> Response:
    """`GET /desktop`: the page; who may see what is decided by the token it brings to `events`."""
    kit: Kit = request.app.state.kit
    ancestors = " ".join(("'self'", *kit.settings.server.frame_ancestors))
    headers = {"Content-Security-Policy": PAGE_POLICY + ancestors, "Cache-Control": "no-cache"}
    return FileResponse(STATIC / "desktop.html", headers=headers)


async def events(request: Request) -> Response:
    """`GET /desktop/events`: the agent's popups as they come (SSE); `Last-Event-ID` catches up."""
    grant = await grant_of(request)
    last = request.headers.get("last-event-id", "")
    after = last if ENTRY_ID.fullmatch(last) else "0-0"
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_stream(request, grant, after), media_type="text/event-stream", headers=headers)


async def _stream(request: Request, grant: Grant, last: str) -> AsyncIterator[str]:
    yield f"retry: {RETRY_MS}\n\n"
    try:
        async for text in _events(request, grant, last):
            yield text
    except (RedisError, OSError) as error:
        log.warning("a stream ends, redis is away: %s", type(error).__name__)
    yield "event: bye\ndata: {}\n\n"


async def _events(request: Request, grant: Grant, last: str) -> AsyncIterator[str]:
    kit: Kit = request.app.state.kit
    leaving: asyncio.Event = request.app.state.leaving
    quiet = 0
    while not leaving.is_set() and not await request.is_disconnected():
        for entry in await desktop.read(kit.streams, grant, last):
            last, quiet = entry[0], 0
            if datetime.fromisoformat(entry[1]["expires_at"]) > kit.clock.now():
                yield _event(entry)
                await deliveries.delivered(kit.redis, entry[1]["delivery_id"], kit.clock.now())
        quiet += 1
        if quiet % HEARTBEAT_READS == 0:
            yield ": still here\n\n"


def _event(entry: Entry) -> str:
    entry_id, fields = entry
    return f"event: popup\nid: {entry_id}\ndata: {fields['popup']}\n\n"
