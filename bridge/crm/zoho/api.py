"""Requests to Zoho's API for one account, and the questions that several capabilities ask.

A refresh token gives ten access tokens in ten minutes, then none for a while; and 401 may mean a missing scope, which
no new token has either. So a token is replaced only where Zoho says that it is none, and not twice within
`RENEWALS_APART`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from bridge.core.errors import RateLimited, RequestFailed, SearchFailed
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.session import Session
from bridge.crm.contract import FoundRecord
from bridge.crm.zoho import contacts, coql, wire
from bridge.crm.zoho.account import Account

CRM = "/crm/v8"
RENEWALS_APART = timedelta(seconds=75)
"""Eight tokens in ten minutes at most, by all processes."""
MADE_KEPT, USERS_KEPT = timedelta(hours=1), timedelta(hours=1)
RETRIED = timedelta(minutes=1)
"""When to ask for the users again after a failure of the moment."""
MOST_PAGES, PAGE_SIZE = 10, 200
RENEWED = "renewed token"


@dataclass(frozen=True, slots=True)
class Api:
    """One account's way to its API."""

    account: Account
    session: Session

    async def send(self, method: str, path: str, body: bytes = b"", content_type: str = "application/json") -> Reply:
        """The reply. A token that Zoho does not know any longer is replaced, once."""
        told = {"Accept": "application/json", **({"Content-Type": content_type} if body else {})}
        request = Request(method, f"{self.account.api}{path}", told, body)
        token = await self.session.token()
        reply = await self._send(request, token)
        if reply.status != 401 or not await self._may_renew(reply, token):
            return reply
        return await self._send(request, await self.session.token(refused=token))

    async def _send(self, request: Request, token: Secret) -> Reply:
        headers = {**request.headers, "Authorization": f"Zoho-oauthtoken {token.reveal()}"}
        is_question = request.method in ("GET", "PUT") or request.url.endswith("/coql")
        return await self.session.send(Request(request.method, request.url, headers, request.body), is_question)

    async def _may_renew(self, reply: Reply, token: Secret) -> bool:
        try:
            wire.read(reply, self.session.now)
        except SearchFailed as failed:
            if failed.reason.code != "zoho.token":
                return False
        at, _, which = (await self.session.recall(RENEWED) or "").partition(" ")
        if which == token.fingerprint:  # somebody is at it, or has done it: its successor is there, or will be
            return True
        if at and self.session.now - datetime.fromisoformat(at) < RENEWALS_APART:
            return False
        told = f"{self.session.now.isoformat()} {token.fingerprint}"
        await self.session.remember(RENEWED, told, RENEWALS_APART, vital=False)
        return True

    async def write(self, method: str, path: str, fields: Mapping[str, object]) -> Mapping[str, Any]:
        """What is told of one record that was written. Raises as `wire.read`."""
        body = json.dumps({"data": [fields]}, ensure_ascii=False).encode("utf-8", "replace")
        return wire.details(wire.read(await self.send(method, f"{CRM}{path}", body), self.session.now))

    async def get(self, path: str) -> Mapping[str, Any]:
        """What is there. Raises as `wire.read`."""
        return wire.read(await self.send("GET", f"{CRM}{path}"), self.session.now)

    async def query(self, select: str) -> Mapping[str, Any]:
        """The answer to a query. Raises as `wire.read`."""
        body = json.dumps({"select_query": select}, ensure_ascii=False).encode("utf-8", "replace")
        return wire.read(await self.send("POST", f"{CRM}/coql", body), self.session.now)

    async def made_before(self, public: str) -> FoundRecord | None:
        """The contact that was made for this number a short time ago."""
        made = await self.session.recall(f"made {public}")
        return await self.contact(made) if made is not None and wire.ID.fullmatch(made) else None

    async def contact(self, record_id: str) -> FoundRecord | None:
        """The contact with this id."""
        rows = wire.listed(await self.query(coql.by_id(self.account, "Contacts", record_id)))
        return contacts.record(self.account, "Contacts", rows[0], {}) if rows else None

    async def users(self) -> list[dict[str, Any]]:
        """The active users. Raises as `wire.read`."""
        found: list[dict[str, Any]] = []
        for number in range(1, MOST_PAGES + 1):
            asked = urlencode({"type": "ActiveUsers", "page": number, "per_page": PAGE_SIZE})
            answer = await self.get(f"/users?{asked}")
            found += wire.listed(answer, "users")
            if not wire.has_more(answer):
                break
        return found

    async def owners(self) -> Mapping[str, str]:
        """The users' names by their ids, asked for once an hour in this process: queries give ids alone. Without the
        right to read users a card has no owner."""
        until, known = self.session.local.get("owners", (None, {}))
        if until is None or until <= self.session.now:
            kept = USERS_KEPT
            try:
                known = {wire.id_of(one) or "": wire.text(one, "full_name") for one in await self.users()}
            except SearchFailed:
                known = {}
            except (RateLimited, RequestFailed):
                kept = RETRIED
            self.session.local["owners"] = (self.session.now + kept, known)
        names: Mapping[str, str] = known
        return names
