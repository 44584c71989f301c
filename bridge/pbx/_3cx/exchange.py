"""A switchboard's calls as the Call Control API lists them, for the simulator; pure."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from bridge.core.model import Call, CallerKind, CallState
from bridge.pbx.switchboard import Switchboard

TRUNK, ROUTE_POINT = "10007", "popbridge"
STATES = {CallState.RINGING: "Ringing", CallState.DIALING: "Dialing"}
"""Whoever talks or holds is `Connected`."""
NOBODY = {"originated_by_dn": "", "originated_by_type": "None"}
ROUTER = {"originated_by_dn": "ROUTER", "originated_by_type": "Wroutepoint"}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One phone system. `gives_did`: it fills `party_did`, which real ones seldom do."""

    board: Switchboard
    gives_did: bool = False

    def numbers(self, visible: Collection[str] | None) -> list[dict[str, Any]]:
        """`/callcontrol`: the client's own route point and the extensions selected for it (None: all)."""
        codes = [code for code in self.board.extensions if visible is None or code in visible]
        return [_number(ROUTE_POINT, "Wroutepoint", []), *(self.number(code) for code in codes)]

    def number(self, code: str) -> dict[str, Any]:
        """`/callcontrol/{dn}`."""
        return _number(code, "Wextension", [self._participant(call) for call in self.board.calls(code)])

    def _participant(self, call: Call) -> dict[str, Any]:
        placed_by = self.board.placed_by(call.ivrid)
        placed, inside = placed_by == call.extension, call.direction == "internal"
        leg = 1 if placed else 2 + list(self.board.extensions).index(call.extension)
        party = {"party_dn": call.caller.number if inside else TRUNK, "party_caller_id": _caller_id(call)}
        kind = "Wextension" if inside else "Wexternalline"
        return {
            "id": _int32(f"{call.ivrid} {call.extension}"),
            "status": STATES.get(call.state, "Connected"),
            "dn": call.extension,
            "party_caller_name": call.caller.name,
            **party,
            "party_did": call.did if self.gives_did else "",
            "device_id": f"sip:{call.extension}@127.0.0.1:5483",
            "party_dn_type": kind,
            "direct_control": False,
            **(NOBODY if placed or inside else ROUTER),
            "referred_by_dn": "",
            "referred_by_type": "None",
            "on_behalf_of_dn": "",
            "on_behalf_of_type": "None",
            "callid": _int32(call.ivrid),
            "legid": leg,
        }


def _number(dn: str, kind: str, participants: list[dict[str, Any]]) -> dict[str, Any]:
    device = {"dn": dn, "device_id": f"sip:{dn}@127.0.0.1:5483", "user_agent": ""}
    return {"dn": dn, "type": kind, "devices": [] if kind == "Wroutepoint" else [device], "participants": participants}


def _caller_id(call: Call) -> str:
    return "anonymous" if call.caller.kind is CallerKind.WITHHELD else call.caller.number


def _int32(name: str) -> int:
    return crc32(name.encode()) & 0x7FFFFFFF
