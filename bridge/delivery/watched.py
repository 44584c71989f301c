"""A session that says what the newest answer was, for the record of one attempt."""

import asyncio
from collections.abc import MutableMapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any

from bridge.core.http_types import Reply, Request, Secret
from bridge.core.session import Session, Socket


class Watched:
    """A session whose newest HTTP status is kept, for the record of one attempt."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.status: int | None = None

    @property
    def name(self) -> str:
        """See `Session.name`."""
        return self._session.name

    @property
    def now(self) -> datetime:
        """See `Session.now`."""
        return self._session.now

    @property
    def local(self) -> MutableMapping[str, Any]:
        """See `Session.local`."""
        return self._session.local

    async def send(self, request: Request, repeatable: bool = False, wants_body: bool = True) -> Reply:
        """See `Session.send`."""
        return self._seen(await self._session.send(request, repeatable, wants_body))

    async def send_authorized(self, request: Request, repeatable: bool = False) -> Reply:
        """See `Session.send_authorized`."""
        return self._seen(await self._session.send_authorized(request, repeatable))

    def _seen(self, reply: Reply) -> Reply:
        self.status = reply.status
        return reply

    async def token(self, refused: Secret | None = None) -> Secret:
        """See `Session.token`."""
        return await self._session.token(refused)

    async def dial(self, host: str, port: int, tls: bool = False) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """See `Session.dial`."""
        return await self._session.dial(host, port, tls)

    def websocket(
        self, request: Request, authorized: bool = False, pings: bool = True
    ) -> AbstractAsyncContextManager[Socket | Reply]:
        """See `Session.websocket`."""
        return self._session.websocket(request, authorized, pings)

    async def remember(self, key: str, value: str, ttl: timedelta, vital: bool = True) -> None:
        """See `Session.remember`."""
        await self._session.remember(key, value, ttl, vital)

    async def recall(self, key: str) -> str | None:
        """See `Session.recall`."""
        return await self._session.recall(key)
