"""FreeSWITCH's channels as each extension sees its call; pure.

A channel is one leg of a call, told from the switch's view: `inbound` came into the switch, so an agent who dials is
inbound, and an agent who is called is outbound. The legs of a call have one `call_uuid`: that of its first leg, the
a-leg, on which it may be missing until somebody answers. The a-leg alone knows the number that the caller dialled.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from bridge.core.model import Call, Caller, CallerKind, CallState, Direction, YesNo
from bridge.core.phone_numbers import kind_of
from bridge.core.text import received
from bridge.pbx.contract import Listing
from bridge.pbx.freeswitch.domains import Domains
from bridge.pbx.on_demand import OnDemand

Row = Mapping[str, Any]
MAX_CHARACTERS = 1000
"""Of one field: callers can influence names and variables."""
ENDED = {"DOWN", "HANGUP"}
WAITING = {"DIALING", "RINGING", "EARLY", "RING_WAIT"}
ANSWERED = {"ACTIVE": CallState.TALKING, "UNHELD": CallState.TALKING, "HELD": CallState.HOLD}
QUEUES, PARKED, CONFERENCE = {"callcenter", "fifo"}, {"valet_park", "park"}, "conference"
"""The dialplan's applications, by the vendor's pages on mod_callcenter, mod_fifo, mod_valet_parking, mod_conference."""
END_OF_NAME = re.compile(r"[@ ]")
NOBODY = {"Outbound Call", "Inbound Call"}
"""Names that the switch makes up where it knows none."""


def text(value: object) -> str:
    """A field as text. The vendor writes texts alone; a number is taken as it stands, anything else for nothing."""
    if isinstance(value, str):
        return received(value, MAX_CHARACTERS)
    return str(value)[:MAX_CHARACTERS] if isinstance(value, int | float) and not isinstance(value, bool) else ""


class Leg:
    """One channel. `extension` is whose phone it is on, "" for somebody outside; `inside`: surely a colleague."""

    __slots__ = ("call", "extension", "inbound", "inside", "realm", "row", "state", "uuid")

    def __init__(self, row: Row, domains: Domains) -> None:
        self.row = row
        self.uuid = self.said("uuid")
        self.call = self.said("call_uuid") or self.uuid
        self.inbound = self.said("direction") == "inbound"
        self.state = self.said("callstate").upper()
        user, _, self.realm = self.said("presence_id").partition("@")
        is_phone = domains.has(self.realm) and not self.said("name").startswith("loopback/")
        self.extension = user if is_phone else ""
        self.inside = bool(user) and is_phone and (domains.wanted is not None or kind_of(user) not in OUTSIDE)

    def said(self, name: str) -> str:
        """A field of the row."""
        return text(self.row.get(name))

    @property
    def answered(self) -> bool:
        """Whether somebody has picked up at this end."""
        return self.state in ANSWERED


OUTSIDE = (CallerKind.NUMBER, CallerKind.WITHHELD)
"""Without a domain to go by, a trunk's `+972…@carrier` may look like a user."""


def listing(rows: Iterable[Row], pbx: str, domains: Domains) -> Listing:
    """Each call once under each extension that has part in it; extensions with a leg without an id are unreadable.

    Raises `PbxRefused` where users of several domains are met and none is wanted.
    """
    legs = [leg for leg in (Leg(row, domains) for row in rows) if leg.state not in ENDED]
    domains.meet(leg.realm for leg in legs if leg.extension and not leg.inbound)
    calls: dict[str, list[Leg]] = {}
    for leg in legs:
        calls.setdefault(leg.call, []).append(leg)
    phones: dict[str, list[Leg]] = {}
    for leg in legs:
        if leg.extension and leg.uuid:
            phones.setdefault(leg.extension, []).append(leg)

    def live(extension: str) -> tuple[Call, ...]:
        found: dict[str, Call] = {}
        for leg in phones[extension]:
            call = _call(leg, calls[leg.call], pbx)
            found[call.ivrid] = min(found.get(call.ivrid, call), call, key=_rank)
        return tuple(found.values())

    broken = frozenset(leg.extension for leg in legs if leg.extension and not leg.uuid)
    every = OnDemand(live, lambda: {name: live(name) for name in phones}, sum(map(len, phones.values())))
    return Listing(every, unreadable=broken)


def _rank(call: Call) -> int:
    """An extension with several phones has a call on each: the one that was picked up counts."""
    return {CallState.TALKING: 0, CallState.HOLD: 1}.get(call.state, 2)


def _call(leg: Leg, legs: list[Leg], pbx: str) -> Call:
    others = [other for other in legs if other is not leg]
    placed = leg.inbound or _dialled_out(leg, others)
    other = _other_side(leg, others)
    direction = _direction(leg, other, placed)
    return Call(
        pbx=pbx,
        extension=leg.extension,
        ivrid=leg.call,
        original_ivrid=None,
        did=_did(other, legs) if direction is Direction.INCOMING else "",
        did_label=None,
        direction=direction,
        state=_state(leg, others, placed),
        caller=_caller(leg, other),
        started_at=_started(leg.said("created_epoch")),
        answered_at=None,
        recording=None,
        queue=_queue(legs),
        conference=_runs(leg, others, {CONFERENCE}),
        parked=_runs(leg, others, PARKED),
        held_by_other=_held(other),
    )


def _queue(legs: list[Leg]) -> str:
    """The queue that a leg of the call is in: `support` of `support@default` or `support in`."""
    held = (leg.said("application_data") for leg in legs if leg.said("application") in QUEUES)
    return next((END_OF_NAME.split(data)[0] for data in held), "")


def _runs(leg: Leg, others: list[Leg], applications: Collection[str]) -> YesNo:
    """Whether the leg is in one of these applications. One that has somebody opposite is in none."""
    if leg.said("application") in applications:
        return YesNo.YES
    return YesNo.NO if len(others) == 1 or leg.state in WAITING else YesNo.UNKNOWN


def _held(other: Leg | None) -> YesNo:
    """Whether the other side lets the agent wait."""
    if other is None or not (other.answered or other.state in WAITING):
        return YesNo.UNKNOWN
    return YesNo.YES if other.state == "HELD" else YesNo.NO


def _dialled_out(leg: Leg, others: list[Leg]) -> bool:
    """A call that the switch began for an agent, as click-to-call does: it rang their phone first, then dialled."""
    return leg.call == leg.uuid and bool(others) and not any(other.inbound for other in others)


def _other_side(leg: Leg, others: list[Leg]) -> Leg | None:
    """Who is opposite: for whoever was called the first leg; else who picked up, or the only one there is."""
    first = next((other for other in others if other.uuid == leg.call), None)
    answered = next((other for other in others if other.answered), None)
    return first or answered or (others[0] if len(others) == 1 and leg.uuid == leg.call else None)


def _state(leg: Leg, others: list[Leg], placed: bool) -> CallState:
    if leg.state in WAITING:
        return CallState.DIALING if placed else CallState.RINGING
    if leg.state != "HELD" and leg.answered and placed and any(other.state in WAITING for other in others):
        return CallState.TALKING if any(other.answered for other in others) else CallState.DIALING
    return ANSWERED.get(leg.state, CallState.UNKNOWN)


def _direction(leg: Leg, other: Leg | None, placed: bool) -> Direction:
    if other is None:
        number = leg.said("dest") if leg.inbound else leg.said("cid_num")
        is_inside = kind_of(number) is CallerKind.INTERNAL
        return Direction.INTERNAL if is_inside else Direction.OUTGOING if placed else Direction.INCOMING
    if other.inside:
        return Direction.INTERNAL
    return Direction.OUTGOING if placed and not other.inbound else Direction.INCOMING


def _caller(leg: Leg, other: Leg | None) -> Caller:
    """The other side. A number that the agent dialled is shown as dialled, not with what the trunk needs before it."""
    dialled = leg.said("dest") if leg.inbound else ""
    if other is None:
        return _named(dialled, leg.said("callee_name")) if leg.inbound else _caller_id(leg)
    if other.inbound and not other.inside:
        return _caller_id(other if leg.inbound or other.said("cid_num") else leg)
    if other.inbound:
        return _named(other.extension, other.said("cid_name"))
    if other.inside:
        return _named(other.extension, other.said("callee_name"))
    number = dialled if kind_of(dialled) is CallerKind.NUMBER else other.said("callee_num") or other.said("dest")
    return _named(number, other.said("callee_name"))


def _caller_id(leg: Leg) -> Caller:
    return _named(leg.said("cid_num"), leg.said("cid_name"))


def _named(number: str, name: str) -> Caller:
    """A name that only repeats the number, or that nobody has, is none."""
    is_none = name in NOBODY or kind_of(name) is CallerKind.WITHHELD or name.lstrip("+0") == number.lstrip("+0")
    return Caller(number, name="" if is_none else name)


def _did(caller: Leg | None, legs: list[Leg]) -> str:
    """What the caller dialled first of all: not the extension, should they have dialled it outright."""
    dialled = caller.said("initial_dest") if caller is not None and caller.inbound else ""
    return "" if dialled in {leg.extension for leg in legs} else dialled


def _started(epoch: str) -> datetime | None:
    """Seconds since 1970 in UTC; 0 is no time."""
    try:
        return datetime.fromtimestamp(int(epoch), UTC) if int(epoch) > 0 else None
    except (ValueError, OverflowError, OSError):
        return None
