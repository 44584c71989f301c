"""Voicenter's words to nouns and back; pure. Source: the vendor's Active Calls page (GetExtensionsCalls)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from bridge.domain import Call, Caller, CallState, Direction, Recording
from bridge.errors import PbxRefused, PbxUnintelligible
from bridge.messages import Reply, Request, Secret
from bridge.pbx import Listing, check_status

SYSTEM = "the phone system (Voicenter)"
STATES = {
    "ringing": CallState.RINGING,
    "dialing": CallState.DIALING,
    "talking": CallState.TALKING,
    "hold": CallState.HOLD,
}
ENDED = {"hangup"}
DIRECTIONS = {"incoming": Direction.INCOMING, "outgoing": Direction.OUTGOING, "click2call": Direction.OUTGOING}
EMPTY_HINT = "or the account code is wrong: Voicenter answers both with an empty list"
MAX_CUSTOM_KEYS, MAX_CUSTOM_CHARACTERS = 64, 2000
FUTURE_SLACK = timedelta(minutes=10)
"""A call cannot have started in the future; clocks that differ by less than this do not make it so."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How this account's epoch seconds count, and the time of asking."""

    epoch: str
    zone: tzinfo
    now: datetime


def ask_calls(base_url: str, code: Secret, extension: str | None) -> Request:
    """The question for one extension, or (None) for all: POST, so that the code stays out of addresses and logs."""
    asked = {"code": code.reveal()} if extension is None else {"code": code.reveal(), "extension": extension}
    body = json.dumps(asked).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    return Request("POST", f"{base_url}/GetExtensionsCalls", headers, body)


def read_calls(reply: Reply, pbx: str, code: Secret, clock: Clock) -> Listing:
    """The answer as a `Listing`. `code` is blotted out should the vendor's own text quote it."""
    check_status(reply, SYSTEM)
    answer = _object(reply.body)
    _check_err(answer, code)
    rows = _objects(answer.get("EXTENSIONS"), "extensions")
    local = _counts_local_time(clock, (call for row in rows for call in _calls_of(row)))
    listed: dict[str, tuple[Call, ...]] = {}
    for row in rows:
        extension = _text(row.get("username"))
        live = (_call(call, pbx, extension, local) for call in _calls_of(row) if not _ended(call))
        listed[extension] = listed.get(extension, ()) + tuple(live)
    names = {_text(row.get("username")): _text(row.get("name")) for row in rows}
    return Listing(listed, names, EMPTY_HINT)


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise PbxUnintelligible(f"{SYSTEM} sent something that is not JSON") from None
    if not isinstance(answer, dict) or "ERR" not in answer:
        raise PbxUnintelligible(f"{SYSTEM} sent JSON without its ERR field")
    return answer


def _check_err(answer: Mapping[str, Any], code: Secret) -> None:
    """ERR is a number in the field table and a text in the error table; anything but 0 is an error in a 200."""
    if _text(answer["ERR"]) == "0":
        return
    told, number = _quoted(answer.get("DESC"), code), _quoted(answer["ERR"], code)[:20]
    raise PbxRefused(f"{SYSTEM} refused the question: {told or 'no reason given'} (ERR {number})")


def _quoted(value: object, code: Secret) -> str:
    """The vendor's own words, fit to be shown."""
    told = _text(value).replace(code.reveal(), "***")
    return "".join(character if character.isprintable() else " " for character in told)[:200]


def _objects(value: object, what: str) -> list[dict[str, Any]]:
    """A list of objects, and nothing else: what cannot be read must not pass for an idle line."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise PbxUnintelligible(f"{SYSTEM} sent no list of {what}")
    return value


def _calls_of(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    return _objects(row.get("calls"), "calls")


def _ended(call: Mapping[str, Any]) -> bool:
    return _text(call.get("callstatus")).lower() in ENDED


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
        ivrid=_text(call.get("ivrid")),
        original_ivrid=customdata.get("OriginalIvrUniqueID") or None,
        did=_text(call.get("did")),
        did_label=None,
        direction=DIRECTIONS.get(_text(call.get("direction")).lower(), Direction.UNKNOWN),
        state=STATES.get(_text(call.get("callstatus")).lower(), CallState.UNKNOWN),
        caller=Caller(number=_text(call.get("callerphone")), name=_text(call.get("callername"))),
        started_at=_moment(call.get("callStarted"), local),
        answered_at=_moment(call.get("callAnswered"), local),
        recording=_recording(call.get("recording")),
        customdata=customdata,
    )


def _recording(value: object) -> Recording | None:
    if not isinstance(value, dict) or not _text(value.get("Filename")):
        return None
    return Recording(_text(value["Filename"]), muted=_text(value.get("IsMuted")) in ("1", "true"))


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
    return {str(key)[:200]: _text(item)[:MAX_CUSTOM_CHARACTERS] for key, item in pairs[:MAX_CUSTOM_KEYS]}


def _text(value: object) -> str:
    """A field as text: numbers come as ints at times, booleans as JSON's words, and nothing as the empty text."""
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
