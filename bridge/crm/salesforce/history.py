"""Calls in Salesforce's history: one Task for each call and agent, made once and changed from then on.

`CallObject`, which is there for a telephony system's own id of a call, tells them apart; it can be queried, and
queries, unlike searches, see at once what was made.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bridge.core.delivery import CallEnd, Note
from bridge.core.errors import SearchFailed
from bridge.core.model import Direction
from bridge.core.reasons import reason
from bridge.crm.contract import Delivered, Duplicate, Rejected, Result
from bridge.crm.salesforce import queries, wire
from bridge.crm.salesforce.api import Api
from bridge.crm.salesforce.contacts import clean

KEPT = timedelta(days=1)
TASKS = f"{wire.DATA}/sobjects/Task"
TYPES = {Direction.INCOMING: "Inbound", Direction.OUTGOING: "Outbound", Direction.INTERNAL: "Internal"}
WORDS = {Direction.INCOMING: "Incoming call", Direction.OUTGOING: "Outgoing call"}
LONGEST_SUBJECT, LONGEST_KEY, LONGEST_NOTE, LONGEST_DESCRIPTION = 255, 255, 4000, 32_000


def key_of(pbx: str, ivrid: str) -> str:
    """What stands in `CallObject`."""
    return clean(f"popbridge {pbx} {ivrid}", LONGEST_KEY)


async def write_call(api: Api, call: CallEnd, agent_id: str, ref: str | None) -> str:
    """The call's task: made, or changed where there is one."""
    key = key_of(call.pbx, call.ivrid)
    known = ref if ref and wire.ID.fullmatch(ref) else await _find(api, key, agent_id)
    if known is not None and await _changed(api, known, _told(call)):
        return known
    whole = {**_told(call), **_subject(call), "CallObject": key, "OwnerId": agent_id, "TaskSubtype": "Call"}
    made = wire.id_of(await api.write("POST", TASKS, whole), "id")
    if made is None:
        raise SearchFailed(reason("salesforce.unreadable"))
    await api.session.remember(_place(key, agent_id), made, KEPT)
    return made


async def write_note(api: Api, note: Note, agent_id: str, delivery_id: str) -> Result:
    """The note, below what the call's task says. Its mark tells a repeat."""
    known = await _find(api, key_of(note.agent.pbx, note.ivrid), agent_id)
    if known is None:
        return Rejected(reason("salesforce.no-task"))
    rows = await api.rows(queries.description(known))
    before = str(rows[0].get("Description") or "") if rows else ""
    mark = f"[{delivery_id}]"
    if mark in before:
        return Duplicate(known)
    added = "\n".join(part for part in (note.outcome, note.text[:LONGEST_NOTE], mark) if part)
    whole = f"{before}\n\n{added}".strip()
    if not await _changed(api, known, {"Description": whole[-LONGEST_DESCRIPTION:]}):
        return Rejected(reason("salesforce.no-task"))
    return Delivered(known)


async def _find(api: Api, key: str, agent_id: str) -> str | None:
    known = await api.session.recall(_place(key, agent_id))
    if known is not None:
        return known
    rows = await api.rows(queries.task(key, agent_id))
    return wire.id_of(rows[0]) if rows else None


def _place(key: str, agent_id: str) -> str:
    return f"task {key} {agent_id}"


async def _changed(api: Api, task_id: str, fields: Mapping[str, Any]) -> bool:
    """Whether the task is still there, and says so now."""
    try:
        await api.write("PATCH", f"{TASKS}/{task_id}", fields)
    except SearchFailed as failed:
        if failed.reason.params.get("status") == 404:
            return False
        raise
    return True


def _subject(call: CallEnd) -> dict[str, Any]:
    """What stays as it was first written: an agent may have changed it meanwhile."""
    who = " ".join(part for part in (call.caller.name, call.caller.number) if part) or "number withheld"
    subject = clean(f"{WORDS.get(call.direction, 'Call')}: {who}", LONGEST_SUBJECT)
    line = f"Dialled: {call.did}\n" if call.did else ""
    day = call.started_at or call.answered_at
    return {
        "Subject": subject,
        "Description": f"{line}Call id: {clean(call.ivrid, LONGEST_KEY)}",
        "CallType": TYPES.get(call.direction, "Inbound"),
        **({"ActivityDate": day.date().isoformat()} if day else {}),
    }


def _told(call: CallEnd) -> dict[str, Any]:
    """What becomes known while a call lasts, and who called."""
    is_over = call.ended_at is not None
    told: dict[str, Any] = {"Status": "Completed" if is_over else "In Progress"}
    if call.talk_seconds is not None:
        told["CallDurationInSeconds"] = call.talk_seconds
    if is_over:
        told["CallDisposition"] = str(call.outcome)
    if wire.ID.fullmatch(call.contact_id):
        told["WhatId" if call.contact_type == "Account" else "WhoId"] = call.contact_id
    return told
