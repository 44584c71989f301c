"""The calls in an extension's presence, as its agent sees them; pure.

`from` and `to` are the two sides of a call by its direction as seen from the extension. Each is a public number with
its plus sign, or the number of an extension, without a mark which of the two it is.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.core.errors import PbxRefused, PbxUnintelligible
from bridge.core.http_types import Reply
from bridge.core.model import Call, Caller, CallState, Direction, YesNo
from bridge.core.reasons import reason
from bridge.core.text import one_line, without_marks
from bridge.pbx.contract import Listing
from bridge.pbx.fields import mapping, moment, written
from bridge.pbx.on_demand import OnDemand, size_of
from bridge.pbx.ringcentral.answers import answer, pages, records
from bridge.pbx.ringcentral.wire import LONGEST, number_of

ENDED = "NoCall"
PARKED = "ParkedCall"
STATES = {"CallConnected": CallState.TALKING, "OnHold": CallState.HOLD, PARKED: CallState.HOLD}
LONGEST_EXTENSION = 6
"""Digits of an extension's number. Public numbers have more, and a plus sign."""
RANK = (CallState.TALKING, CallState.RINGING, CallState.DIALING, CallState.HOLD, CallState.UNKNOWN)


def read_one(reply: Reply, pbx: str, asked: str) -> Listing | None:
    """The calls of one extension; None where the answer is about another: the number has moved. Raises `PbxError`."""
    found = answer(reply)
    if number_of(mapping(found.get("extension"))) not in ("", asked):
        return None
    calls = read_calls(found, pbx, asked)
    if calls is None:
        raise PbxRefused(reason("ringcentral.hidden", extension=asked))
    return Listing({asked: calls}, unreadable=_broken(found, asked))


def read_all(reply: Reply, pbx: str) -> tuple[Listing, int]:
    """The calls of the extensions on one page, and how many pages there are. Raises `PbxError`."""
    found = answer(reply)
    rows: dict[str, Mapping[str, Any]] = {}
    unreadable: set[str] = set()
    size = 0
    for row in records(found):
        number = number_of(mapping(row.get("extension")))
        if not number:
            continue
        is_readable = _is_readable(row)
        unreadable |= _broken(row, number) if is_readable else {number}
        rows[number] = row if is_readable else {"telephonyStatus": ENDED}
        size += len(rows[number].get("activeCalls") or ())

    def live(number: str) -> tuple[Call, ...]:
        return read_calls(rows[number], pbx, number) or ()

    every = OnDemand(live, lambda: {number: live(number) for number in rows}, size)
    return Listing(every, unreadable=frozenset(unreadable)), pages(found)


def _is_readable(presence: Mapping[str, Any]) -> bool:
    """Whether `read_calls` tells which calls there are."""
    listed = presence.get("activeCalls")
    try:
        return isinstance(listed, list) or (listed is None and _without_list(presence) is not None)
    except PbxUnintelligible:
        return False


def read_calls(presence: Mapping[str, Any], pbx: str, extension: str) -> tuple[Call, ...] | None:
    """The live calls of an extension; None where its presence may not be seen. Raises `PbxUnintelligible`."""
    listed = presence.get("activeCalls")
    if listed is None:
        return _without_list(presence)
    if not isinstance(listed, list):
        raise PbxUnintelligible(reason("ringcentral.no-calls"))
    live = [_call(one, pbx, extension) for one in listed if isinstance(one, dict) and is_live(one)]
    found: dict[str, Call] = {}
    for call in sorted((one for one in live if one.ivrid), key=lambda one: RANK.index(one.state)):
        found.setdefault(call.ivrid, call)
    return tuple(found.values())


def is_live(row: Mapping[str, Any]) -> bool:
    """Whether the call is still there: ended ones stay in the list for a while."""
    return written(row.get("telephonyStatus")) != ENDED


def _without_list(presence: Mapping[str, Any]) -> tuple[Call, ...] | None:
    """An extension without a list of calls is idle where it says so, or may not be seen; else it cannot be read."""
    if written(presence.get("telephonyStatus")) == ENDED:
        return ()
    if presence.get("allowSeeMyPresence") is False:
        return None
    raise PbxUnintelligible(reason("ringcentral.no-calls"))


def _broken(presence: Mapping[str, Any], extension: str) -> frozenset[str]:
    """The extension, where a row of its calls is none, or has no id."""
    listed = presence.get("activeCalls") or []
    is_whole = all(isinstance(one, dict) and (not is_live(one) or _id(one)) for one in listed)
    return frozenset() if is_whole else frozenset({extension})


def _call(row: Mapping[str, Any], pbx: str, extension: str) -> Call:
    is_incoming = written(row.get("direction")) == "Inbound"
    far, near = ("from", "to") if is_incoming else ("to", "from")
    number = _side(row, far)
    return Call(
        pbx=pbx,
        extension=extension,
        ivrid=_id(row),
        original_ivrid=None,
        did=_did(row, _side(row, near)) if is_incoming and not _is_extension(number) else "",
        did_label=None,
        direction=_direction(row, number),
        state=_state(row, is_incoming),
        caller=Caller(number, name=_name(row, far) or _told(row, "CallerIdName")),
        started_at=moment(row.get("startTime")),
        answered_at=None,
        recording=None,
        queue=_queue(row),
        parked=YesNo.YES if written(row.get("telephonyStatus")) == PARKED else YesNo.NO,
    )


def _id(row: Mapping[str, Any]) -> str:
    """The call's id: of the session, which is the same on every extension that it rings on."""
    told = (written(row.get(name)) for name in ("telephonySessionId", "sessionId", "id"))
    return without_marks(next((one for one in told if one), "")[:LONGEST])


def _state(row: Mapping[str, Any], is_incoming: bool) -> CallState:
    told = written(row.get("telephonyStatus"))
    if told == "Ringing":
        return CallState.RINGING if is_incoming else CallState.DIALING
    return STATES.get(told, CallState.UNKNOWN)


def _direction(row: Mapping[str, Any], number: str) -> Direction:
    if _is_extension(number) and row.get("queueCall") is not True:
        return Direction.INTERNAL
    words = {"Inbound": Direction.INCOMING, "Outbound": Direction.OUTGOING}
    return words.get(written(row.get("direction")), Direction.UNKNOWN)


def _did(row: Mapping[str, Any], dialled: str) -> str:
    """What the caller dialled: `to` of a call to the agent's own number. Of a queue's call `to` is the agent, and what
    was dialled stands in `callInfo`, where it is told at all."""
    told = _told(row, "PhoneNumber")
    if told or row.get("queueCall") is True:
        return told
    return "" if _is_extension(dialled) or not any(map(str.isdigit, dialled)) else dialled


def _queue(row: Mapping[str, Any]) -> str:
    return (_told(row, "QueueName") or _told(row, "QueueExtension")) if row.get("queueCall") is True else ""


def _told(row: Mapping[str, Any], kind: str) -> str:
    """What the call's `callInfo` says of this kind."""
    info = mapping(row.get("callInfo"))
    lists = (info.get(name) for name in ("primary", "additional"))
    parts = [part for one in lists for part in (one if isinstance(one, list) else [one]) if isinstance(part, dict)]
    return next((_line(part.get("value")) for part in parts if part.get("type") == kind), "")


def _side(row: Mapping[str, Any], side: str) -> str:
    """The number on one side. Some ways of sending events put an underscore before its name."""
    return without_marks((written(row.get(side)) or written(row.get(f"_{side}")))[:LONGEST])


def _name(row: Mapping[str, Any], side: str) -> str:
    return _line(row.get(f"{side}Name"))


def _line(value: object) -> str:
    return one_line(written(value)[:LONGEST])


def _is_extension(number: str) -> bool:
    return number.isdecimal() and len(number) <= LONGEST_EXTENSION


def merged(listings: Iterable[Listing]) -> Listing:
    """The pages of one list together."""
    every = list(listings)
    if len(every) == 1:
        return every[0]

    def live(number: str) -> tuple[Call, ...]:
        found = [one.extensions[number] for one in every if number in one.extensions]
        if not found:
            raise KeyError(number)
        return found[-1]

    def whole() -> dict[str, tuple[Call, ...]]:
        return {number: calls for one in every for number, calls in one.extensions.items()}

    size = sum(size_of(one.extensions) for one in every)
    return Listing(OnDemand(live, whole, size), unreadable=frozenset().union(*(one.unreadable for one in every)))
