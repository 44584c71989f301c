"""What AMI's events say may have changed: which channels are to be asked for again, or all; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bridge.pbx.asterisk.ami import Block
from bridge.pbx.asterisk.legs import Leg

OF_CHANNELS = frozenset(
    {
        *("Newchannel", "Newstate", "NewCallerid", "NewConnectedLine", "Hangup", "DialBegin", "DialState", "DialEnd"),
        *("Hold", "Unhold", "BridgeEnter", "BridgeLeave"),
    }
)
"""After these, the channels that they name may be others, and those of the same call or bridge."""
OF_ALL = frozenset(
    {
        *("Rename", "Pickup", "LocalOptimizationEnd", "BlindTransfer", "AttendedTransfer"),
        *("ConfbridgeJoin", "ConfbridgeLeave", "ParkedCall", "UnParkedCall", "ParkedCallGiveUp", "ParkedCallTimeOut"),
    }
)
"""After these, channels may be others that are not named."""
CHANNELS, CALLS, BRIDGES = ("Channel", "DestChannel"), ("Linkedid", "DestLinkedid"), ("BridgeUniqueid",)
MOST_ALONE = 40
"""Channels that are asked for by name; more of them by the list of all."""


@dataclass(slots=True)
class News:
    """What has been told since the last question."""

    anything: bool = False
    channels: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    bridges: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return self.anything or bool(self.channels)

    def take(self, event: Block) -> None:
        """One event more; those that say nothing of calls are left out."""
        name = event.get("Event")
        if name in OF_ALL or (name in OF_CHANNELS and not event.get("Channel") and not event.get("DestChannel")):
            self.anything = True
        elif name in OF_CHANNELS:
            for fields, found in ((CHANNELS, self.channels), (CALLS, self.calls), (BRIDGES, self.bridges)):
                found.update(told for one in fields if (told := event.get(one)))

    def to_ask(self, known: Mapping[str, Leg]) -> list[str] | None:
        """The channels to ask for by name; None: all of them."""
        if self.anything:
            return None
        named = [known[channel] for channel in self.channels if channel in known]
        found = self.channels | _around(known.values(), self._ids(named))
        return sorted(found) if len(found) <= MOST_ALONE else None

    def _ids(self, named: Iterable[Leg]) -> set[str]:
        """The calls and bridges that are told of, and those in which the channels were before."""
        return {*self.calls, *self.bridges, *(told for leg in named for told in (leg.linkedid, leg.bridge) if told)}


def _around(legs: Iterable[Leg], ids: set[str]) -> set[str]:
    return {leg.channel for leg in legs if leg.linkedid in ids or leg.bridge in ids}
