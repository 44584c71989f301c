"""A vendor with OAuth access tokens: its token service and its API over real HTTP, and the adapter for it."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.applications import Starlette
from starlette.requests import Request as Asked
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.core.errors import TokenRefused
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import Reason
from bridge.core.tokens import RateLimit, Tokens
from bridge.egress.client import EgressClient
from bridge.egress.session import AccountSession
from bridge.store.accounts import AccountStore
from bridge.store.client import TextRedis

CLIENT_SECRET = Secret("client-secret-of-nobody")
SETTINGS = "settings"
"""What the service notes as the grant when no refresh token came: the credentials of the settings."""


@dataclass
class Vendor:
    """The service. `grants` are what tokens were asked for with, in order; `refresh_tokens` those that are valid.

    `rotates`: each use of a refresh token gives a new one; the one used stays valid beside it (`grace`) or does not.
    What came in is carried out at once, and answered when `gate` is open.
    """

    rotates: bool = True
    grace: bool = True
    lifetime: int = 3600
    status: int = 200
    answer: str | None = None
    grants: list[str] = field(default_factory=list)
    refresh_tokens: list[str] = field(default_factory=list)
    access_tokens: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.gate.set()

    def revoke(self) -> None:
        """No access token is valid any longer."""
        self.access_tokens.clear()

    def app(self) -> Starlette:
        return Starlette(
            routes=[Route("/token", self._token, methods=["POST"]), Route("/api", self._api, methods=["GET", "POST"])]
        )

    async def _token(self, asked: Asked) -> Response:
        form = parse_qs((await asked.body()).decode())
        grant = form.get("refresh_token", [SETTINGS])[0]
        self.grants.append(grant)
        with self._counted():
            answer = self._answer(grant)
            await self.gate.wait()
        return answer

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            yield
        finally:
            self.at_once -= 1

    def _answer(self, grant: str) -> Response:
        if self.status != 200 or self.answer is not None:
            return Response(self.answer or "", self.status)
        if grant not in (SETTINGS, *self.refresh_tokens):
            return JSONResponse({"error": "invalid_grant"}, 400)
        number = next(self._numbers)
        told: dict[str, Any] = {"access_token": f"ACCESS-{number}", "expires_in": self.lifetime}
        self.access_tokens.add(told["access_token"])
        if self.rotates or grant == SETTINGS:
            told["refresh_token"] = f"REFRESH-{number}"
            self.refresh_tokens = [told["refresh_token"], *([grant] if self.grace and grant != SETTINGS else [])]
        return JSONResponse(told)

    async def _api(self, asked: Asked) -> Response:
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        self.calls.append(token)
        return Response("{}", 200 if token in self.access_tokens else 401)


@dataclass(frozen=True)
class Account:
    """What stands in the settings."""

    url: str
    client_secret: Secret = CLIENT_SECRET
    limit: RateLimit | None = None


class Adapter:
    """The make's side: how tokens are asked for and read."""

    def ask_token(self, account: Account, refresh: Secret | None, now: datetime) -> Request:
        fields = {"client_secret": account.client_secret.reveal()}
        if refresh is not None:
            fields["refresh_token"] = refresh.reveal()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request("POST", f"{account.url}/token", headers, urlencode(fields).encode())

    def read_token(self, account: Account, reply: Reply, now: datetime) -> Tokens:
        if reply.status in (400, 401):
            raise TokenRefused(Reason("token-refused"))
        told = json.loads(reply.body)
        refresh = Secret(told["refresh_token"]) if "refresh_token" in told else None
        return Tokens(Secret(told["access_token"]), now + timedelta(seconds=told["expires_in"]), refresh)

    def rate_limit(self, account: Account) -> RateLimit | None:
        return account.limit


def open_session(
    client: EgressClient, redis: TextRedis, account: Account, late: float = 0.0, timeout: float = 5.0
) -> AccountSession:
    """A session of an account called acme, as each process has its own, `late` seconds from now."""
    memory = AccountStore(redis, "crm:acme", [account.client_secret])
    later = timedelta(seconds=late)
    return AccountSession("acme", Adapter(), account, client, memory, lambda: datetime.now(UTC) + later, timeout)
