"""Who answered a call that rang for several: as far as the phone systems' lists of live calls tell."""

import asyncio
from collections.abc import Collection, Iterable

from bridge.agents.directory import Directory
from bridge.calls.live_calls import Lookup
from bridge.core.errors import PbxError
from bridge.core.model import Call, CallState, ExtensionId, Popup

ANSWERED = (CallState.TALKING, CallState.HOLD)


async def answered(lookup: Lookup, popups: Collection[Popup], directory: Directory) -> dict[str, str]:
    """Who has answered the calls of these popups, which have left their agents' extensions; by popup.

    "" where it may not be told or nobody knows; those that nobody has answered are left out. Each phone system is asked
    for its whole account once.
    """
    names = {popup.call.pbx for popup in popups if popup.call.ivrid} & lookup.systems.keys()
    lists = dict(zip(names, await asyncio.gather(*(_calls(lookup, name) for name in names)), strict=True))
    found = ((popup, _answered(popup.call, lists.get(popup.call.pbx, ()))) for popup in popups)
    return {popup.popup_id: who(popup.agent.crm, call, directory) for popup, call in found if call is not None}


async def _calls(lookup: Lookup, name: str) -> list[Call]:
    try:
        listing = await lookup.systems[name].snapshot(None)
    except PbxError:
        return []
    return [call for calls in listing.extensions.values() for call in calls]


def _answered(call: Call, live: Iterable[Call]) -> Call | None:
    same = (each for each in live if call.ivrid and each.ivrid == call.ivrid and each.extension != call.extension)
    return next((each for each in same if each.state in ANSWERED), None)


def who(crm: str, call: Call, directory: Directory) -> str:
    """The colleague on this call, else its extension; "" where the extension is another CRM's."""
    line = ExtensionId(call.pbx, call.extension)
    colleagues = [agent for agent, extension in directory.on_line(crm, call.extension) if extension == line]
    if len(colleagues) == 1:
        return colleagues[0].name or colleagues[0].crm_user
    return "" if not colleagues and directory.is_claimed_elsewhere(crm, line) else call.extension
