"""What an agent gets in Odoo of an event, and whose record the caller is."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from bridge.core.contact import ContactStatus
from bridge.core.delivery import AnsweredElsewhere, CallEnd, DeliveryEvent, Note
from bridge.core.errors import SearchFailed
from bridge.core.model import Popup
from bridge.crm.contract import Delivered, Result, SearchNumber
from bridge.crm.odoo import contacts, history, popups, texts, wire
from bridge.crm.odoo.api import KEPT, Api
from bridge.crm.odoo.popups import Linked


class Settings(Protocol):
    """What of the account counts here."""

    @property
    def popup(self) -> str:
        """What the agent gets."""

    @property
    def language(self) -> str:
        """Of what they read."""

    @property
    def search(self) -> bool:
        """Whether callers are looked up."""

    @property
    def details(self) -> Mapping[str, str]:
        """Fields of a contact that the card shows."""

    @property
    def log_calls(self) -> bool:
        """Whether calls are written into the chatter anyway."""


async def bring(account: Settings, api: Api, event: DeliveryEvent, agent: int) -> Result:
    """Bring the event to the agent. Raises `SearchFailed`."""
    match event.data:
        case Popup() as popup:
            return await _show(account, api, popup, event.delivery_id, agent)
        case Note() as note:
            return await history.note(api, note, event.delivery_id, account.language)
        case CallEnd() as call if account.popup == "activity":
            feedback = "" if account.log_calls else texts.history(call, account.language)
            return await popups.over(api, call.pbx, call.ivrid, agent, feedback)
        case AnsweredElsewhere() as told if account.popup == "activity":
            return await popups.over(api, told.agent.pbx, told.ivrid, agent, None)
        case None:
            await api.uid()
    return Delivered()


async def _show(account: Settings, api: Api, popup: Popup, delivery_id: str, agent: int) -> Result:
    contact = await _contact(account, api, popup)
    if contact is not None:
        where = history.about(popup.agent.pbx, popup.call.ivrid)
        await api.session.remember(where, f"{contact[0]} {contact[1]}", KEPT)
    if account.popup == "activity":
        return await popups.activity(api, popup, agent, contact, account.language)
    return await popups.toast(api, popup, delivery_id, agent, contact, account.language)


async def _contact(account: Settings, api: Api, popup: Popup) -> Linked:
    """The one record that the caller is: as the popup says, else by a search of its own."""
    known = popup.contact
    if known is not None and known.crm == api.session.name and known.status in KNOWN:
        only = known.records[0] if len(known.records) == 1 and not known.more else None
        return (only.type, int(only.id), only.name) if only and only.id.isdecimal() else None
    if not account.search or popup.call.caller.e164 is None:
        return None
    try:
        return await _searched(account, api, popup.call.caller.e164, popup.call.caller.number)
    except SearchFailed:  # without the name is better than not at all
        return None


KNOWN = (ContactStatus.ONE, ContactStatus.SEVERAL, ContactStatus.NONE)


async def _searched(account: Settings, api: Api, e164: str, written: str) -> Linked:
    """By the number, and by its digits as the phone system has them."""
    has = await known_fields(api, contacts.PARTNER, account.details.values())
    digits = "".join(filter(str.isdigit, written)) or e164[1:]
    domain = contacts.domain(SearchNumber(e164, digits, "", ()), has)
    rows = await api.find(contacts.PARTNER, domain, ["id", "name"], limit=2)
    return (contacts.PARTNER, rows[0]["id"], wire.text(rows[0].get("name"))) if len(rows) == 1 else None


async def known_fields(api: Api, model: str, details: Iterable[str] = ()) -> list[str]:
    """Which of the fields for numbers and of the details this Odoo has, asked once in this process: modules and
    versions differ, and one field that is not there would make every search fail."""
    place = f"fields of {model}"
    if place not in api.session.local:
        asked = list(dict.fromkeys([*contacts.PHONE_FIELDS, *details]))
        told = await api.call(model, "fields_get", asked, attributes=["string", "type", "searchable"])
        api.session.local[place] = [name for name in asked if isinstance(told, dict) and name in told]
    kept: list[str] = api.session.local[place]
    return kept
