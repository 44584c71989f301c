"""The list of an agent's calls as their page shows it: what was missed, how often, whether it was called back; pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from bridge.core.contact import Contact, ContactStatus
from bridge.core.delivery import CallOutcome
from bridge.core.json_codec import as_json
from bridge.core.model import Caller, CallState, Direction
from bridge.core.phone_numbers import plain
from bridge.store.desktop.shift import Row

FEWEST_DIGITS = 3
"""Of a number that is searched for: fewer are in nearly every number."""


def is_missed(row: Row) -> bool:
    """Whether the call came for the agent and nobody has answered it, as far as the phone system says."""
    is_unanswered = row.outcome in (CallOutcome.MISSED, CallOutcome.ABANDONED) and row.answered_by is None
    return is_unanswered and row.call.direction is not Direction.OUTGOING


def key_of(row: Row) -> str:
    """What makes two calls the same caller's; "" for a withheld number."""
    return row.call.caller.e164 or plain(row.call.caller.number)


def as_listed(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Each row with what the others tell of its caller, newest first as given."""
    wanted, of_caller = set(to_call_back(rows)), defaultdict[str, list[Row]](list)
    for row in rows:
        of_caller[key_of(row) or row.call_id].append(row)  # a withheld number may be anybody's
    return [_told(row, of_caller[key_of(row) or row.call_id], row.call_id in wanted) for row in rows]


def _told(row: Row, of_caller: Sequence[Row], to_call_back: bool) -> dict[str, Any]:
    missed = is_missed(row)
    later = [other for other in of_caller if other.at > row.at]
    return {
        "call_id": row.call_id,
        "at": as_json(row.at),
        "popup_id": row.popup_id or None,
        "shown": row.shown,
        "caller": as_json(row.call.caller),
        "did": row.call.did,
        "did_label": row.call.did_label,
        "direction": row.call.direction,
        "contact": _contact(row.contact),
        "ended_at": as_json(row.ended_at),
        "outcome": row.outcome,
        "answered_by": row.answered_by,
        "noted_at": as_json(row.noted_at),
        "missed": missed,
        "times": sum(map(is_missed, of_caller)) or 1 if missed else 0,
        "to_call_back": to_call_back,
        "called_back": missed and any(map(_has_spoken, later)),
    }


def _has_spoken(row: Row) -> bool:
    """Whether agent and caller were, or tried to be, in touch by this call."""
    if row.call.direction is Direction.OUTGOING or row.outcome is CallOutcome.ANSWERED:
        return True
    return row.outcome is None and row.call.state in (CallState.TALKING, CallState.HOLD)


def _contact(contact: Contact | None) -> dict[str, Any] | None:
    """The one record of the caller's, if there is exactly one."""
    if contact is None or contact.status is not ContactStatus.ONE or not contact.records:
        return None
    record = contact.records[0]
    return {"name": record.name, "company": record.company, "type": record.type, "id": record.id, "url": record.url}


def to_call_back(rows: Iterable[Row]) -> list[str]:
    """Ids of the newest missed call of each caller who was not spoken to since; withheld numbers each by itself."""
    settled: set[str] = set()
    found: list[str] = []
    for row in rows:
        key = key_of(row)
        if is_missed(row) and key not in settled:
            found.append(row.call_id)
        if key and (is_missed(row) or _has_spoken(row)):
            settled.add(key)
    return found


def is_found(row: Row, search: str) -> bool:
    """Whether the row's caller has this in their name or company, or these digits in their number."""
    caller, records = row.call.caller, row.contact.records if row.contact else ()
    names = (caller.name, caller.number, *(text for one in records for text in (one.name, one.company)))
    wanted = search.strip().casefold()
    return any(wanted in name.casefold() for name in names) or _has_digits(caller, wanted)


def _has_digits(caller: Caller, wanted: str) -> bool:
    digits = "".join(filter(str.isdecimal, wanted))
    if len(digits) < FEWEST_DIGITS or any(sign.isalpha() for sign in wanted):
        return False
    numbers = ("".join(filter(str.isdecimal, number or "")) for number in (caller.number, caller.e164))
    return any(digits in number or digits.lstrip("0") in number for number in numbers)
