"""The line of a found call's contact: asked after the popup is on its way, told to the card when it comes."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from redis.exceptions import RedisError

from bridge.contacts.clicked import contact_of
from bridge.core import hide
from bridge.core.clock import new_id
from bridge.core.contact import Contact, ContactSource, ContactStatus
from bridge.core.delivery import DESKTOP, Delivery, DeliveryState, Event
from bridge.core.model import Popup
from bridge.services import Services
from bridge.store import jobs, keys, searches
from bridge.store.calls import popups
from bridge.store.client import Batch
from bridge.store.deliveries import records
from bridge.store.desktop import shift, stream

log = logging.getLogger(__name__)


async def find_contact(popup_id: str, services: Services) -> None:
    """Find who is calling, keep it with the popup and tell the agent's pages."""
    kept = await popups.popup(services.redis, popup_id)
    if kept is None or kept[0].contact is None or kept[0].contact.status is not ContactStatus.UNKNOWN:
        await services.redis.zrem(keys.SEARCHES, popup_id)
        return
    popup, delivery_ids = kept
    account = services.settings.crm.get(popup.agent.crm)
    contact = hide.contact_without(await _find(popup, services), account.hide if account else ())
    await _keep(popup, delivery_ids, contact, services)


async def create_contact(popup: Popup, name: str, services: Services) -> Contact:
    """A contact for the caller of a popup whose CRM knew none, by its agent's wish; kept and told as a found one."""
    crm = popup.agent.crm
    region = services.labels.regions.get(popup.call.pbx, "")
    made = await services.contacts.create(crm, popup.call, region, name)
    contact = hide.contact_without(made, services.settings.crm[crm].hide)
    kept = await popups.popup(services.redis, popup.popup_id) if contact.records else None
    if kept is not None:
        await _keep(popup, kept[1], contact, services)
    return contact


async def keep_named(popup: Popup, services: Services) -> None:
    """Whom a click has named goes to the card that was there before, where nobody knew who is calling."""
    named = popup.contact
    if named is None or named.from_ is not ContactSource.CLICK:
        return
    try:
        kept = await popups.popup(services.redis, popup.popup_id)
        if kept is not None and not (kept[0].contact and kept[0].contact.records):
            await _keep(kept[0], kept[1], named, services)
    except (RedisError, OSError):
        log.warning("who a click names is only in its answer: redis is away")


async def _keep(popup: Popup, delivery_ids: Sequence[str], contact: Contact, services: Services) -> None:
    """Keep it with the popup, tell the agent's pages, and bring it to the targets that can change what they show."""
    shown = await records.get(services.redis, delivery_ids)
    again = [_again(popup, one.target, services) for one in shown if _changes(one, services)]

    def write(pipe: Batch) -> None:
        searches.buffer_over(pipe, popup.popup_id)
        for delivery in again:
            records.buffer_again(pipe, delivery, popup)
            services.jobs.add(pipe, jobs.DELIVER, delivery.delivery_id)

    if await popups.set_contact(services.redis, services.scripts, popup.popup_id, contact, write):
        await shift.identify(services.redis, popup, contact)
        await stream.tell_contact(services.scripts, popup, contact)


def _changes(shown: Delivery, services: Services) -> bool:
    """Whether this target is, or will be, shown the popup, and can change it then."""
    lost = (DeliveryState.FAILED, DeliveryState.EXPIRED)
    return shown.event is Event.POPUP and shown.state not in lost and services.changes_popups(shown.target)


def _again(popup: Popup, target: str, services: Services) -> Delivery:
    now = services.clock.now()
    return Delivery(new_id("dlv", now), popup.popup_id, target, DeliveryState.PENDING, now, event=Event.CONTACT)


async def _find(popup: Popup, services: Services) -> Contact:
    """By the CRM that clicked, then by the other targets that can be searched: the first that knows the caller."""
    region = services.labels.regions.get(popup.call.pbx, "")
    answers = [await services.contacts.find(crm, popup.call, region) for crm in asked(popup.agent.crm, services)]
    known = (one for one in answers if one.status in (ContactStatus.ONE, ContactStatus.SEVERAL))
    return next(known, answers[0] if answers else Contact(ContactStatus.UNASKED, popup.agent.crm))


def asked(crm: str, services: Services) -> list[str]:
    """The CRMs that are asked for callers of this CRM's clicks."""
    names = dict.fromkeys((crm, *services.settings.targets_of(crm)))
    return [name for name in names if name != DESKTOP and services.contacts.is_asked(name)]


def at_first(popup: Popup, services: Services) -> Popup:
    """The popup with what is known of its contact before anybody was asked: who it is by the click, nothing
    yet, or that nobody will be."""
    crm = popup.agent.crm
    if "record" not in services.settings.crm[crm].hide:
        region = services.labels.regions.get(popup.call.pbx, "")
        named = contact_of(popup.record, crm, popup.call, region, not services.contacts.is_asked(crm))
        if named is not None:
            return replace(popup, contact=named)
    if not asked(crm, services) or popup.call.caller.e164 is None:
        return replace(popup, contact=Contact(ContactStatus.UNASKED, crm))
    return replace(popup, contact=Contact(ContactStatus.UNKNOWN, crm))
