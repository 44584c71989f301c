"""A switchboard's calls as Kamailio's dialogs, for the simulator; pure.

A call is one dialog, however many phones ring for it: the script's variable names them, and once one has answered it
alone. Who waits in a queue, holds or is recorded, a proxy does not know.
"""

from collections.abc import Iterator
from typing import Any

from bridge.core.model import Call, CallerKind, CallState
from bridge.pbx.switchboard import Extension, Switchboard

DOMAIN, CARRIER = "sip.example.com", "carrier.example"
WITHHELD = "sip:anonymous@anonymous.invalid"
SOCKET = "udp:192.0.2.20:5060"
LIFETIME_SECONDS = 43_200


def dialogs(board: Switchboard) -> dict[str, dict[str, Any]]:
    """A row of `dlg.list` for each call, by its id."""
    return {call.ivrid: _row(board, call) for call in _calls(board)}


def ended(row: dict[str, Any], end: int) -> dict[str, Any]:
    """A call that has just ended: listed for some seconds more, without its variables."""
    return {**row, "ref": 1, "state": 5, "end_ts": end, "timeout": 0, "dflags": 647, "variables": []}


def registered(board: Switchboard) -> dict[str, Any]:
    """`ul.dump brief`: who is registered, and no other user."""
    rows = [{"AoR": one.code} for one in board.extensions.values() if one.logged_in]
    stats = {"Records": len(rows), "Max-Slots": min(1, len(rows))}
    return {"Domains": [{"Domain": {"Domain": "location", "Size": 1024, "AoRs": rows, "Stats": stats}}]}


def _calls(board: Switchboard) -> Iterator[Call]:
    """Each call once: as whoever placed it sees it, or the first who is called."""
    seen: set[str] = set()
    for call in board.all_calls():
        if call.ivrid not in seen and board.placed_by(call.ivrid) in (None, call.extension):
            seen.add(call.ivrid)
            yield call


def _row(board: Switchboard, call: Call) -> dict[str, Any]:
    placer = board.placed_by(call.ivrid) or ""
    called = [one for one in board.all_calls() if one.ivrid == call.ivrid and one.extension != placer]
    placing = board.extensions.get(placer)
    dialled = call.did or call.caller.number if placing or call.did else call.extension
    start = int(call.answered_at.timestamp()) if call.answered_at else 0
    begun = int(call.started_at.timestamp()) if call.started_at else 0
    waits = call.state in (CallState.RINGING, CallState.DIALING)
    return {
        "h_entry": sum(call.ivrid.encode()) % 4096,
        "h_id": sum(call.ivrid.encode()),
        "ref": 1 if waits else 2,
        "call-id": call.ivrid,
        "from_uri": _from(call, placing),
        "to_uri": f"sip:{dialled}@{DOMAIN}",
        "state": 2 if waits else 4,
        "start_ts": start,
        "init_ts": begun,
        "end_ts": 0,
        "duration": 0,
        "timeout": start + LIFETIME_SECONDS if start else 0,
        "lifetime": LIFETIME_SECONDS,
        "dflags": 640 if waits else 643,
        "sflags": 0,
        "iflags": 0,
        "caller": {"tag": "1a", "contact": _from(call, placing), "cseq": "1", "route_set": "", "socket": SOCKET},
        "callee": _callee(called, waits),
        "profiles": [],
        "variables": list(_variables(call, called, placing)),
    }


def _from(call: Call, placing: Extension | None) -> str:
    if placing is not None:
        return f"sip:{placing.code}@{DOMAIN}"
    return WITHHELD if call.caller.kind is CallerKind.WITHHELD else f"sip:{call.caller.number}@{CARRIER}"


def _callee(called: list[Call], waits: bool) -> dict[str, str | None]:
    """Nothing is known of it before it answers."""
    if waits:
        return dict.fromkeys(("tag", "contact", "cseq", "route_set", "socket"))
    user = called[0].extension if called else "gateway"
    return {"tag": "1b", "contact": f"sip:{user}@192.0.2.77:5060", "cseq": "0", "route_set": "", "socket": SOCKET}


def _variables(call: Call, called: list[Call], placing: Extension | None) -> Iterator[dict[str, str]]:
    """Newest first. A name comes in quotes, as it stands in From."""
    yield from ({name: value} for name, value in call.customdata.items())
    if called:
        yield {"callee": ",".join(one.extension for one in called)}
    if call.did:
        yield {"did": call.did}
    name = placing.name if placing else call.caller.name
    if name:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        yield {"cname": f'"{quoted}"'}
