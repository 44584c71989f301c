"""Addresses of clicks and events as people paste them: with slashes and invisible marks too many."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.core.text import trimmed

DOOR = re.compile(r"/+(clicks|events)(?:/+(.*?))?/*", re.S)


class TidyPaths:
    """`//clicks/acme/` is `/clicks/acme`. What was sent is kept in `raw_path`, which some senders sign."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        found = DOOR.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if found is not None:
            scope = {**scope, "path": f"/{found[1]}/{trimmed(found[2] or '')}"}
        await self._app(scope, receive, send)
