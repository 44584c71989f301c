"""The Open API's calls as each extension sees its own; pure.

A call has members: extensions, and the outside as `inbound` (it called us) or `outbound` (we called it). Each is either
the calling side (ALERT, then ANSWERED) or the called one (RING, then ANSWER); HOLD does not say which. Members of the
outside are there only where the trunk's Call Status Monitor is on.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Literal

from bridge.core.http_types import Reply, Secret
from bridge.core.model import Call, Caller, CallState, Direction
from bridge.core.text import without_marks
from bridge.pbx.contract import Listing
from bridge.pbx.fields import written
from bridge.pbx.on_demand import OnDemand, size_of
from bridge.pbx.yeastar.answers import answer, objects

Row = Mapping[str, Any]
Side = Literal["extension", "inbound", "outbound"]
SIDES: tuple[Side, ...] = ("extension", "inbound", "outbound")
ENDED = "BYE"
CALLING, CALLED = {"ALERT", "ANSWERED"}, {"RING", "EARLYMEDIA", "ANSWER"}
WAITING = {"RING", "EARLYMEDIA"}
STATES = {
    "RING": CallState.RINGING,
    "ALERT": CallState.DIALING,
    "EARLYMEDIA": CallState.DIALING,
    "ANSWER": CallState.TALKING,
    "ANSWERED": CallState.TALKING,
    "HOLD": CallState.HOLD,
}
EPOCH = re.compile(r"([1-9]\d{9})\.\d+")
"""A call's id is the second it began, then a running number: in a call record of a real system its time is the same."""
LONGEST = 200


class Member:
    """One side of a call. `number` is the extension's, `far` and `near` what the outside called and was called by."""

    __slots__ = ("far", "near", "number", "path", "side", "status")

    def __init__(self, side: Side, said: dict[str, Any]) -> None:
        self.side, self.status = side, _text(said.get("member_status")).upper()
        self.number = _text(said.get("number")) if side == "extension" else ""
        other, own = ("from", "to") if side == "inbound" else ("to", "from")
        self.far, self.near = _text(said.get(other)), _text(said.get(own))
        self.path = _text(said.get("call_path"))


def read_calls(reply: Reply, pbx: str, secret: Secret, asked: str | None) -> Listing:
    """Each call under each extension that has part in it. `asked` is whose calls these are (None: everybody's)."""
    by_number: dict[str, list[tuple[str, Row]]] = {}
    broken: set[str] = set()
    size = 0
    for row in objects(answer(reply, secret).get("data"), "data"):
        call_id, numbers = _text(row.get("call_id")), _numbers(row.get("members"))
        if numbers is None or not call_id:
            broken |= {asked} if asked is not None and numbers is None else {*(numbers or ())}
            continue
        size += len(numbers)
        for number in dict.fromkeys(numbers):
            by_number.setdefault(number, []).append((call_id, row))

    def live(number: str) -> tuple[Call, ...]:
        calls: dict[str, Call] = {}
        for call_id, row in by_number[number]:
            members = _members(row.get("members")) or []
            for one in members:
                if one.number == number and one.status != ENDED:
                    call = _call(one, members, call_id, pbx)
                    calls[call_id] = min(calls.get(call_id, call), call, key=_rank)
        return tuple(calls.values())

    found = OnDemand(live, lambda: {number: live(number) for number in by_number}, size)
    return Listing(found, unreadable=frozenset(broken))


def merged(listings: Sequence[Listing]) -> Listing:
    """Several answers about one account: a call that stands in two of them is one."""

    def live(number: str) -> tuple[Call, ...]:
        calls = [each.extensions[number] for each in listings if number in each.extensions]
        if not calls:
            raise KeyError(number)
        return tuple({call.ivrid: call for some in calls for call in some}.values())

    def whole() -> dict[str, tuple[Call, ...]]:
        return {number: live(number) for number in dict.fromkeys(chain(*(each.extensions for each in listings)))}

    size = sum(size_of(each.extensions) for each in listings)
    return Listing(OnDemand(live, whole, size), unreadable=frozenset(chain(*(each.unreadable for each in listings))))


def has_call_without_other_side(reply: Reply, secret: Secret) -> bool:
    """Whether a phone rings or talks with nobody opposite: its trunk is not monitored."""
    rows = objects(answer(reply, secret).get("data"), "data")
    sides = [_live(_members(row.get("members")) or []) for row in rows]
    return any(len(members) == 1 and members[0].status in CALLED and not members[0].path for members in sides)


def _numbers(value: object) -> list[str] | None:
    """The extensions among the members that have not left; None where these cannot be read."""
    if not isinstance(value, list):
        return None
    told = [said for one in value if isinstance(one, dict) and isinstance(said := one.get("extension"), dict)]
    numbers = [(_text(said.get("number")), said) for said in told]
    return [number for number, said in numbers if number and _text(said.get("member_status")).upper() != ENDED]


def _members(value: object) -> list[Member] | None:
    """The members, of which each is an object with one key; None where that cannot be read."""
    if not isinstance(value, list):
        return None
    pairs = [(side, one.get(side)) for one in value if isinstance(one, dict) for side in SIDES]
    return [Member(side, said) for side, said in pairs if isinstance(said, dict)]


def _live(members: Iterable[Member]) -> list[Member]:
    return [one for one in members if one.status != ENDED]


def _rank(call: Call) -> int:
    """An extension with several phones has a member for each: the one that was picked up counts."""
    return {CallState.TALKING: 0, CallState.HOLD: 1}.get(call.state, 2)


def _call(me: Member, members: list[Member], call_id: str, pbx: str) -> Call:
    others = [one for one in _live(members) if one is not me and one.number != (me.number or None)]
    other = _other_side(me, others)
    direction = _direction(me, other, others)
    return Call(
        pbx=pbx,
        extension=me.number,
        ivrid=call_id,
        original_ivrid=None,
        did=_did(other, members),
        did_label=None,
        direction=direction,
        state=_state(me, others),
        caller=Caller(_number(me, other, others)),
        started_at=_started(call_id),
        answered_at=None,
        recording=None,
    )


def _state(me: Member, others: list[Member]) -> CallState:
    """An agent who is connected before the customer has picked up, as click-to-call does, is dialing."""
    outside = [one for one in others if one.side == "outbound"]
    is_connected = STATES.get(me.status) is CallState.TALKING
    if is_connected and len(outside) == len(others) and outside and all(one.status in WAITING for one in outside):
        return CallState.DIALING
    return STATES.get(me.status, CallState.UNKNOWN)


def _other_side(me: Member, others: list[Member]) -> Member | None:
    """Who is opposite: the outside, whoever of it this agent called, else whoever called; else a colleague."""
    wanted = ("outbound", "inbound") if me.status in CALLING else ("inbound", "outbound")
    for side in wanted:
        found = next((one for one in others if one.side == side), None)
        if found is not None:
            return found
    opposite = CALLED if me.status in CALLING else CALLING
    return min(others, key=lambda one: (one.status not in opposite, one.status in WAITING), default=None)


def _direction(me: Member, other: Member | None, others: list[Member]) -> Direction:
    if other is None:
        if me.path and me.status in CALLING:
            return Direction.INTERNAL
        return Direction.OUTGOING if me.status in CALLING else _of_called(me)
    if other.side == "extension":
        return Direction.INTERNAL
    was_passed_on = me.status in CALLED and any(one.side == "extension" for one in others)
    return Direction.INCOMING if other.side == "inbound" or was_passed_on else Direction.OUTGOING


def _of_called(me: Member) -> Direction:
    return Direction.INCOMING if me.status in CALLED else Direction.UNKNOWN


def _number(me: Member, other: Member | None, others: list[Member]) -> str:
    """The other side's number. Whoever dials a group or a menu sees its number until somebody has picked up."""
    if other is None:
        return me.path if me.status in CALLING else ""
    if other.side != "extension":
        return other.far
    ringing = [one for one in others if one.status in WAITING]
    return next((one.path for one in ringing if one.path), other.number) if len(ringing) > 1 else other.number


def _did(other: Member | None, members: list[Member]) -> str:
    """What the caller dialled: not the extension, should the trunk lead straight to it."""
    dialled = other.near if other is not None and other.side == "inbound" else ""
    return "" if dialled in {one.number for one in members} else dialled


def _started(call_id: str) -> datetime | None:
    found = EPOCH.fullmatch(call_id)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None


def _text(value: object) -> str:
    return without_marks(written(value)[:LONGEST])
