"""Voicenter's words to nouns and back; pure. Source: the vendor's Active Calls page (GetExtensionsCalls)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from bridge.core.http_types import Reply, Request, Secret
from bridge.core.model import Call, Caller, CallState, Direction, Recording
from bridge.core.reasons import Reason
from bridge.pbx.contract import Listing
from bridge.pbx.voicenter.envelope import answer, ask, objects, text

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
FUTURE_SLACK = timedelta(minutes=10)
"""A call cannot have started in the future; clocks that differ by less than this do not make it so."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How this account's epoch seconds count, and the time of asking."""

    epoch: str
    zone: tzinfo
    now: datetime


def ask_calls(method: str, base_url: str, code: Secret, extension: str | None) -> Request:
    """The question for one extension, or (None) for all."""
    return ask(method, f"{base_url}/GetExtensionsCalls", {"extension": extension}, code)


def read_calls(reply: Reply, pbx: str, code: Secret, clock: Clock) -> Listing:
    """The answer as a `Listing`. An extension whose calls cannot be read passes for nothing, and spoils no other."""
    rows = objects(answer(reply, code).get("EXTENSIONS"), "extensions")
    readable = [(text(row.get("username")), text(row.get("name")), _calls_of(row)) for row in rows]
    local = _counts_local_time(clock, (call for _, _, calls in readable for call in calls or ()))
    listed: dict[str, tuple[Call, ...]] = {}
    for extension, _, calls in readable:
        live = (_call(call, pbx, extension, local) for call in calls or () if not _ended(call))
        listed[extension] = listed.get(extension, ()) + tuple(live)
    names = {extension: name for extension, name, _ in readable}
    unreadable = frozenset(extension for extension, _, calls in readable if calls is None)
    return Listing(listed, names, unreadable, EMPTY_HINT)


def _calls_of(row: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    calls = row.get("calls")
    whole = isinstance(calls, list) and all(isinstance(call, dict) for call in calls)
    return calls if whole else None


def _ended(call: Mapping[str, Any]) -> bool:
    return text(call.get("callstatus")).lower() in ENDED


def _counts_local_time(clock: Clock, calls: Iterable[Mapping[str, Any]]) -> tzinfo | None:
    """The zone in which the answer's epochs count, None for UTC. Voicenter's count Israel's wall clock."""
    if clock.epoch == "local":
        return clock.zone
    if clock.epoch == "auto":
        starts = (_moment(call.get("callStarted"), None) for call in calls)
        if any(start is not None and start > clock.now + FUTURE_SLACK for start in starts):
            return clock.zone
    return None


def _moment(value: object, local: tzinfo | None) -> datetime | None:
    """Epoch seconds as a UTC time; 0, absent and impossible values are None."""
    try:
        seconds = float(str(value))
        if not seconds > 0:
            return None
        moment = datetime.fromtimestamp(seconds, UTC)
        return moment.replace(tzinfo=local).astimezone(UTC) if local else moment
    except (ValueError, OverflowError, OSError):
        return None


def _call(call: Mapping[str, Any], pbx: str, extension: str, local: tzinfo | None) -> Call:
    customdata = _customdata(call.get("customdata"))
    return Call(
        pbx=pbx,
        extension=extension,
        ivrid=text(call.get("ivrid")),
        original_ivrid=customdata.get("OriginalIvrUniqueID") or None,
        did=text(call.get("did")),
        did_label=None,
        direction=DIRECTIONS.get(text(call.get("direction")).lower(), Direction.UNKNOWN),
        state=STATES.get(text(call.get("callstatus")).lower(), CallState.UNKNOWN),
        caller=Caller(number=text(call.get("callerphone")), name=text(call.get("callername"))),
        started_at=_moment(call.get("callStarted"), local),
        answered_at=_moment(call.get("callAnswered"), local),
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
    return {str(key)[:200]: text(item)[:MAX_CUSTOM_CHARACTERS] for key, item in pairs[:MAX_CUSTOM_KEYS]}
