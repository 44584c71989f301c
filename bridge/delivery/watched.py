"""A session that says what the newest answer was, for the record of one attempt."""

import asyncio
import re
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any

from bridge.core.http_types import Reply, Request, Secret
from bridge.core.session import Session, Socket
from bridge.core.text import one_line

REFUSED, LONGEST, MOST_READ = 400, 300, 4000
NUMBER = re.compile(r"\+?\d(?:[\s().-]?\d){4,}")
"""What may be somebody's number."""


class Watched:
    """A session whose newest HTTP status is kept, for the record of one attempt; and of an answer that refuses, the
    beginning of what it says. A target may repeat what it was sent: `secrets` and every number are left out."""

    def __init__(self, session: Session, secrets: Callable[[], Iterable[Secret]] = tuple) -> None:
        self._session, self._secrets = session, secrets
        self.status: int | None = None
        self.said = ""

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
        self.said = self._excerpt(reply.body) if reply.status >= REFUSED else ""
        return reply

    def _excerpt(self, body: bytes) -> str:
        text = body[:MOST_READ].decode("utf-8", "replace")
        for secret in filter(None, (secret.reveal() for secret in self._secrets())):
            text = text.replace(secret, "***")
        return one_line(NUMBER.sub("•••", text))[:LONGEST]

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
