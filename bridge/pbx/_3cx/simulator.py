"""The Call Control API as a small server over a switchboard, with its token, rights and faults. Not for real calls.

It answers as the vendor's specification and published answers of real systems do: one access token is valid at a time,
a client sees the extensions selected for it, nothing tells that a call is on hold, `party_did` is empty.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from bridge.core.http_types import Secret
from bridge.pbx._3cx.exchange import ROUTE_POINT, Exchange
from bridge.pbx._3cx.simulated_port import EventPort
from bridge.pbx.simulation import SLOW_SECONDS, SimulatedPbx
from bridge.pbx.switchboard import Switchboard

ACCESS_SECONDS = 3600


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs; as it is made, none. They may be combined.

    `visible` are the extensions selected for the client (None: all); `gives_did` fills `party_did`; `events` is what
    comes on the websocket instead of events.
    """

    slow_seconds: float = 0.0
    down: Literal["", "503", "closed"] = ""
    refused: Literal["", "right", "version"] = ""
    visible: Collection[str] | None = None
    gives_did: bool = False
    html_page: bool = False
    cut_to: int = 0
    events: Literal["", "garbage", "huge"] = ""


@dataclass(slots=True)
class Issued:
    """The one token that is valid, and until when. `log_ins` counts them."""

    access: str = ""
    until: float = 0.0
    log_ins: int = 0

    def renew(self, now: float) -> dict[str, object]:
        """A new token; the one before is worth nothing from now on."""
        self.access, self.until, self.log_ins = secrets.token_hex(32), now + ACCESS_SECONDS, self.log_ins + 1
        token = {"access_token": self.access, "refresh_token": secrets.token_hex(16)}
        return {"token_type": "Bearer", "expires_in": ACCESS_SECONDS, **token}


@dataclass(slots=True)
class ThreeCxSimulator:
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
        """The API; mount it where `base_url` points."""
        return Starlette(
            routes=[
                Route("/connect/token", self._token, methods=["POST"]),
                Route("/callcontrol", self._numbers, methods=["GET"]),
                WebSocketRoute("/callcontrol/ws", self.port.serve),
                Route("/callcontrol/{dn}", self._number, methods=["GET"]),
                Route("/callcontrol/{dn}/participants", self._participants, methods=["GET"]),
            ]
        )

    async def _token(self, request: Request) -> Response:
        if (broken := await self._broken()) is not None:
            return broken
        if self.faults.refused == "version":
            return PlainTextResponse("", 404)
        said = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        is_right = said.get("client_id") == self.client_id and self.client_secret.matches(said.get("client_secret", ""))
        if not is_right or said.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "invalid_client"}, 400)
        return JSONResponse(self.issued.renew(self.clock()))

    async def _numbers(self, request: Request) -> Response:
        return await self._refused(request) or self._answer(self.numbers())

    def numbers(self) -> list[dict[str, Any]]:
        """All that the client sees."""
        return self._exchange.numbers(self.faults.visible)

    def refusal(self, websocket: WebSocket) -> int | None:
        """The status with which a websocket is refused; None: it is let in."""
        if self.faults.down:
            return 503
        return None if self._takes(websocket.headers.get("authorization", "")) else 401

    def _takes(self, authorization: str) -> bool:
        offered = authorization.removeprefix("Bearer ")
        return bool(offered) and Secret(self.issued.access).matches(offered) and self.clock() < self.issued.until

    async def _number(self, request: Request) -> Response:
        return await self._refused(request) or self._answer(self._exchange.number(request.path_params["dn"]))

    async def _participants(self, request: Request) -> Response:
        return await self._refused(request) or self._answer(
            self._exchange.number(request.path_params["dn"])["participants"]
        )

    @property
    def _exchange(self) -> Exchange:
        return Exchange(self.switchboard, self.faults.gives_did)

    async def _broken(self) -> Response | None:
        await asyncio.sleep(self.faults.slow_seconds)
        if self.faults.down == "closed":
            raise RuntimeError("the connection breaks")
        if self.faults.down == "503":
            return PlainTextResponse("Service Unavailable", 503)
        return HTMLResponse("<!DOCTYPE html><title>3CX</title>") if self.faults.html_page else None

    async def _refused(self, request: Request) -> Response | None:
        if (broken := await self._broken()) is not None:
            return broken
        if not self._takes(request.headers.get("authorization", "")):
            return Response(status_code=401)
        dn = request.path_params.get("dn", ROUTE_POINT)
        seen = self.switchboard.extensions if self.faults.visible is None else self.faults.visible
        return Response(status_code=403) if self.faults.refused == "right" or dn not in {ROUTE_POINT, *seen} else None

    def _answer(self, found: object) -> Response:
        answer = JSONResponse(found)
        answer.body = bytes(answer.body)[: self.faults.cut_to or None]
        answer.headers["Content-Length"] = str(len(answer.body))
        return answer


CLIENT = ROUTE_POINT


def _section(url: str, secret: Secret) -> dict[str, object]:
    return {"base_url": url, "client_id": CLIENT, "client_secret": secret.reveal(), "region": "IL"}


def _build(board: Switchboard, secret: Secret) -> ThreeCxSimulator:
    return ThreeCxSimulator(board, CLIENT, secret, Faults())


SIMULATED = SimulatedPbx(
    path="/3cx",
    section=_section,
    build=_build,
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=SLOW_SECONDS),
        "down": Faults(down="503"),
        "refuses": Faults(refused="right"),
    },
    not_told="3CX tells neither hold, times, the number that was dialled, custom data nor recordings.",
)
