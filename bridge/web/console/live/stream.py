"""`GET /console/live/events`: the floor as it is and every change of it (SSE), as much as the token may see."""

import asyncio
import logging
from contextlib import ExitStack

from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge.core.json_codec import time_text
from bridge.services import Services
from bridge.store.grants import Grant
from bridge.web.body import source_of
from bridge.web.console.live.floor import Floor
from bridge.web.console.live.viewers import Viewer
from bridge.web.desktop import open_pages
from bridge.web.desktop.stream import HEADERS, RETRY_MS, WAITING, part
from bridge.web.signin import supervisor

log = logging.getLogger(__name__)


class Stream:
    """A stream that may begin; as the desktop's, it is run when all layers between have returned."""

    def __init__(self, request: Request, grant: Grant, seat: ExitStack) -> None:
        self._request, self._grant, self._seat = request, grant, seat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, as a response: nothing is sent yet."""
        scope[WAITING] = self

    async def run(self, receive: Receive, send: Send) -> None:
        """Until the page goes, the server stops, the token ends, or the reader is too slow."""
        floor: Floor = self._request.app.state.floor
        services: Services = self._request.app.state.services
        viewer = Viewer(self._request, self._grant, send)
        hello = open_pages.event("hello", {"now": time_text(services.clock.now())})
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await viewer.page.catch_up(f"retry: {RETRY_MS}\n\n".encode() + hello)
            viewer.page.go_live((0, 0))
            floor.join(viewer)
            await viewer.page.until_gone(receive)
        except asyncio.CancelledError:
            await part(viewer.page)
        except (RedisError, OSError) as error:
            log.warning("a live page's stream ends: %s", type(error).__name__)
        finally:
            floor.leave(viewer)
            self._seat.close()


async def events(request: Request) -> Response | Stream:
    """The endpoint."""
    if request.method == "HEAD":
        return Response(status_code=405, headers={"Allow": "GET"})
    state = request.app.state
    limits = state.services.settings
    state.seats.check_address(source_of(request), limits.desktop)
    grant = (await supervisor(request)).grant
    with ExitStack() as seat:
        seat.enter_context(state.floor.seats.taken(grant.holder, limits.console.streams_per_person))
        return Stream(request, grant, seat.pop_all())
