"""What HubSpot has of an event: a call on the caller's timeline, changed by what comes later."""

from bridge.core.contact import Contact, ContactStatus
from bridge.core.delivery import CallEnd, DeliveryEvent, Note
from bridge.core.model import Popup
from bridge.crm.contract import Delivered, Result
from bridge.crm.hubspot import calls, history, wire
from bridge.crm.hubspot.api import OWNERS, Api
from bridge.crm.hubspot.calls import Place
from bridge.crm.hubspot.history import Linked


async def bring(api: Api, event: DeliveryEvent, owner_id: str) -> Result:
    """Bring the event to the timeline. Raises as `Api.ask`."""
    match event.data:
        case Popup() as popup:
            place = Place(popup.agent.pbx, popup.call.ivrid or popup.popup_id, owner_id)
            told = calls.of_popup(popup.call, place, popup.created_at)
            return Delivered(await history.keep(api, place, told, only_record(popup.contact, api.session.name)))
        case Note() as note:
            place = Place(note.agent.pbx, note.ivrid or note.popup_id, owner_id)
            return await history.note(api, place, note, event.delivery_id)
        case CallEnd() as call if not api.account.log_calls:
            await history.over(api, Place(call.pbx, call.ivrid, owner_id), calls.of_end(call))
        case None:
            await api.ask("GET", f"{OWNERS}?limit=1")
    return Delivered()


def only_record(contact: Contact | None, crm: str) -> Linked:
    """The one record of this account that the caller is."""
    if contact is None or contact.crm != crm or contact.status is not ContactStatus.ONE:
        return None
    return linked(contact.records[0].type, contact.records[0].id)


def linked(kind: str, number: str) -> Linked:
    """A record that a call can be joined to."""
    known = wire.type_of(kind)
    return (known, number) if known in calls.ASSOCIATIONS and wire.ID.fullmatch(number) else None
