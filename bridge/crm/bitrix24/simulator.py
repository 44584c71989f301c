"""A Bitrix24 as the bridge sees one, with its limits and its moods. Made from documentation; for tests and the demo."""

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Request, Secret
from bridge.crm.bitrix24.simulated import Records, Tokens, number_of
from bridge.crm.bitrix24.simulated_api import Caller, Refused, called
from bridge.crm.simulation import LoggedCall, Press, ShownPopup, SimulatedAgent, SimulatedContact, SimulatedCrm

CLIENT_ID = "local.simulated"
SCOPES = frozenset({"crm", "telephony", "im", "user_basic", "placement"})
WEBHOOK_PATH = re.compile(r"(\d+)/([a-z0-9]+)/(.+)")
ERRORS = {403: "ACCESS_DENIED", 401: "NO_AUTH_FOUND", 503: "OVERLOAD_LIMIT"}
OPERATING_SECONDS = 600


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs. `status` other than 200 is what every method is then answered.

    `lose`: so many answers to come are lost after the work was done. `full`: so many requests to come find the bucket
    full, `used_up`: find their running time used up. `says_error`: in this status's stead, an error comes with 200.
    """

    status: int = 200
    slow_seconds: float = 0.0
    lose: int = 0
    full: int = 0
    used_up: int = 0
    says_error: str = ""


@dataclass(slots=True)
class Bitrix24Simulator:
    """The API of one portal. Its bucket holds `bucket` requests and empties by `leak` a second; `token_life` is how
    long an access token lives, in seconds. `scopes` are the application's and those of a webhook."""

    records: Records
    tokens: Tokens
    hook: Secret
    faults: Faults = field(default_factory=Faults)
    clock: Callable[[], float] = time.time
    bucket: float = 50.0
    leak: float = 2.0
    token_life: float = 3600.0
    scopes: frozenset[str] = SCOPES
    level: float = 0.0
    level_at: float = 0.0

    def app(self) -> Starlette:
        """Everything below `base_url`."""
        return Starlette(
            routes=[
                Route("/oauth/token/", self._token),
                Route("/rest/{path:path}", self._take, methods=["GET", "POST"]),
            ]
        )

    def shown(self) -> Sequence[ShownPopup]:
        """The cards and notices that agents were shown."""
        return self.records.shown()

    def logged(self) -> Sequence[LoggedCall]:
        """The calls."""
        return self.records.logged()

    async def _take(self, request: WebRequest) -> Response:
        """Faults, limit and credentials come before the work; an answer that gets lost after it."""
        await asyncio.sleep(self.faults.slow_seconds)
        body = await request.body()
        try:
            told: Mapping[str, Any] = {"result": self._result(request.path_params["path"], body), "time": self._time()}
            status = 200
        except Refused as refused:
            told = {"error": refused.error, "error_description": refused.description}
            status = refused.status
        if self.faults.lose:
            self.faults.lose -= 1
            raise RuntimeError("the answer is lost")
        return JSONResponse(told, status)

    def _result(self, path: str, body: bytes) -> Any:
        self._limit()
        self._fault()
        try:
            params = json.loads(body or b"{}")
        except ValueError:
            params = {}
        method, caller = self._caller(path, params)
        return called(self.records, caller, method, {name: value for name, value in params.items() if name != "auth"})

    def _limit(self) -> None:
        now = self.clock()
        self.level = max(0.0, self.level - self.leak * (now - self.level_at))
        self.level_at = now
        if self.faults.full or self.level >= self.bucket:
            self.faults.full = max(0, self.faults.full - 1)
            raise Refused(503, "QUERY_LIMIT_EXCEEDED", "Too many requests")
        self.level += 1
        if self.faults.used_up:
            self.faults.used_up -= 1
            raise Refused(429, "OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.")

    def _fault(self) -> None:
        if self.faults.says_error:
            raise Refused(200, self.faults.says_error)
        if self.faults.status != 200:
            raise Refused(self.faults.status, ERRORS.get(self.faults.status, "INTERNAL_SERVER_ERROR"))

    def _caller(self, path: str, params: Mapping[str, Any]) -> tuple[str, Caller]:
        """The method, and who calls it: by the secret of a webhook_url, or the token in the body."""
        now = self.clock()
        if found := WEBHOOK_PATH.fullmatch(path):
            if not self.hook.matches(found[2]):
                raise Refused(401, "NO_AUTH_FOUND", "Wrong authorization data")
            return found[3], Caller(self.scopes, int(found[1]), True, now)
        token = str(params.get("auth", ""))
        users = {user_token(self.hook, number): number for number in self.records.rows["USER"]}
        if token in users:
            return path, Caller(self.scopes, users[token], False, now)
        if not token or token not in (self.tokens.access, *self.tokens.replaced):
            raise Refused(401, "NO_AUTH_FOUND", "Wrong authorization data")
        if token in self.tokens.replaced or now >= self.tokens.ends:
            raise Refused(401, "expired_token", "The access token provided has expired.")
        return path, Caller(self.scopes, 1, False, now)

    def _time(self) -> Mapping[str, float]:
        now = self.clock()
        return {"start": now, "finish": now, "operating_reset_at": int(now) + OPERATING_SECONDS, "operating": 0.2}

    async def _token(self, request: WebRequest) -> Response:
        if self.faults.status >= 500:
            return JSONResponse({"error": "INTERNAL_SERVER_ERROR"}, self.faults.status)
        pair = self.tokens.renew(request.query_params, self.clock(), self.token_life)
        return JSONResponse({"error": pair} if isinstance(pair, str) else pair, 400 if isinstance(pair, str) else 200)


def derived(secret: Secret, use: str) -> Secret:
    """A secret for this use, made from the one secret of a simulated account."""
    return Secret(hashlib.sha256(f"{use} {secret.reveal()}".encode()).hexdigest()[:32])


def user_token(hook: Secret, number: int) -> str:
    """The access token of a user, as the button's form holds it."""
    return derived(hook, f"user {number}").reveal()


def _section(url: str, secret: Secret) -> dict[str, object]:
    names = ("client_secret", "refresh_token", "application_token", "click_token")
    secrets = {name: derived(secret, name).reveal() for name in names}
    return {"base_url": url, "oauth_url": url, "client_id": CLIENT_ID, **secrets}


def _build(
    _url: str, secret: Secret, agents: Sequence[SimulatedAgent], contacts: Sequence[SimulatedContact]
) -> Bitrix24Simulator:
    client = (CLIENT_ID, derived(secret, "client_secret").reveal())
    tokens = Tokens(client, derived(secret, "refresh_token").reveal())
    return Bitrix24Simulator(Records(agents, contacts), tokens, derived(secret, "hook"))


def _press(bridge_url: str, crm: str, secret: Secret, press: Press) -> Request:
    """The form that the portal posts when the menu item is chosen."""
    options = {"ID": str(number_of(press.record.id))} if press.record else {}
    form = {
        "AUTH_ID": user_token(derived(secret, "hook"), number_of(press.agent.id)),
        "AUTH_EXPIRES": "3600",
        "REFRESH_ID": derived(secret, "refresh of the user").reveal(),
        "APPLICATION_TOKEN": derived(secret, "application_token").reveal(),
        "member_id": "da45a03b265edd8787f8a258d793cc5d",
        "status": "L",
        "PLACEMENT": "CRM_CONTACT_DETAIL_TOOLBAR" if press.record else "DEFAULT",
        "PLACEMENT_OPTIONS": json.dumps(options),
    }
    url = f"{bridge_url}/clicks/{crm}?DOMAIN=acme.bitrix24.example&PROTOCOL=1&LANG=en&APP_SID=0d43bf11"
    return Request("POST", url, {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form).encode())


SIMULATED = SimulatedCrm(
    path="/bitrix24",
    section=_section,
    build=_build,
    press=_press,
    moods={"ok": Faults(), "slow": Faults(slow_seconds=1.2), "down": Faults(status=500), "refuses": Faults(status=403)},
)
