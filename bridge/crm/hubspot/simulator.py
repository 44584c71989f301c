"""A HubSpot as the bridge sees one, with its limits and its moods. Made from documentation; for tests and the demo."""

import asyncio
import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Request, Secret
from bridge.crm.hubspot import proof
from bridge.crm.hubspot.simulated import Records, Refused, Tokens, number_of
from bridge.crm.hubspot.simulated_api import Asked, answer
from bridge.crm.hubspot.wire import VERSION
from bridge.crm.simulation import LoggedCall, Press, ShownPopup, SimulatedAgent, SimulatedContact, SimulatedCrm

CLIENT_ID, PORTAL_ID = "00000000-simulated", 6001
NEEDED = {"contacts": "crm.objects.contacts.read", "companies": "crm.objects.companies.read"}
CATEGORIES = {403: "MISSING_SCOPES", 401: "EXPIRED_AUTHENTICATION", 423: "LOCKED"}


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs. `status` other than 200 is what every request is then answered.

    `lose`: so many answers to come are lost after the work was done. `policy`: the limit of that policy is used up.
    `says_error`: an error comes with 200. `denied`: scopes that the app lacks.
    """

    status: int = 200
    retry_after: int | None = None
    slow_seconds: float = 0.0
    lose: int = 0
    policy: str = ""
    says_error: bool = False
    denied: tuple[str, ...] = ()


@dataclass(slots=True)
class HubspotSimulator:
    """The API of one account. `searches_per_second` and `per_ten_seconds` are its limits, `index_delay` how far its
    search lags behind, and `token_life` how long an access token lives, in seconds."""

    records: Records
    tokens: Tokens
    faults: Faults = field(default_factory=Faults)
    clock: Callable[[], float] = time.time
    searches_per_second: int = 5
    per_ten_seconds: int = 110
    index_delay: float = 60.0
    token_life: float = 1800.0
    searches: deque[float] = field(default_factory=deque)
    requests: deque[float] = field(default_factory=deque)

    def app(self) -> Starlette:
        """Everything below `api_url`."""
        return Starlette(routes=[Route("/{path:path}", self._take, methods=["GET", "POST", "PATCH", "PUT"])])

    def shown(self) -> Sequence[ShownPopup]:
        """The calls on timelines."""
        return self.records.shown()

    def logged(self) -> Sequence[LoggedCall]:
        """The same."""
        return self.records.logged()

    async def _take(self, request: WebRequest) -> Response:
        """Faults, limits and credentials come before the work; an answer that gets lost after it."""
        await asyncio.sleep(self.faults.slow_seconds)
        path, body = f"/{request.path_params['path']}", await request.body()
        asked = Asked(request.method, path, request.query_params, body, self.clock(), self.index_delay)
        headers = {"Retry-After": str(self.faults.retry_after)} if self.faults.retry_after is not None else {}
        try:
            status, told = self._answer(asked, request.headers.get("authorization", ""))
        except Refused as refused:
            status, told = refused.status, _error(refused)
        if self.faults.lose:
            self.faults.lose -= 1
            raise RuntimeError("the answer is lost")
        return JSONResponse(told, status, headers)

    def _answer(self, asked: Asked, authorization: str) -> tuple[int, Any]:
        if asked.path == f"/oauth/{VERSION}/token":
            return self._token(asked)
        self._limit(asked)
        self._fault(asked.path)
        if not self.tokens.access or authorization != f"Bearer {self.tokens.access}" or asked.at >= self.tokens.ends:
            raise Refused(401, "EXPIRED_AUTHENTICATION")
        return answer(self.records, asked)

    def _limit(self, asked: Asked) -> None:
        """Searches have their own limit and are not counted under the other."""
        is_search = asked.path.endswith("/search")
        counted, most, seconds, policy = (
            (self.searches, self.searches_per_second, 1.0, "SECONDLY")
            if is_search
            else (self.requests, self.per_ten_seconds, 10.0, "TEN_SECONDLY_ROLLING")
        )
        while counted and counted[0] <= asked.at - seconds:
            counted.popleft()
        if len(counted) >= most or self.faults.policy:
            raise Refused(429, self.faults.policy or policy)
        counted.append(asked.at)

    def _fault(self, path: str) -> None:
        if self.faults.says_error:
            raise Refused(200, "INTERNAL_ERROR")
        if self.faults.status != 200:
            raise Refused(self.faults.status, CATEGORIES.get(self.faults.status, "INTERNAL_ERROR"))
        scope = next((needed for kind, needed in NEEDED.items() if f"/{kind}" in path), "")
        if scope in self.faults.denied:
            raise Refused(403, "MISSING_SCOPES")

    def _token(self, asked: Asked) -> tuple[int, Any]:
        if self.faults.status >= 500:
            raise Refused(self.faults.status, "INTERNAL_ERROR")
        token = self.tokens.renew(dict(parse_qsl(asked.body.decode())), asked.at, self.token_life)
        return (200, token) if token else (400, {"status": "BAD_REFRESH_TOKEN", "error": "invalid_grant"})


def _error(refused: Refused) -> Mapping[str, Any]:
    told = {"status": "error", "message": "simulated", "correlationId": "5f0c9a1e"}
    if refused.status == 429:
        return {**told, "errorType": "RATE_LIMIT", "policyName": refused.category, "requestId": "1"}
    return {**told, "category": refused.category}


def derived(secret: Secret, use: str) -> Secret:
    """A secret for this use, made from the one secret of a simulated account."""
    return Secret(hashlib.sha256(f"{use} {secret.reveal()}".encode()).hexdigest()[:40])


def _section(url: str, secret: Secret) -> dict[str, object]:
    secrets = {name: derived(secret, name).reveal() for name in ("client_secret", "refresh_token", "click_token")}
    return {"portal_id": PORTAL_ID, "api_url": url, "client_id": CLIENT_ID, "popup": "call", **secrets}


def _build(
    _url: str, secret: Secret, agents: Sequence[SimulatedAgent], contacts: Sequence[SimulatedContact]
) -> HubspotSimulator:
    client = (CLIENT_ID, derived(secret, "client_secret").reveal())
    return HubspotSimulator(Records(agents, contacts), Tokens(client, derived(secret, "refresh_token").reveal()))


def _press(bridge_url: str, crm: str, secret: Secret, press: Press) -> Request:
    """The card's request, as HubSpot sends it on: who asks is in the address, and all of it is signed."""
    told = {"userId": "501", "userEmail": press.agent.crm_user, "portalId": str(PORTAL_ID), "appId": "1042"}
    if press.record is not None:
        told |= {"associatedObjectId": str(number_of(press.record.id)), "associatedObjectType": "CONTACT"}
    url = f"{bridge_url}/clicks/{crm}?{urlencode(told)}"
    body = json.dumps({"agent": press.agent.crm_user, "press_id": press.press_id}).encode()
    timestamp = str(int(press.at.timestamp() * 1000))
    signed = proof.signature(derived(secret, "client_secret"), "POST", proof.decoded(url), body, timestamp)
    headers = {"X-HubSpot-Signature-v3": signed, "X-HubSpot-Request-Timestamp": timestamp}
    return Request("POST", url, {"Content-Type": "application/json", **headers}, body)


SIMULATED = SimulatedCrm(
    path="/hubspot",
    section=_section,
    build=_build,
    press=_press,
    moods={"ok": Faults(), "slow": Faults(slow_seconds=1.2), "down": Faults(status=502), "refuses": Faults(status=403)},
)
