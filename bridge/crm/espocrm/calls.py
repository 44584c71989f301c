"""Calls as EspoCRM's Call records and notes; pure.

A Call is one for each call and agent. Its description begins with `ivrid=…`, by which it is found again.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from bridge.core.delivery import CallEnd, CallOutcome, Note
from bridge.core.model import Call, Caller, Direction, Popup
from bridge.core.reasons import Reason, say
from bridge.crm.contract import FoundRecord
from bridge.crm.espocrm import wire
from bridge.crm.espocrm.contacts import clean

LONGEST_NAME = 255
LONGEST_NOTE = 4000
LEAD_TIME = timedelta(seconds=3)
"""A call must not begin in the past when it is saved, or the agent is not reminded of it."""
PLANNED = timedelta(minutes=5)
WORDS = {Direction.INCOMING: "espocrm.incoming", Direction.OUTGOING: "espocrm.outgoing"}
STATUS = {CallOutcome.ANSWERED: "Held", CallOutcome.MISSED: "Not Held", CallOutcome.ABANDONED: "Not Held"}
LINKS = {"Contact": "contactsIds", "Lead": "leadsIds"}
MARKDOWN = str.maketrans({**{mark: f"\\{mark}" for mark in "\\[]()*_`~#!|{}"}, "<": "‹", ">": "›", "@": "＠"})
"""A name is text, whatever Markdown or mention it looks like."""

Linked = FoundRecord | None


def of_popup(popup: Popup, contact: Linked, agent_id: str, language: str, now: datetime) -> dict[str, Any]:
    """The Call that is made when the popup is shown."""
    call, start = popup.call, now + LEAD_TIME
    return {
        "name": name(call.direction, call.caller, contact, call.did_label or call.did, language),
        "status": "Planned",
        "direction": _direction(call.direction),
        "dateStart": wire.moment(start),
        "dateEnd": wire.moment(start + PLANNED),
        **_owner(agent_id),
        **(_link(contact.type, contact.id) if contact else {}),
        "description": f"{mark(call.ivrid)} did={_word(call.did)} popup={popup.popup_id}",
    }


def of_popup_again(popup: Popup, contact: Linked, language: str) -> dict[str, Any]:
    """What changes in that Call when the same call is shown once more."""
    call = popup.call
    told = {"name": name(call.direction, call.caller, contact, call.did_label or call.did, language)}
    return {**told, **_link(contact.type, contact.id)} if contact else told


def of_history(call: CallEnd, agent_id: str, language: str, now: datetime) -> dict[str, Any]:
    """The Call of a call that no popup has made one for."""
    start, end = _times(call)
    start = start or now
    return {
        "name": name(call.direction, call.caller, None, call.did, language),
        "status": _status(call) or "Planned",
        "direction": _direction(call.direction),
        "dateStart": wire.moment(start),
        "dateEnd": wire.moment(end or start + PLANNED),
        **_owner(agent_id),
        **(_link(call.contact_type, call.contact_id) if call.contact_id else {}),
        "description": f"{mark(call.ivrid)} did={_word(call.did)}",
    }


def of_history_again(call: CallEnd) -> dict[str, Any]:
    """What changes in a Call when more of it is known."""
    start, end = _times(call)
    told = {
        "status": _status(call),
        "dateStart": wire.moment(start) if start else None,
        "dateEnd": wire.moment(end) if end else None,
    }
    linked = _link(call.contact_type, call.contact_id) if call.contact_id else {}
    return {**{key: value for key, value in told.items() if value is not None}, **linked}


def with_note(description: str, note: Note) -> str | None:
    """The description with the agent's note; None where it stands there already."""
    told = " ".join(filter(None, (f"[{note.outcome}]" if note.outcome else "", note.text)))[:LONGEST_NOTE]
    return None if told in description.split("\n\n") else f"{description}\n\n{told}"


def name(direction: Direction, caller: Caller, contact: Linked, line: str, language: str) -> str:
    """`Incoming: Rivka Shalom +972722776772 (Sales line)`."""
    known = contact.name if contact else caller.name
    number = caller.e164 or caller.number
    who = " ".join(dict.fromkeys(filter(None, (known, number)))) or say(Reason("espocrm.withheld"), language)
    told = say(Reason(WORDS.get(direction, "espocrm.call"), {"who": who}), language)
    return clean(f"{told} ({line})" if line else told, LONGEST_NAME)


def post(popup: Popup, contact: Linked, language: str) -> str:
    """The text of a note: `Call: [Rivka Shalom](#Contact/view/…) +972722776772 on Sales line`."""
    call = popup.call
    line = call.did_label or call.did
    parts = {"who": " ".join(_caller(call, contact)), "line": line.translate(MARKDOWN)}
    return " ".join(say(Reason("espocrm.note-on-line" if line else "espocrm.note", parts), language).split())


def _caller(call: Call, contact: Linked) -> Iterator[str]:
    if contact:
        yield f"[{contact.name.translate(MARKDOWN)}](#{contact.type}/view/{contact.id})"
    elif call.caller.name:
        yield call.caller.name.translate(MARKDOWN)
    yield (call.caller.e164 or call.caller.number).translate(MARKDOWN)


def mark(ivrid: str) -> str:
    """What the description of a call's record begins with."""
    return f"ivrid={_word(ivrid)}"


def is_of(record: Mapping[str, Any], ivrid: str, agent_id: str) -> bool:
    """Whether a record is the one of this call and agent: searches by text find longer ids too."""
    first = wire.text(record.get("description")).split(maxsplit=1)[:1]
    return first == [mark(ivrid)] and record.get("assignedUserId") == agent_id


def by_ivrid(ivrid: str, agent_id: str) -> str:
    """The path of a search for this call's record."""
    conditions = [("startsWith", "description", mark(ivrid)), ("equals", "assignedUserId", agent_id)]
    return wire.search("Call", conditions, "id,description,assignedUserId", 20)


def _word(text: str) -> str:
    return "".join(text.split())


def _direction(direction: Direction) -> str:
    return "Outbound" if direction is Direction.OUTGOING else "Inbound"


def _owner(agent_id: str) -> dict[str, Any]:
    return {"assignedUserId": agent_id, "usersIds": [agent_id]}


def _link(scope: str, record_id: str) -> dict[str, Any]:
    if scope in LINKS:
        return {LINKS[scope]: [record_id], "parentType": None}
    return {"parentType": scope, "parentId": record_id}


def _status(call: CallEnd) -> str | None:
    """None while nobody knows: what is not confirmed is neither held nor missed."""
    if call.ended_at is None:
        return None
    return STATUS.get(call.outcome, "Held" if call.answered_at else None)


def _times(call: CallEnd) -> tuple[datetime | None, datetime | None]:
    """From when to when; EspoCRM takes no call that ends before it begins."""
    start, end = call.started_at or call.answered_at, call.ended_at
    if start and end:
        end = max(end, start + timedelta(seconds=1))
    return start, end
