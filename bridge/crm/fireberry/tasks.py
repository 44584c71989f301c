"""A call as a task of the agent's: the nearest that Fireberry has to a popup which others can show.

A mark at the end of the subject finds it again; it is looked for only where it is not known whether the task was made.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta

from bridge.core.contact import ContactRecord, ContactStatus
from bridge.core.delivery import Note
from bridge.core.errors import SearchFailed
from bridge.core.model import Direction, Popup
from bridge.core.reasons import Reason, reason, say
from bridge.crm.contract import Delivered, Duplicate, FoundRecord, Rejected, Result
from bridge.crm.fireberry import contacts, queries, wire
from bridge.crm.fireberry.api import Api
from bridge.crm.fireberry.contacts import clean

KEPT = timedelta(days=1)
UNSURE = "?"
TASKS = f"/record/{wire.TYPES['Task']}"
LONGEST_SUBJECT, LONGEST_NOTE, LONGEST_DESCRIPTION = 180, 4000, 30_000
WORDS = {Direction.INCOMING: "fireberry.incoming", Direction.OUTGOING: "fireberry.outgoing"}
ANSWERED = (ContactStatus.ONE, ContactStatus.SEVERAL, ContactStatus.NONE)

Known = ContactRecord | FoundRecord


async def show(api: Api, popup: Popup, agent_id: str) -> Result:
    """The task of the popup's call: made once for each call and agent."""
    place, mark = _place(popup.call.pbx, popup.call.ivrid, agent_id)
    known = await _find(api, place, mark)
    if known is not None:
        return Duplicate(known)
    records = await _records(api, popup)
    fields = _task(popup, records, agent_id, mark, api.account.language)
    await api.session.remember(place, UNSURE, KEPT)
    made = await api.make("Task", TASKS, fields)
    await api.session.remember(place, made, KEPT)
    return Delivered(made)


async def add_note(api: Api, note: Note, agent_id: str, delivery_id: str) -> Result:
    """The note, below what the task says. Its mark tells a repeat."""
    known = await _find(api, *_place(note.agent.pbx, note.ivrid, agent_id))
    if known is None:
        return Rejected(reason("fireberry.no-task"))
    before, mark = str((await api.record(f"{TASKS}/{known}")).get("description") or ""), f"[{delivery_id}]"
    if mark in before:
        return Duplicate(known)
    added = "\n".join(part for part in (note.outcome, note.text[:LONGEST_NOTE], mark) if part)
    whole = f"{before}\n\n{added}".strip()[-LONGEST_DESCRIPTION:]
    there = await api.change(f"{TASKS}/{known}", {"description": whole})
    return Delivered(known) if there else Rejected(reason("fireberry.no-task"))


async def _find(api: Api, place: str, mark: str) -> str | None:
    known = await api.session.recall(place)
    if known != UNSURE:
        return known
    rows = await api.query(queries.task(mark), "Task")
    return next((str(one["id"]) for one in rows if wire.text(one, "subject").endswith(mark)), None)


def _place(pbx: str, ivrid: str, agent_id: str) -> tuple[str, str]:
    """Under which the task is remembered, and its mark."""
    together = "\0".join((pbx, ivrid, agent_id)).encode("utf-8", "surrogatepass")
    mark = hashlib.sha256(together).hexdigest()[:12]
    return f"task {mark}", mark


def _task(popup: Popup, records: Sequence[Known], agent_id: str, mark: str, language: str) -> dict[str, object]:
    call, only = popup.call, records[0] if len(records) == 1 else None
    name = only.name if only else call.caller.name
    who = " ".join(part for part in (name, call.caller.number) if part) or say(reason("fireberry.withheld"), language)
    subject = clean(say(Reason(WORDS.get(call.direction, "fireberry.call"), {"who": who}), language), LONGEST_SUBJECT)
    line = call.did_label or call.did
    linked = {"objectid": only.id, "objecttypecode": wire.TYPES[only.type]} if only else {}
    return {
        "subject": f"{subject} {mark}",
        "description": "\n".join(
            part for part in (clean(line, LONGEST_SUBJECT), f"popbridge {popup.popup_id}") if part
        ),
        "ownerid": agent_id,
        **linked,
    }


async def _records(api: Api, popup: Popup) -> Sequence[Known]:
    """The records that the caller may be: as the popup says, else by a search of its own."""
    known, public = popup.contact, popup.call.caller.e164
    if known is not None and known.crm == api.session.name and known.status in ANSWERED:
        return [one for one in known.records if one.type in queries.NAME and wire.ID.fullmatch(one.id)]
    if not api.account.search or public is None:
        return ()
    kind = api.account.search_in[0]
    try:
        rows = await api.query(queries.by_number(api.account, kind, contacts.wanted(public)), kind)
    except SearchFailed:  # without the name is better than not at all
        return ()
    found = (contacts.record(api.account, kind, row) for row in rows)
    return [one for one in found if contacts.has(one, public)]
