"""HubSpot: a card on its records, callers looked up, calls on the timeline. See README.md here."""

import asyncio
from datetime import datetime

from bridge.core.delivery import CallEnd, DeliveryEvent
from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Incoming, Reply, Request, Secret
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.core.tokens import RateLimit, Tokens
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
from bridge.crm.hubspot import button, calls, clicks, contacts, deliver, findings, history, wire
from bridge.crm.hubspot.account import Account
from bridge.crm.hubspot.api import Api, readable


class Hubspot:
    """The make."""

    kind = "hubspot"
    title = "HubSpot"
    account = Account
    proven = Proven.DOCUMENTATION

    def read_click(self, account: Account, incoming: Incoming) -> ClickRequest:
        """What the card, a workflow or a link asks."""
        return clicks.read_click(account, incoming)

    async def deliver(self, account: Account, session: Session, event: DeliveryEvent, recipient: Recipient) -> Result:
        """A popup is a call on the caller's timeline; a note stands in it."""
        if recipient.agent_id is None or not wire.ID.fullmatch(recipient.agent_id):
            return RecipientUnknown(reason("hubspot.agent-unknown"))
        try:
            return await deliver.bring(Api(account, session), event, recipient.agent_id)
        except SearchFailed as failure:
            return Retry(None, failure.reason) if failure.reason.code in wire.PASSING else Rejected(failure.reason)

    async def find_contacts(self, account: Account, session: Session, number: SearchNumber) -> Found:
        """The contacts and companies that may have the number, asked for side by side."""
        api, kinds = Api(account, session), account.search_in
        given = await asyncio.gather(*(api.search(kind, number) for kind in kinds), return_exceptions=True)
        return await api.found(number, readable(dict(zip(kinds, given, strict=True))))

    async def create_contact(self, account: Account, session: Session, number: SearchNumber, name: str) -> FoundRecord:
        """A new contact; or the one made for this number a moment ago, whom no search finds yet."""
        api = Api(account, session)
        known = await api.made_before(number.e164)
        if known is not None:
            return known
        fields = contacts.new(number, name)
        made = wire.made(await api.ask("POST", wire.path("contacts"), {"properties": fields}))
        await api.remember_made(number.e164, made)
        found = contacts.record(account, "contacts", {"id": made, "properties": fields}, {})
        if found is None:
            raise SearchFailed(reason("hubspot.no-list", list="id"))
        return found

    async def log_call(
        self, account: Account, session: Session, call: CallEnd, recipient: Recipient, ref: str | None
    ) -> str | None:
        """The id of the call on the timeline."""
        if recipient.agent_id is None or not wire.ID.fullmatch(recipient.agent_id):
            return None
        place = calls.Place(call.pbx, call.ivrid, recipient.agent_id)
        told, linked = calls.of_history(call, place, session.now), deliver.linked(call.contact_type, call.contact_id)
        return await history.keep(Api(account, session), place, told, linked, ref)

    async def find_agent(self, account: Account, session: Session, crm_user: str) -> str | None:
        """The id as an owner of the user with this e-mail address or user id."""
        return await Api(account, session).owner(crm_user)

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Whether the token works, which rights it lacks, and one real search."""
        found = await findings.probe(Api(account, session))
        if not any(one.fix for one in found):
            await self.find_contacts(account, session, findings.PROBED)
        return found

    def record_url(self, account: Account, record_type: str, record_id: str) -> str | None:
        """The page of a record."""
        return wire.page(account, record_type, record_id)

    def button_files(self, account: Account, crm_name: str, public_url: str) -> tuple[PasteFile, ...]:
        """The project with the app and its card."""
        return button.files(account, crm_name, public_url)

    def ask_token(self, account: Account, refresh: Secret | None, now: datetime) -> Request:
        """A new access token."""
        return wire.ask_token(account, refresh)

    def read_token(self, account: Account, reply: Reply, now: datetime) -> Tokens:
        """The token that came."""
        return wire.read_token(reply, now)

    def rate_limit(self, account: Account) -> RateLimit | None:
        """Searches have the smallest limit, of the whole account: it is kept for all requests."""
        return RateLimit(account.requests_per_second)


ADAPTER = Hubspot()
