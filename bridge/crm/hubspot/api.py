"""Requests to HubSpot's API for one account, and the questions that several capabilities ask."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from bridge.core.errors import SearchFailed
from bridge.core.http_types import Reply, Request
from bridge.core.session import Session
from bridge.crm.contract import Found, FoundRecord, SearchNumber
from bridge.crm.hubspot import contacts, wire
from bridge.crm.hubspot.account import Account

INDEX_DELAY = timedelta(hours=1)
"""A new contact is found by a search after seconds or minutes; until well after that, we remember whom we made."""
OWNERS = f"/crm/owners/{wire.VERSION}"
MOST_OWNERS = 5
OWNERS_KEPT = timedelta(hours=1)
FORBIDDEN = 403
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Api:
    """One account's way to its API."""

    account: Account
    session: Session

    async def send(self, method: str, path: str, value: object = None, repeatable: bool = False) -> Reply:
        """The reply to a request with a JSON body, or none."""
        body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") if value is not None else b""
        request = Request(method, f"{self.account.api}{path}", HEADERS, body)
        repeatable = repeatable or method == "GET"
        if self.account.access_token is None:
            return await self.session.send_authorized(request, repeatable)
        bearer = {**HEADERS, "Authorization": f"Bearer {self.account.access_token.reveal()}"}
        return await self.session.send(Request(method, request.url, bearer, body), repeatable)

    async def ask(self, method: str, path: str, value: object = None, repeatable: bool = False) -> Mapping[str, Any]:
        """The JSON object that is answered. Raises as `wire.read`."""
        return wire.read(await self.send(method, path, value, repeatable), self.session.now)

    async def find(self, kind: str, number: str, query: str = "") -> Mapping[str, Any] | None:
        """The object of that id; None where there is none."""
        reply = await self.send("GET", f"{wire.path(kind, f'/{number}')}{query}")
        return None if reply.status == 404 else wire.read(reply, self.session.now)

    async def search(self, kind: str, number: SearchNumber) -> Mapping[str, Any]:
        """What one kind of records answers to a search by number."""
        body = contacts.search(kind, number, self.account.details)
        return await self.ask("POST", wire.path(kind, "/search"), body, repeatable=True)

    async def found(self, number: SearchNumber, answers: Mapping[str, Mapping[str, Any]]) -> Found:
        """The records in the answers, by kind; and one that was made a moment ago."""
        found: dict[tuple[str, str | None], Mapping[str, Any]] = {
            (kind, wire.id_of(item.get("id"))): item for kind, answer in answers.items() for item in wire.listed(answer)
        }
        made = await self.session.recall(_made(number.e164))
        if made is not None and ("contacts", made) not in found and (item := await self._contact(made)) is not None:
            found["contacts", made] = item
        return Found(await self._records(found), any("paging" in answer for answer in answers.values()))

    async def _records(self, found: Mapping[tuple[str, str | None], Mapping[str, Any]]) -> tuple[FoundRecord, ...]:
        owners = await self._owners(wire.properties(item).get(contacts.OWNER) for item in found.values())
        made = (contacts.record(self.account, kind, item, owners) for (kind, _), item in found.items())
        return tuple(one for one in made if one is not None)

    async def made_before(self, e164: str) -> FoundRecord | None:
        """The contact that was made for this number a short time ago, which no search finds yet."""
        made = await self.session.recall(_made(e164))
        item = await self._contact(made) if made is not None else None
        return contacts.record(self.account, "contacts", item, {}) if item is not None else None

    async def remember_made(self, e164: str, number: str) -> None:
        """Keep in mind whom we made for this number."""
        await self.session.remember(_made(e164), number, INDEX_DELAY)

    async def _contact(self, number: str) -> Mapping[str, Any] | None:
        fields = ",".join(contacts.fields_of("contacts", self.account.details))
        return await self.find("contacts", number, f"?{urlencode({'properties': fields}, quote_via=quote)}")

    async def _owners(self, numbers: Iterable[Any]) -> Mapping[str, str]:
        """The names of owners by id; each is asked for once an hour in this process."""
        wanted = [one for one in dict.fromkeys(map(wire.id_of, numbers)) if one][:MOST_OWNERS]
        known: dict[str, str]
        until, known = self.session.local.get("owners", (self.session.now, {}))
        if self.session.now >= until:
            known = {}
            self.session.local["owners"] = (self.session.now + OWNERS_KEPT, known)
        for number in (one for one in wanted if one not in known):
            reply = await self.send("GET", f"{OWNERS}/{number}")
            known[number] = "" if reply.status in (403, 404) else person(wire.read(reply, self.session.now))
        return known

    async def owner(self, crm_user: str) -> str | None:
        """The id as an owner of the user with this e-mail address or user id."""
        if wire.ID.fullmatch(crm_user):
            reply = await self.send("GET", f"{OWNERS}/{crm_user}?idProperty=userId")
            return None if reply.status == 404 else wire.id_of(wire.read(reply, self.session.now).get("id"))
        if "@" not in crm_user:
            return None
        answer = await self.ask("GET", f"{OWNERS}?{urlencode({'email': crm_user, 'limit': 2}, quote_via=quote)}")
        named = [one for one in wire.listed(answer) if wire.text(one, "email").casefold() == crm_user.casefold()]
        return wire.id_of(named[0].get("id")) if len(named) == 1 and named[0].get("archived") is not True else None


def readable(
    given: Mapping[str, Mapping[str, Any] | BaseException],
) -> Mapping[str, Mapping[str, Any]]:
    """The answers by kind. Those without the right are left out, as long as one may be read. Raises what was given."""
    answers = {kind: one for kind, one in given.items() if not isinstance(one, BaseException)}
    for failure in (one for one in given.values() if isinstance(one, BaseException)):
        if not answers or not _is_missing_right(failure):
            raise failure
    return answers


def _is_missing_right(failure: BaseException) -> bool:
    return isinstance(failure, SearchFailed) and failure.reason.params.get("status") == FORBIDDEN


def person(owner: Mapping[str, Any]) -> str:
    """An owner's name."""
    whole = " ".join(part for part in (wire.text(owner, "firstName"), wire.text(owner, "lastName")) if part)
    return whole or wire.text(owner, "email")


def _made(e164: str) -> str:
    return f"made {e164}"
