"""Channel variables as custom data. The list of channels has none of them: each call is asked about, and remembered."""

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import replace

from bridge.core.model import Call, CallState
from bridge.pbx.contract import Listing
from bridge.pbx.freeswitch import wire
from bridge.pbx.freeswitch.wire import Ask
from bridge.pbx.on_demand import made

MOST_ASKED = 32
"""Calls asked about in one question, newest first; the others are asked about in the next ones."""

Kept = MutableMapping[tuple[str, CallState], Mapping[str, str]]
"""What is known of a call in one of its states: a dialplan may set more once it is answered."""


async def added(listing: Listing, names: Iterable[str], kept: Kept, ask: Ask) -> Listing:
    """The listing with the variables `names` of each call's first leg. Forgets the calls that are no longer listed."""
    listing = await made(listing)
    live = {(call.ivrid, call.state): call for calls in listing.extensions.values() for call in calls}
    for gone in kept.keys() - live.keys():
        kept.pop(gone, None)
    new = [key for key in sorted(live, key=lambda key: _began(live[key]), reverse=True) if key not in kept]
    for key in [key for key in new if wire.is_uuid(key[0])][:MOST_ASKED]:
        kept[key] = wire.read_variables(await ask(wire.dump(key[0])), names)
    return replace(listing, extensions={name: _with(calls, kept) for name, calls in listing.extensions.items()})


def _began(call: Call) -> float:
    return call.started_at.timestamp() if call.started_at else 0.0


def _with(calls: tuple[Call, ...], kept: Kept) -> tuple[Call, ...]:
    return tuple(replace(call, customdata=kept.get((call.ivrid, call.state), {})) for call in calls)
