"""Calls as HubSpot's timeline has them: their properties and texts; pure.

The title is a text, the body HTML: what a caller or an agent controls is escaped there. By its mark a call is found
again.
"""

import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bridge.core.delivery import CallEnd, CallOutcome, Note
from bridge.core.json_codec import time_text
from bridge.core.model import Call, Caller, CallState, Direction
from bridge.core.text import one_line

LONGEST_TITLE, LONGEST_NOTE = 150, 10_000
TITLES = {Direction.INCOMING: "Incoming call", Direction.OUTGOING: "Outgoing call"}
GOING = {CallState.RINGING: "RINGING", CallState.DIALING: "CONNECTING"}
ENDED = {CallOutcome.ANSWERED: "COMPLETED", CallOutcome.MISSED: "NO_ANSWER", CallOutcome.ABANDONED: "CANCELED"}
ASSOCIATIONS = {"contact": 194, "company": 182, "deal": 206, "ticket": 220}
"""HubSpot's own types of what joins a call to a record."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose call it is: each agent has their own."""

    pbx: str
    ivrid: str
    owner_id: str

    def key(self, what: str) -> str:
        """Under which something about it is remembered."""
        return f"{what} {self.pbx} {self.ivrid} {self.owner_id}"

    @property
    def mark(self) -> str:
        """By what the call is found again: one word, nothing of a person in it."""
        together = "\0".join((self.pbx, self.ivrid, self.owner_id)).encode("utf-8", "surrogatepass")
        return f"popbridge{hashlib.sha256(together).hexdigest()[:24]}"


def of_popup(call: Call, place: Place, now: datetime) -> Mapping[str, str]:
    """The properties of a call that an agent is shown."""
    told = _common(call.caller, call.did, call.direction, place, call.started_at or now)
    return {**told, "hs_call_status": GOING.get(call.state, "IN_PROGRESS")}


def of_history(call: CallEnd, place: Place, now: datetime) -> Mapping[str, str]:
    """The properties of a call in the history, going on or over."""
    told = _common(call.caller, call.did, call.direction, place, call.started_at or now)
    return {**told, **of_end(call)} if call.ended_at is not None else {**told, "hs_call_status": "IN_PROGRESS"}


def of_end(call: CallEnd) -> Mapping[str, str]:
    """What is different once it is over. HubSpot has no word for an end of which nothing is known."""
    answered = ENDED[CallOutcome.ANSWERED if call.answered_at else CallOutcome.MISSED]
    duration = {"hs_call_duration": str(call.talk_seconds * 1000)} if call.talk_seconds is not None else {}
    return {"hs_call_status": ENDED.get(call.outcome, answered), **duration}


def _common(caller: Caller, did: str, direction: Direction, place: Place, at: datetime) -> Mapping[str, str]:
    number, line = caller.e164 or one_line(caller.number, 60), one_line(did, 60)
    is_outgoing = direction is Direction.OUTGOING
    who = " ".join(part for part in (caller.name, caller.number) if part) or "withheld number"
    title = one_line(f"{TITLES.get(direction, 'Call')}: {who}", LONGEST_TITLE)
    from_, to = (line, number) if is_outgoing else (number, line)
    return {
        "hs_timestamp": time_text(at),
        "hs_call_title": title,
        "hs_call_body": f"{html.escape(title)}<br>{place.mark}",
        "hs_call_direction": "OUTBOUND" if is_outgoing else "INBOUND",
        "hubspot_owner_id": place.owner_id,
        **({"hs_call_from_number": from_} if from_ else {}),
        **({"hs_call_to_number": to} if to else {}),
    }


def noted(body: str, note: Note, delivery_id: str) -> str:
    """The body with a note at its end."""
    kept = "".join(one for one in note.text[:LONGEST_NOTE] if one == "\n" or one.isprintable())
    told = html.escape(f"{note.outcome}\n{kept}" if note.outcome else kept).replace("\n", "<br>")
    return f"{body}<br>{told}<br>{delivery_id}"


def association(kind: str, number: str) -> Mapping[str, object]:
    """What joins a new call to a record."""
    joined = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": ASSOCIATIONS[kind]}
    return {"to": {"id": number}, "types": [joined]}
