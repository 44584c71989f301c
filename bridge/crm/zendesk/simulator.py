"""A Zendesk as the bridge sees one, with its limits and its moods. Made from the documentation; for tests and the demo."""

import asyncio
import hashlib
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Request, Secret
from bridge.crm.simulation import LoggedCall, Press, ShownPopup, SimulatedAgent, SimulatedContact, SimulatedCrm
from bridge.crm.zendesk import proof
from bridge.crm.zendesk.simulated import MOBILE, Records, Tokens, number_of

API, VOICE = "/api/v2", "/api/v2/channels/voice/agents/{agent:int}"
CLIENT_ID = "popbridge_simulated"
Handler = Callable[[WebRequest], Awaitable[Response]]


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
    """The API of one account. `per_minute` is its plan's limit, `index_delay` how far its search lags behind."""

    records: Records
    tokens: Tokens
    faults: Faults = field(default_factory=Faults)
    clock: Callable[[], float] = time.time
    per_minute: int = 700
    index_delay: float = 60.0
    token_life: float = 1800.0
    requests: deque[float] = field(default_factory=deque)

    def app(self) -> Starlette:
        """Its pages' root; mount it where `base_url` points."""
        api: list[tuple[str, str, Handler]] = [
            ("GET", f"{API}/search.json", self._search),
            ("GET", f"{API}/users/search.json", self._user_search),
            ("GET", f"{API}/users/me.json", self._me),
            ("GET", f"{API}/users/{{number:int}}.json", self._user),
            ("POST", f"{API}/users.json", self._add_user),
            ("GET", f"{API}/organizations/show_many.json", self._organizations),
            ("POST", f"{VOICE}/{{kind:str}}/{{number:int}}/display.json", self._display),
            ("GET", f"{API}/tickets.json", self._tickets),
            ("POST", f"{API}/tickets.json", self._add_ticket),
            ("PUT", f"{API}/tickets/{{number:int}}.json", self._change_ticket),
            ("GET", f"{API}/tickets/{{number:int}}/comments.json", self._comments),
        ]
        routes = [Route(path, self._let_in(handler), methods=[method]) for method, path, handler in api]
        return Starlette(routes=[Route("/oauth/tokens", self._token, methods=["POST"]), *routes])

    def shown(self) -> Sequence[ShownPopup]:
        """What was opened in agents' browsers."""
        return self.records.shown()

    def logged(self) -> Sequence[LoggedCall]:
        """The tickets."""
        return self.records.logged()

    def _let_in(self, handler: Handler) -> Handler:
        """Limit, faults and credentials before the handler; a lost answer after it."""

        async def handle(request: WebRequest) -> Response:
            await asyncio.sleep(self.faults.slow_seconds)
            refused = self._limited() or self._fault() or self._stranger(request)
            response = refused or await handler(request)
            if refused is None and self.faults.lose:
                self.faults.lose -= 1
                raise RuntimeError("the answer is lost")
            response.headers["X-Rate-Limit"] = str(self.per_minute)
            response.headers["X-Rate-Limit-Remaining"] = str(max(0, self.per_minute - len(self.requests)))
            return response

        return handle

    def _limited(self) -> Response | None:
        now = self.clock()
        while self.requests and self.requests[0] <= now - 60:
            self.requests.popleft()
        if len(self.requests) >= self.per_minute:
            wait = str(int(60 - (now - self.requests[0])) + 1)
            return Response("Number of allowed API requests per minute exceeded", 429, {"Retry-After": wait})
        self.requests.append(now)
        return None

    def _fault(self) -> Response | None:
        status = self.faults.status
        waits = {"Retry-After": str(self.faults.retry_after)} if self.faults.retry_after is not None else {}
        named = {403: "Forbidden", 429: "APIRateLimitExceeded", 422: "RecordInvalid"}.get(status, "InternalError")
        return None if status == 200 else JSONResponse({"error": named, "description": "simulated"}, status, waits)

    def _stranger(self, request: WebRequest) -> Response | None:
        if self.tokens.takes(request.headers.get("authorization", ""), self.clock()):
            return None
        if request.url.path.endswith("/users/me.json"):
            return JSONResponse({"user": {"id": None, "name": "Anonymous user", "role": "end-user"}})
        told = {"error": "invalid_token", "error_description": "The access token provided is expired or revoked."}
        return JSONResponse(told, 401, {"WWW-Authenticate": 'OAuth realm="Zendesk"'})

    async def _token(self, request: WebRequest) -> Response:
        await asyncio.sleep(self.faults.slow_seconds)
        fields = await _fields(request)
        if self.faults.status >= 500:
            return JSONResponse({"error": "InternalError"}, self.faults.status)
        pair = self.tokens.renew(fields, self.clock(), self.token_life)
        if self.faults.lose:
            self.faults.lose -= 1
            raise RuntimeError("the answer is lost")
        told = {"error": "invalid_grant", "error_description": "The provided access grant is invalid or revoked."}
        return JSONResponse(pair) if pair is not None else JSONResponse(told, 400)

    async def _search(self, request: WebRequest) -> Response:
        return self._found(request, "results")

    async def _user_search(self, request: WebRequest) -> Response:
        return self._found(request, "users")

    def _found(self, request: WebRequest, name: str) -> Response:
        if self.faults.says_error:
            return JSONResponse({"error": "Unavailable", "description": "Sorry, we could not complete your search."})
        most = int(request.query_params.get("per_page", "100"))
        users = self.records.search(request.query_params.get("query", ""), self.clock())
        more = f"{request.url}&page=2" if len(users) > most else None
        return JSONResponse({name: users[:most], "count": len(users), "next_page": more, "previous_page": None})

    async def _me(self, _request: WebRequest) -> Response:
        return JSONResponse({"user": next(one for one in self.records.users.values() if one["role"] == "agent")})

    async def _user(self, request: WebRequest) -> Response:
        user = self.records.users.get(request.path_params["number"])
        return JSONResponse({"user": user}) if user else _not_found()

    async def _add_user(self, request: WebRequest) -> Response:
        user = (await _fields(request)).get("user")
        if not isinstance(user, dict) or not user.get("name"):
            details = {"name": [{"description": "Name: cannot be blank", "error": "BlankValue"}]}
            told = {"error": "RecordInvalid", "description": "Record validation errors", "details": details}
            return JSONResponse(told, 422)
        return JSONResponse({"user": self.records.add_user(user, self.clock(), self.index_delay)}, 201)

    async def _organizations(self, request: WebRequest) -> Response:
        wanted = request.query_params.get("ids", "").split(",")
        found = [{"id": key, "name": name} for key, name in self.records.organizations.items() if str(key) in wanted]
        return JSONResponse({"organizations": found, "count": len(found), "next_page": None})

    async def _display(self, request: WebRequest) -> Response:
        if not self.faults.has_talk_partner:
            return JSONResponse({"error": "Forbidden"}, 403)
        at, given = self.clock(), request.path_params
        if not self.faults.browser_open:
            return Response(status_code=200)
        there = self.records.display(at, given["agent"], given["kind"], given["number"])
        return Response(status_code=200) if there else _not_found()

    async def _tickets(self, request: WebRequest) -> Response:
        key = request.query_params.get("external_id")
        found = [one for one in self.records.tickets.values() if key is None or one.get("external_id") == key]
        return JSONResponse({"tickets": found, "count": len(found), "next_page": None})

    async def _add_ticket(self, request: WebRequest) -> Response:
        fields, key = await _fields(request), request.headers.get("idempotency-key", "")
        body, number = self.records.made_by_key.get(key, (None, 0))
        if number and body != fields:
            return JSONResponse({"error": "IdempotentRequestError"}, 400)
        if number:
            return _ticket(self.records.tickets[number], 201, {"X-Idempotency-Lookup": "hit"})
        ticket = self.records.add_ticket(fields["ticket"])
        if key:
            self.records.made_by_key[key] = (fields, ticket["id"])
        return _ticket(ticket, 201, {"X-Idempotency-Lookup": "miss"})

    async def _change_ticket(self, request: WebRequest) -> Response:
        number, fields = request.path_params["number"], await _fields(request)
        if number not in self.records.tickets:
            return _not_found()
        return _ticket(self.records.change_ticket(number, fields["ticket"]), 200, {})

    async def _comments(self, request: WebRequest) -> Response:
        comments = self.records.comments.get(request.path_params["number"])
        return JSONResponse({"comments": comments[::-1]}) if comments is not None else _not_found()


async def _fields(request: WebRequest) -> dict[str, Any]:
    value = json.loads(await request.body() or b"{}")
    return value if isinstance(value, dict) else {}


def _ticket(ticket: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> Response:
    return JSONResponse({"ticket": ticket, "audit": {"events": []}}, status, dict(headers))


def _not_found() -> Response:
    return JSONResponse({"error": "RecordNotFound", "description": "Not found"}, 404)


def derived(secret: Secret, use: str) -> Secret:
    """A secret for this use, made from the one secret of a simulated account."""
    return Secret(hashlib.sha256(f"{use} {secret.reveal()}".encode()).hexdigest())


def _section(url: str, secret: Secret) -> dict[str, object]:
    made = {name: derived(secret, name).reveal() for name in ("client_secret", "refresh_token")}
    proofs = {name: derived(secret, name).reveal() for name in ("app_secret", "webhook_secret")}
    return {
        "base_url": url,
        "client_id": CLIENT_ID,
        **made,
        **proofs,
        "phone_fields": [MOBILE],
        "details": ["last_order"],
    }


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
