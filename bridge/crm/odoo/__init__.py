"""Odoo: a button by a server action, callers looked up, popups as toasts or activities, calls in the chatter."""

import asyncio
from collections.abc import Iterator
from typing import Literal

from pydantic import Field, field_validator

from bridge.config.models import CrmAccount, Names, SecretText, WebAddress
from bridge.core.delivery import CallEnd, DeliveryEvent
from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Incoming
from bridge.core.reasons import Reason, reason
from bridge.core.session import Session
from bridge.crm.contract import (
    ClickRequest,
    Found,
    FoundRecord,
    PasteFile,
    Recipient,
    RecipientUnknown,
    Rejected,
    Result,
    Retry,
    SearchNumber,
)
from bridge.crm.odoo import button, clicks, contacts, deliver, findings, history, wire
from bridge.crm.odoo.api import Api
from bridge.crm.odoo.wire import Access

LEFT_OUT = ("odoo.no-right", "odoo.no-model")
"""Why a type of records is not searched while others are."""


class Account(CrmAccount):
    """`[crm.NAME]` with `kind = "odoo"`."""

    proven_by = ("click_token",)
    kind: Literal["odoo"]
    base_url: WebAddress = Field(description="where Odoo is: https://odoo.example.com")
    database: str = Field(min_length=1, description="name of the database")
    username: str = Field(min_length=1, description="login of the user whose rights the README describes")
    api_key: SecretText = Field(description="an API key of that user")
    popup: Literal["toast", "activity", "none"] = Field("toast", description="what an agent gets there")
    search_in: Names = Field((contacts.PARTNER,), description="models to search: res.partner, crm.lead")
    language: Literal["en", "he"] = Field("en", description="of what agents read there")
    click_token: SecretText | None = Field(None, description="proves clicks; it stands in their address")

    @field_validator("search_in")
    @classmethod
    def _are_models(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        if not models or not all(clicks.MODEL.fullmatch(model) for model in models):
            raise ValueError(reason("odoo.value-models"))
        return models

    @property
    def takes_popups(self) -> bool:
        """Whether agents get popups there."""
        return self.popup != "none"

    @property
    def access(self) -> Access:
        """The way to its API."""
        return Access(self.api_url or self.base_url, self.database, self.username, self.api_key)

    def addresses(self) -> Iterator[str]:
        """Where its API and its pages are."""
        yield from {self.base_url, self.api_url or self.base_url}


class Odoo:
    """The make."""

    kind = "odoo"
    title = "Odoo"
    account = Account
    proven = Proven.RECORDINGS

    def read_click(self, account: Account, incoming: Incoming) -> ClickRequest:
        """What the server action's link or the notification asks."""
        return clicks.read_click(account.click_token, account.base_url, incoming)

    async def deliver(self, account: Account, session: Session, event: DeliveryEvent, recipient: Recipient) -> Result:
        """A toast or an activity of the agent's; what comes later about the call changes the activity."""
        agent = recipient.agent_id or ""
        if event.data is not None and not agent.isdecimal():
            return RecipientUnknown()
        try:
            return await deliver.bring(account, Api(account.access, session), event, int(agent or 0))
        except SearchFailed as failed:
            return result_of(failed.reason)

    async def find_contacts(self, account: Account, session: Session, number: SearchNumber) -> Found:
        """The records of each model that have the number, asked for side by side. Models without the right are left
        out as long as one may be read."""
        api = Api(account.access, session)
        await api.uid()
        asked = (self._find(account, api, model, number) for model in account.search_in)
        given = await asyncio.gather(*asked, return_exceptions=True)
        found = [one for one in given if isinstance(one, Found)]
        for failure in (one for one in given if isinstance(one, BaseException)):
            if not (found and isinstance(failure, SearchFailed) and failure.reason.code in LEFT_OUT):
                raise failure
        return Found(tuple(record for one in found for record in one.records), any(one.more for one in found))

    async def _find(self, account: Account, api: Api, model: str, number: SearchNumber) -> Found:
        has = await deliver.known_fields(api, model, account.details.values())
        fields = contacts.fields_of(model, has, account.details)
        rows = await api.find(model, contacts.domain(number, has), fields, limit=contacts.MOST_RECORDS + 1)
        kept = rows[: contacts.MOST_RECORDS]
        made = (contacts.found(account.base_url, model, row, account.details) for row in kept)
        return Found(tuple(made), len(rows) > len(kept))

    async def create_contact(self, account: Account, session: Session, number: SearchNumber, name: str) -> FoundRecord:
        """A new contact."""
        body = contacts.new(number, name)
        made = wire.made(await Api(account.access, session).call(contacts.PARTNER, "create", body))
        return contacts.found(account.base_url, contacts.PARTNER, {"id": made, **body}, account.details)

    async def log_call(
        self, account: Account, session: Session, call: CallEnd, recipient: Recipient, ref: str | None
    ) -> str | None:
        """A message in the chatter of the caller's record; None where the caller is not known: Odoo keeps calls nowhere
        else."""
        if not call.contact_id.isdecimal():
            return None
        model = call.contact_type if call.contact_type in account.search_in else contacts.PARTNER
        api, agent = Api(account.access, session), recipient.agent_id or recipient.crm_user
        return await history.keep(api, call, model, int(call.contact_id), account.language, agent, ref)

    async def find_agent(self, account: Account, session: Session, crm_user: str) -> str | None:
        """The user with this login, e-mail address or id."""
        api = Api(account.access, session)
        for field in ("login", "email", "id"):
            if field == "id" and not crm_user.isdecimal():
                continue
            value = int(crm_user) if field == "id" else crm_user
            users = await api.find("res.users", [[field, "=", value]], ["id", "name", "login", "email"])
            if users:
                return str(users[0]["id"]) if len(users) == 1 else None
        return None

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Whether login and key work, and which rights and modules are missing."""
        api = Api(account.access, session)
        return await findings.probe(api, session, account.search_in, account.popup, account.log_calls)

    def record_url(self, account: Account, record_type: str, record_id: str) -> str | None:
        """The page of a record."""
        return contacts.url(account.base_url, record_type, record_id)

    def button_files(self, account: Account, crm_name: str, public_url: str) -> tuple[PasteFile, ...]:
        """The code of its server action."""
        token = account.click_token.reveal() if account.click_token else ""
        return button.files(f"{public_url}/clicks/{crm_name}", token)


def result_of(reason: Reason) -> Result:
    """What a failure means for a delivery."""
    passing = reason.code in wire.PASSING or reason.code.startswith("http-5")
    return Retry(None, reason) if passing else Rejected(reason)


ADAPTER = Odoo()
