"""Ozeki's HTTP API as a small app over a switchboard, both generations and misbehaviours. Not for real phone calls.

It answers as the vendor's pages document: errors inside a 200, XML without an encoding or charset, no filter by
extension, idle extensions not in the list of calls. An extension's number is its code on the switchboard.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Literal
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bridge.core.http_types import Secret
from bridge.core.model import Call, CallerKind, CallState
from bridge.pbx.simulation import SLOW_SECONDS, SimulatedPbx
from bridge.pbx.switchboard import Extension, Switchboard

Encoding = Literal["utf-8", "utf-8-sig", "utf-16", "windows-1255", "windows-1255 declared", "utf-8 declared utf-16"]
STATE = {
    CallState.RINGING: "Ringing",
    CallState.DIALING: "Ringing",
    CallState.TALKING: "InCall",
    CallState.HOLD: "Hold",
    CallState.UNKNOWN: "Parked",
}
ENDED = ("Error", "Cancelled", "Transferred", "Busy", "Completed")
WITHHELD = "Anonymous"
SUCCESS = "Command successfully executed"
UNKNOWN_COMMAND = (301, "Command not implemented")
NO_CREDENTIALS = (304, "Authentication required")
WRONG_CREDENTIALS = (305, "Authentication failed")
REFUSED = {
    303: "Inappropriate command",
    306: "User not allowed in the access control list",
    307: "Address forbidden",
    401: "API extension '9986' unavailable, please check configuration or permissions",
}
PREFIXES = ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
DEFAULT_NAMESPACE = ' xmlns="http://ozeki.example/api"'
HEADERS = {"Server": "Microsoft-HTTPAPI/2.0"}
ERROR_PAGE = (
    "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Something went wrong</h1><br></body></html>"
)


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs; as it is made, none. They may be combined."""

    slow_seconds: float = 0.0
    down: Literal["", "closed", "503"] = ""
    html_page: bool = False
    refused: Literal[0, 303, 306, 307, 401] = 0
    extensions_refused: bool = False
    no_list: bool = False
    ended_calls: bool = False
    default_namespace: bool = False
    misspelt: bool = False
    bare_ampersand: bool = False
    encoding: Encoding = "utf-8"


@dataclass(frozen=True, slots=True)
class OzekiSimulator:
    """One phone system. `password` None: it asks for no credentials, as XE may. `local_time` is where it stands."""

    switchboard: Switchboard
    username: str
    password: str | None
    faults: Faults
    generation: Literal["9509", "xe"] = "9509"
    local_time: tzinfo = UTC
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def app(self) -> Starlette:
        """The API; mount it where `base_url` points. The newer generation documents no form post."""
        if self.generation == "9509":
            return Starlette(routes=[Route("/api", self._api, methods=["GET"])])
        return Starlette(routes=[Route("/", self._api, methods=["GET", "POST"])])

    async def _api(self, request: Request) -> Response:
        await asyncio.sleep(self.faults.slow_seconds)
        if self.faults.down == "closed":
            return _CutOff()
        if self.faults.down == "503":
            return PlainTextResponse("Service Unavailable", 503)
        if self.faults.html_page:
            return HTMLResponse(ERROR_PAGE)
        asked = request.url.query if request.method == "GET" else (await request.body()).decode()
        return self._reply(self._answer(dict(parse_qsl(asked))))

    def _answer(self, fields: Mapping[str, str]) -> str:
        refusal = self._refusal(fields)
        if refusal is not None:
            return _error(*refusal)
        match fields.get("command", fields.get("Command")):
            case "ListActiveCalls":
                return self._list("ActiveCalls", self._calls())
            case "ListExtensions" if self.faults.extensions_refused:
                return _error(306, REFUSED[306])
            case "ListExtensions":
                return self._list("Extensions", self._extensions(fields.get("Type")))
        return _error(*UNKNOWN_COMMAND)

    def _refusal(self, fields: Mapping[str, str]) -> tuple[int, str] | None:
        if self.faults.refused:
            return self.faults.refused, REFUSED[self.faults.refused]
        if self.password is None:
            return None
        if not {"Username", "Password"} <= fields.keys():
            return NO_CREDENTIALS
        proven = (fields["Username"], fields["Password"]) == (self.username, self.password)
        return None if proven else WRONG_CREDENTIALS

    def _reply(self, inner: str) -> Response:
        """The whole answer as bytes. `application/xml` goes out without a charset, as the vendor's does."""
        encoding, _, declared = self.faults.encoding.partition(" declared")
        said = f' encoding="{declared.strip() or encoding}"' if " declared" in self.faults.encoding else ""
        namespaces = PREFIXES + (DEFAULT_NAMESPACE if self.faults.default_namespace else "")
        text = f'<?xml version="1.0"{said}?>\r\n<Response{namespaces}>\r\n{inner}</Response>\r\n'
        return Response(text.encode(encoding, "xmlcharrefreplace"), media_type="application/xml", headers=HEADERS)

    def _list(self, name: str, rows: Iterable[str]) -> str:
        listed = "".join(rows)
        whole = f"<{name}>\r\n{listed}</{name}>\r\n" if listed else "" if self.faults.no_list else f"<{name} />\r\n"
        return f"<Code>200</Code>\r\n<Message>{SUCCESS}</Message>\r\n{whole}"

    def _extensions(self, wanted: str | None) -> Iterator[str]:
        for extension in self.switchboard.extensions.values():
            if self.generation == "xe":
                yield _element("ExtensionSummary", {"Id": extension.code, "Type": "SIP"})
            elif wanted in (None, "Phone"):
                yield _element("ExtensionSummary", _summary(extension))

    def _calls(self) -> Iterator[str]:
        for call in self.switchboard.all_calls():
            placed_by = self.switchboard.placed_by(call.ivrid)
            if placed_by in (None, call.extension):
                yield self._row(call, placed_by, self._state(call))
        for state in ENDED if self.faults.ended_calls else ():
            for call in self.switchboard.all_calls():
                yield self._row(call, self.switchboard.placed_by(call.ivrid), state)

    def _state(self, call: Call) -> str:
        """An internal call is one row: it is on hold when either side holds it."""
        legs = (leg.state for leg in self.switchboard.all_calls() if leg.ivrid == call.ivrid)
        internal = self.switchboard.placed_by(call.ivrid) is not None
        return "Hold" if internal and CallState.HOLD in legs else STATE[call.state]

    def _row(self, call: Call, placed_by: str | None, state: str) -> str:
        source, name, destination = self._sides(call, placed_by)
        dialled = call.did or destination
        first = {"CallId": call.ivrid, "Source": source, "CallerId": name or source, "Destination": destination}
        callee = "CelleeDialed" if self.faults.misspelt else "CalleeDialed"
        newer = {"CallerDialed": dialled, callee: destination} if self.generation == "9509" else {}
        fields = {**first, **newer, **self._times(call), "CallState": state}
        row = _element("Call" if newer else "CallInfo", fields)
        return row.replace("&amp;", "&") if self.faults.bare_ampersand else row

    def _sides(self, call: Call, placed_by: str | None) -> tuple[str, str, str]:
        """Source, what phones display of it, Destination."""
        if placed_by is None:
            number = WITHHELD if call.caller.kind is CallerKind.WITHHELD else call.caller.number
            return number, call.caller.name, call.extension
        other = (leg.extension for leg in self.switchboard.all_calls() if leg.ivrid == call.ivrid)
        inside = next((extension for extension in other if extension != placed_by), "")
        return placed_by, self.switchboard.extensions[placed_by].name, inside or call.caller.number

    def _times(self, call: Call) -> dict[str, str]:
        """The newer generation: wall clock without a zone, thousandths. XE: ISO with four decimals, whole seconds."""
        now, started = self.clock(), call.started_at or self.clock()
        local = started.astimezone(self.local_time)
        talk = (now - call.answered_at).total_seconds() if call.answered_at else 0.0
        ring = max((now - started).total_seconds() - talk, 0.0)
        if self.generation == "9509":
            start = local.strftime("%Y-%m-%d %H:%M:%S")
            return {"StartTime": start, "RingDuration": f"{ring:.3f}", "TalkDuration": f"{talk:.3f}"}
        offset = local.strftime("%z")
        start = f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 100:04d}{offset[:3]}:{offset[3:5]}"
        return {"StartTime": start, "RingDuration": str(int(ring)), "TalkDuration": str(int(talk))}


def _summary(extension: Extension) -> dict[str, str]:
    state = "Connected" if extension.logged_in else "Disconnected"
    return {"Id": f"{extension.code}@localhost", "PhoneNumber": extension.code, "Type": "Phone", "State": state}


def _element(name: str, fields: Mapping[str, str]) -> str:
    inner = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in fields.items())
    return f"<{name}>{inner}</{name}>\r\n"


def _error(code: int, message: str) -> str:
    return f"<Code>{code}</Code>\r\n<Message>{escape(message)}</Message>\r\n"


class _CutOff(Response):
    """The connection breaks in the middle of the answer. Only a real server can play this."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/xml"), (b"content-length", b"4096")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<?xml", "more_body": True})


API_USER, ZONE = "popbridge", "Asia/Jerusalem"


def _section(url: str, secret: Secret) -> dict[str, object]:
    return {"base_url": url, "username": API_USER, "password": secret.reveal(), "timezone": ZONE, "region": "IL"}


def _build(board: Switchboard, secret: Secret) -> OzekiSimulator:
    return OzekiSimulator(board, API_USER, secret.reveal(), Faults(), local_time=ZoneInfo(ZONE))


SIMULATED = SimulatedPbx(
    path="/phone-system",
    section=_section,
    build=_build,
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=SLOW_SECONDS),
        "down": Faults(down="503"),
        "refuses": Faults(refused=306),
    },
    not_told="Ozeki tells neither from where a call was transferred nor the name of somebody who is dialled.",
)
