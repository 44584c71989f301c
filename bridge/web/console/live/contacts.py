"""Who is calling, for the live page: what CRMs have found already. No CRM is asked for it."""

from dataclasses import dataclass

from bridge.core.contact import Contact, ContactStatus
from bridge.core.model import Caller
from bridge.services import Services
from bridge.store import contacts

MOST_AT_ONCE = 200
AGAIN_SECONDS, TRIES = 3.0, 10
"""A contact is found a moment after its call: it is looked for a few times."""
UNUSED_SECONDS, OLD_SECONDS = 60.0, 300.0
"""A name that no call needs is dropped; one that is needed for longer is read anew."""


@dataclass(slots=True)
class _Known:
    used_at: float
    name: str = ""
    tries: int = 0
    tried_at: float = float("-inf")


class Contacts:
    """Names by CRM and number, as long as they are asked for."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Known] = {}
        self._now = 0.0

    def name(self, crm: str, caller: Caller) -> str:
        """The contact's name; "" where it is not known. It is looked for from now on."""
        if caller.e164 is None:
            return ""
        known = self._known.setdefault((crm, caller.e164), _Known(self._now))
        known.used_at = self._now
        return known.name

    async def look(self, services: Services) -> bool:
        """Look for those that are not known yet; whether anything has changed. Raises redis-py's errors."""
        self._now, changed = services.clock.ticks(), False
        for key in [key for key, one in self._known.items() if one.used_at < self._now - UNUSED_SECONDS]:
            del self._known[key]
        wanted = [key for key, one in self._known.items() if self._is_wanted(one)][:MOST_AT_ONCE]
        for key, contact in zip(wanted, await contacts.load_each(services.redis, wanted), strict=True):
            one = self._known[key]
            one.tries, one.tried_at = one.tries + 1, self._now
            if (name := _name(contact)) != one.name:
                one.name, changed = name, True
        return changed

    def _is_wanted(self, one: _Known) -> bool:
        wait = OLD_SECONDS if one.name or one.tries >= TRIES else AGAIN_SECONDS
        return one.tried_at < self._now - wait


def _name(contact: Contact | None) -> str:
    """One name; of several contacts with the number the first two."""
    if contact is None or contact.status not in (ContactStatus.ONE, ContactStatus.SEVERAL):
        return ""
    return " / ".join(record.name for record in contact.records[:2])
