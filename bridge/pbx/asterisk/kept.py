"""The channels of an Asterisk as they were last told, and their calls: read anew where something changed; pure."""

from collections.abc import Callable, Collection, Iterable, Sequence

from bridge.core.model import Call
from bridge.pbx.asterisk.legs import Leg
from bridge.pbx.contract import Listing

Read = Callable[[Sequence[Leg]], Listing]
"""The calls of some channels."""


class Kept:
    """All channels by name."""

    def __init__(self, read: Read, legs: Iterable[Leg] = ()) -> None:
        self._read = read
        self.legs = {leg.channel: leg for leg in legs}
        self._calls: dict[str, dict[str, Call]] = {}
        """By Linkedid, which is the call's id, and extension."""
        self._put(self.legs.values())

    def replace(self, names: Collection[str], found: Iterable[Leg]) -> None:
        """Those channels are `found` now; one that is not found is gone. What a channel is to its extension is told by
        those of its call and of its bridge, so these are read with it."""
        new = {leg.channel: leg for leg in found}
        changed = {leg.linkedid for leg in (*(self.legs[name] for name in names if name in self.legs), *new.values())}
        self.legs = {name: leg for name, leg in self.legs.items() if name not in names} | new
        for call in changed:
            self._calls.pop(call, None)
        legs = [leg for leg in self.legs.values() if leg.linkedid in changed]
        bridges = {leg.bridge for leg in legs if leg.bridge}
        self._put(leg for leg in self.legs.values() if leg.linkedid in changed or leg.bridge in bridges)

    def _put(self, legs: Iterable[Leg]) -> None:
        for extension, calls in self._read([*legs]).extensions.items():
            for call in calls:
                self._calls.setdefault(call.ivrid, {})[extension] = call

    def listing(self) -> Listing:
        """Each extension with its calls, oldest first."""
        found: dict[str, list[Call]] = {}
        for extensions in self._calls.values():
            for extension, call in extensions.items():
                found.setdefault(extension, []).append(call)
        return Listing({name: tuple(self._ordered(name, calls)) for name, calls in found.items()})

    def _ordered(self, extension: str, calls: list[Call]) -> list[Call]:
        if len(calls) == 1:
            return calls
        mine = [leg for leg in self.legs.values() if leg.endpoint == extension]
        return sorted(calls, key=lambda call: min(leg.order for leg in mine if leg.linkedid == call.ivrid))
