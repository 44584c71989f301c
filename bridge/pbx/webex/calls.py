"""The calls of a member, as the agent sees them; pure. Webex tells them from the member's side."""

from collections.abc import Mapping
from typing import Any

from bridge.core.http_types import Reply
from bridge.core.model import Call, Caller, CallState, Direction, YesNo
from bridge.core.text import one_line, without_marks
from bridge.pbx.contract import Listing
from bridge.pbx.fields import mapping, moment, written
from bridge.pbx.webex.answers import answer, rows
from bridge.pbx.webex.wire import LONGEST

ENDED, HELD_BY_OTHER, QUEUE = "disconnected", "remoteHeld", "callQueue"
STATES = {
    "connecting": CallState.DIALING,
    "connected": CallState.TALKING,
    HELD_BY_OTHER: CallState.TALKING,
    "held": CallState.HOLD,
}
INCOMING, OUTGOING = "terminator", ("originator", "clickToDial")
INSIDE = ("location", "organization")


def read_calls(reply: Reply, pbx: str, extension: str) -> Listing:
    """The live calls of the member who has `extension`. Raises `PbxError`."""
    found: dict[str, Call] = {}
    is_whole = True
    for row in rows(answer(reply), "items"):
        if written(row.get("state")) == ENDED:
            continue
        its_id = _text(row.get("id"))
        ivrid = _text(row.get("callSessionId")) or its_id
        ivrid = its_id if ivrid in found else ivrid  # two calls of one session: each is shown
        is_whole = is_whole and bool(ivrid)
        if ivrid:
            found[ivrid] = _call(row, pbx, extension, ivrid)
    return Listing({extension: tuple(found.values())}, unreadable=frozenset() if is_whole else frozenset({extension}))


def _call(row: Mapping[str, Any], pbx: str, extension: str, ivrid: str) -> Call:
    other = mapping(row.get("remoteParty"))
    return Call(
        pbx=pbx,
        extension=extension,
        ivrid=ivrid,
        original_ivrid=None,
        did="",
        did_label=None,
        direction=_direction(row, other),
        state=_state(row),
        caller=Caller(_text(other.get("number")), name=_line(other.get("name"))),
        started_at=moment(row.get("created")),
        answered_at=moment(row.get("answered")),
        recording=None,
        queue=_queue(row),
        held_by_other=_held_by_other(row),
    )


def _state(row: Mapping[str, Any]) -> CallState:
    told = written(row.get("state"))
    if told == "alerting":
        return CallState.RINGING if row.get("personality") == INCOMING else CallState.DIALING
    return STATES.get(told, CallState.UNKNOWN)


def _direction(row: Mapping[str, Any], other: Mapping[str, Any]) -> Direction:
    if other.get("callType") in INSIDE:
        return Direction.INTERNAL
    if row.get("personality") == INCOMING:
        return Direction.INCOMING
    return Direction.OUTGOING if row.get("personality") in OUTGOING else Direction.UNKNOWN


def _held_by_other(row: Mapping[str, Any]) -> YesNo:
    told = written(row.get("state"))
    return YesNo.YES if told == HELD_BY_OTHER else YesNo.NO if told == "connected" else YesNo.UNKNOWN


def _queue(row: Mapping[str, Any]) -> str:
    """The queue that it came through, told while it rings alone."""
    listed = row.get("redirections")
    ways = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    party = next((mapping(one.get("redirectingParty")) for one in ways if one.get("reason") == QUEUE), {})
    return _line(party.get("name")) or _text(party.get("number"))


def _text(value: object) -> str:
    return without_marks(written(value)[:LONGEST])


def _line(value: object) -> str:
    return one_line(written(value)[:LONGEST])
