"""Channels as the agents on them see their calls; pure.

Which fact says what was found in recordings of a real Asterisk 22; README.md has them in words.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from bridge.core.errors import PbxRefused
from bridge.core.model import Call, Caller, CallerKind, CallState, Direction, Recording, YesNo
from bridge.core.phone_numbers import kind_of
from bridge.core.reasons import Reason
from bridge.pbx.asterisk.legs import LOCAL, NUMBER_CHARACTERS, RECORDING, Leg
from bridge.pbx.contract import Listing
from bridge.pbx.on_demand import OnDemand

RINGING = {"Ringing", "Pre-ring"}
DIALING = {"Ring", "Dialing", "Dialing Offhook", "OffHook"}
CALLED = {"AppDial", "AppDial2", "AppQueue"}
"""Applications that Asterisk names on channels that it dialled itself."""
CONFERENCES, PARKED, QUEUE = {"ConfBridge", "MeetMe"}, "Park", "Queue"
NO_NUMBER = {"", "s", "h", "i", "t"}
"""Names of the dialplan's own steps: nobody dials them."""
RANKS = (CallState.TALKING, CallState.HOLD, CallState.RINGING, CallState.DIALING, CallState.UNKNOWN)


@dataclass(frozen=True)
class Rules:
    """What the settings say of channels: whose phones, and which of their variables are told."""

    technologies: frozenset[str]
    trunks: frozenset[str]
    did_variable: str
    variables: tuple[str, ...]

    def is_inside(self, leg: Leg) -> bool:
        """Whether the leg is an extension's and not a trunk's, as far as its name and number tell."""
        if not self.is_phone(leg):
            return False
        if self.trunks:
            return leg.endpoint not in self.trunks
        return CallerKind.INTERNAL in (kind_of(leg.endpoint), kind_of(leg.number)) or leg.endpoint == leg.number

    def is_phone(self, leg: Leg) -> bool:
        """Whether it is of a technology that phones have. Trunks have it too."""
        return leg.technology in self.technologies and leg.endpoint != ""

    def asked(self) -> list[str]:
        """The variables that are of use on each channel."""
        return list(dict.fromkeys((self.did_variable, RECORDING, *self.variables)))


@dataclass(frozen=True)
class Side:
    """One leg of an extension, and what it hangs together with: `linked` are the legs of its call, `bridged` those in
    its bridge, itself left out in both."""

    leg: Leg
    linked: Sequence[Leg]
    bridged: Sequence[Leg]
    rules: Rules

    @cached_property
    def oldest(self) -> Leg | None:
        """The leg with which the call began; None where it is over."""
        return next((leg for leg in (self.leg, *self.linked) if leg.uniqueid == leg.linkedid), None)

    @cached_property
    def is_trunk(self) -> bool:
        """Whether this is a trunk. Where only its surroundings could tell, an extension too many is listed rather than
        an agent's call not found."""
        if self.rules.trunks or self.rules.is_inside(self.leg):
            return self.leg.endpoint in self.rules.trunks
        others = [leg for leg in (*self.linked, *self.bridged) if leg.is_real]
        return bool(others) and all(map(self.rules.is_inside, others))

    @cached_property
    def is_placed(self) -> bool:
        """Whether the call began at this extension, also by a Local channel that dialled it first (click-to-call)."""
        if self.oldest is None or self.oldest is self.leg:
            return self.oldest is not None
        local = LOCAL.match(self.oldest.channel)
        return local is not None and local["exten"] == self.leg.endpoint

    def direction(self) -> Direction:
        """As the agent sees it."""
        others = [leg for leg in self.linked if leg.is_real]
        if others and all(map(self.rules.is_inside, others)):
            return Direction.INTERNAL
        if self.is_placed:
            return Direction.OUTGOING
        if self.oldest is not None or self.leg.application in CALLED:
            return Direction.INCOMING
        return Direction.OUTGOING if self.leg.application == "Dial" else Direction.UNKNOWN

    def state(self) -> CallState:
        """As the agent sees it. On hold is who is let wait by this phone; not who lets this phone wait."""
        if self.leg.state == "Up":
            if self.bridged:
                held = self.leg.holds or any(leg.is_held is YesNo.YES for leg in self.bridged)
                return CallState.HOLD if held else CallState.TALKING
            dials = self.leg.application == "Dial" and self.is_placed
            return CallState.DIALING if dials else CallState.TALKING
        if self.leg.state in DIALING or (self.is_placed and self.leg.state in (*RINGING, "Down")):
            return CallState.DIALING
        return CallState.RINGING if self.leg.state in RINGING else CallState.UNKNOWN

    def queue(self) -> str:
        """The queue that some leg of the call is in, as the dialplan called it: `sales` of `sales,tT,,,60`."""
        return next((leg.data.split(",")[0] for leg in (self.leg, *self.linked) if leg.application == QUEUE), "")

    def peers(self) -> list[Leg]:
        """Those in its bridge who are of its call: all parked calls of a lot are in one bridge too."""
        return [leg for leg in self.bridged if leg in self.linked and leg.is_real]

    def conference(self) -> YesNo:
        """Whether more than two speak. Behind a Local channel there may be anybody."""
        if self.leg.application in CONFERENCES or len(self.peers()) > 1:
            return YesNo.YES
        return YesNo.NO if self.leg.state != "Up" or self.peers() else YesNo.UNKNOWN

    def parked(self) -> YesNo:
        """Whether it waits in a parking lot, as `Park` says; one that was transferred there runs what it ran before."""
        if self.leg.application == PARKED:
            return YesNo.YES
        return YesNo.NO if self.leg.state != "Up" or self.peers() else YesNo.UNKNOWN

    def caller(self) -> Caller:
        """The other side; in a conference or an application nobody but what was dialled."""
        leg, first = self.leg, self.oldest
        if leg.other_number or first is None:
            return Caller(leg.other_number, name=leg.other_name)
        if first is leg:
            dialled = next((text for text in (leg.dnid, leg.exten) if text not in NO_NUMBER), "")
            return Caller(dialled, name=leg.other_name)
        return Caller(first.number, name=leg.other_name or first.name)

    def did(self) -> str:
        """What the caller dialled: the first leg's, where that is a trunk's, else by the variable."""
        first = self.oldest
        if first is not None and not self.rules.is_inside(first) and first.dnid not in NO_NUMBER:
            return first.dnid
        return self.variable(self.rules.did_variable)[:NUMBER_CHARACTERS]

    def variable(self, name: str) -> str:
        """A channel variable: the leg's own, else the first leg's, else that of any leg of the call."""
        legs = (self.leg, *([self.oldest] if self.oldest else []), *self.linked)
        return next((leg.variables[name] for leg in legs if leg.variables.get(name)), "")

    def call(self, pbx: str) -> Call:
        """The call as this extension has it."""
        direction, recording = self.direction(), self.variable(RECORDING)
        values = {name: self.variable(name) for name in self.rules.variables}
        return Call(
            pbx=pbx,
            extension=self.leg.endpoint,
            ivrid=self.leg.linkedid,
            original_ivrid=None,
            did=self.did() if direction is Direction.INCOMING else "",
            did_label=None,
            direction=direction,
            state=self.state(),
            caller=self.caller(),
            started_at=self.leg.started_at,
            answered_at=self.leg.answered_at,
            recording=Recording(recording, muted=False) if recording else None,
            customdata={name: value for name, value in values.items() if value},
            queue=self.queue(),
            conference=self.conference(),
            parked=self.parked(),
            held_by_other=self.leg.is_held if self.leg.state == "Up" else YesNo.NO,
        )


class Together:
    """All legs that there are, by what joins them. Raises `PbxRefused` where nothing joins the legs of a call."""

    def __init__(self, legs: Sequence[Leg], rules: Rules) -> None:
        if not all(leg.linkedid for leg in legs):
            raise PbxRefused(Reason("asterisk.no-linkedid"))
        self._rules = rules
        self._linked, self._bridged = defaultdict[str, list[Leg]](list), defaultdict[str, list[Leg]](list)
        self.phones = defaultdict[str, list[Leg]](list)
        """The legs that may be extensions', by whose phone it is."""
        for leg in legs:
            self._linked[leg.linkedid].append(leg)
            self._bridged[leg.bridge].append(leg)
            if rules.is_phone(leg):
                self.phones[leg.endpoint].append(leg)

    def sides(self, legs: Iterable[Leg]) -> list[Side]:
        """Those of the legs that are extensions', oldest first."""
        found = map(self._side, sorted(legs, key=lambda leg: leg.order))
        return [side for side in found if not side.is_trunk]

    def _side(self, leg: Leg) -> Side:
        around = self._bridged[leg.bridge] if leg.bridge else []
        return Side(leg, _without(leg, self._linked[leg.linkedid]), _without(leg, around), self._rules)


def sides(legs: Sequence[Leg], rules: Rules) -> list[Side]:
    """The legs of extensions, oldest first. Raises as `Together`."""
    return Together(legs, rules).sides(filter(rules.is_phone, legs))


def read_calls(legs: Sequence[Leg], pbx: str, rules: Rules) -> Listing:
    """Each extension with its calls, oldest first, made when they are asked for. Raises as `Together`."""
    together = Together(legs, rules)

    def live(extension: str) -> tuple[Call, ...]:
        calls: dict[str, Call] = {}
        for side in together.sides(together.phones.get(extension, ())):
            _keep(calls, side.call(pbx))
        if not calls:
            raise KeyError(extension)  # no phone of an extension's, but a trunk's
        return tuple(calls.values())

    def whole() -> dict[str, tuple[Call, ...]]:
        named = dict.fromkeys(side.leg.endpoint for side in sides(legs, rules))
        return {extension: live(extension) for extension in named}

    return Listing(OnDemand(live, whole, sum(map(len, together.phones.values()))))


def _without(leg: Leg, legs: Sequence[Leg]) -> list[Leg]:
    return [other for other in legs if other is not leg]


def _keep(calls: dict[str, Call], call: Call) -> None:
    """One call that rings on several phones of an extension is one call, in the state that counts most."""
    known = calls.get(call.ivrid)
    if known is None or RANKS.index(call.state) < RANKS.index(known.state):
        calls[call.ivrid] = call
