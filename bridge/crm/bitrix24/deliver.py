"""What an agent gets in Bitrix24 of an event: the call card, or a notice in the messenger, or a comment."""

from datetime import datetime

from bridge.core.contact import Contact, ContactRecord, ContactStatus
from bridge.core.delivery import AnsweredElsewhere, CallEnd, DeliveryEvent, Note
from bridge.core.errors import SearchFailed
from bridge.core.model import Call, Popup
from bridge.core.reasons import reason
from bridge.crm.bitrix24 import cards, texts, wire
from bridge.crm.bitrix24.api import Api
from bridge.crm.bitrix24.cards import KEPT, Place, Registered
from bridge.crm.contract import Delivered, Duplicate, Rejected, Result

OUR_CLIENT = "popbridge"
"""A webhook's notices need a name for who sends them, or the tag does not count."""


async def bring(api: Api, event: DeliveryEvent, agent_id: str) -> Result:
    """Bring the event to the agent. Raises as `Api.call`."""
    match event.data:
        case Popup() as popup:
            return await _show(api, popup, agent_id)
        case Note() as note:
            return await _comment(api, note, event.delivery_id, agent_id)
        case CallEnd() as call if not api.account.log_calls:
            await cards.close_card(api, Place(call.pbx, call.ivrid, agent_id))
        case AnsweredElsewhere() as told:
            await cards.close_card(api, Place(told.agent.pbx, told.ivrid, agent_id))
        case None:
            await api.call("profile")
    return Delivered()


async def _show(api: Api, popup: Popup, agent_id: str) -> Result:
    """The card where there is a number for it, else a notice."""
    record = only_record(popup.contact, api.session.name)
    place = Place(popup.agent.pbx, popup.call.ivrid or popup.popup_id, agent_id)
    if record is not None:
        await api.session.remember(place.key("about"), f"{record.type} {record.id}", KEPT)
    registered = _registered(popup.call, record, popup.created_at)
    if api.account.shows == "card" and registered is not None:
        return Delivered(await cards.open_card(api, place, registered))
    return await _notify(api, popup, place, record)


def only_record(contact: Contact | None, crm: str) -> ContactRecord | None:
    """The one record of this CRM that the caller is."""
    if contact is None or contact.crm != crm or contact.status is not ContactStatus.ONE:
        return None
    only = contact.records[0]
    return only if only.type in wire.PAGES and wire.ID.fullmatch(only.id) else None


def _registered(call: Call, record: ContactRecord | None, now: datetime) -> Registered | None:
    number = cards.number_of(call.caller)
    if number is None:
        return None
    linked = (record.type, record.id) if record else None
    return Registered(number, call.direction, call.started_at or now, call.did, linked)


async def _notify(api: Api, popup: Popup, place: Place, record: ContactRecord | None) -> Result:
    """One notice per call and agent: the same tag replaces what was there."""
    url = wire.page(api.account.base_url, record.type, record.id) if record else None
    told = await api.call(
        "im.notify.system.add",
        USER_ID=int(place.agent_id),
        MESSAGE=texts.notice(popup.call, record.name if record else "", url, api.account.language),
        TAG=place.key("popbridge"),
        **({} if api.account.has_application else {"CLIENT_ID": OUR_CLIENT}),
    )
    number = wire.id_of(told)
    return Delivered(number) if number else Rejected(reason("bitrix24.not-shown"))


async def _comment(api: Api, note: Note, delivery_id: str, agent_id: str) -> Result:
    """A comment on the record that the popup was about, once: before it is written again, it is looked for."""
    place = Place(note.agent.pbx, note.ivrid or note.popup_id, agent_id)
    kind, _, number = (await api.session.recall(place.key("about")) or "").partition(" ")
    if kind not in wire.PAGES or not wire.ID.fullmatch(number):
        return Rejected(reason("bitrix24.no-record"))
    entity = {"ENTITY_ID": int(number), "ENTITY_TYPE": kind.lower()}
    before = await api.session.recall(f"note {delivery_id}")
    known = before if before != "?" else await _find(api, entity, delivery_id)
    if known is not None:
        return Duplicate(known)
    await api.session.remember(f"note {delivery_id}", "?", KEPT)
    text = texts.note(note, delivery_id, api.account.language)
    made = wire.id_of(await api.call("crm.timeline.comment.add", fields={**entity, "COMMENT": text}))
    if made is None:
        raise SearchFailed(reason("bitrix24.no-result"))
    await api.session.remember(f"note {delivery_id}", made, KEPT)
    return Delivered(made)


async def _find(api: Api, entity: dict[str, object], mark: str) -> str | None:
    listed = await api.call("crm.timeline.comment.list", filter=entity, order={"ID": "DESC"}, select=["ID", "COMMENT"])
    found = (wire.id_of(one.get("ID")) for one in wire.objects(listed) if mark in str(one.get("COMMENT")))
    return next((number for number in found if number), None)
