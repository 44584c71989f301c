"""A Zendesk as the bridge sees one, with its limits and its moods. Made from documentation; for tests and the demo."""

import asyncio
import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Request, Secret
from bridge.crm.simulation import LoggedCall, Press, ShownPopup, SimulatedAgent, SimulatedContact, SimulatedCrm
from bridge.crm.zendesk import proof
from bridge.crm.zendesk.simulated import MOBILE, Records, Tokens, number_of
from bridge.crm.zendesk.simulated_api import Answer, Asked, answer, failed

CLIENT_ID = "popbridge_simulated"
NAMES = {403: "Forbidden", 422: "RecordInvalid"}


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs. `status` other than 200 is what every request is then answered.

    `lose`: so many answers to come are lost after the work was done. `says_error`: a search answers 200 with an error
    inside. `browser_open`: without it a display is taken and shown to nobody, which may be so at Zendesk: nobody says.
    """

    status: int = 200
    retry_after: int | None = None
    slow_seconds: float = 0.0
    lose: int = 0
    says_error: bool = False
    browser_open: bool = True
    has_talk_partner: bool = True


@dataclass(slots=True)
class ZendeskSimulator:
    """The API of one account. `per_minute` is its plan's limit, `index_delay` how far its search lags behind, and
    `token_life` how long an access token lives, in seconds."""

    records: Records
    tokens: Tokens
    faults: Faults = field(default_factory=Faults)
    clock: Callable[[], float] = time.time
    per_minute: int = 700
    index_delay: float = 60.0
    token_life: float = 1800.0
    requests: deque[float] = field(default_factory=deque)

    def app(self) -> Starlette:
        """Everything below `base_url`."""
        methods = ["GET", "POST", "PUT"]
        return Starlette(routes=[Route("/{path:path}", self._take, methods=methods)])

    def shown(self) -> Sequence[ShownPopup]:
        """What was opened in agents' browsers."""
        return self.records.shown()

    def logged(self) -> Sequence[LoggedCall]:
        """The tickets."""
        return self.records.logged()

    async def _take(self, request: WebRequest) -> Response:
        """Faults, limit and credentials come before the work; an answer that gets lost after it."""
        await asyncio.sleep(self.faults.slow_seconds)
        path, headers = f"/{request.path_params['path']}", request.headers
        asked = Asked(
            request.method, path, request.query_params, headers, await request.body(), self.clock(), self.index_delay
        )
        given = self._token(asked) if path == "/oauth/tokens" else self._answer(asked)
        if self.faults.lose:
            self.faults.lose -= 1
            raise RuntimeError("the answer is lost")
        told = {"X-Rate-Limit": str(self.per_minute), **given.headers}
        if given.value is None:
            return Response(status_code=given.status, headers=told)
        return JSONResponse(given.value, given.status, told)

    def _answer(self, asked: Asked) -> Answer:
        refused = self._limited(asked.at) or self._fault(asked.path) or self._stranger(asked)
        return refused or answer(self.records, asked)

    def _limited(self, now: float) -> Answer | None:
        while self.requests and self.requests[0] <= now - 60:
            self.requests.popleft()
        if len(self.requests) >= self.per_minute:
            wait = int(60 - (now - self.requests[0])) + 1
            return Answer(429, "Number of allowed API requests per minute exceeded", {"Retry-After": str(wait)})
        self.requests.append(now)
        return None

    def _fault(self, path: str) -> Answer | None:
        faults = self.faults
        if faults.status != 200:
            waits = {"Retry-After": str(faults.retry_after)} if faults.retry_after is not None else {}
            return Answer(faults.status, {"error": NAMES.get(faults.status, "InternalError")}, waits)
        if faults.says_error and path.endswith("search.json"):
            return failed(200, "Unavailable")
        if path.endswith("display.json") and not faults.has_talk_partner:
            return failed(403, "Forbidden")
        return Answer() if path.endswith("display.json") and not faults.browser_open else None

    def _stranger(self, asked: Asked) -> Answer | None:
        if self.tokens.takes(asked.headers.get("authorization", ""), asked.at):
            return None
        if asked.path.endswith("/users/me.json"):
            return Answer(value={"user": {"id": None, "name": "Anonymous user", "role": "end-user"}})
        return Answer(401, {"error": "invalid_token", "error_description": "The access token is expired or revoked."})

    def _token(self, asked: Asked) -> Answer:
        if self.faults.status >= 500:
            return failed(self.faults.status, "InternalError")
        try:
            fields = json.loads(asked.body)
        except ValueError:
            fields = {}
        pair = self.tokens.renew(fields, asked.at, self.token_life)
        return Answer(value=pair) if pair else failed(400, "invalid_grant", error_description="Invalid or revoked.")


def derived(secret: Secret, use: str) -> Secret:
    """A secret for this use, made from the one secret of a simulated account."""
    return Secret(hashlib.sha256(f"{use} {secret.reveal()}".encode()).hexdigest())


def _section(url: str, secret: Secret) -> dict[str, object]:
    names = ("client_secret", "refresh_token", "app_secret", "webhook_secret")
    secrets = {name: derived(secret, name).reveal() for name in names}
    return {"base_url": url, "client_id": CLIENT_ID, **secrets, "phone_fields": [MOBILE]}


def _build(
    _url: str, secret: Secret, agents: Sequence[SimulatedAgent], contacts: Sequence[SimulatedContact]
) -> ZendeskSimulator:
    client = (CLIENT_ID, derived(secret, "client_secret").reveal())
    return ZendeskSimulator(Records(agents, contacts), Tokens(client, derived(secret, "refresh_token").reveal()))


def _press(bridge_url: str, crm: str, secret: Secret, press: Press) -> Request:
    """The app's request, as Zendesk's proxy sends it on."""
    made = int(press.at.timestamp())
    claims: dict[str, object] = {"agent": press.agent.crm_user, "jti": press.press_id, "iat": made, "exp": made + 60}
    if press.record is not None:
        claims["requester_id"] = number_of(press.record.id)
    token = proof.encode_token(derived(secret, "app_secret"), claims)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    return Request("POST", f"{bridge_url}/clicks/{crm}", headers, b"{}")


SIMULATED = SimulatedCrm(
    path="/zendesk",
    section=_section,
    build=_build,
    press=_press,
    moods={"ok": Faults(), "slow": Faults(slow_seconds=1.2), "down": Faults(status=503), "refuses": Faults(status=403)},
)
