"""A switchboard's calls as the channels and bridges of an Asterisk, for the simulator; pure.

A call from outside is the trunk's channel and one for each phone that it rings on; one that an agent placed is that
agent's channel and the one of whoever was called. The first channel's id is the Linkedid of them all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bridge.core.model import Call, CallerKind, CallState
from bridge.pbx.asterisk.channel import Channel
from bridge.pbx.asterisk.legs import RECORDING
from bridge.pbx.switchboard import Queued, Switchboard

TRUNK, OUTWARD = "provider", "0722776772"
"""The trunk's endpoint, and the number that outgoing calls show."""
WITHHELD = "anonymous"
CALLED = {"application": "AppDial", "data": "(Outgoing Line)"}


@dataclass(slots=True)
class Exchange:
    """One Asterisk. It numbers calls and channels when it first sees them, and keeps the numbers."""

    board: Switchboard
    _sequences: dict[str, int] = field(default_factory=dict)
    _started: dict[str, int] = field(default_factory=dict)

    def channels(self) -> list[Channel]:
        """All of them, newest first, as Asterisk lists them in no order that helps."""
        found = [channel for legs in self._calls().values() for channel in self._of_call(legs)]
        waiting = [channel for queue in self.board.queues for channel in self.waiting(queue)]
        return sorted([*found, *waiting], key=lambda channel: -channel.sequence)

    def waiting(self, queue: str) -> list[Channel]:
        """The trunk's channels of those who wait in a queue, first come first."""
        return [self._waiting(queue, one) for one in self.board.queues[queue]]

    def _calls(self) -> dict[str, list[Call]]:
        found: dict[str, list[Call]] = {}
        for call in self.board.all_calls():
            found.setdefault(call.ivrid, []).append(call)
        return found

    def _of_call(self, legs: list[Call]) -> Iterator[Channel]:
        placer = self.board.placed_by(legs[0].ivrid)
        placed = next((leg for leg in legs if leg.extension == placer), None)
        if placed is None:
            yield self._from_outside(legs)
            yield from (self._phone(leg, **CALLED) for leg in legs)
            return
        called = [leg for leg in legs if leg is not placed]
        dialled = called[0].extension if called else _number(placed)
        data = f"PJSIP/{dialled},60,tT" if called else f"PJSIP/{dialled}@{TRUNK},60,tT"
        shown = {"exten": dialled, "dnid": dialled, "application": "Dial", "data": data}
        mine = self._phone(placed, **shown)
        yield mine if called else replace(mine, number=OUTWARD)
        yield from (self._phone(leg, **CALLED) for leg in called)
        if not called:
            yield self._to_outside(placed)

    def _phone(self, leg: Call, **own: str) -> Channel:
        """A phone's channel. On hold is whoever the other side of the bridge lets wait."""
        desk, (uniqueid, sequence) = self.board.extensions[leg.extension], self._ids(leg, leg.extension)
        others = [other for other in self._calls()[leg.ivrid] if other is not leg]
        return Channel(
            endpoint=leg.extension,
            uniqueid=uniqueid,
            linkedid=self._linkedid(leg),
            sequence=sequence,
            created=leg.started_at or datetime.fromtimestamp(0, UTC),
            state=_state(leg),
            number=desk.short or desk.code,
            name=desk.name,
            other_number=_number(leg),
            other_name=leg.caller.name,
            bridge=self._bridge(leg),
            onhold=any(other.state is CallState.HOLD for other in others),
            holds=leg.state is CallState.HOLD,
            answered=leg.answered_at,
            variables=_variables(leg),
            **own,
        )

    def _from_outside(self, legs: list[Call]) -> Channel:
        """The trunk's channel, with which the call began."""
        first = next((leg for leg in legs if leg.answered_at), legs[0])
        phones = "&".join(f"PJSIP/{leg.extension}" for leg in legs)
        shown = {"context": "did", "exten": first.did, "dnid": first.did, "application": "Dial"}
        return self._trunk(first, "Up" if first.answered_at else "Ring", **shown, data=f"{phones},60,tT")

    def _to_outside(self, call: Call) -> Channel:
        return self._trunk(call, "Up" if call.answered_at else "Ringing", context="from-trunk", **CALLED)

    def _trunk(self, call: Call, state: str, **own: str) -> Channel:
        uniqueid, sequence = self._ids(call, TRUNK)
        mine = self._phone(call, **own)
        return replace(
            mine,
            endpoint=TRUNK,
            uniqueid=uniqueid,
            sequence=sequence,
            state=state,
            number=mine.other_number,
            name=mine.other_name,
            other_number=mine.number if own["application"] == "Dial" else OUTWARD,
            other_name=mine.name,
            onhold=mine.holds,
            holds=False,
        )

    def _waiting(self, queue: str, one: Queued) -> Channel:
        uniqueid = f"{self._start(one.ivrid, one.joined_at)}.{self._sequence(one.ivrid)}"
        return Channel(
            endpoint=TRUNK,
            uniqueid=uniqueid,
            linkedid=uniqueid,
            sequence=self._sequence(f"{one.ivrid} {TRUNK}"),
            created=one.joined_at,
            state="Up",
            number=one.caller.number or WITHHELD,
            name=one.caller.name,
            context="did",
            application="Queue",
            data=f"{queue},tT,,,60",
        )

    def _linkedid(self, call: Call) -> str:
        root = _root(call)
        return f"{self._start(root, call.started_at)}.{self._sequence(root)}"

    def _ids(self, call: Call, endpoint: str) -> tuple[str, int]:
        """Uniqueid and number in the channel's name. The channel that began the call has the call's own id."""
        began = self.board.placed_by(call.ivrid) or TRUNK
        sequence = self._sequence(f"{_root(call)} {endpoint} {call.ivrid if endpoint != TRUNK else ''}")
        if endpoint == began:
            return self._linkedid(call), sequence
        return f"{self._start(call.ivrid, call.started_at)}.{sequence}", sequence

    def _bridge(self, call: Call) -> str:
        if call.answered_at is None:
            return ""
        return f"{self._sequence(call.ivrid):08x}-5976-4551-9cc2-80c427f9bf4b"

    def _sequence(self, key: str) -> int:
        return self._sequences.setdefault(key, len(self._sequences))

    def _start(self, key: str, moment: datetime | None) -> int:
        return self._started.setdefault(key, int(moment.timestamp()) if moment else 0)


def _root(call: Call) -> str:
    """A call that was transferred goes on being the first one."""
    return call.original_ivrid or call.ivrid


def _state(call: Call) -> str:
    if call.state is CallState.RINGING:
        return "Ringing"
    return "Ring" if call.state is CallState.DIALING else "Up"


def _number(call: Call) -> str:
    return WITHHELD if call.caller.kind is CallerKind.WITHHELD else call.caller.number


def _variables(call: Call) -> dict[str, str]:
    recording = {RECORDING: call.recording.filename} if call.recording and call.answered_at else {}
    did = {"FROM_DID": call.did} if call.did else {}
    return {**call.customdata, **did, **recording}
