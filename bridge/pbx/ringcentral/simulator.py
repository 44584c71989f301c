"""RingCentral's API as a small server over a switchboard, with its tokens, limits and faults. Not for real calls.

Log-ins are not limited here, which the vendor allows five of in a minute: each test makes one.
"""

import asyncio
import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Secret
from bridge.core.json_codec import time_text
from bridge.pbx.ringcentral.exchange import Exchange
from bridge.pbx.ringcentral.kept import LIMITS, PENALTY_SECONDS, WINDOW_SECONDS, Counted, Issued
from bridge.pbx.ringcentral.simulated_subscriptions import Subscriptions
from bridge.pbx.ringcentral.wire import ACCOUNT, API, JWT_GRANT, TOKEN
from bridge.pbx.simulated_post import post
from bridge.pbx.simulation import SLOW_SECONDS, SimulatedPbx
from bridge.pbx.switchboard import Switchboard

CLIENT, CLIENT_SECRET = "popbridge-client-0123456789", "made-up-client-secret-0123"
Group = Literal["light", "medium", "heavy"]


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs; as it is made, none. They may be combined.

    `hidden`: extensions whose presence may not be seen. `ended`: those that show a call that is over. `subscriptions`:
    those that were made by hand.
    """

    slow_seconds: float = 0.0
    down: Literal["", "503", "closed"] = ""
    refused: Literal["", "permission", "log-in", "limit"] = ""
    says_when: bool = True
    hidden: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    subscriptions: tuple[dict[str, Any], ...] = ()
    html_page: bool = False
    cut_to: int = 0


@dataclass(slots=True)
class RingCentralSimulator:
    """One account."""

    switchboard: Switchboard
    jwt: Secret
    faults: Faults
    clock: Callable[[], float] = time.time
    issued: Issued = field(default_factory=Issued)
    counted: dict[str, Counted] = field(default_factory=lambda: {name: Counted() for name in LIMITS})
    subscriptions: Subscriptions = field(init=False)

    def __post_init__(self) -> None:
        self.subscriptions = Subscriptions(lambda: self.clock(), post)

    def app(self) -> Starlette:
        """The API; mount it where `base_url` points."""
        routes = [
            Route(TOKEN, self._log_in, methods=["POST"]),
            Route(f"{ACCOUNT}/extension", self._served("medium", self._extensions)),
            Route(f"{ACCOUNT}/extension/{{id}}/presence", self._served("light", self._presence)),
            Route(f"{ACCOUNT}/presence", self._served("heavy", self._all)),
            Route(f"{API}/subscription", self._served("light", self._subscriptions)),
            Route(f"{API}/subscription", self._subscribed, methods=["POST"]),
            Route(f"{API}/subscription/{{id}}", self._subscribed, methods=["PUT", "DELETE"]),
        ]
        return Starlette(routes=routes)

    def _served(self, group: Group, answer: Callable[[Request], Response]) -> Callable[[Request], Any]:
        async def served(request: Request) -> Response:
            return await self._ill() or self._refused(request, group) or self._whole(answer(request), group)

        return served

    async def _ill(self) -> Response | None:
        await asyncio.sleep(self.faults.slow_seconds)
        if self.faults.down == "closed":
            raise RuntimeError("the connection breaks")
        if self.faults.down == "503":
            return PlainTextResponse("Service Unavailable", 503)
        return HTMLResponse("<html><body>RingCentral</body></html>") if self.faults.html_page else None

    def _refused(self, request: Request, group: Group) -> Response | None:
        offered = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not self.issued.takes(offered, self.clock()):
            return _error(401, "OAU-213", "Token not found")
        if self.counted[group].is_too_often(self.clock(), LIMITS[group]) or self.faults.refused == "limit":
            headers = {"Retry-After": str(PENALTY_SECONDS)} if self.faults.says_when else {}
            return _error(429, "CMN-301", "Request rate exceeded", {**headers, "X-Rate-Limit-Group": group})
        if self.faults.refused == "permission":
            told = "In order to call this API endpoint, application needs to have [ReadPresence] permission"
            return _error(403, "CMN-401", told)
        return None

    def _whole(self, answer: Response, group: Group) -> Response:
        most = LIMITS[group]
        numbers = {"Limit": most, "Remaining": most - self.counted[group].count, "Window": WINDOW_SECONDS}
        answer.headers.update({f"X-Rate-Limit-{name}": str(number) for name, number in numbers.items()})
        answer.headers["X-Rate-Limit-Group"] = group
        answer.body = bytes(answer.body)[: self.faults.cut_to or None]
        answer.headers["Content-Length"] = str(len(answer.body))
        return answer

    async def _log_in(self, request: Request) -> Response:
        if ill := await self._ill():
            return ill
        form, now = dict(parse_qsl((await request.body()).decode())), self.clock()
        basic = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return JSONResponse({"error": "invalid_client", "error_description": "Wrong client credentials"}, 401)
        refresh = form.get("refresh_token", "")
        if form.get("grant_type") == "refresh_token" and refresh in self.issued.sessions:
            return JSONResponse(self.issued.open(now, refresh))
        is_right = form.get("grant_type") == JWT_GRANT and self.jwt.matches(form.get("assertion", ""))
        if not is_right or self.faults.refused == "log-in":
            return JSONResponse({"error": "invalid_grant", "error_description": "Invalid assertion"}, 400)
        self.issued.log_ins += 1
        return JSONResponse(self.issued.open(now))

    def _extensions(self, request: Request) -> Response:
        wanted = request.query_params.get("extensionNumber")
        codes = [code for code in self.switchboard.extensions if wanted in (None, code)]
        return _page(request, [Exchange(self.switchboard).extension(code) for code in codes])

    def _presence(self, request: Request) -> Response:
        code = Exchange(self.switchboard).code_of(request.path_params["id"])
        if code is None:
            return _error(404, "CMN-102", "Resource for parameter [extensionId] is not found")
        return JSONResponse(self._seen(code))

    def _all(self, request: Request) -> Response:
        return _page(request, [self._seen(code) for code in self.switchboard.extensions])

    def _seen(self, code: str) -> dict[str, Any]:
        found = Exchange(self.switchboard).presence(code)
        if code in self.faults.hidden:
            return {"extension": found["extension"], "presenceStatus": "Available", "allowSeeMyPresence": False}
        if code in self.faults.ended:
            over = {"id": "s-over", "direction": "Inbound", "telephonyStatus": "NoCall", "terminationType": "final"}
            found["activeCalls"].append({**over, "telephonySessionId": "s-over", "from": "+972522340009"})
        return found

    def _subscriptions(self, request: Request) -> Response:
        return JSONResponse({"records": [*self.faults.subscriptions, *self.subscriptions.listed()]})

    async def _subscribed(self, request: Request) -> Response:
        if refused := await self._ill() or self._refused(request, "medium"):
            return refused
        its_id = request.path_params.get("id", "")
        if request.method == "DELETE":
            status, told = self.subscriptions.remove(its_id)
        elif request.method == "PUT":
            status, told = self.subscriptions.renew(its_id, await request.json())
        else:
            status, told = await self.subscriptions.make(await request.json())
        return self._whole(JSONResponse(told, status) if told else Response(status_code=status), "medium")

    async def tell(self, code: str) -> None:
        """Send the event of an extension's presence as it is now to whoever has subscribed to it."""
        exchange = Exchange(self.switchboard)
        at = time_text(datetime.fromtimestamp(self.clock(), UTC))
        await self.subscriptions.tell(exchange.extension_id(code), exchange.event(code, at))


def _page(request: Request, rows: list[dict[str, Any]]) -> Response:
    page, size = int(request.query_params.get("page", "1")), int(request.query_params.get("perPage", "100"))
    paging = {"page": page, "perPage": size, "totalPages": -(-len(rows) // size), "totalElements": len(rows)}
    return JSONResponse({"records": rows[(page - 1) * size : page * size], "paging": paging})


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    said = {"errorCode": code, "message": message}
    return JSONResponse({**said, "errors": [said]}, status, headers)


def _section(url: str, secret: Secret) -> dict[str, object]:
    keys = {"client_id": CLIENT, "client_secret": CLIENT_SECRET, "jwt": secret.reveal()}
    return {"base_url": url, **keys, "region": "IL", "poll_seconds": 10.0}


def _build(board: Switchboard, secret: Secret) -> RingCentralSimulator:
    return RingCentralSimulator(board, secret, Faults())


SIMULATED = SimulatedPbx(
    path="/ringcentral",
    section=_section,
    build=_build,
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=SLOW_SECONDS),
        "down": Faults(down="503"),
        "refuses": Faults(refused="permission"),
    },
    not_told="RingCentral lists neither custom data nor recordings, nor when a call was answered.",
)
