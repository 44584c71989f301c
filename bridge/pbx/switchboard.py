"""A small telephone exchange that exists in memory only: what the simulated phone systems speak for.

It holds `Call`s as `bridge.core.model` has them, one per extension that a call rings or talks on. No I/O, and the clock
is handed in with each action: a test can play a day in a millisecond. No vendor's word is in it, simulators translate.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count

from bridge.core.model import Call, Caller, CallerKind, CallState, Direction, Recording

NewId = Callable[[datetime], str]
"""Gives a call that starts now its id. Ids must never repeat."""

ANSWERABLE = (CallState.RINGING, CallState.DIALING)


class NotPossible(ValueError):
    """What was asked of the exchange makes no sense in its present state, such as answering a call that is over."""


@dataclass(frozen=True, slots=True)
class Extension:
    """A phone line: its `code` is what phones log in with, `short` what colleagues dial, `name` whose desk it is on."""

    code: str
    name: str
    short: str = ""
    logged_in: bool = True
    email: str = ""


@dataclass(frozen=True, slots=True)
class Queued:
    """A caller who waits in a queue; the call keeps its id when somebody takes it."""

    ivrid: str
    caller: Caller
    joined_at: datetime


def counted_ids() -> NewId:
    """Ids such as `20261122100000000001`: the second the call began, then a running number."""
    numbers = count(1)
    return lambda now: f"{now.astimezone(UTC):%Y%m%d%H%M%S}{next(numbers):06x}"


class Switchboard:
    """Extensions and the calls on them. Every action that changes something takes the time it happens at.

    Actions raise `NotPossible` and then have changed nothing.
    """

    def __init__(self, extensions: Iterable[Extension], pbx: str = "main", new_id: NewId | None = None) -> None:
        self.extensions: dict[str, Extension] = {extension.code: extension for extension in extensions}
        self._pbx = pbx
        self._new_id = new_id or counted_ids()
        self._calls: dict[str, dict[str, Call]] = {code: {} for code in self.extensions}
        self._placed: dict[str, str] = {}
        self.queues: dict[str, list[Queued]] = {}

    def calls(self, extension: str) -> tuple[Call, ...]:
        """The live calls on one extension, oldest first; none when it is idle or not of this client."""
        return tuple(self._calls.get(extension, {}).values())

    def all_calls(self) -> tuple[Call, ...]:
        """The live calls of all extensions; one that rings on three of them is there three times."""
        return tuple(call for calls in self._calls.values() for call in calls.values())

    def call(self, ivrid: str, extension: str) -> Call:
        """One call as it is on one extension. Raises `NotPossible` when it is not there (any more)."""
        try:
            return self._calls[extension][ivrid]
        except KeyError:
            raise NotPossible(f"no call {ivrid} on extension {extension}") from None

    def placed_by(self, ivrid: str) -> str | None:
        """The extension that dialled this call; None for one that came from outside."""
        return self._placed.get(ivrid)

    def incoming(
        self,
        to: Iterable[str],
        caller: Caller,
        now: datetime,
        did: str = "",
        customdata: Mapping[str, str] | None = None,
    ) -> str:
        """Somebody outside calls `did`; it rings on every extension of `to` at once. Gives the call's id."""
        codes = self._known(to)
        ivrid = self._new_id(now)
        for code in codes:
            self._add(code, ivrid, caller, now, CallState.RINGING, Direction.INCOMING, did, customdata)
        return ivrid

    def outgoing(
        self, extension: str, callee: Caller, now: datetime, customdata: Mapping[str, str] | None = None
    ) -> str:
        """The extension dials somebody outside. Gives the call's id."""
        self._known([extension])
        ivrid = self._new_id(now)
        self._add(extension, ivrid, callee, now, CallState.DIALING, Direction.OUTGOING, "", customdata)
        self._placed[ivrid] = extension
        return ivrid

    def internal(self, extension: str, to: str, now: datetime) -> str:
        """One extension dials another; the call is on both, each seeing the other. Gives the call's id."""
        caller, callee = (self.extensions[code] for code in (*self._known([extension]), *self._known([to])))
        if caller is callee:
            raise NotPossible(f"extension {extension} cannot dial itself")
        ivrid = self._new_id(now)
        self._add(caller.code, ivrid, _colleague(callee), now, CallState.DIALING, Direction.INTERNAL)
        self._add(callee.code, ivrid, _colleague(caller), now, CallState.RINGING, Direction.INTERNAL)
        self._placed[ivrid] = extension
        return ivrid

    def answer(self, ivrid: str, extension: str, now: datetime) -> None:
        """The phone is picked up: it stops ringing elsewhere, and whoever dialled from inside is talking too."""
        if self.call(ivrid, extension).state is not CallState.RINGING:
            raise NotPossible(f"call {ivrid} does not ring on {extension}")
        for call in self._everywhere(ivrid):
            if call.extension == extension or call.state is CallState.DIALING:
                self._put(replace(call, state=CallState.TALKING, answered_at=now))
            else:
                self._remove(call)

    def callee_answers(self, ivrid: str, now: datetime) -> None:
        """The other side of an outgoing call picks up."""
        call = self.call(ivrid, self._placed.get(ivrid, ""))
        if call.state is not CallState.DIALING or call.direction is not Direction.OUTGOING:
            raise NotPossible(f"call {ivrid} is not waiting for somebody outside to answer")
        self._put(replace(call, state=CallState.TALKING, answered_at=now))

    def hold(self, ivrid: str, extension: str) -> None:
        """The agent lets the other side wait."""
        self._turn(ivrid, extension, CallState.TALKING, CallState.HOLD)

    def resume(self, ivrid: str, extension: str) -> None:
        """The agent talks on after a hold."""
        self._turn(ivrid, extension, CallState.HOLD, CallState.TALKING)

    def wait(self, queue: str, caller: Caller, now: datetime) -> str:
        """Somebody outside waits in a queue. Gives the call's id."""
        ivrid = self._new_id(now)
        self.queues.setdefault(queue, []).append(Queued(ivrid, caller, now))
        return ivrid

    def leave(self, queue: str, ivrid: str) -> None:
        """A waiting caller hangs up, or is taken."""
        self.queues[queue] = [one for one in self.queues.get(queue, []) if one.ivrid != ivrid]

    def transfer(self, ivrid: str, extension: str, to: str, now: datetime) -> str:
        """The other side is sent on to extension `to`, where it rings as a new call that knows the first one's id."""
        call = self.call(ivrid, extension)
        self._known([to])
        if call.state in ANSWERABLE or call.direction is Direction.INTERNAL or to == extension:
            raise NotPossible(f"call {ivrid} cannot be transferred from {extension} to {to}")
        new = self._new_id(now)
        self._add(to, new, call.caller, now, CallState.RINGING, Direction.INCOMING, call.did, call.customdata)
        self._put(replace(self.call(new, to), original_ivrid=call.original_ivrid or ivrid))
        self.hang_up(ivrid)
        return new

    def mute_recording(self, ivrid: str, extension: str, muted: bool) -> None:
        """The recording leaves out what is said, or takes it in again."""
        call = self.call(ivrid, extension)
        if call.recording is not None:
            self._put(replace(call, recording=replace(call.recording, muted=muted)))

    def hang_up(self, ivrid: str) -> None:
        """The call ends, on every extension it is on."""
        calls = self._everywhere(ivrid)
        if not calls:
            raise NotPossible(f"no call {ivrid}")
        for call in calls:
            self._remove(call)

    def clear(self, extension: str) -> None:
        """Every call on the extension ends."""
        for call in self.calls(extension):
            self.hang_up(call.ivrid)

    def _known(self, codes: Iterable[str]) -> list[str]:
        """The codes, each once, in order."""
        known = list(dict.fromkeys(codes))
        strangers = [code for code in known if code not in self.extensions]
        if strangers or not known:
            raise NotPossible(f"no such extension: {', '.join(strangers) or 'none named'}")
        return known

    def _add(
        self,
        extension: str,
        ivrid: str,
        caller: Caller,
        now: datetime,
        state: CallState,
        direction: Direction,
        did: str = "",
        customdata: Mapping[str, str] | None = None,
    ) -> None:
        recording = Recording(f"{ivrid}-{extension}.mp3", muted=False)
        data = dict(customdata or {})
        self._put(
            Call(self._pbx, extension, ivrid, None, did, None, direction, state, caller, now, None, recording, data)
        )

    def _turn(self, ivrid: str, extension: str, before: CallState, after: CallState) -> None:
        call = self.call(ivrid, extension)
        if call.state is not before:
            raise NotPossible(f"call {ivrid} is not {before} on {extension}")
        self._put(replace(call, state=after))

    def _everywhere(self, ivrid: str) -> list[Call]:
        return [calls[ivrid] for calls in self._calls.values() if ivrid in calls]

    def _put(self, call: Call) -> None:
        self._calls[call.extension][call.ivrid] = call

    def _remove(self, call: Call) -> None:
        del self._calls[call.extension][call.ivrid]
        if not self._everywhere(call.ivrid):
            self._placed.pop(call.ivrid, None)


def _colleague(extension: Extension) -> Caller:
    return Caller(extension.short or extension.code, name=extension.name, kind=CallerKind.INTERNAL)
