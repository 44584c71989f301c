"""Requests to Zendesk's API for one account, and the questions that several capabilities ask."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bridge.core.http_types import Reply, Request
from bridge.core.session import Session
from bridge.crm.contract import Found, FoundRecord
from bridge.crm.zendesk import users, wire
from bridge.crm.zendesk.account import Account

INDEX_DELAY = timedelta(hours=1)
"""A new user is found by a search after one to ten minutes; until well after that, we remember whom we made."""


@dataclass(frozen=True, slots=True)
class Api:
    """One account's way to its API."""

    account: Account
    session: Session

    async def send(
        self, method: str, path: str, value: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """The reply to a request with a JSON body, or none."""
        account, repeatable = self.account, method == "GET"
        body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") if value is not None else b""
        request = Request(method, f"{account.api}{path}", {**wire.JSON, **(headers or {})}, body)
        if account.has_oauth:
            return await self.session.send_authorized(request, repeatable)
        key = account.api_token.reveal() if account.api_token else ""
        basic = base64.b64encode(f"{account.email}/token:{key}".encode()).decode()
        return await self.session.send(
            Request(method, request.url, {**request.headers, "Authorization": f"Basic {basic}"}, body), repeatable
        )

    async def get(self, path: str) -> Mapping[str, Any]:
        """The JSON object there. Raises as `wire.read`."""
        return wire.read(await self.send("GET", path))

    async def search(self, public: str) -> Found:
        """The end users that may have this E.164 number, with their companies."""
        found: dict[str | None, Mapping[str, Any]] = {}
        more = False
        for query in users.number_queries(self.account, public):
            answer = await self.get(users.search(query))
            found |= {wire.id_of(user): user for user in wire.listed(answer, "results")}
            more = more or answer.get("next_page") is not None
        made = await self.session.recall(_made(public))
        user = await self._user(made) if made is not None and made not in found else None
        if user is not None:
            found[made] = user
        companies = await self._companies(found.values())
        records = (users.record(self.account, user, companies) for user in found.values())
        return Found(tuple(one for one in records if one is not None), more)

    async def made_before(self, public: str) -> FoundRecord | None:
        """The user that was made for this number a short time ago, which no search finds yet."""
        made = await self.session.recall(_made(public))
        user = await self._user(made) if made is not None else None
        return users.record(self.account, user, await self._companies([user])) if user is not None else None

    async def remember_made(self, public: str, user_id: str) -> None:
        """Keep in mind whom we made for this number."""
        await self.session.remember(_made(public), user_id, INDEX_DELAY)

    async def agent(self, crm_user: str) -> str | None:
        """The id of the agent with this e-mail address or id."""
        if wire.ID.fullmatch(crm_user):
            user = await self._user(crm_user)
            return crm_user if user is not None and user.get("role") in users.AGENT_ROLES else None
        if not users.EMAIL.fullmatch(crm_user):
            return None
        answer = await self.get(users.user_search(f'email:"{crm_user}"'))
        return users.agent_in(wire.listed(answer, "users"), crm_user)

    async def _user(self, user_id: str) -> Mapping[str, Any] | None:
        """The user of that id; None where there is none."""
        reply = await self.send("GET", f"/api/v2/users/{user_id}.json")
        return None if reply.status == 404 else wire.one(wire.read(reply), "user")

    async def _companies(self, found: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
        path = users.organizations(found)
        if path is None:
            return {}
        answer = wire.listed(await self.get(path), "organizations")
        return {wire.id_of(one) or "": wire.text(one, "name") for one in answer}


def _made(public: str) -> str:
    return f"made {public}"
