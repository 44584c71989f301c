"""The headers of every answer."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.web import cors


class SafeHeaders:
    """Headers that every answer bears unless it sets its own: nothing foreign is loaded, nothing is kept or leaked."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._safe = (
            (b"content-security-policy", f"{cors.POLICY}; frame-ancestors 'none'".encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
        )
        self._not_kept = (*self._safe, (b"cache-control", b"no-store"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                wanted = self._safe if scope["path"].startswith("/static/") else self._not_kept
                message["headers"] = [*message["headers"], *(one for one in wanted if one[0] not in given)]
                if scope["app"].state.leaving.is_set():
                    MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self._app(scope, receive, with_headers)
