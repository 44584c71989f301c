"""A Zoho CRM as the bridge sees one, with its limits and its moods. Made from documentation; for tests and the demo."""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Request, Secret
from bridge.crm.simulation import LoggedCall, Press, ShownPopup, SimulatedAgent, SimulatedContact, SimulatedCrm
from bridge.crm.zoho.phonebridge import PATH as PHONEBRIDGE
from bridge.crm.zoho.simulated import Answer, Org, number_of, refused, written

CLIENT_ID, TOKEN_PATH = "1000.SIMULATED", "/oauth/v2/token"
TOKENS_IN_TEN_MINUTES, TEN_MINUTES = 10, 600.0
ALL_SCOPES = frozenset({"coql", "users", "modules", "phonebridge"})


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs. `status` other than 200 is what every request is then answered, with
    `code`. `lose`: so many answers to come are lost after the work was done. `says_error`: a record that is written is
    answered 200 with an error inside."""

    status: int = 200
    code: str = "INTERNAL_ERROR"
    slow_seconds: float = 0.0
    lose: int = 0
    says_error: bool = False


@dataclass(slots=True)
class ZohoSimulator:
    """The API of one organization. `credits` is what the day's requests may cost, `token_seconds` how long an access
    token lives. `rotates`: each access token comes with a new refresh token, and the one before is dead."""

    org: Org
    client_secret: Secret
    refresh: str
    faults: Faults = field(default_factory=Faults)
    clock: Callable[[], float] = time.time
    credits: int = 50_000
    token_seconds: float = 3600.0
    rotates: bool = False
    scopes: frozenset[str] = ALL_SCOPES
    api_domain: str = ""
    tokens: dict[str, float] = field(default_factory=dict)
    given: list[float] = field(default_factory=list)

    def app(self) -> Starlette:
        """Everything: pages, API and tokens."""
        return Starlette(routes=[Route("/{path:path}", self._take, methods=["GET", "POST", "PUT"])])

    def shown(self) -> Sequence[ShownPopup]:
        """PhoneBridge's popups."""
        return self.org.shown()

    def logged(self) -> Sequence[LoggedCall]:
        """The calls."""
        return self.org.logged()

    async def _take(self, request: WebRequest) -> Response:
        await asyncio.sleep(self.faults.slow_seconds)
        path, body = f"/{request.path_params['path']}", await request.body()
        if path == TOKEN_PATH:
            status, value = self._token(dict(parse_qsl(body.decode())))
        else:
            status, value = self._answer(request, path, body)
        if self.faults.lose and path != TOKEN_PATH:
            self.faults.lose -= 1
            raise RuntimeError("the answer is lost")
        return JSONResponse(value, status) if value is not None else Response(status_code=status)

    def _answer(self, request: WebRequest, path: str, body: bytes) -> Answer:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Zoho-oauthtoken" or self.tokens.get(token, 0.0) <= self.clock():
            return refused(401, "INVALID_TOKEN")
        self.credits -= 1
        if self.credits < 0:
            return refused(429, "TOO_MANY_REQUESTS")
        if self.faults.status != 200:
            return refused(self.faults.status, self.faults.code)
        return self._done(request, path, body)

    def _done(self, request: WebRequest, path: str, body: bytes) -> Answer:
        scope = {"/crm/v8/coql": "coql", "/crm/v8/users": "users", PHONEBRIDGE: "phonebridge"}.get(path, "modules")
        if scope not in self.scopes:
            return refused(401, "OAUTH_SCOPE_MISMATCH")
        if scope == "coql":
            return self.org.queried(body)
        if scope == "users":
            return self.org.users(request.query_params)
        if scope == "phonebridge":
            return self.org.notified(body, self.clock())
        if self.faults.says_error and request.method != "GET":
            return written(200, "INVALID_DATA", api_name="Owner")
        return self.org.record(request.method, path, body)

    def _token(self, fields: Mapping[str, str]) -> Answer:
        """An error stands in a 200, but for the block after too many."""
        if self.faults.status >= 500:
            return self.faults.status, {"error": "server_error"}
        if fields.get("client_id") != CLIENT_ID or not self.client_secret.matches(fields.get("client_secret", "")):
            return 200, {"error": "invalid_client"}
        if fields.get("grant_type") != "refresh_token" or fields.get("refresh_token") != self.refresh:
            return 200, {"error": "invalid_code"}
        self.given = [at for at in self.given if at > self.clock() - TEN_MINUTES]
        if len(self.given) >= TOKENS_IN_TEN_MINUTES:
            told = "You have made too many requests continuously. Please try again after some time."
            return 400, {"error_description": told, "error": "Access Denied", "status": "failure"}
        return 200, self._new_token()

    def _new_token(self) -> dict[str, Any]:
        self.given.append(self.clock())
        access = f"1000.{hashlib.sha256(f'{self.refresh}{self.clock()}{len(self.tokens)}'.encode()).hexdigest()[:32]}"
        self.tokens[access] = self.clock() + self.token_seconds
        told: dict[str, Any] = {"access_token": access, "token_type": "Bearer", "expires_in": int(self.token_seconds)}
        if self.rotates:
            self.refresh = f"1000.{hashlib.sha256(self.refresh.encode()).hexdigest()[:32]}"
            told["refresh_token"] = self.refresh
        return {**told, **({"api_domain": self.api_domain} if self.api_domain else {})}


def derived(secret: Secret, use: str) -> Secret:
    """A secret for this use, made from the one secret of a simulated account."""
    return Secret(hashlib.sha256(f"{use} {secret.reveal()}".encode()).hexdigest())


def _section(url: str, secret: Secret) -> dict[str, object]:
    names = ("client_secret", "refresh_token", "click_token")
    secrets = {name: derived(secret, name).reveal() for name in names}
    addresses = {"base_url": url, "api_url": url, "accounts_url": url}
    own = {"client_id": CLIENT_ID, "popup": "phonebridge", "details": {"last order": "Last_Order"}}
    return {**addresses, **own, **secrets}


def _build(
    _url: str, secret: Secret, agents: Sequence[SimulatedAgent], contacts: Sequence[SimulatedContact]
) -> ZohoSimulator:
    refresh = derived(secret, "refresh_token").reveal()
    return ZohoSimulator(Org(agents, contacts), derived(secret, "client_secret"), refresh)


def _press(bridge_url: str, crm: str, secret: Secret, press: Press) -> Request:
    """The function's request."""
    asked = {"agent": press.agent.crm_user, "press": press.press_id}
    if press.record is not None:
        asked |= {"recordId": number_of(press.record.id), "module": "Contacts"}
    token = derived(secret, "click_token").reveal()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    return Request("POST", f"{bridge_url}/clicks/{crm}", headers, json.dumps(asked).encode())


SIMULATED = SimulatedCrm(
    path="/zoho",
    section=_section,
    build=_build,
    press=_press,
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=1.2),
        "down": Faults(status=503),
        "refuses": Faults(status=403, code="NO_PERMISSION"),
    },
)
