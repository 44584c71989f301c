"""Odoo's methods as popbridge's own user calls them: logs in once, and remembers who it is."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bridge.core.errors import SearchFailed
from bridge.core.reasons import Reason
from bridge.core.session import Session
from bridge.crm.odoo import wire
from bridge.crm.odoo.wire import Access

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Api:
    """One account's way in. Everything raises `SearchFailed` for what Odoo refuses, and what the session raises."""

    access: Access
    session: Session

    async def uid(self) -> int:
        """The id of our user."""
        place = f"uid {self.access.database} {self.access.username}"
        known = self.session.local.get(place) or await self.session.recall(place)
        if known and str(known).isdecimal():
            self.session.local[place] = str(known)
            return int(known)
        uid = wire.result(await self.session.send(self.access.login(), True))
        if not wire.is_id(uid):
            raise SearchFailed(Reason("odoo.login-refused"))
        self.session.local[place] = str(uid)
        await self.session.remember(place, str(uid), KEPT)
        return int(uid)

    async def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """What a method gives back. Only questions are sent again by themselves on a connection that was closed."""
        request = self.access.execute(await self.uid(), model, method, args, kwargs)
        return wire.result(await self.session.send(request, method in QUESTIONS))

    async def find(self, model: str, domain: list[Any], fields: list[str], **kwargs: Any) -> list[dict[str, Any]]:
        """The records of a search."""
        return wire.rows(await self.call(model, "search_read", domain, fields=fields, **kwargs))


QUESTIONS = ("search_read", "fields_get", "write")
"""Methods that may be called twice."""
