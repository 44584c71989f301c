"""While cards are open their state follows the phone system: one round of questions for all of this process."""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from bridge.calls.live_calls import LookupResult
from bridge.core.model import ExtensionId
from bridge.services import Services
from bridge.store import keys
from bridge.store.clicks import callers
from bridge.store.desktop import cards as store
from bridge.store.desktop import shift
from bridge.web.desktop import cards, elsewhere
from bridge.web.desktop.hub import Desk, Hub

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.5
"""Between two rounds at the least, however many pages come."""
FOLLOWED = timedelta(seconds=keys.CALL_SECONDS)


class Watch:
    """The rounds. Nobody is asked while no card is open."""

    def __init__(self, hub: Hub, services: Services) -> None:
        self._hub, self._services = hub, services

    async def follow(self) -> None:
        """Ask every `refresh_seconds`, for ever; sooner when a page has come whose card's call is not known."""
        seconds = self._services.settings.desktop.refresh_seconds
        while seconds:
            if not self._followed():
                self._hub.carded.clear()
                await self._hub.carded.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._hub.hurry.wait()
            self._hub.hurry.clear()
            await self._round()
            await asyncio.sleep(min(PAUSE_SECONDS, seconds))

    def _followed(self) -> list[Desk]:
        oldest = self._services.clock.now() - FOLLOWED
        return [desk for desk in self._hub.desks if _is_followed(desk, oldest)]

    async def _round(self) -> None:
        """Ask about the lines of all open cards together, and tell what has changed."""
        followed = [(desk, desk.card) for desk in self._followed() if desk.card]
        asked_at = self._services.clock.now()
        heard = await self._services.lookup.each({line for desk, _ in followed for line in self._lines(desk)})
        asked = [(desk, card, self._as_heard(desk, card, heard)) for desk, card in followed]
        missed = [card.popup for _, card, now in asked if now.state == cards.ENDED and card.rings]
        answered = await elsewhere.answered(self._services.lookup, missed, self._services.agents.directory())
        for desk, card, _ in asked:
            if desk.card is card:  # a newer one was not asked about
                card.asked_at = asked_at
                now, by = self._as_heard(desk, card, heard), answered.get(card.popup_id)
                await self._tell(desk, card, now if by is None or now.state != cards.ENDED else cards.ended(by))

    def _lines(self, desk: Desk) -> tuple[ExtensionId, ...]:
        """The agent's extensions, as the directory has them now."""
        agent = self._services.agents.directory().agent(desk.agent.crm, desk.agent.crm_user)
        return agent.extensions if agent else ()

    def _as_heard(self, desk: Desk, card: cards.Card, heard: Mapping[ExtensionId, LookupResult]) -> cards.CallNow:
        """By the extensions that are the agent's now, not when they were asked about."""
        account = self._services.settings.crm.get(desk.agent.crm)
        lines, hidden = self._lines(desk), account.hide if account else ()
        return cards.as_heard(card, heard, lines, self._services.labels, hidden)

    async def _tell(self, desk: Desk, card: cards.Card, now: cards.CallNow) -> None:
        if card.is_told and now == card.stands:
            return
        if not await self._record_new_callers(card, now):
            return
        card.now, card.is_told = now, True
        desk.tell(card.text())
        if card.is_over:
            try:
                redis = self._services.redis
                await store.record_end(redis, card.popup_id, card.asked_at, now.answered_by)
                await shift.record_end(redis, card.popup, shift.End(card.asked_at, None, now.answered_by))
            except (RedisError, OSError):
                log.warning("the end of a call is not kept: redis is away")

    async def _record_new_callers(self, card: cards.Card, now: cards.CallNow) -> bool:
        """Whoever is shown on the card leaves a log entry first. False: it could not be written, so nobody is shown."""
        calls = [*([now.call] if now.call else []), *now.other_calls]
        new = callers.new_ones((call.caller for call in calls), card.callers)
        try:
            if new:
                redis, click_id = self._services.redis, card.popup.click_id
                await callers.record_shown(redis, click_id, new.values(), self._services.clock.now())
        except (RedisError, OSError):
            log.warning("an open card is not renewed: who is shown cannot be recorded, redis is away")
            return False
        card.callers.update(new)
        return True


def _is_followed(desk: Desk, oldest: datetime) -> bool:
    """Whether its card's call is to be asked about. A popup that another version wrote otherwise holds up nobody's."""
    if desk.card is None or desk.card.is_over:
        return False
    try:
        return desk.card.popup.created_at > oldest
    except ValueError:
        desk.card = None
        return False
