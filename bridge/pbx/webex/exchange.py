"""A switchboard's members and their calls as Webex's API lists them, for the simulator; pure."""

import base64
from dataclasses import dataclass
from typing import Any

from bridge.core.json_codec import time_text
from bridge.core.model import Call, CallerKind, CallState, Direction
from bridge.core.phone_numbers import e164
from bridge.pbx.switchboard import Switchboard

REGION = "IL"
STATES = {CallState.RINGING: "alerting", CallState.DIALING: "alerting", CallState.HOLD: "held"}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One organization."""

    board: Switchboard

    def number(self, code: str) -> dict[str, Any]:
        """A row of `/telephony/config/numbers`."""
        owner = {"id": member_of(code), "type": "PEOPLE", "firstName": self.board.extensions[code].name, "lastName": ""}
        said = {"extension": code, "state": "ACTIVE", "phoneNumberType": "PRIMARY", "mainNumber": False}
        return {**said, "includedTelephonyTypes": "PSTN_NUMBER", "location": {"name": "Office"}, "owner": owner}

    def code_of(self, member: str) -> str | None:
        """The extension of a member."""
        return next((code for code in self.board.extensions if member_of(code) == member), None)

    def calls(self, code: str) -> list[dict[str, Any]]:
        """`/telephony/calls/members/{memberId}/calls`."""
        return [self._call(call) for call in self.board.calls(code)]

    def _call(self, call: Call) -> dict[str, Any]:
        is_placed = call.direction is Direction.OUTGOING or self.board.placed_by(call.ivrid) == call.extension
        answered = {"answered": time_text(call.answered_at)} if call.answered_at else {}
        return {
            "id": _webex_id("CALL", f"{call.ivrid} {call.extension}"),
            "callSessionId": _webex_id("SESSION", call.ivrid),
            "personality": "originator" if is_placed else "terminator",
            "state": STATES.get(call.state, "connected"),
            "remoteParty": _party(call),
            "appearance": 1,
            "created": time_text(call.started_at) if call.started_at else None,
            **answered,
            "muteCapable": True,
            "muted": False,
        }


def member_of(code: str) -> str:
    """The id of the person who has an extension."""
    return _webex_id("PEOPLE", code)


def _webex_id(kind: str, name: str) -> str:
    return base64.urlsafe_b64encode(f"ciscospark://us/{kind}/{name}".encode()).decode().rstrip("=")


def _party(call: Call) -> dict[str, Any]:
    if call.caller.kind is CallerKind.WITHHELD:
        return {"privacyEnabled": True, "callType": "external"}
    is_inside = call.direction is Direction.INTERNAL
    number = call.caller.number if is_inside else e164(call.caller.number, REGION) or call.caller.number
    said = {"number": number, "privacyEnabled": False, "callType": "location" if is_inside else "external"}
    return {**({"name": call.caller.name} if call.caller.name else {}), **said}
