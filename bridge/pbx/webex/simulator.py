"""Webex's API as a small server over a switchboard, with its tokens and faults. Not for real calls."""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Secret
from bridge.pbx.simulated_post import post
from bridge.pbx.simulation import SLOW_SECONDS, SimulatedPbx
from bridge.pbx.switchboard import Switchboard
from bridge.pbx.webex.exchange import Exchange, member_of
from bridge.pbx.webex.webhooks import WEBHOOKS
from bridge.pbx.webex.wire import MEMBERS, NUMBERS, TOKEN

CLIENT, CLIENT_SECRET = "popbridge-client-0123456789", "made-up-client-secret-0123"
ACCESS_SECONDS, REFRESH_SECONDS = 14 * 86400, 90 * 86400
RETRY_AFTER = 12
ANSWER_SECONDS = 3.0


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs; as it is made, none. They may be combined.

    `shared`: extensions that a second location has too. `ended`: those that show a call that is over.
    """

    slow_seconds: float = 0.0
    down: Literal["", "503", "closed"] = ""
    refused: Literal["", "scope", "limit"] = ""
    says_when: bool = True
    shared: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    html_page: bool = False
    cut_to: int = 0


@dataclass(slots=True)
class WebexSimulator:
    """One organization. `tokens` are the access tokens that are good, and until when."""

    switchboard: Switchboard
    refresh_token: Secret
    faults: Faults
    clock: Callable[[], float] = time.time
    tokens: dict[str, float] = field(default_factory=dict)
    log_ins: int = 0
    webhooks: dict[str, dict[str, Any]] = field(default_factory=dict)

    def app(self) -> Starlette:
        """The API; mount it where `base_url` points."""
        routes = [
            Route(TOKEN, self._log_in, methods=["POST"]),
            Route(NUMBERS, self._served(self._numbers)),
            Route(f"{MEMBERS}/{{member}}/calls", self._served(self._calls)),
            Route(WEBHOOKS, self._served(self._webhooks), methods=["GET"]),
            Route(WEBHOOKS, self._webhook, methods=["POST"]),
            Route(f"{WEBHOOKS}/{{id}}", self._webhook, methods=["PUT"]),
        ]
        return Starlette(routes=routes)

    def _served(self, answer: Callable[[Request], Response]) -> Callable[[Request], object]:
        async def served(request: Request) -> Response:
            found = await self._ill() or self._refused(request) or answer(request)
            found.body = bytes(found.body)[: self.faults.cut_to or None]
            found.headers["Content-Length"] = str(len(found.body))
            return found

        return served

    async def _ill(self) -> Response | None:
        await asyncio.sleep(self.faults.slow_seconds)
        if self.faults.down == "closed":
            raise RuntimeError("the connection breaks")
        if self.faults.down == "503":
            return PlainTextResponse("Service Unavailable", 503)
        return HTMLResponse("<html><body>Webex</body></html>") if self.faults.html_page else None

    def _refused(self, request: Request) -> Response | None:
        offered = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.clock() >= self.tokens.get(offered, 0.0):
            return _error(401, "The request requires a valid access token set in the Authorization request header.")
        if self.faults.refused == "limit":
            headers = {"Retry-After": str(RETRY_AFTER)} if self.faults.says_when else {}
            return _error(429, "Too Many Requests", headers)
        if self.faults.refused == "scope":
            return _error(403, "The server understood the request, but refused to fulfill it: missing scope.")
        return None

    async def _log_in(self, request: Request) -> Response:
        if ill := await self._ill():
            return ill
        form = dict(parse_qsl((await request.body()).decode()))
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, CLIENT_SECRET):
            return _error(401, "client authentication failed")
        if form.get("grant_type") != "refresh_token" or not self.refresh_token.matches(form.get("refresh_token", "")):
            return _error(400, "The refresh token provided is expired, revoked, malformed, or invalid.")
        self.log_ins += 1
        access = secrets.token_urlsafe(24)
        self.tokens[access] = self.clock() + ACCESS_SECONDS
        lives = {"expires_in": ACCESS_SECONDS, "refresh_token_expires_in": REFRESH_SECONDS}
        tokens = {"access_token": access, "refresh_token": self.refresh_token.reveal(), "token_type": "Bearer"}
        return JSONResponse({**tokens, **lives})

    def _numbers(self, request: Request) -> Response:
        wanted, exchange = request.query_params.get("extension"), Exchange(self.switchboard)
        rows = [exchange.number(code) for code in self.switchboard.extensions if wanted in (None, code)]
        shared = [row for row in rows if row["extension"] in self.faults.shared]
        rows += [{**row, "owner": {**row["owner"], "id": row["owner"]["id"] + "2"}} for row in shared]
        start, most = (int(request.query_params.get(name, usual)) for name, usual in (("start", "0"), ("max", "2000")))
        return JSONResponse({"phoneNumbers": rows[start : start + most]})

    def _webhooks(self, request: Request) -> Response:
        """Those of the organization, or the app's own: without their secrets."""
        wanted = request.query_params.get("ownedBy", "creator")
        rows = [row for row in self.webhooks.values() if row.get("ownedBy", "creator") == wanted]
        return JSONResponse({"items": [{**row, "secret": None} for row in rows]})

    async def _webhook(self, request: Request) -> Response:
        """One is made or changed. Of those that are the same, the second is refused."""
        if refused := await self._ill() or self._refused(request):
            return refused
        said, its_id = await request.json(), request.path_params.get("id", "")
        if its_id:
            if its_id not in self.webhooks:
                return _error(404, "The requested resource could not be found.")
            self.webhooks[its_id] |= {**said, "status": said.get("status", "active")}
            return JSONResponse(self.webhooks[its_id])
        same = ("targetUrl", "resource", "event", "ownedBy")
        if any(all(row.get(name) == said.get(name) for name in same) for row in self.webhooks.values()):
            return _error(409, "A webhook with the same parameters already exists")
        its_id = f"hook{len(self.webhooks) + 1}"
        self.webhooks[its_id] = {**said, "id": its_id, "status": "active"}
        return JSONResponse(self.webhooks[its_id])

    async def tell(self, code: str) -> None:
        """Send an event of an extension's calls to each active webhook. Who does not take it is told nothing more."""
        for row in self.webhooks.values():
            if row["status"] != "active":
                continue
            said = {"resource": "telephony_calls", "event": "updated", "actorId": member_of(code), "data": {}}
            body = json.dumps({**said, "id": row["id"], "name": row["name"], "ownedBy": row.get("ownedBy")}).encode()
            proof = hmac.new(row["secret"].encode(), body, hashlib.sha1).hexdigest()
            headers = {"Content-Type": "application/json", "X-Spark-Signature": proof}
            answer = await post(row["targetUrl"], headers, body, ANSWER_SECONDS)
            if answer is None or answer.status >= 300:
                row["status"] = "inactive"

    def _calls(self, request: Request) -> Response:
        exchange = Exchange(self.switchboard)
        code = exchange.code_of(request.path_params["member"])
        if code is None:
            return _error(404, "The requested resource could not be found.")
        over = {"id": "over", "callSessionId": "over", "personality": "terminator", "state": "disconnected"}
        return JSONResponse({"items": exchange.calls(code) + ([over] if code in self.faults.ended else [])})


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    said = {"message": message, "errors": [{"description": message}], "trackingId": "ROUTER_SIMULATED"}
    return JSONResponse(said, status, headers)


def _section(url: str, secret: Secret) -> dict[str, object]:
    keys = {"client_id": CLIENT, "client_secret": CLIENT_SECRET, "refresh_token": secret.reveal()}
    return {"base_url": url, **keys, "region": "IL"}


def _build(board: Switchboard, secret: Secret) -> WebexSimulator:
    return WebexSimulator(board, secret, Faults())


SIMULATED = SimulatedPbx(
    path="/webex",
    section=_section,
    build=_build,
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=SLOW_SECONDS),
        "down": Faults(down="503"),
        "refuses": Faults(refused="scope"),
    },
    not_told="Webex lists neither the number that was dialled, custom data nor recordings.",
)
