"""Sessions for contract tests: one whose replies are samples, and one that talks to a make's simulator."""

import asyncio
from collections.abc import Iterable, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from bridge.core.errors import RateLimited, RequestFailed
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import Reason
from bridge.core.tokens import KeptTokens, UsesTokens
from bridge.egress.tokens import TokenKeeper
from bridge.pbx.recording import fed

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
TOKEN = Secret("ACCESS-TOKEN-OF-THE-TESTS")


class _Memory:
    """What all processes share, without Redis."""

    def __init__(self) -> None:
        self.remembered: dict[str, str] = {}
        self._tokens: KeptTokens | None = None

    async def load_tokens(self) -> KeptTokens | None:
        return self._tokens

    async def save_tokens(self, tokens: KeptTokens) -> None:
        self._tokens = tokens

    async def lock(self, holder: str, seconds: float) -> bool:
        return True

    async def unlock(self, holder: str) -> None: ...

    async def take_turn(self, limits: object, patience: float = 0.0) -> float:
        return 0.0


class ContractSession:
    """What both share: every request is kept, what is remembered stays, tokens are kept by the program's own keeper."""

    def __init__(self, name: str, adapter: object, account: Any, now: datetime = NOW) -> None:
        self.name, self.now = name, now
        self.local: MutableMapping[str, Any] = {}
        self.requests: list[Request] = []
        self.memory = _Memory()
        self._adapter, self._account = adapter, account
        self._keeper = TokenKeeper(self.memory, self._fetch, lambda: self.now)

    async def reply_to(self, request: Request) -> Reply:
        """The reply; each kind of session has its own."""
        raise NotImplementedError

    async def send(self, request: Request, repeatable: bool = False, wants_body: bool = True) -> Reply:
        self.requests.append(request)
        return await self.reply_to(request)

    async def send_authorized(self, request: Request, repeatable: bool = False) -> Reply:
        token = await self.token()
        reply = await self.send(_bearing(request, token), repeatable)
        if reply.status != 401:
            return reply
        return await self.send(_bearing(request, await self.token(refused=token)), repeatable)

    async def token(self, refused: Secret | None = None) -> Secret:
        return await self._keeper.token(refused)

    async def _fetch(self, refresh: Secret | None) -> Any:
        assert isinstance(self._adapter, UsesTokens)
        reply = await self.reply_to(self._adapter.ask_token(self._account, refresh, self.now))
        if reply.status == 429:
            raise RateLimited(1.0)
        if reply.status >= 500:
            raise RequestFailed("token-unavailable", Reason("token-unavailable", {"status": reply.status}))
        return self._adapter.read_token(self._account, reply, self.now)

    async def dial(self, host: str, port: int, tls: bool = False) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(host, port)

    def websocket(self, request: Request, authorized: bool = False, pings: bool = True) -> Any:
        raise NotImplementedError("no question needs one")

    async def remember(self, key: str, value: str, ttl: timedelta, vital: bool = True) -> None:
        self.memory.remembered[key] = value

    async def recall(self, key: str) -> str | None:
        return self.memory.remembered.get(key)


class ScriptedSession(ContractSession):
    """Its replies are given beforehand, in order; the last one is the reply to everything after."""

    def __init__(self, adapter: object, account: Any, replies: Iterable[Reply], now: datetime = NOW) -> None:
        super().__init__("main", adapter, account, now)
        self._replies = list(replies)
        self.raw: bytes | None = None
        """What comes on a connection that is dialled, to its end; None: a real one is opened."""

    async def dial(self, host: str, port: int, tls: bool = False) -> tuple[asyncio.StreamReader, Any]:
        return fed(self.raw) if self.raw is not None else await super().dial(host, port, tls)

    async def reply_to(self, request: Request) -> Reply:
        return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    async def token(self, refused: Secret | None = None) -> Secret:
        return TOKEN


class SimulatorSession(ContractSession):
    """Its replies come from an app, over HTTP without a network between. What the app raises is a broken connection."""

    def __init__(self, adapter: object, account: Any, app: Any, now: datetime = NOW) -> None:
        super().__init__("main", adapter, account, now)
        self._app = app

    async def reply_to(self, request: Request) -> Reply:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app)) as client:
            try:
                response = await client.request(
                    request.method, request.url, headers=dict(request.headers), content=request.body
                )
            except (RuntimeError, httpx.HTTPError):
                raise RequestFailed("broken-connection", Reason("broken-connection", {"host": "simulator"})) from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, response.content, 1.0)


def _bearing(request: Request, token: Secret) -> Request:
    headers = {**request.headers, "Authorization": f"Bearer {token.reveal()}"}
    return Request(request.method, request.url, headers, request.body)
