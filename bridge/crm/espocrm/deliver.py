"""What an agent gets in EspoCRM: a Call record that reminds them, or a note; and what becomes of it later."""

from typing import Protocol

from bridge.core.contact import ContactStatus
from bridge.core.delivery import AnsweredElsewhere, CallEnd, DeliveryEvent, Note
from bridge.core.errors import SearchFailed
from bridge.core.model import Popup
from bridge.core.reasons import Reason
from bridge.core.session import Session
from bridge.crm.contract import Delivered, Duplicate, FoundRecord, Rejected, Result
from bridge.crm.espocrm import calls, contacts, history, wire
from bridge.crm.espocrm.history import KEPT, Place
from bridge.crm.espocrm.wire import Access


class Settings(Protocol):
    """What of the account counts here."""

    @property
    def access(self) -> Access:
        """The way to the API."""

    @property
    def popup(self) -> str:
        """What the agent gets."""

    @property
    def language(self) -> str:
        """Of what they read."""

    @property
    def search(self) -> bool:
        """Whether callers are looked up."""


async def bring(account: Settings, session: Session, event: DeliveryEvent, agent_id: str) -> Result:
    """Bring the event to the agent. Raises `SearchFailed` where EspoCRM's answer cannot be used."""
    match event.data:
        case Popup() as popup if account.popup == "note":
            return await _post(account, session, popup, event.delivery_id, agent_id)
        case Popup() as popup:
            return await _show(account, session, popup, agent_id)
        case Note() as note:
            return await _note(account, session, note, Place(note.agent.pbx, note.ivrid, agent_id))
        case AnsweredElsewhere() as told:
            place = Place(told.agent.pbx, told.ivrid, agent_id)
            return await _change(account, session, place, {"status": "Not Held"})
        case CallEnd() as call:
            place = Place(call.pbx, call.ivrid, agent_id)
            return await _change(account, session, place, calls.of_history_again(call))
    return Delivered()


async def _show(account: Settings, session: Session, popup: Popup, agent_id: str) -> Result:
    """A Call that begins now: EspoCRM reminds the agent of it. The same call again changes the record, no more."""
    place = Place(popup.call.pbx, popup.call.ivrid, agent_id)
    contact = await _contact(account, session, popup)
    new = calls.of_popup(popup, contact, agent_id, account.language, session.now)
    again = calls.of_popup_again(popup, contact, account.language)
    return await history.keep(account.access, session, place, new, again)


async def _post(account: Settings, session: Session, popup: Popup, delivery_id: str, agent_id: str) -> Result:
    """A note to the agent alone: the bell in EspoCRM counts it at once."""
    known = await session.recall(f"note {delivery_id}")
    if known is not None:
        return Duplicate(known)
    contact = await _contact(account, session, popup)
    text = calls.post(popup, contact, account.language)
    body = {"type": "Post", "post": text, "targetType": "users", "usersIds": [agent_id]}
    reply = await session.send(account.access.write("POST", "Note", body))
    if wire.refusal(reply) is not None:
        return wire.judged(reply, session.now)
    note_id: str = wire.record(reply)["id"]
    await session.remember(f"note {delivery_id}", note_id, KEPT)
    return Delivered(note_id)


async def _note(account: Settings, session: Session, note: Note, place: Place) -> Result:
    """What the agent noted, below the description of the call's record."""
    known = await history.find(account.access, session, place)
    if known is None:
        return Rejected(Reason("espocrm.no-record"))
    record = wire.record(await session.send(account.access.get(f"Call/{known}"), True))
    description = calls.with_note(wire.text(record.get("description")), note)
    if description is None:
        return Duplicate(known)
    result = await history.change(account.access, session, known, {"description": description})
    return result or Rejected(Reason("espocrm.no-record"))


async def _change(account: Settings, session: Session, place: Place, body: history.Body) -> Result:
    """What became of the call, in its record; nothing where the popup made none."""
    known = await history.find(account.access, session, place)
    if known is None:
        return Delivered()
    return await history.change(account.access, session, known, body) or Delivered()


async def _contact(account: Settings, session: Session, popup: Popup) -> FoundRecord | None:
    """The one record that the caller is: as the popup says, else by a search of its own."""
    known, e164 = popup.contact, popup.call.caller.e164
    if known is not None and known.crm == session.name and known.status in (ContactStatus.ONE, ContactStatus.SEVERAL):
        only = known.records[0] if len(known.records) == 1 and not known.more else None
        return FoundRecord(only.type, only.id, only.name, ()) if only else None
    asked_already = known is not None and known.crm == session.name and known.status is ContactStatus.NONE
    if not account.search or e164 is None or asked_already:
        return None
    try:
        reply = await session.send(account.access.get(contacts.by_exact_number(e164)), True)
        listed, more = wire.records(reply)
    except SearchFailed:  # without the name is better than not at all
        return None
    if len(listed) != 1 or more:
        return None
    return FoundRecord("Contact", listed[0]["id"], wire.text(listed[0].get("name")), ())
