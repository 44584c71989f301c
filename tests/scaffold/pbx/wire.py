"""New Make's words to nouns and back; pure. FILL IN: the vendor's page, by name and version."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from bridge.core.errors import PbxRefused, PbxUnintelligible
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.model import Call, Caller, CallState, Direction
from bridge.core.reasons import reason
from bridge.pbx.contract import Listing
from bridge.pbx.reading import check_status, decoded

SYSTEM = "New Make"
# FILL IN: every state and direction that the vendor documents. Others are UNKNOWN, never an error.
STATES = {
    "ringing": CallState.RINGING,
    "dialing": CallState.DIALING,
    "talking": CallState.TALKING,
    "hold": CallState.HOLD,
}
ENDED = {"ended"}
DIRECTIONS = {"in": Direction.INCOMING, "out": Direction.OUTGOING, "internal": Direction.INTERNAL}
MAX_CHARACTERS = 2000


def ask_calls(base_url: str, token: Secret, extension: str | None) -> Request:
    """The question for one extension, or (None) for all. FILL IN: a secret belongs into a header, not the address."""
    query = "" if extension is None else f"?{urlencode({'extension': extension})}"
    headers = {"Accept": "application/json", "Authorization": f"Bearer {token.reveal()}"}
    return Request("GET", f"{base_url}/calls{query}", headers)


def read_calls(reply: Reply, pbx: str) -> Listing:
    """The answer as a `Listing`. Extensions whose calls could not be parsed are `unreadable`, and spoil no other."""
    check_status(reply, SYSTEM)
    rows = _answer(reply).get("extensions")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PbxUnintelligible(reason("newmake.no-list"))
    listed: dict[str, tuple[Call, ...]] = {}
    unreadable: set[str] = set()
    for row in rows:
        extension, calls = _text(row.get("extension")), row.get("calls")
        if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
            unreadable.add(extension)
            calls = []
        live = tuple(_call(call, pbx, extension) for call in calls if _text(call.get("state")) not in ENDED)
        listed[extension] = listed.get(extension, ()) + live
    return Listing(listed, unreadable=frozenset(unreadable))


def _answer(reply: Reply) -> Mapping[str, Any]:
    try:
        found = json.loads(decoded(reply.body, reply.headers.get("content-type", "")))
    except (ValueError, RecursionError):
        raise PbxUnintelligible(reason("newmake.not-json")) from None
    if not isinstance(found, dict):
        raise PbxUnintelligible(reason("newmake.not-json"))
    if "error" in found:  # FILL IN: how the vendor reports an error inside a 200.
        raise PbxRefused(reason("newmake.refused"))
    return found


def _call(call: Mapping[str, Any], pbx: str, extension: str) -> Call:
    return Call(
        pbx=pbx,
        extension=extension,
        ivrid=_text(call.get("id")),  # FILL IN: the call's own id, the same on every extension and while it lasts.
        original_ivrid=None,
        did=_text(call.get("did")),
        did_label=None,
        direction=DIRECTIONS.get(_text(call.get("direction")), Direction.UNKNOWN),
        state=STATES.get(_text(call.get("state")), CallState.UNKNOWN),
        caller=Caller(number=_text(call.get("number")), name=_text(call.get("name"))),
        started_at=_moment(call.get("started_at")),
        answered_at=_moment(call.get("answered_at")),
        recording=None,
    )


def _text(value: object) -> str:
    """A field as text that can be stored. Numbers may come as numbers, and a caller may influence what is in it."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    return str(value).encode("utf-8", "replace").decode().strip()[:MAX_CHARACTERS]


def _moment(value: object) -> datetime | None:
    """An ISO 8601 time in UTC. FILL IN: times without a zone count the account's `timezone`."""
    try:
        return datetime.fromisoformat(_text(value)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
