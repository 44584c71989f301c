"""Requests to Salesforce's API for one account, and the questions that several capabilities ask."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bridge.core.http_types import Reply, Request
from bridge.core.session import Session
from bridge.crm.contract import Found, FoundRecord, SearchNumber
from bridge.crm.salesforce import contacts, queries, wire
from bridge.crm.salesforce.account import Account

INDEX_DELAY = timedelta(hours=1)
"""New records are found by SOSL when the index has caught up; for this long we remember whom we made."""


@dataclass(frozen=True, slots=True)
class Api:
    """One account's way to its API."""

    account: Account
    session: Session

    async def send(
        self, method: str, path: str, value: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """The reply to a request with a JSON body, or none."""
        body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") if value is not None else b""
        told = {"Accept": "application/json", **({"Content-Type": "application/json"} if body else {})}
        request = Request(method, f"{self.account.api}{path}", {**told, **(headers or {})}, body)
        return await self.session.send_authorized(request, method in ("GET", "PATCH"))

    async def get(self, path: str) -> Any:
        """What is there. Raises as `wire.read`."""
        return wire.read(await self.send("GET", path), self.session.now)

    async def write(
        self, method: str, path: str, value: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> Any:
        """What a new or changed record is answered with. Raises as `wire.read`."""
        return wire.read(await self.send(method, path, value, headers), self.session.now)

    async def rows(self, path: str) -> list[dict[str, Any]]:
        """The records that a query finds. Raises as `wire.read`."""
        return wire.listed(await self.get(path), "records")

    async def search(self, number: SearchNumber) -> Found:
        """The records that may have the number, and the contact made a moment ago, which the index lacks yet."""
        rows = wire.listed(await self.get(queries.by_number(self.account, number)), "searchRecords")
        found = contacts.found(self.account, rows)
        made = await self.made_before(number.e164)
        if made is None or any(one.id == made.id for one in found.records):
            return found
        return Found((*found.records, made), found.more)

    async def made_before(self, public: str) -> FoundRecord | None:
        """The contact that was made for this number a short time ago."""
        made = await self.session.recall(f"made {public}")
        if made is None or not wire.ID.fullmatch(made):
            return None
        rows = await self.rows(queries.by_id(self.account, made))
        return contacts.record(self.account, "Contact", rows[0]) if rows else None

    async def agent(self, crm_user: str) -> str | None:
        """The id of the one active user with this login, e-mail address or id."""
        rows = await self.rows(queries.agent(crm_user))
        by_login = [one for one in rows if wire.text(one, "Username").casefold() == crm_user.casefold()]
        fitting = by_login or rows
        return wire.id_of(fitting[0]) if len(fitting) == 1 else None
