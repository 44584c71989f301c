"""Voicenter's words to nouns and back; pure. Source: the vendor's Active Calls page (GetExtensionsCalls)."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.core.errors import PbxUnintelligible
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.model import Call, Caller, CallState, Direction, Recording
from bridge.core.reasons import Reason, reason
from bridge.pbx.contract import Listing
from bridge.pbx.on_demand import Late, OnDemand
from bridge.pbx.voicenter.envelope import answer, ask, mark, objects, paragraph, text
from bridge.pbx.voicenter.epochs import Clock, time_of

STATES = {
    "ringing": CallState.RINGING,
    "dialing": CallState.DIALING,
    "talking": CallState.TALKING,
    "hold": CallState.HOLD,
}
ENDED = {"hangup"}
DIRECTIONS = {"incoming": Direction.INCOMING, "outgoing": Direction.OUTGOING, "click2call": Direction.OUTGOING}
EMPTY_HINT = Reason("voicenter.empty-list")
MAX_CUSTOM_KEYS, MAX_CUSTOM_CHARACTERS = 64, 2000
IN_A_CALL = {"ivrid", "callstatus", "callerphone"}
"""An object with none of these is no call."""
DETAILS = ("representative", "userID", "onlineUserID", "onlineUserStatus", "extensionID")
CALL_DETAILS = ("answered",)
"""`1` once the call was answered. It is no state: that is in `callstatus`."""


def ask_calls(method: str, base_url: str, code: Secret, extension: str | None) -> Request:
    """The question for one extension, or (None) for all."""
    return ask(method, f"{base_url}/GetExtensionsCalls", {"extension": extension}, code)


@dataclass(frozen=True, slots=True)
class Rows:
    """The readable rows of an answer (extension, row, calls, whether those are all), and how many were not."""

    rows: tuple[tuple[str, Mapping[str, Any], list[dict[str, Any]], bool], ...]
    unread: int

    @property
    def calls(self) -> Iterator[Mapping[str, Any]]:
        """The calls of all rows."""
        return (call for _, _, calls, _ in self.rows for call in calls)

    @property
    def has_times(self) -> bool:
        """Whether it matters how times count."""
        return any(call.get("callStarted") or call.get("callAnswered") for call in self.calls)


def read_rows(reply: Reply, code: Secret) -> Rows:
    """The rows of an answer. Raises `PbxUnintelligible` where there is none among what there is."""
    listed = answer(reply, code).get("EXTENSIONS")
    named = [(mark(row.get("username")), row) for row in objects(listed, "extensions")]
    rows = tuple((extension, row, *_calls_of(row)) for extension, row in named if extension)
    unread = len(listed or ()) - len(rows)
    if unread and not rows:
        raise PbxUnintelligible(reason("voicenter.no-list", list="extensions"))
    return Rows(rows, unread)


def read_calls(rows: Rows, pbx: str, clock: Clock) -> Listing:
    """The rows as a `Listing`, whose nouns are made when they are asked for. What cannot be read spoils nothing beside
    it, and is counted: calls by their extension in `unreadable`, rows in the hint."""
    found: dict[str, list[dict[str, Any]]] = {}
    for extension, _, calls, _ in rows.rows:
        found.setdefault(extension, []).extend(calls)

    def live(extension: str) -> tuple[Call, ...]:
        return tuple(_call(call, pbx, extension, clock) for call in found[extension] if not _ended(call))

    return Listing(
        extensions=OnDemand(
            live, lambda: {extension: live(extension) for extension in found}, sum(map(len, found.values()))
        ),
        names=Late(lambda: {extension: text(row.get("name")) for extension, row, _, _ in rows.rows}),
        unreadable=frozenset(extension for extension, _, _, is_whole in rows.rows if not is_whole),
        empty_hint=reason("voicenter.rows-unread", count=rows.unread) if rows.unread else EMPTY_HINT,
        logged_in=Late(
            lambda: {extension: _person(row) for extension, row, _, _ in rows.rows if "onlineUserID" in row}
        ),
        details=Late(lambda: {extension: _details(row, DETAILS) for extension, row, _, _ in rows.rows}),
        call_details=Late(lambda: {mark(call.get("ivrid")): _details(call, CALL_DETAILS) for call in rows.calls}),
    )


def _person(row: Mapping[str, Any]) -> str | None:
    """Who is logged in: `representative`, but for an `onlineUserID` of 0, which is nobody."""
    return None if str(row["onlineUserID"]) in ("0", "", "None") else text(row.get("representative")) or None


def _calls_of(row: Mapping[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """The calls of a row, and whether that was all of them."""
    calls = row.get("calls")
    if not isinstance(calls, list):
        return [], False
    found = [call for call in calls if isinstance(call, dict) and not IN_A_CALL.isdisjoint(call)]
    return found, len(found) == len(calls)


def _details(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    return {name: text(row[name]) for name in names if row.get(name) is not None}


def _ended(call: Mapping[str, Any]) -> bool:
    return text(call.get("callstatus")).lower() in ENDED


def _call(call: Mapping[str, Any], pbx: str, extension: str, clock: Clock) -> Call:
    customdata = _customdata(call.get("customdata"))
    return Call(
        pbx=pbx,
        extension=extension,
        ivrid=mark(call.get("ivrid")),
        original_ivrid=mark(customdata.get("OriginalIvrUniqueID")) or None,
        did=mark(call.get("did")),
        did_label=None,
        direction=DIRECTIONS.get(text(call.get("direction")).lower(), Direction.UNKNOWN),
        state=STATES.get(text(call.get("callstatus")).lower(), CallState.UNKNOWN),
        caller=Caller(number=mark(call.get("callerphone")), name=text(call.get("callername"))),
        started_at=time_of(call.get("callStarted"), clock),
        answered_at=time_of(call.get("callAnswered"), clock),
        recording=_recording(call.get("recording")),
        customdata=customdata,
    )


def _recording(value: object) -> Recording | None:
    if not isinstance(value, dict) or not text(value.get("Filename")):
        return None
    return Recording(text(value["Filename"]), muted=text(value.get("IsMuted")) in ("1", "true"))


def _customdata(value: object) -> dict[str, str]:
    """A flat object of texts from any shape it comes in: object, list of objects, JSON in a text, empty, null.

    Callers can influence it (an IVR may put what they type there), so its size is bounded.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            value = None
    parts = value if isinstance(value, list) else [value]
    pairs = [pair for part in parts if isinstance(part, dict) for pair in part.items()]
    return {mark(key)[:200]: paragraph(item, MAX_CUSTOM_CHARACTERS) for key, item in pairs[:MAX_CUSTOM_KEYS]}
