"""The Open API as a small server over a switchboard, with its tokens, limits and faults. Not for real phone calls.

It answers as the vendor's guide and live systems do: HTTP 200 with an `errcode` whatever happens, the token in the
address alone, nothing without a `User-Agent`, one answer for each connection.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from bridge.core.http_types import Secret
from bridge.pbx.simulation import SLOW_SECONDS, SimulatedPbx
from bridge.pbx.switchboard import Switchboard
from bridge.pbx.yeastar.exchange import Exchange
from bridge.pbx.yeastar.simulated_port import EventPort
from bridge.pbx.yeastar.wire import CALLS, EXTENSIONS, PATH

INTERFACES = {"get_token": "POST", "refresh_token": "POST", CALLS: "GET", EXTENSIONS: "GET"}
ACCESS_SECONDS, REFRESH_SECONDS = 1800, 86400
ERRORS = {
    1: "FAILURE",
    10001: "INTERFACE NOT EXISTED",
    10004: "TOKEN EXPIRED",
    10005: "ACCESS DENIED",
    10023: "MAX LIMITATION EXCEEDED",
    40002: "PARAMETER ERROR",
    60001: "DATA NOT FOUND",
    60002: "MAX LIMITATION EXCEEDED",
    70087: "IP FORBIDDEN",
    -2: "INTERNAL SERVER ERROR",
}


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs; as it is made, none. They may be combined.

    `filters_only`: calls are listed by extension or type alone, as the vendor's page has it. `events` is what becomes
    of the websocket's events.
    """

    slow_seconds: float = 0.0
    down: Literal["", "503", "closed", "internal"] = ""
    refused: Literal["", "right", "extensions", "address", "interface", "limit", "tokens", "events"] = ""
    trunks_unmonitored: bool = False
    filters_only: bool = False
    nothing_is_an_error: bool = False
    html_page: bool = False
    cut_to: int = 0
    events: Literal["", "silent", "garbage"] = ""


@dataclass(slots=True)
class Issued:
    """The one pair of tokens that is valid, and until when. `log_ins` counts those by the credentials."""

    access: str = ""
    refresh: str = ""
    access_until: float = 0.0
    refresh_until: float = 0.0
    log_ins: int = 0

    def renew(self, now: float) -> dict[str, Any]:
        """A new pair; the one before is worth nothing from now on."""
        self.access, self.refresh = secrets.token_hex(16), secrets.token_hex(16)
        self.access_until, self.refresh_until = now + ACCESS_SECONDS, now + REFRESH_SECONDS
        lives = {"access_token_expire_time": ACCESS_SECONDS, "refresh_token_expire_time": REFRESH_SECONDS}
        return {**_ok(), "access_token": self.access, "refresh_token": self.refresh, **lives}


@dataclass(slots=True)
class YeastarSimulator:
    """One phone system."""

    switchboard: Switchboard
    client_id: str
    client_secret: Secret
    faults: Faults
    clock: Callable[[], float] = time.time
    issued: Issued = field(default_factory=Issued)
    port: EventPort = field(init=False)

    def __post_init__(self) -> None:
        self.port = EventPort(self)

    def app(self) -> Starlette:
        """The Open API; mount it where `base_url` points."""
        interfaces = Route(f"{PATH}/{{interface:path}}", self._answer, methods=["GET", "POST"])
        return Starlette(routes=[WebSocketRoute(f"{PATH}/subscribe", self.port.serve), interfaces])

    def takes(self, token: str) -> bool:
        """Whether an access token is the one that is valid."""
        return bool(token) and Secret(self.issued.access).matches(token) and self.clock() < self.issued.access_until

    async def _answer(self, request: Request) -> Response:
        await asyncio.sleep(self.faults.slow_seconds)
        if self.faults.down == "closed":
            raise RuntimeError("the connection breaks")
        if self.faults.down == "503":
            return PlainTextResponse("Service Unavailable", 503)
        if self.faults.html_page:
            return HTMLResponse("<html><body>Yeastar</body></html>")
        answer = JSONResponse(self._refused(request) or await self._served(request))
        answer.headers["Connection"] = "close"
        answer.body = bytes(answer.body)[: self.faults.cut_to or None]
        answer.headers["Content-Length"] = str(len(answer.body))
        return answer

    def _refused(self, request: Request) -> dict[str, Any] | None:
        interface = request.path_params["interface"]
        denied = {"right": CALLS, "extensions": EXTENSIONS}.get(self.faults.refused)
        if not request.headers.get("user-agent"):
            return _error(40002)
        if self.faults.down == "internal":
            return _error(-2)
        if self.faults.refused == "address":
            return _error(70087)
        if self.faults.refused == "limit" and interface != "get_token":
            return _error(10023)
        is_missing = INTERFACES.get(interface) != request.method or self.faults.refused == "interface"
        return _error(10001) if is_missing else _error(10005) if interface == denied else None

    async def _served(self, request: Request) -> dict[str, Any]:
        interface = request.path_params["interface"]
        if interface in ("get_token", "refresh_token"):
            return self._log_in(interface, await request.json())
        if not self.takes(request.query_params.get("access_token", "")):
            return _error(10004)
        return self._calls(request) if interface == CALLS else self._extensions(request)

    def _log_in(self, interface: str, said: dict[str, str]) -> dict[str, Any]:
        now = self.clock()
        if interface == "refresh_token":
            is_right = (
                Secret(self.issued.refresh).matches(said.get("refresh_token", "")) and now < self.issued.refresh_until
            )
            return self.issued.renew(now) if is_right else _error(10004)
        if self.faults.refused == "tokens":
            return _error(60002)
        is_right = said.get("username") == self.client_id and self.client_secret.matches(said.get("password", ""))
        self.issued.log_ins += is_right
        return self.issued.renew(now) if is_right else _error(1)

    def _calls(self, request: Request) -> dict[str, Any]:
        extension, kind = request.query_params.get("extension"), request.query_params.get("type")
        if self.faults.filters_only and extension is None and kind is None:
            return _error(40002)
        found = Exchange(self.switchboard, not self.faults.trunks_unmonitored).calls(extension, kind)
        return _error(60001) if not found and self.faults.nothing_is_an_error else {**_ok(), "data": found}

    def _extensions(self, request: Request) -> dict[str, Any]:
        rows = Exchange(self.switchboard).extensions()
        page, size = (int(request.query_params.get(name, "1")) for name in ("page", "page_size"))
        return {**_ok(), "total_number": len(rows), "data": rows[(page - 1) * size : page * size]}


def _ok() -> dict[str, Any]:
    return {"errcode": 0, "errmsg": "SUCCESS"}


def _error(number: int) -> dict[str, Any]:
    return {"errcode": number, "errmsg": ERRORS[number]}


CLIENT = "popbridge-client-0123456789abcdef"


def _section(url: str, secret: Secret) -> dict[str, object]:
    return {"base_url": url, "client_id": CLIENT, "client_secret": secret.reveal(), "region": "IL"}


def _build(board: Switchboard, secret: Secret) -> YeastarSimulator:
    return YeastarSimulator(board, CLIENT, secret, Faults())


SIMULATED = SimulatedPbx(
    path="/yeastar",
    section=_section,
    build=_build,
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=SLOW_SECONDS),
        "down": Faults(down="503"),
        "refuses": Faults(refused="right"),
    },
    not_told="Yeastar lists neither callers' names, custom data nor recordings, nor when a call was answered.",
)
