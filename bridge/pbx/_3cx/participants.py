"""The Call Control API's participants as calls; pure.

A participant is one leg: an extension's part in a call, with what is opposite in its `party_…` fields. `callid` is the
same on every leg of a call, `legid` counts them from 1. That the first leg is whoever placed the call is concluded from
published answers of real systems, where each `Dialing` one has 1 and each `Ringing` one more.
"""

from collections.abc import Mapping
from typing import Any

from bridge.core.model import Call, Caller, CallerKind, CallState, Direction
from bridge.core.phone_numbers import kind_of, plain
from bridge.core.text import one_line, without_marks
from bridge.pbx.fields import written

STATES = {"ringing": CallState.RINGING, "dialing": CallState.DIALING, "connected": CallState.TALKING}
"""All there are: holding is the phone's own business and not told (3cx/call-control-examples, issue 1)."""
FIRST_LEG = "1"
LONGEST = 200


def text(value: object) -> str:
    """A field as text. Any may be null; a number is taken as it stands."""
    return one_line(written(value), LONGEST)


def number_of(value: object) -> str:
    """An extension, a number or an id, without invisible marks."""
    return without_marks(written(value)[:LONGEST])


def call_id_of(row: Mapping[str, Any]) -> str:
    """The id of the call that this is a leg of; "" where it has none."""
    return number_of(row.get("callid"))


class Participant:
    """One leg."""

    __slots__ = ("call_id", "row", "status")

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.row = row
        self.status = text(row.get("status")).casefold()
        self.call_id = call_id_of(row)

    @property
    def trunk(self) -> str:
        """The trunk's number, where the other side is outside."""
        return number_of(self.row.get("party_dn")) if self._is("party_dn_type", "externalline") else ""

    @property
    def comes_from_outside(self) -> bool:
        """Whether somebody outside called."""
        return bool(self.trunk) and self._direction() is Direction.INCOMING

    def did(self, trunk_dids: Mapping[str, str]) -> str:
        """The number that was dialled: as told, which it seldom is, or that of the trunk."""
        return number_of(self.row.get("party_did")) or trunk_dids.get(self.trunk, "")

    def call(self, pbx: str, dn: str, trunk_dids: Mapping[str, str]) -> Call:
        """The call of extension `dn` in which this is its leg."""
        direction = self._direction()
        return Call(
            pbx=pbx,
            extension=dn,
            ivrid=self.call_id,
            original_ivrid=None,
            did=self.did(trunk_dids) if direction is Direction.INCOMING else "",
            did_label=None,
            direction=direction,
            state=STATES.get(self.status, CallState.UNKNOWN),
            caller=self._caller(),
            started_at=None,
            answered_at=None,
            recording=None,
            queue=number_of(self.row.get("on_behalf_of_dn")) if self._is("on_behalf_of_type", "queue") else "",
        )

    @staticmethod
    def rank(call: Call) -> int:
        """An extension with several phones has a leg on each: the one that was picked up counts."""
        return 0 if call.state is CallState.TALKING else 1

    def _direction(self) -> Direction:
        if self._is_colleague():
            return Direction.INTERNAL
        if self.status == "dialing":
            return Direction.OUTGOING
        if self.status == "ringing" or number_of(self.row.get("originated_by_dn")):
            return Direction.INCOMING
        leg = number_of(self.row.get("legid"))
        return Direction.UNKNOWN if leg in ("", "0") else Direction.OUTGOING if leg == FIRST_LEG else Direction.INCOMING

    def _is_colleague(self) -> bool:
        """Whether an extension is opposite, or something else of the house without a number from outside."""
        if self.trunk:
            return False
        return self._is("party_dn_type", "extension") or kind_of(self._number()) is CallerKind.INTERNAL

    def _number(self) -> str:
        return number_of(self.row.get("party_caller_id")) or ("" if self.trunk else number_of(self.row.get("party_dn")))

    def _caller(self) -> Caller:
        """The other side. A name that is a number, or says that there is none, is no name."""
        number, name = self._number(), text(self.row.get("party_caller_name"))
        is_name = kind_of(name) is CallerKind.TEXT and plain(name) != plain(number)
        return Caller(number, name=name if is_name else "")

    def _is(self, name: str, kind: str) -> bool:
        """Whether a field with a type says `Wextension` and the like."""
        return kind in text(self.row.get(name)).casefold()
