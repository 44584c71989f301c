"""Writing calls and notes into Zendesk: one ticket per call and agent, made once and then added to.

Zendesk tells repeats of a new ticket by `Idempotency-Key` for two hours, of an update not at all. So a ticket is looked
for by its external id before it is made, and a comment by its mark before it is added.
"""

from collections.abc import Mapping
from datetime import timedelta

from bridge.core.delivery import CallEnd, Note
from bridge.core.errors import SearchFailed
from bridge.core.model import Popup
from bridge.core.reasons import reason
from bridge.crm.contract import Recipient
from bridge.crm.zendesk import tickets, users, wire
from bridge.crm.zendesk.api import Api

POPUP_LIFE = timedelta(hours=8)
"""How long after its popup a note may come: a shift."""


async def remember_shown(api: Api, popup: Popup, user_id: str) -> None:
    """Keep in mind who was shown: a note to the popup comes without its caller."""
    await api.session.remember(f"shown {popup.popup_id}", user_id, POPUP_LIFE)


async def write_call(api: Api, call: CallEnd, recipient: Recipient, ref: str | None) -> str:
    """The call's ticket: made, or the one that there is; with a comment when the call is over."""
    key = tickets.external_id(call.pbx, call.ivrid, recipient.crm_user)
    number = ref if ref and wire.ID.fullmatch(ref) else await _find(api, key)
    if number is None:
        requester = await _contact_of(api, call) or recipient.agent_id
        number = await _make(api, key, tickets.new_call(call, requester, recipient.agent_id, key))
    if call.ended_at is not None:
        mark = f"popbridge {key[-8:]} ended"
        await _add_once(api, number, mark, tickets.ended(call, mark))
    return number


async def write_note(api: Api, note: Note, recipient: Recipient, delivery_id: str) -> str:
    """The ticket with the note: that of its call, where it is logged, else one of its own."""
    key = tickets.external_id(note.agent.pbx, note.ivrid, recipient.crm_user)
    number = await _find(api, key)
    if number is None:
        shown = await api.session.recall(f"shown {note.popup_id}")
        number = await _make(api, key, tickets.new_note(shown or recipient.agent_id, recipient.agent_id, key))
    await _add_once(api, number, delivery_id, tickets.noted(note, delivery_id))
    return number


async def _contact_of(api: Api, call: CallEnd) -> str | None:
    """Who called: the contact that was found, or else the only user with the number."""
    if call.contact_id and wire.ID.fullmatch(call.contact_id):
        return call.contact_id
    public = call.caller.e164
    records = (await api.search(public)).records if public is not None else ()
    ids = [one.id for one in records if public is not None and users.has_number(one, public)]
    return ids[0] if len(ids) == 1 else None


async def _find(api: Api, key: str) -> str | None:
    answer = await api.get(tickets.find(key))
    found = (wire.id_of(one) for one in wire.listed(answer, "tickets") if one.get("external_id") == key)
    return next((number for number in found if number), None)


async def _make(api: Api, key: str, ticket: Mapping[str, object]) -> str:
    answer = wire.read(await api.send("POST", "/api/v2/tickets.json", ticket, {"Idempotency-Key": key}))
    number = wire.id_of(wire.one(answer, "ticket"))
    if number is None:
        raise SearchFailed(reason("zendesk.no-list", list="ticket"))
    return number


async def _add_once(api: Api, number: str, mark: str, change: Mapping[str, object]) -> None:
    comments = wire.listed(await api.get(f"/api/v2/tickets/{number}/comments.json?sort=-created_at"), "comments")
    if any(mark in str(one.get("body", "")) or mark in str(one.get("html_body", "")) for one in comments):
        return
    wire.read(await api.send("PUT", f"/api/v2/tickets/{number}.json", change))
