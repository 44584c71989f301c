"""A Salesforce as the bridge sees one: its limits, its moods. Made from documentation; for tests and the demo."""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Request, Secret
from bridge.crm.salesforce.simulated import Answer, Org, id_of, refused
from bridge.crm.simulation import LoggedCall, Press, ShownPopup, SimulatedAgent, SimulatedContact, SimulatedCrm

CLIENT_ID, EVENT, TOKEN_PATH = "3MVG9.simulated", "Popup__e", "/services/oauth2/token"
MOST_JWT_SECONDS = 300


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs. `status` other than 200 is what every request is then answered, with
    `code`. `lose`: so many answers to come are lost after the work was done. `unsuccessful`: a record that is made is
    answered 200 with `success` false inside."""

    status: int = 200
    code: str = "SERVER_UNAVAILABLE"
    slow_seconds: float = 0.0
    lose: int = 0
    unsuccessful: bool = False
    page: bool = False


@dataclass(slots=True)
class SalesforceSimulator:
    """The API of one org. `per_day` is its limit of requests, `session_seconds` how long a session lives, `index_delay`
    how far its search lags behind."""

    org: Org
    client_secret: Secret
    faults: Faults = field(default_factory=Faults)
    clock: Callable[[], float] = time.time
    per_day: int = 100_000
    session_seconds: float = 7200.0
    index_delay: float = 60.0
    public_key: RSAPublicKey | None = None
    sessions: dict[str, float] = field(default_factory=dict)
    used: int = 0

    def app(self) -> Starlette:
        """Everything below `base_url`."""
        return Starlette(routes=[Route("/{path:path}", self._take, methods=["GET", "POST", "PATCH"])])

    def shown(self) -> Sequence[ShownPopup]:
        """What the component has shown."""
        return self.org.shown()

    def logged(self) -> Sequence[LoggedCall]:
        """The tasks."""
        return self.org.logged()

    async def _take(self, request: WebRequest) -> Response:
        await asyncio.sleep(self.faults.slow_seconds)
        path, body = f"/{request.path_params['path']}", await request.body()
        if self.faults.page:
            return Response("<!DOCTYPE html><title>Salesforce</title>", media_type="text/html")
        if path == TOKEN_PATH:
            status, value = self._token(dict(parse_qsl(body.decode())))
        else:
            status, value = self._answer(request, path, body)
        if self.faults.lose and path != TOKEN_PATH:
            self.faults.lose -= 1
            raise RuntimeError("the answer is lost")
        told = {"Sforce-Limit-Info": f"api-usage={self.used}/{self.per_day}"}
        return JSONResponse(value, status, told) if value is not None else Response(status_code=status, headers=told)

    def _answer(self, request: WebRequest, path: str, body: bytes) -> Answer:
        scheme, _, session = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or self.sessions.get(session, 0.0) <= self.clock():
            return refused(401, "INVALID_SESSION_ID")
        self.used += 1
        if self.used > self.per_day:
            return refused(403, "REQUEST_LIMIT_EXCEEDED")
        if self.faults.status != 200:
            return refused(self.faults.status, self.faults.code)
        if self.faults.unsuccessful and request.method == "POST":
            errors = [{"statusCode": "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "message": "simulated", "fields": []}]
            return 200, {"id": None, "success": False, "errors": errors}
        query = request.query_params.get("q", "")
        return self.org.answer(request.method, path, query, body, self.clock(), self.index_delay)

    def _token(self, fields: Mapping[str, str]) -> Answer:
        if self.faults.status >= 500:
            return self.faults.status, {"error": "server_error"}
        if fields.get("grant_type") == "client_credentials":
            proven = fields.get("client_id") == CLIENT_ID and self.client_secret.matches(fields["client_secret"])
        else:
            proven = self._is_signed(fields.get("assertion", ""))
        if not proven:
            return 400, {"error": "invalid_grant", "error_description": "simulated"}
        session = f"00D!{len(self.sessions)}.{hashlib.sha256(str(len(self.sessions)).encode()).hexdigest()[:24]}"
        self.sessions[session] = self.clock() + self.session_seconds
        return 200, {"access_token": session, "instance_url": "https://simulated.example", "token_type": "Bearer"}

    def _is_signed(self, assertion: str) -> bool:
        signed, _, signature = assertion.rpartition(".")
        if self.public_key is None or not signature:
            return False
        try:
            self.public_key.verify(_raw(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        claims = json.loads(_raw(signed.partition(".")[2]))
        left: float = claims["exp"] - self.clock()
        return claims["iss"] == CLIENT_ID and claims["aud"].startswith("https://") and 0 < left <= MOST_JWT_SECONDS


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def derived(secret: Secret, use: str) -> Secret:
    """A secret for this use, made from the one secret of a simulated account."""
    return Secret(hashlib.sha256(f"{use} {secret.reveal()}".encode()).hexdigest())


def _section(url: str, secret: Secret) -> dict[str, object]:
    client, click = (derived(secret, use).reveal() for use in ("client", "click"))
    told: dict[str, Any] = {"base_url": url, "client_id": CLIENT_ID, "client_secret": client, "click_token": click}
    return {**told, "event": EVENT, "details": {"last order": "Last_Order__c"}}


def _build(
    _url: str, secret: Secret, agents: Sequence[SimulatedAgent], contacts: Sequence[SimulatedContact]
) -> SalesforceSimulator:
    return SalesforceSimulator(Org(agents, contacts, EVENT), derived(secret, "client"))


def _press(bridge_url: str, crm: str, secret: Secret, press: Press) -> Request:
    """The callout of the flow."""
    asked = {"agent": press.agent.crm_user, "press": press.press_id, "recordId": "", "objectName": ""}
    if press.record is not None:
        asked |= {"recordId": id_of("Contact", press.record.id), "objectName": "Contact"}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {derived(secret, 'click').reveal()}"}
    return Request("POST", f"{bridge_url}/clicks/{crm}", headers, json.dumps(asked).encode())


SIMULATED = SimulatedCrm(
    path="/salesforce",
    section=_section,
    build=_build,
    press=_press,
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=1.2),
        "down": Faults(status=503),
        "refuses": Faults(status=403, code="INSUFFICIENT_ACCESS"),
    },
)
