"""A switchboard's extensions and their calls as RingCentral's API lists them, for the simulator; pure."""

from dataclasses import dataclass
from typing import Any
from zlib import crc32

from bridge.core.json_codec import time_text
from bridge.core.model import Call, CallerKind, CallState, Direction
from bridge.core.phone_numbers import e164
from bridge.pbx.switchboard import Extension, Switchboard

REGION = "IL"
FIRST_ID = 62_000_001
STATES = {
    CallState.RINGING: "Ringing",
    CallState.DIALING: "Ringing",
    CallState.TALKING: "CallConnected",
    CallState.HOLD: "OnHold",
}
IDLE = "NoCall"
MOST_IN_AN_EVENT = 7


@dataclass(frozen=True, slots=True)
class Exchange:
    """One account."""

    board: Switchboard

    def extension_id(self, code: str) -> int:
        """The id that the API knows an extension by."""
        return FIRST_ID + list(self.board.extensions).index(code)

    def code_of(self, extension_id: str) -> str | None:
        """The number of the extension with this id."""
        return next((code for code in self.board.extensions if str(self.extension_id(code)) == extension_id), None)

    def extension(self, code: str) -> dict[str, Any]:
        """A row of `/account/~/extension`."""
        one: Extension = self.board.extensions[code]
        said = {"id": self.extension_id(code), "extensionNumber": code, "name": one.name, "type": "User"}
        return {
            **said,
            "status": "Enabled",
            "contact": {"firstName": one.name, "email": one.email} if one.email else {},
        }

    def presence(self, code: str) -> dict[str, Any]:
        """`/account/~/extension/{id}/presence`, with the calls."""
        calls = [self._call(call) for call in self.board.calls(code)]
        words = {call["telephonyStatus"] for call in calls}
        telephony = next((word for word in ("Ringing", "CallConnected", "OnHold") if word in words), IDLE)
        return {
            "presenceStatus": "Busy" if calls else "Available",
            "telephonyStatus": telephony,
            "userStatus": "Available",
            "dndStatus": "TakeAllCalls",
            "meetingStatus": "Disconnected",
            "allowSeeMyPresence": True,
            "extension": {"id": self.extension_id(code), "extensionNumber": code},
            "activeCalls": calls,
        }

    def event(self, code: str, at: str) -> dict[str, Any]:
        """The event that tells of an extension's presence: the extension by its id alone, and the last seven calls."""
        body = self.presence(code)
        del body["extension"]
        calls = body["activeCalls"]
        body |= {"extensionId": self.extension_id(code), "totalActiveCalls": len(calls), "sequence": 1}
        name = f"/restapi/v1.0/account/1/extension/{self.extension_id(code)}/presence?detailedTelephonyState=true"
        return {"event": name, "timestamp": at, "body": {**body, "activeCalls": calls[-MOST_IN_AN_EVENT:]}}

    def _call(self, call: Call) -> dict[str, Any]:
        is_placed = call.direction is Direction.OUTGOING or self.board.placed_by(call.ivrid) == call.extension
        far, near = ("to", "from") if is_placed else ("from", "to")
        own = _public(call.did) if call.did and not is_placed else call.extension
        sides = {far: _far(call), f"{far}Name": call.caller.name, near: own}
        leg = crc32(f"{call.ivrid} {call.extension}".encode())
        return {
            "id": f"s-{call.ivrid}",
            "direction": "Outbound" if is_placed else "Inbound",
            "queueCall": False,
            **sides,
            "telephonyStatus": STATES.get(call.state, "Unknown"),
            "startTime": time_text(call.started_at) if call.started_at else None,
            "sessionId": str(crc32(call.ivrid.encode())),
            "telephonySessionId": f"s-{call.ivrid}",
            "partyId": f"p-{call.ivrid}-{leg % 97}",
        }


def _far(call: Call) -> str:
    if call.caller.kind is CallerKind.WITHHELD:
        return "anonymous"
    return call.caller.number if call.direction is Direction.INTERNAL else _public(call.caller.number)


def _public(number: str) -> str:
    """As the vendor writes it: with country code and plus sign."""
    return e164(number, REGION) or number
