"""AMI over HTTP and ARI as small servers over a switchboard, with their sessions, refusals and faults.

They answer as a real Asterisk 22 was recorded: AMI says HTTP 200 to everything, an expired session and a missing right
alike `Permission denied`; ARI is a 404 page, then 503, while Asterisk starts. Not for real phone calls.
"""

import asyncio
import secrets
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Literal
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Secret
from bridge.pbx.asterisk.channel import Channel
from bridge.pbx.asterisk.exchange import Exchange
from bridge.pbx.asterisk.legs import DNID, LINKEDID, RECORDING, RTP_HOLD
from bridge.pbx.asterisk.listing import Blocks, bridges, devices, endpoint, hints, queue_status, split, status, written
from bridge.pbx.simulation import SLOW_SECONDS, SimulatedPbx
from bridge.pbx.switchboard import Switchboard

USER = "popbridge"
NOT_FOUND = "<html><head>\r\n<title>404 Not Found</title>\r\n</head><body>\r\n<h1>Not Found</h1>\r\n</body></html>\r\n"
DENIED, SESSION_SECONDS = "Permission denied", 60.0
CHANNELVARS = (LINKEDID, DNID, "FROM_DID", "CUSTOMER_ID", RECORDING)


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs; as it is made, none. They may be combined."""

    slow_seconds: float = 0.0
    down: Literal["", "closed", "503"] = ""
    refused: Literal["", "login", "address", "right", "off"] = ""
    booting: Literal["", "404", "503"] = ""
    session_seconds: float = SESSION_SECONDS
    channelvars: tuple[str, ...] = CHANNELVARS
    without_hints: bool = False
    may_change: bool = False
    html_page: bool = False


@dataclass(frozen=True, slots=True)
class AsteriskSimulator:
    """One Asterisk, with one user who is the same for AMI and ARI."""

    switchboard: Switchboard
    username: str
    password: str
    faults: Faults
    exchange: Exchange
    sessions: dict[str, float] = field(default_factory=dict)
    """Until when each session of AMI is good, in monotonic seconds, by its cookie."""

    def app(self) -> Starlette:
        """Both interfaces; mount it where `base_url` points."""
        rawman = Route("/rawman", self._rawman, methods=["GET", "POST"])
        return Starlette(routes=[rawman, Route("/ari/{resource:path}", self._ari, methods=["GET", "POST", "PUT"])])

    async def _broken(self) -> Response | None:
        await asyncio.sleep(self.faults.slow_seconds)
        if self.faults.down == "closed":
            raise ConnectionResetError("the simulated phone system hangs up")
        if self.faults.down == "503":
            return PlainTextResponse("Service Unavailable", 503)
        return HTMLResponse("<h1>It works!</h1>") if self.faults.html_page else None

    async def _rawman(self, request: Request) -> Response:
        broken = await self._broken()
        if broken is not None:
            return broken
        if self.faults.refused == "off":
            return HTMLResponse(NOT_FOUND, 404)
        form = (await request.body()).decode("utf-8", "replace")
        fields = {**request.query_params, **dict(parse_qsl(form))}
        cookie = request.cookies.get("mansession_id", "").strip('"') or secrets.token_hex(4)
        text = self._act(fields, cookie)
        renewed = f'mansession_id="{cookie}"; Version=1; Max-Age={int(self.faults.session_seconds)}'
        return PlainTextResponse(text, headers={"Set-Cookie": renewed, "Pragma": "SuppressEvents"})

    def _act(self, fields: dict[str, str], cookie: str) -> str:
        """The answer to an action; every right use renews the session."""
        action, now = fields.get("action", ""), time.monotonic()
        if action.lower() == "login":
            proven = self._proves(fields.get("username", ""), fields.get("secret", ""))
            if not proven or self.faults.refused in ("login", "address"):
                return _error("Authentication failed")
        elif self.sessions.get(cookie, 0.0) <= now:
            return _error(DENIED)
        self.sessions[cookie] = now + self.faults.session_seconds
        return self._answer(action, fields)

    def _answer(self, action: str, fields: dict[str, str]) -> str:
        asked = [name for name in split(fields.get("Variables", "")) if name]
        answers: dict[str, Callable[[], Blocks]] = {
            "Status": lambda: status(self.exchange.channels(), datetime.now(UTC), asked),
            "QueueStatus": lambda: queue_status(self.exchange, datetime.now(UTC), fields.get("Queue")),
            "ExtensionStateList": lambda: hints([] if self.faults.without_hints else self.switchboard.extensions),
            "DeviceStateList": lambda: devices([] if self.faults.without_hints else self.switchboard.extensions),
            "Command": lambda: [[("Response", "Success"), ("Message", "Command output follows"), ("Output", "")]],
        }
        if action.lower() == "login":
            return written([[("Response", "Success"), ("Message", "Authentication accepted")]])
        if action not in answers:
            return _error(f"Invalid/unknown command: {action}. Use Action: ListCommands to show available commands.")
        if self.faults.refused == "right" or (action == "Command" and not self.faults.may_change):
            return _error(DENIED)
        return written(answers[action]())

    async def _ari(self, request: Request) -> Response:
        broken = await self._broken()
        if broken is not None:
            return broken
        if self.faults.booting == "404" or self.faults.refused == "off":
            return HTMLResponse(NOT_FOUND, 404)
        if self.faults.booting == "503":
            return _message("Asterisk not booted", 503)
        offered, _, proof = request.headers.get("authorization", "").partition(" ")
        if offered != "Basic" or self.faults.refused == "login" or not self._is_proof(proof):
            return _message("Authentication required", 401)
        if self.faults.refused == "address":
            return _message("Access denied by ACL", 403)
        if request.method != "GET":
            return (
                _message("Write access denied", 403) if not self.faults.may_change else _message("Invalid method", 405)
            )
        return self._resource(request.path_params["resource"].split("/"), request.query_params.get("variable", ""))

    def _resource(self, path: list[str], variable: str) -> Response:
        channels = self.exchange.channels()
        match path:
            case ["channels"]:
                return JSONResponse([channel.row(self.faults.channelvars) for channel in channels])
            case ["bridges"]:
                return JSONResponse(bridges(channels))
            case ["channels", uniqueid, "variable"]:
                found = next((channel for channel in channels if channel.uniqueid == uniqueid), None)
                return _variable(found, variable) if found else _message("Channel not found", 404)
            case ["endpoints"]:
                return JSONResponse([endpoint(code, channels) for code in self.switchboard.extensions])
            case ["endpoints", "PJSIP", code] if code in self.switchboard.extensions:
                return JSONResponse(endpoint(code, channels))
            case ["endpoints", _, _]:
                return _message("Endpoint not found", 404)
        return _message("Resource not found", 404)

    def _proves(self, username: str, password: str) -> bool:
        return compare_digest(username.encode(), self.username.encode()) and Secret(self.password).matches(password)

    def _is_proof(self, proof: str) -> bool:
        return compare_digest(proof.encode(), b64encode(f"{self.username}:{self.password}".encode()))


def _error(message: str) -> str:
    return written([[("Response", "Error"), ("Message", message)]])


def _message(text: str, status: int) -> Response:
    return JSONResponse({"message": text}, status)


def _variable(channel: Channel, name: str) -> Response:
    """A function of the channel's media fails before there is any; a variable that nobody set is not found."""
    if name == RTP_HOLD and channel.state != "Up":
        return _message("Unable to read provided function", 500)
    value = channel.value(name)
    return _message("Provided variable was not found", 404) if value is None else JSONResponse({"value": value})


def _section(url: str, secret: Secret) -> dict[str, object]:
    return {"base_url": url, "username": USER, "password": secret.reveal(), "region": "IL", "trunks": ["provider"]}


def _build(board: Switchboard, secret: Secret) -> AsteriskSimulator:
    return AsteriskSimulator(board, USER, secret.reveal(), Faults(), Exchange(board))


SIMULATED = SimulatedPbx(
    path="/phone-system",
    section=_section,
    build=_build,
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=SLOW_SECONDS),
        "down": Faults(down="503"),
        "refuses": Faults(refused="login"),
    },
    not_told="Asterisk keeps a call's id when it is transferred, and tells of recordings only where a variable does.",
)
