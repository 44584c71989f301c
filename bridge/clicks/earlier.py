"""The popup that an agent was shown for a call before, by an event or a click: a click finds it again."""

import logging
from dataclasses import dataclass, replace

from redis.exceptions import RedisError

from bridge.core.contact import ContactSource
from bridge.core.model import Click, Popup
from bridge.services import Services
from bridge.store.calls import popped, popups

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """The popup to show: a new one, whose `place` is claimed where events make popups too, or the one there is."""

    popup: Popup | None
    place: popped.Place | None = None
    is_again: bool = False


async def shown(popup: Popup | None, services: Services, click: Click, place: popped.Place | None) -> Shown:
    """`popup`, or in its place the earlier one, as long as that is of use. An event has claimed its `place` before."""
    if popup is None or place is not None or not services.has_events(popup.call.pbx) or not popup.agent.crm_user:
        return Shown(popup, place)
    place = popped.Place(popup.agent, popup.call.pbx, popup.call.identity)
    try:
        return await _found(popup, services, click, place)
    except (RedisError, OSError):
        return Shown(popup)  # that Redis is away is told by the write


async def _found(popup: Popup, services: Services, click: Click, place: popped.Place) -> Shown:
    while True:
        popup_id = await popped.claim(services.redis, place, click.click_id, services.hold_seconds)
        if popup_id is None:
            return Shown(popup, place)
        kept = await popups.popup(services.redis, popup_id)
        if kept is not None and kept[0].expires_at > services.clock.now():
            return Shown(_as_now(kept[0], popup), is_again=True)
        if await popped.take_over(services.redis, place, click.click_id, popup_id, services.hold_seconds):
            return Shown(popup, place)


def _as_now(shown_before: Popup, now: Popup) -> Popup:
    """The earlier popup, with what its call and the agent's others are doing now, and who is calling by this click
    where nobody knew before."""
    shown_now = replace(shown_before, call=now.call, other_calls=now.other_calls, why=now.why, reason=now.reason)
    is_known = shown_before.contact is not None and bool(shown_before.contact.records)
    if is_known or now.contact is None or now.contact.from_ is not ContactSource.CLICK:
        return shown_now
    return replace(shown_now, contact=now.contact, record=shown_now.record or now.record)


async def give_up(services: Services, place: popped.Place, click: Click) -> None:
    """Let others make the popup: this click failed."""
    try:
        await popped.release(services.redis, place, click.click_id)
    except (RedisError, OSError):
        log.warning("a popup that failed is held until its time limit")
