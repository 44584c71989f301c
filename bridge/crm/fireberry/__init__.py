"""Fireberry (Powerlink): clicks by a link or an automation, callers looked up, calls in its call log. See README.md
here."""

import asyncio

from bridge.core.delivery import CallEnd, DeliveryEvent, Note
from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Incoming
from bridge.core.model import Popup
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.core.tokens import RateLimit
from bridge.crm.contract import (
    ClickRequest,
    Delivered,
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
from bridge.crm.fireberry import button, clicks, contacts, findings, history, queries, tasks, wire
from bridge.crm.fireberry.account import Account
from bridge.crm.fireberry.api import Api


class Fireberry:
    """The make."""

    kind = "fireberry"
    title = "Fireberry"
    account = Account
    proven = Proven.DOCUMENTATION

    def read_click(self, account: Account, incoming: Incoming) -> ClickRequest:
        """What a link or an automation asks, once its sender is proven."""
        return clicks.read_click(account, incoming)

    async def deliver(self, account: Account, session: Session, event: DeliveryEvent, recipient: Recipient) -> Result:
        """A task of the agent's; a note goes below it."""
        api, agent = Api(account, session), recipient.agent_id or ""
        if event.data is not None and not wire.ID.fullmatch(agent):
            return RecipientUnknown(reason("fireberry.agent-unknown"))
        try:
            match event.data:
                case Popup() as popup:
                    return await tasks.show(api, popup, agent)
                case Note() as note:
                    return await tasks.add_note(api, note, agent, event.delivery_id)
                case None:
                    await api.query(queries.any_one("User", queries.USER_FIELDS), "User")
                    return Delivered()
        except SearchFailed as failed:
            return Retry(None, failed.reason) if failed.reason.code in wire.PASSING else Rejected(failed.reason)
        return Rejected(reason("fireberry.not-shown"))

    async def find_contacts(self, account: Account, session: Session, number: SearchNumber) -> Found:
        """The contacts and accounts that may have the number, asked for side by side."""
        api = Api(account, session)
        asked = [api.query(queries.by_number(account, kind, number), kind) for kind in account.search_in]
        given = await asyncio.gather(*asked, return_exceptions=True)
        found: list[FoundRecord] = []
        more = False
        for kind, rows in zip(account.search_in, given, strict=True):
            if isinstance(rows, BaseException):
                raise rows
            found += [contacts.record(account, kind, row) for row in rows[: queries.MOST_RECORDS]]
            more = more or len(rows) > queries.MOST_RECORDS
        return Found(tuple(found), more)

    async def create_contact(self, account: Account, session: Session, number: SearchNumber, name: str) -> FoundRecord:
        """A new contact."""
        fields = contacts.new(account, number, name)
        made = await Api(account, session).make("Contact", f"/record/{wire.TYPES['Contact']}", fields)
        whole = " ".join(part for part in (fields.get("firstname", ""), fields["lastname"]) if part)
        return contacts.record(account, "Contact", {**fields, "id": made, "fullname": whole})

    async def log_call(
        self, account: Account, session: Session, call: CallEnd, recipient: Recipient, ref: str | None
    ) -> str | None:
        """The id of the call's record. Without an id of the agent's there is nobody whose call it could be."""
        if not wire.ID.fullmatch(recipient.agent_id or ""):
            raise SearchFailed(reason("fireberry.agent-unknown"))
        return await history.write_call(Api(account, session), call, recipient.agent_id or "", ref)

    async def find_agent(self, account: Account, session: Session, crm_user: str) -> str | None:
        """The id of the one user with this e-mail address."""
        asked = queries.agent(crm_user)
        rows = await Api(account, session).query(asked, "User") if asked is not None else []
        wanted = crm_user.casefold()
        fitting = [one for one in rows if wire.text(one, "emailaddress1").casefold() == wanted]
        return str(fitting[0]["id"]) if len(fitting) == 1 else None

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Whether the token works, and everything may be read that is needed."""
        return await findings.probe(Api(account, session), f"crm {session.name}")

    def record_url(self, account: Account, record_type: str, record_id: str) -> str | None:
        """The page of a record."""
        return wire.page(account.base_url, record_type, record_id)

    def button_files(self, account: Account, crm_name: str, public_url: str) -> tuple[PasteFile, ...]:
        """A link and an automation."""
        token = account.click_token.reveal() if account.click_token else ""
        return button.files(f"{public_url}/clicks/{crm_name}", token)

    def rate_limit(self, account: Account) -> RateLimit | None:
        """Fireberry's limit is the organization's: over all its tokens, failed requests too."""
        return RateLimit(account.requests_per_minute, 60.0)


ADAPTER = Fireberry()
