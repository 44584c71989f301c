"""The session that an adapter works with: one account's way out, with all that the core owns of it."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, MutableMapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Protocol, Self

from bridge.core.errors import RateLimited, RequestFailed, TokenRefused
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import Reason
from bridge.core.session import Socket
from bridge.core.tokens import LimitsRequests, RateLimit, Tokens, UsesTokens
from bridge.egress.client import MAX_REPLY_BYTES, EgressClient
from bridge.egress.tokens import TokenKeeper, TokenStore

UNAUTHORIZED, TOO_MANY_REQUESTS, SERVER_ERRORS = 401, 429, 500
TOKEN_AGAIN_SECONDS = 1.0
"""When to ask again for a token that the vendor's rate limit has kept back."""


class Memory(TokenStore, Protocol):
    """What all processes together keep for the account."""

    async def remember(self, key: str, value: str, ttl: timedelta, vital: bool = True) -> None:
        """Keep a value; where it is `vital`, a failure if that cannot be done."""

    async def recall(self, key: str) -> str | None:
        """The value that is kept."""

    async def take_turn(self, limits: Sequence[RateLimit], patience: float = 0.0) -> float:
        """Seconds until a request may be sent under each of the limits; up to `patience` its turn is kept."""


class AccountSession:
    """One account's way out, for as long as its settings are in use. See `core.session.Session`."""

    def __init__(
        self,
        name: str,
        adapter: object,
        account: Any,
        client: EgressClient,
        memory: Memory,
        now: Callable[[], datetime],
        timeout_seconds: float,
        limit: RateLimit | None = None,
    ) -> None:
        self.name = name
        self.local: MutableMapping[str, Any] = {}
        self._client, self._memory, self._now, self._timeout = client, memory, now, timeout_seconds
        self._limits = [one for one in (limit, _vendor_limit(adapter, account)) if one is not None]
        self._tokens = (
            TokenKeeper(memory, self._fetch, now, timeout_seconds) if isinstance(adapter, UsesTokens) else None
        )
        self._adapter, self._account = adapter, account
        self._patience = self._patience_once_begun = 0.0

    def attempt(self) -> Self:
        """The same for one attempt, of several requests. Once one is sent, the next ones wait for their turn under the
        rate limit; whoever has sent nothing is refused meanwhile. Were those refused, too, all would start over again
        and again, and none would end."""
        if not self._limits:
            return self
        attempt = copy.copy(self)
        attempt._patience_once_begun = self._timeout / 2
        return attempt

    @property
    def now(self) -> datetime:
        """The time, in UTC."""
        return self._now()

    async def send(self, request: Request, repeatable: bool = False, wants_body: bool = True) -> Reply:
        """See `Session.send`."""
        if self._limits:
            await self._take_turn()
        most = MAX_REPLY_BYTES if wants_body else 0
        return await self._client.send(request, self._timeout, most, repeatable)

    async def _take_turn(self) -> None:
        wait = await self._memory.take_turn(self._limits, self._patience)
        if wait > self._patience:
            raise RateLimited(wait)
        self._patience = self._patience_once_begun
        await asyncio.sleep(wait)

    async def send_authorized(self, request: Request, repeatable: bool = False) -> Reply:
        """See `Session.send_authorized`."""
        token = await self.token()
        reply = await self.send(_bearing(request, token), repeatable)
        if reply.status != UNAUTHORIZED:
            return reply
        return await self.send(_bearing(request, await self.token(refused=token)), repeatable)

    async def token(self, refused: Secret | None = None) -> Secret:
        """See `Session.token`."""
        if self._tokens is None:
            raise TypeError(f"{self.name}: only an adapter with ask_token has tokens")
        return await self._tokens.token(refused)

    async def dial(self, host: str, port: int, tls: bool = False) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """See `Session.dial`."""
        return await self._client.dial(host, port, self._timeout, tls)

    @asynccontextmanager
    async def websocket(
        self, request: Request, authorized: bool = False, pings: bool = True
    ) -> AsyncIterator[Socket | Reply]:
        """See `Session.websocket`."""
        token = await self.token() if authorized else None
        async with AsyncExitStack() as stack:
            opened = await stack.enter_async_context(self._open(request, token, pings))
            if token is not None and isinstance(opened, Reply) and opened.status == UNAUTHORIZED:
                token = await self.token(refused=token)
                opened = await stack.enter_async_context(self._open(request, token, pings))
            yield opened

    def _open(self, request: Request, token: Secret | None, pings: bool) -> AbstractAsyncContextManager[Socket | Reply]:
        return self._client.websocket(_bearing(request, token) if token else request, self._timeout, pings)

    async def remember(self, key: str, value: str, ttl: timedelta, vital: bool = True) -> None:
        """See `Session.remember`."""
        await self._memory.remember(key, value, ttl, vital)

    async def recall(self, key: str) -> str | None:
        """See `Session.recall`."""
        return await self._memory.recall(key)

    async def _fetch(self, refresh: Secret | None) -> Tokens:
        adapter = self._adapter
        assert isinstance(adapter, UsesTokens)  # noqa: S101 - for the type checker: else there is no keeper
        reply = await self._client.send(adapter.ask_token(self._account, refresh, self._now()), self._timeout)
        if reply.status == TOO_MANY_REQUESTS:
            raise RateLimited(TOKEN_AGAIN_SECONDS)
        if reply.status >= SERVER_ERRORS:
            raise RequestFailed("token-unavailable", Reason("token-unavailable", {"status": reply.status}))
        try:
            return adapter.read_token(self._account, reply, self._now())
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):  # JSON of another shape
            raise TokenRefused(Reason("token-unreadable", {"status": reply.status})) from None


def _vendor_limit(adapter: object, account: Any) -> RateLimit | None:
    return adapter.rate_limit(account) if isinstance(adapter, LimitsRequests) else None


def _bearing(request: Request, token: Secret) -> Request:
    headers = {**request.headers, "Authorization": f"Bearer {token.reveal()}"}
    return Request(request.method, request.url, headers, request.body)
