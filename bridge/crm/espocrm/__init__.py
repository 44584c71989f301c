"""EspoCRM: a button on its records, callers looked up, popups and history as its Call records. See README.md here."""

import asyncio
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from bridge.config.models import CrmAccount, Names, Secrets, SecretText, WebAddress
from bridge.core.delivery import CallEnd, DeliveryEvent
from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Incoming
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.crm.contract import (
    ClickRequest,
    Delivered,
    Found,
    FoundRecord,
    PasteFile,
    Recipient,
    RecipientUnknown,
    Result,
    SearchNumber,
)
from bridge.crm.espocrm import agents, button, calls, clicks, contacts, deliver, findings, history, wire
from bridge.crm.espocrm.wire import Access

DUPLICATE = 409


class Account(CrmAccount):
    """`[crm.NAME]` with `kind = "espocrm"`."""

    proven_by = ("click_secrets", "click_token")
    kind: Literal["espocrm"]
    base_url: WebAddress = Field(description="where EspoCRM is: https://crm.example.com")
    api_key: SecretText = Field(description="of the API user whose role the README describes")
    popup: Literal["call", "note", "none"] = Field("call", description="what an agent gets there: call, note or none")
    search_in: Names = Field(("Contact", "Lead", "Account"), description="types of records that have callers' numbers")
    language: Literal["en", "he"] = Field("en", description="of the names of calls and of notes")
    click_token: SecretText | None = Field(None, description="proves the button's clicks")
    click_secrets: Secrets = Field((), description="secret keys of EspoCRM's own webhooks, if those are to click")

    @model_validator(mode="before")
    @classmethod
    def _own_pages_may_click(cls, keys: Any) -> Any:
        """The button is a script on EspoCRM's own pages."""
        base = keys.get("base_url") if isinstance(keys, dict) else None
        if not isinstance(base, str) or "origins" in keys:
            return keys
        parts = urlsplit(base.strip())
        return {**keys, "origins": [f"{parts.scheme}://{parts.netloc}".lower()]} if parts.netloc else keys

    @field_validator("search_in")
    @classmethod
    def _are_types(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if not all(contacts.SCOPE.fullmatch(scope) for scope in scopes):
            raise ValueError(reason("espocrm.value-types"))
        return scopes

    @property
    def takes_popups(self) -> bool:
        """Whether agents get popups there."""
        return self.popup != "none"

    @property
    def access(self) -> Access:
        """The way to its API."""
        return Access(self.api_url or self.base_url, self.api_key)

    def addresses(self) -> Iterator[str]:
        """Where its API and its pages are."""
        yield from {self.base_url, self.api_url or self.base_url}


class Espocrm:
    """The make."""

    kind = "espocrm"
    title = "EspoCRM"
    account = Account
    proven = Proven.RECORDINGS

    def read_click(self, account: Account, incoming: Incoming) -> ClickRequest:
        """What the button, a link or one of EspoCRM's webhooks asks."""
        return clicks.read_click(account.click_secrets, account.click_token, incoming)

    async def deliver(self, account: Account, session: Session, event: DeliveryEvent, recipient: Recipient) -> Result:
        """A Call record of the agent's, or a note to them; what comes later about the call changes that record."""
        if event.data is None:
            return wire.judged(await session.send(account.access.get("Call?select=id&maxSize=1")), session.now)
        if recipient.agent_id is None:
            return RecipientUnknown()
        try:
            return await deliver.bring(account, session, event, recipient.agent_id)
        except SearchFailed as failure:
            return wire.failed(failure.reason)

    async def find_contacts(self, account: Account, session: Session, number: SearchNumber) -> Found:
        """Contacts, leads and accounts with the number, asked for side by side. Types without the right are left out
        as long as one may be read."""
        asked = (self._find(account, session, scope, number) for scope in account.search_in)
        given = await asyncio.gather(*asked, return_exceptions=True)
        found = [one for one in given if isinstance(one, Found)]
        failures = [one for one in given if isinstance(one, BaseException)]
        for failure in failures:
            if not found or not _is_missing_right(failure):
                raise failure
        return Found(tuple(record for one in found for record in one.records), any(one.more for one in found))

    async def _find(self, account: Account, session: Session, scope: str, number: SearchNumber) -> Found:
        path = contacts.by_number(scope, number, account.details)
        hits, more = wire.records(await session.send(account.access.get(path), True))
        wholes = [
            {} if contacts.has_it_first(hit, number) else await self._whole(account, session, scope, hit["id"])
            for hit in hits
        ]
        pairs = zip(hits, wholes, strict=True)
        made = (contacts.found(account.base_url, scope, hit, account.details, whole) for hit, whole in pairs)
        return Found(tuple(made), more)

    async def _whole(self, account: Account, session: Session, scope: str, record_id: str) -> dict[str, Any]:
        """The record with all its numbers: another than its first one was found."""
        if not contacts.ID.fullmatch(record_id):
            return {}
        return wire.record(await session.send(account.access.get(f"{scope}/{record_id}"), True))

    async def create_contact(self, account: Account, session: Session, number: SearchNumber, name: str) -> FoundRecord:
        """A new contact, unless EspoCRM answers that there is one with the number. One that only has the same name is
        another person."""
        body, access = contacts.new(number, name), account.access
        reply = await session.send(access.write("POST", "Contact", body))
        if reply.status == DUPLICATE:
            twin = contacts.twin(wire.json_of(reply), number)
            if twin is not None:
                return contacts.found(account.base_url, "Contact", twin, account.details, {})
            reply = await session.send(access.write("POST", "Contact", body, **contacts.ALL_THE_SAME))
        made = wire.record(reply)
        return contacts.found(account.base_url, "Contact", made, account.details, made)

    async def log_call(
        self, account: Account, session: Session, call: CallEnd, recipient: Recipient, ref: str | None
    ) -> str | None:
        """The Call record that its popup made, or one of its own."""
        if recipient.agent_id is None:
            return None
        place = history.Place(call.pbx, call.ivrid, recipient.agent_id)
        new = calls.of_history(call, recipient.agent_id, account.language, session.now)
        result = await history.keep(account.access, session, place, new, calls.of_history_again(call), ref)
        if isinstance(result, Delivered):
            return result.ref
        raise SearchFailed(history.reason_of(result))

    async def find_agent(self, account: Account, session: Session, crm_user: str) -> str | None:
        """The user with this e-mail address, user name or id."""
        return await agents.find(account.access, session, crm_user)

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Whether the key works, and which rights its role lacks."""
        return await findings.probe(account.access, session, account.search_in, account.popup, account.log_calls)

    def record_url(self, account: Account, record_type: str, record_id: str) -> str | None:
        """The page of a record."""
        return contacts.url(account.base_url, record_type, record_id)

    def button_files(self, account: Account, crm_name: str, public_url: str) -> tuple[PasteFile, ...]:
        """The two files of its button."""
        token = account.click_token.reveal() if account.click_token else ""
        return button.files(f"{public_url}/clicks/{crm_name}", token)


def _is_missing_right(failure: BaseException) -> bool:
    return isinstance(failure, SearchFailed) and failure.reason.code == "espocrm.no-right"


ADAPTER = Espocrm()
