"""Popups by PhoneBridge: Zoho's own call popup, to which a call's states are reported; pure.

It looks the caller up itself, so no text of a caller's is sent but the number. The id of a call makes a repeat the same
call.
"""

import hashlib
import re
from datetime import UTC
from urllib.parse import urlencode

from bridge.core.delivery import CallEnd, CallOutcome
from bridge.core.model import Call, Caller, CallState, Direction

PATH = "/phonebridge/v3/callnotify"
NUMBER = re.compile(r"\+?[0-9]{2,20}")
PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")
FORM = "application/x-www-form-urlencoded"
TYPES = {Direction.OUTGOING: "dialed"}
"""Calls of any other direction are `received`."""
RINGING, ANSWERED, ENDED, MISSED = "ringing", "answered", "ended", "missed"


def has_number(caller: Caller) -> bool:
    """Whether there is a number that Zoho can look up."""
    return NUMBER.fullmatch(caller.e164 or caller.number) is not None


def states(call: Call) -> tuple[str, ...]:
    """What is reported so that the popup comes, and says how far the call is. It comes with `ringing`."""
    return (RINGING, ANSWERED) if call.state in (CallState.TALKING, CallState.HOLD) else (RINGING,)


def of_call(call: Call, state: str, agent_id: str) -> bytes:
    """One state of a call."""
    return _body(call.pbx, call.ivrid, call.direction, call.caller, call.did or call.extension, state, agent_id)


def of_end(call: CallEnd, agent_id: str) -> bytes:
    """The end. A missed call needs the time at which it began, in GMT."""
    is_missed = call.outcome in (CallOutcome.MISSED, CallOutcome.ABANDONED) and call.started_at is not None
    began = call.started_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if is_missed and call.started_at else ""
    line = call.did or call.agent.extension
    state = MISSED if is_missed else ENDED
    return _body(call.pbx, call.ivrid, call.direction, call.caller, line, state, agent_id, began)


def call_id(pbx: str, ivrid: str) -> str:
    """The id of a call there: the phone system's own, where it may stand in a form as it is."""
    if PLAIN.fullmatch(ivrid):
        return ivrid
    return hashlib.sha256(f"{pbx}\0{ivrid}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _body(
    pbx: str, ivrid: str, direction: Direction, caller: Caller, line: str, state: str, agent_id: str, began: str = ""
) -> bytes:
    fields = {
        "type": TYPES.get(direction, "received"),
        "state": state,
        "id": call_id(pbx, ivrid),
        "from": caller.e164 or caller.number,
        "to": line,
        "zohouser": agent_id,
        **({"start_time": began} if began else {}),
    }
    return urlencode(fields, errors="replace").encode()
