"""Voicenter's Active Calls API as a small app over a switchboard, misbehaviours included. Not for real phone calls.

It answers as the vendor's page documents and as its accounts were seen to behave: a wrong code is ERR 0 with an empty
list, times count Israel's wall clock, an idle extension is there with no calls.
"""

import asyncio
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bridge.core.http_types import Secret
from bridge.core.model import Call, CallerKind, CallState, Direction
from bridge.pbx.simulation import SLOW_SECONDS, SimulatedPbx
from bridge.pbx.switchboard import Extension, Queued, Switchboard

Rows = Callable[[str | None], tuple[str, list[dict[str, Any]] | None]]
CustomdataShape = Literal["object", "text", "list", "empty list", "empty text", "null"]
Encoding = Literal["utf-8", "utf-8-sig", "utf-16", "windows-1255"]
STATUS = {
    CallState.RINGING: "Ringing",
    CallState.DIALING: "Dialing",
    CallState.TALKING: "Talking",
    CallState.HOLD: "Hold",
    CallState.UNKNOWN: "Parked",
}
LOGIN, LOGOUT = 1, 2
ISRAEL = ZoneInfo("Asia/Jerusalem")
WITHHELD = "Anonymous"
OK = (0, "OK")
AUTHORIZATION_FAILED = (1, "Authorization failed.")
INTERNAL_ERROR = (2, "Internal error.")
NO_SUCH_QUEUE = (2, "Queue is not found in this account")
ERROR_PAGE = "<!doctype html><title>Error</title><h1>Something went wrong</h1>"
UNDOCUMENTED = {"isInternal": False, "callType": "Extension", "relatedIvrUniqueIDs": [], "ip": "192.0.2.7"}


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs; as it is made, none. They may be combined."""

    slow_seconds: float = 0.0
    down: Literal["", "closed", "503"] = ""
    address_refused: bool = False
    code_refused: bool = False
    internal_error: bool = False
    html_page: bool = False
    err_as_text: bool = False
    number_as_int: bool = False
    answer_time_missing: bool = False
    unknown_keys: bool = False
    customdata: CustomdataShape = "object"
    encoding: Encoding = "utf-8"


@dataclass(frozen=True, slots=True)
class VoicenterSimulator:
    """One account: its secret `code`, the zone whose wall clock its times count (None: UTC), the faults to play."""

    switchboard: Switchboard
    code: str
    faults: Faults
    local_time: ZoneInfo | None = ISRAEL

    def app(self) -> Starlette:
        """The API; mount it where `base_url` points."""
        methods = ["GET", "POST"]
        return Starlette(
            routes=[
                Route("/GetExtensionsCalls", self._extensions_calls, methods=methods),
                Route("/GetQueuesCallers", self._queues_callers, methods=methods),
                Route("/GetExtensions", self._directory, methods=methods),
            ]
        )

    async def _extensions_calls(self, request: Request) -> Response:
        return await self._answered(request, "extension", lambda asked: ("EXTENSIONS", self._rows(asked)))

    async def _queues_callers(self, request: Request) -> Response:
        return await self._answered(request, "queue", lambda asked: ("QUEUES", self._queue_rows(asked)))

    async def _directory(self, request: Request) -> Response:
        return await self._answered(request, "showAll", lambda _: ("EXTENSIONS", self._directory_rows()))

    async def _answered(self, request: Request, parameter: str, rows: Rows) -> Response:
        """What all questions share: faults, the form of the question, the code."""
        await asyncio.sleep(self.faults.slow_seconds)
        broken = self._broken()
        if broken is not None:
            return broken
        question = await _question(request)
        if question is None:
            return self._reply(AUTHORIZATION_FAILED)
        code, asked = question.get("code"), question.get(parameter)
        if self.faults.internal_error or not isinstance(code, str) or not isinstance(asked, str | None):
            return self._reply(INTERNAL_ERROR)
        key, found = rows(asked)
        if found is None:
            return self._reply(NO_SUCH_QUEUE)
        proven = code == self.code and not self.faults.code_refused
        return self._reply(OK, found if proven else [], key)

    def _broken(self) -> Response | None:
        if self.faults.down == "closed":
            return _CutOff()
        if self.faults.down == "503":
            return PlainTextResponse("Service Unavailable", 503)
        if self.faults.address_refused:
            return PlainTextResponse("Forbidden", 403)
        return HTMLResponse(ERROR_PAGE) if self.faults.html_page else None

    def _reply(self, error: tuple[int, str], rows: list[dict[str, Any]] | None = None, key: str = "") -> Response:
        number, text = error
        answer: dict[str, Any] = {"ERR": str(number) if self.faults.err_as_text else number, "DESC": text}
        if rows is not None:
            answer[key] = rows
        written = json.dumps(answer, ensure_ascii=False).encode(self.faults.encoding, "replace")
        return Response(written, media_type="application/json")

    def _rows(self, asked: str | None) -> list[dict[str, Any]]:
        return [self._row(each) for each in self.switchboard.extensions.values() if asked in (None, each.code)]

    def _queue_rows(self, asked: str | None) -> list[dict[str, Any]] | None:
        """Queues are known by number; None for one that is not there."""
        numbers = {str(_number_of(name)): name for name in self.switchboard.queues}
        if asked is not None and asked not in numbers:
            return None
        return [
            {"Name": name, "ID": int(number), "Weight": 0, "Callers": [self._caller(one) for one in waiting]}
            for number, name in numbers.items()
            if asked in (None, number)
            for waiting in [self.switchboard.queues[name]]
        ]

    def _caller(self, waiting: Queued) -> dict[str, Any]:
        seconds = int((datetime.now(UTC) - waiting.joined_at).total_seconds())
        joined = self._epoch(waiting.joined_at)
        return {"Phone": waiting.caller.number, "CallID": waiting.ivrid, "JoinTime": joined, "Duration": seconds}

    def _directory_rows(self) -> list[dict[str, Any]]:
        return [
            {
                "SIP": each.code,
                "Name": f"Extension {each.code}",
                "SpeedDial": each.short,
                "AccountID": 12345678,
                "AccountName": "Account",
                "UserName": each.name,
                "UserEmail": each.email,
            }
            for each in self.switchboard.extensions.values()
        ]

    def _row(self, extension: Extension) -> dict[str, Any]:
        owner = _number_of(extension.name)
        return {
            "name": extension.name,
            "representative": extension.name,
            "username": extension.code,
            "extensionID": _number_of(extension.code),
            "userID": owner,
            "onlineUserID": owner if extension.logged_in else 0,
            "onlineUserStatus": LOGIN if extension.logged_in else LOGOUT,
            "calls": [self._call(call) for call in self.switchboard.calls(extension.code)],
        }

    def _call(self, call: Call) -> dict[str, Any]:
        answered = None if self.faults.answer_time_missing else call.answered_at
        recording = call.recording
        written = {
            "callStarted": self._epoch(call.started_at),
            "callAnswered": self._epoch(answered),
            "answered": int(answered is not None),
            "callername": call.caller.name,
            "callerphone": self._number(call),
            "callstatus": STATUS[call.state],
            "customdata": _shaped(_customdata(call), self.faults.customdata),
            "direction": self._direction(call),
            "ivrid": call.ivrid,
            "recording": {"Filename": recording.filename, "IsMuted": int(recording.muted)} if recording else {},
            "did": call.did,
        }
        return written | UNDOCUMENTED if self.faults.unknown_keys else written

    def _epoch(self, moment: datetime | None) -> int:
        """Whole seconds: of UTC, or of the wall clock read as if it were UTC, as the vendor counts. 0 is never."""
        if moment is None:
            return 0
        return int((moment.astimezone(self.local_time).replace(tzinfo=UTC) if self.local_time else moment).timestamp())

    def _number(self, call: Call) -> str | int:
        number = WITHHELD if call.caller.kind is CallerKind.WITHHELD else call.caller.number
        return int(number) if self.faults.number_as_int and number.isdecimal() else number

    def _direction(self, call: Call) -> str:
        """Internal calls have no word of their own: they are outgoing where they were dialled."""
        if call.direction is Direction.INTERNAL:
            return "Outgoing" if self.switchboard.placed_by(call.ivrid) == call.extension else "Incoming"
        return call.direction.capitalize()


async def _question(request: Request) -> dict[str, Any] | None:
    """The parameters, None when the request's form is invalid."""
    if request.method == "GET":
        return dict(request.query_params)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return None
    try:
        question = json.loads(await request.body())
    except (ValueError, RecursionError):
        return None
    return question if isinstance(question, dict) else None


def _customdata(call: Call) -> dict[str, str]:
    """A transferred call names the first one inside its custom data."""
    first = {"OriginalIvrUniqueID": call.original_ivrid} if call.original_ivrid else {}
    return {**call.customdata, **first}


def _shaped(data: dict[str, str], shape: CustomdataShape) -> object:
    shapes: dict[CustomdataShape, Callable[[], object]] = {
        "object": lambda: data,
        "text": lambda: json.dumps(data),
        "list": lambda: [{key: value} for key, value in data.items()],
        "empty list": list,
        "empty text": str,
        "null": lambda: None,
    }
    return shapes[shape]()


def _number_of(text: str) -> int:
    """An id that looks like the vendor's and stays the same for the same text."""
    return zlib.crc32(text.encode()) % 900_000_000 + 100_000_000


class _CutOff(Response):
    """The connection breaks in the middle of the answer. Only a real server can play this."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"ERR":', "more_body": True})


def _section(url: str, secret: Secret) -> dict[str, object]:
    return {"base_url": url, "directory_url": url, "code": secret.reveal()}


def _build(board: Switchboard, secret: Secret) -> VoicenterSimulator:
    return VoicenterSimulator(board, secret.reveal(), Faults())


SIMULATED = SimulatedPbx(
    path="/phone-system/comet/API",
    section=_section,
    build=_build,
    extension="login",
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=SLOW_SECONDS),
        "down": Faults(down="503"),
        "refuses": Faults(code_refused=True),
    },
)
