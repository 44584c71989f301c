"""A switchboard's calls and extensions as the Open API lists them, for the simulator; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from bridge.core.model import Call, CallerKind, CallState
from bridge.pbx.switchboard import Extension, Switchboard

TRUNK = "siptrunk"
CALLING = {CallState.DIALING: "ALERT", CallState.TALKING: "ANSWERED", CallState.HOLD: "HOLD"}
CALLED = {CallState.RINGING: "RING", CallState.TALKING: "ANSWER", CallState.HOLD: "HOLD"}
WITHHELD = "anonymous"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One phone system. `monitors_trunks`: the outside is a member of its calls."""

    board: Switchboard
    monitors_trunks: bool = True

    def calls(self, extension: str | None, kind: str | None) -> list[dict[str, Any]]:
        """`call/query`: all calls, those of an extension, or those of a type."""
        by_id: dict[str, list[Call]] = {}
        for call in self.board.all_calls():
            by_id.setdefault(call.ivrid, []).append(call)
        found = (legs for legs in by_id.values() if extension is None or extension in {leg.extension for leg in legs})
        return [
            {"call_id": call_id(legs[0]), "members": list(self._members(legs))}
            for legs in found
            if kind in (None, self._type(legs[0]))
        ]

    def extensions(self) -> list[dict[str, Any]]:
        """`extension/list`."""
        return [_extension(number, one) for number, one in enumerate(self.board.extensions.values(), 1)]

    def _type(self, leg: Call) -> str:
        return {"incoming": "inbound", "outgoing": "outbound"}.get(leg.direction, "internal")

    def _members(self, legs: list[Call]) -> Iterator[dict[str, Any]]:
        placed_by = self.board.placed_by(legs[0].ivrid)
        if self.monitors_trunks and legs[0].direction == "incoming":
            yield {"inbound": _inbound(legs)}
        for leg in legs:
            words = CALLING if leg.extension == placed_by else CALLED
            said = {"number": leg.extension, "channel_id": _channel(leg.extension, leg)}
            yield {"extension": {**said, "member_status": words.get(leg.state, "UNKNOWN"), "call_path": ""}}
        if self.monitors_trunks and legs[0].direction == "outgoing":
            yield {"outbound": _outbound(legs[0])}


def call_id(call: Call) -> str:
    """The second it began and a number, as the vendor's are."""
    began = int(call.started_at.timestamp()) if call.started_at else 0
    return f"{began}.{crc32(call.ivrid.encode())}"


def _inbound(legs: list[Call]) -> dict[str, str]:
    call = legs[0]
    waits = all(leg.state is CallState.RINGING for leg in legs)
    said = {"from": _number(call), "to": call.did or call.extension, "trunk_name": TRUNK}
    return {
        **said,
        "channel_id": _channel(TRUNK, call),
        "member_status": "ALERT" if waits else "ANSWERED",
        "call_path": "",
    }


def _outbound(call: Call) -> dict[str, str]:
    said = {"from": call.extension, "to": _number(call), "trunk_name": TRUNK}
    status = "RING" if call.state is CallState.DIALING else "ANSWER"
    return {**said, "channel_id": _channel(TRUNK, call), "member_status": status, "call_path": ""}


def _number(call: Call) -> str:
    return WITHHELD if call.caller.kind is CallerKind.WITHHELD else call.caller.number


def _channel(name: str, call: Call) -> str:
    return f"PJSIP/{name}-{crc32(f'{name} {call.ivrid}'.encode()):08x}"


def _extension(number: int, one: Extension) -> dict[str, Any]:
    online = {"status": int(one.logged_in)}
    endpoints = dict.fromkeys(("sip_phone", "linkus_desktop", "linkus_mobile", "linkus_web"), online)
    names = {"caller_id_name": one.name, "email_addr": one.email, "mobile_number": "", "role_name": ""}
    return {"id": number, "number": one.code, "presence_status": "available", "online_status": endpoints, **names}
