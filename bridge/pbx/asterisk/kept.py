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
        those of its call and of its bridge, so all that hang together with it are read again."""
        new = {leg.channel: leg for leg in found}
        changed = {leg.linkedid for leg in (*(self.legs[name] for name in names if name in self.legs), *new.values())}
        self.legs = {name: leg for name, leg in self.legs.items() if name not in names} | new
        around = self._around(changed)
        for call in changed | {leg.linkedid for leg in around}:
            self._calls.pop(call, None)
        self._put(around)

    def _around(self, calls: set[str]) -> list[Leg]:
        """The channels of these calls, of those that share a bridge with one of them, and so on."""
        known = -1
        while known != len(calls):
            known = len(calls)
            bridges = {leg.bridge for leg in self.legs.values() if leg.bridge and leg.linkedid in calls}
            calls = calls | {leg.linkedid for leg in self.legs.values() if leg.bridge in bridges}
        return [leg for leg in self.legs.values() if leg.linkedid in calls]

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
