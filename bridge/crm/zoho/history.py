"""Calls in Zoho's history: one Call record for each call and agent, made once and changed from then on.

Zoho has no key for a telephony system's id of a call. popbridge's own key stands at the end of the subject, or in a
field that is made for it (`key_field`); it is looked for only where it is not known whether the record was made.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.core.delivery import CallEnd, CallOutcome, Note
from bridge.core.errors import SearchFailed
from bridge.core.model import Direction
from bridge.core.reasons import reason
from bridge.crm.contract import Delivered, Duplicate, Rejected, Result
from bridge.crm.zoho import coql, wire
from bridge.crm.zoho.account import Account
from bridge.crm.zoho.api import Api
from bridge.crm.zoho.contacts import clean

KEPT = timedelta(days=1)
UNSURE = "?"
"""Remembered before a record is made: whether it was, only Zoho can tell."""
WORDS = {Direction.INCOMING: "Incoming call", Direction.OUTGOING: "Outgoing call"}
MISSED = (CallOutcome.MISSED, CallOutcome.ABANDONED)
LONGEST_SUBJECT, LONGEST_NOTE, LONGEST_ID = 200, 4000, 255


def key_of(pbx: str, ivrid: str, agent: str) -> str:
    """By what the one record of a call and agent is found again."""
    together = "\0".join((pbx, ivrid, agent)).encode("utf-8", "surrogatepass")
    return hashlib.sha256(together).hexdigest()[:12]


async def write_call(api: Api, call: CallEnd, agent_id: str, ref: str | None) -> str:
    """The call's record: made, or changed where there is one."""
    key = key_of(call.pbx, call.ivrid, agent_id)
    known = ref if ref and wire.ID.fullmatch(ref) else await _find(api, key)
    if known is not None and await _changed(api, known, _told(call)):
        return known
    await api.session.remember(f"call {key}", UNSURE, KEPT)
    details = await api.write("POST", "/Calls", _new(api.account, call, key, agent_id, api.session.now))
    made = wire.id_of(details)
    if made is None:
        raise SearchFailed(reason("zoho.unreadable"))
    await api.session.remember(f"call {key}", made, KEPT)
    return made


async def write_note(api: Api, note: Note, agent_id: str, delivery_id: str) -> Result:
    """The note, as one of the call's record."""
    known = await _find(api, key_of(note.agent.pbx, note.ivrid, agent_id))
    if known is None:
        return Rejected(reason("zoho.no-call"))
    title, place = f"popbridge {delivery_id}", f"note {delivery_id}"
    done = await api.session.recall(place)
    if done == UNSURE:
        done = await _noted(api, known, title)
    if done is not None:
        return Duplicate(done)
    await api.session.remember(place, UNSURE, KEPT)
    content = "\n".join(part for part in (note.outcome, note.text[:LONGEST_NOTE]) if part)
    parent = {"id": known, "module": {"api_name": "Calls"}}
    made = await api.write("POST", "/Notes", {"Note_Title": title, "Note_Content": content, "Parent_Id": parent})
    await api.session.remember(place, wire.id_of(made) or known, KEPT, vital=False)
    return Delivered(wire.id_of(made) or known)


async def _noted(api: Api, call_id: str, title: str) -> str | None:
    """The note with this title that the call has, if an earlier attempt made it."""
    rows = wire.listed(await api.get(f"/Calls/{call_id}/Notes?fields=Note_Title"))
    return next((wire.id_of(one) for one in rows if wire.text(one, "Note_Title") == title), None)


async def _find(api: Api, key: str) -> str | None:
    known = await api.session.recall(f"call {key}")
    if known != UNSURE:
        return known
    rows = wire.listed(await api.query(coql.call(api.account.key_field or "Subject", _mark(api.account, key))))
    return wire.id_of(rows[0]) if rows else None


def _mark(account: Account, key: str) -> str:
    return key if account.key_field else f"[{key}]"


async def _changed(api: Api, call_id: str, fields: Mapping[str, Any]) -> bool:
    """Whether the record is still there, and says so now."""
    try:
        await api.write("PUT", f"/Calls/{call_id}", fields)
    except SearchFailed as failed:
        if wire.is_gone(failed):
            return False
        raise
    return True


def _new(account: Account, call: CallEnd, key: str, agent_id: str, now: datetime) -> dict[str, Any]:
    """A new record. Its type cannot be changed later, so a call that is over and was missed says so at once."""
    who = " ".join(part for part in (call.caller.name, call.caller.number) if part) or "number withheld"
    subject = clean(f"{WORDS.get(call.direction, 'Call')}: {who}", LONGEST_SUBJECT)
    marked = {account.key_field: key} if account.key_field else {}
    began = (call.started_at or call.answered_at or now).astimezone(UTC).replace(microsecond=0)
    line = f"Dialled: {call.did}\n" if call.did else ""
    return {
        "Subject": subject if marked else f"{subject} {_mark(account, key)}",
        "Call_Type": _type(call),
        "Call_Start_Time": began.isoformat(),
        "Owner": {"id": agent_id},
        "Description": f"{line}Call id: {clean(call.ivrid, LONGEST_ID)}",
        **marked,
        **_told(call),
    }


def _type(call: CallEnd) -> str:
    if call.direction is Direction.OUTGOING:
        return "Outbound"
    return "Missed" if call.ended_at is not None and call.outcome in MISSED else "Inbound"


def _told(call: CallEnd) -> dict[str, Any]:
    """What becomes known while a call lasts, and who called. Zoho wants a duration of each call that is not planned."""
    minutes, seconds = divmod(max(call.talk_seconds or 0, 0), 60)
    told: dict[str, Any] = {"Call_Duration": f"{minutes:02}:{seconds:02}", **_link(call)}
    if call.ended_at is not None and call.outcome is not CallOutcome.UNKNOWN:
        told["Call_Result"] = str(call.outcome)
    return told


def _link(call: CallEnd) -> dict[str, Any]:
    if not wire.ID.fullmatch(call.contact_id):
        return {}
    if call.contact_type in ("Leads", "Accounts"):
        return {"What_Id": {"id": call.contact_id}, "$se_module": call.contact_type}
    return {"Who_Id": {"id": call.contact_id}}
