"""Bitrix24: its application's button, the call card, callers looked up, calls in its history. See README.md here."""

from datetime import datetime

from bridge.core.delivery import CallEnd, DeliveryEvent
from bridge.core.errors import BadSignature, SearchFailed
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Incoming, Reply, Request, Secret
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.core.tokens import RateLimit, Tokens
from bridge.crm.bitrix24 import agents, button, cards, clicks, contacts, deliver, findings, wire
from bridge.crm.bitrix24.account import Account
from bridge.crm.bitrix24.api import Api
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


class Bitrix24:
    """The make."""

    kind = "bitrix24"
    title = "Bitrix24"
    account = Account
    proven = Proven.DOCUMENTATION

    def read_click(self, account: Account, incoming: Incoming) -> ClickRequest:
        """What the button's form, a link or a script asks."""
        return clicks.read_click(account, incoming)

    async def who_clicked(self, account: Account, session: Session, incoming: Incoming) -> str:
        """The user whose access token the button's form holds."""
        voucher = clicks.voucher(incoming)
        if voucher is None:
            raise BadSignature(reason("bitrix24.nobody"))
        known = await session.recall(clicks.memory_of(voucher))
        if known is not None:
            return known
        agent = clicks.agent_in(wire.inside(await Api(account, session).call_as(voucher, "user.current")))
        await session.remember(clicks.memory_of(voucher), agent, clicks.KNOWN_FOR, vital=False)
        return agent

    async def deliver(self, account: Account, session: Session, event: DeliveryEvent, recipient: Recipient) -> Result:
        """A popup opens the call card, or a notice; a note becomes a comment on the record."""
        if recipient.agent_id is None or not wire.ID.fullmatch(recipient.agent_id):
            return RecipientUnknown(reason("bitrix24.agent-unknown"))
        try:
            return await deliver.bring(Api(account, session), event, recipient.agent_id)
        except SearchFailed as failure:
            return Retry(None, failure.reason) if failure.reason.code in wire.PASSING else Rejected(failure.reason)

    async def find_contacts(self, account: Account, session: Session, number: SearchNumber) -> Found:
        """The contacts, companies and leads that may have the number."""
        api = Api(account, session)
        ids = contacts.ids_in(await api.batch(contacts.searches(number)))
        if not ids:
            return Found(())
        rows = await api.batch(contacts.records(ids, account.details))
        wanted = contacts.names(rows)
        named = await api.batch(wanted) if wanted else {}
        companies, owners = (contacts.named(named.get(what)) for what in ("companies", "owners"))
        made = (
            contacts.found_record(account, kind, row, companies, owners)
            for kind in contacts.TYPES
            for row in wire.objects(rows.get(kind))
        )
        more = any(len(some) > contacts.SHOWN_IDS for some in ids.values())
        return Found(tuple(one for one in made if one is not None), more)

    async def create_contact(self, account: Account, session: Session, number: SearchNumber, name: str) -> FoundRecord:
        """A new contact; its owner is whose token it is."""
        fields = contacts.new(number, name)
        made = wire.id_of(await Api(account, session).call("crm.contact.add", fields=fields))
        found = contacts.found_record(account, "CONTACT", {"ID": made, **fields}, {}, {})
        if found is None:
            raise SearchFailed(reason("bitrix24.no-result"))
        return found

    async def log_call(
        self, account: Account, session: Session, call: CallEnd, recipient: Recipient, ref: str | None
    ) -> str | None:
        """The call that its card registered, or one of its own."""
        number = cards.number_of(call.caller)
        if number is None or recipient.agent_id is None or not wire.ID.fullmatch(recipient.agent_id):
            return None
        kind = call.contact_type.upper()
        record = (kind, call.contact_id) if kind in wire.PAGES and wire.ID.fullmatch(call.contact_id) else None
        registered = cards.Registered(number, call.direction, call.started_at or session.now, call.did, record)
        place = cards.Place(call.pbx, call.ivrid, recipient.agent_id)
        return await cards.keep(Api(account, session), place, call, registered, ref)

    async def find_agent(self, account: Account, session: Session, crm_user: str) -> str | None:
        """The id of the user with this e-mail address or id."""
        return await agents.find(Api(account, session), crm_user)

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Who we are there, one real search, and which rights are missing."""
        api, what = Api(account, session), f"crm {session.name}"
        profile = findings.of_profile(what, account, wire.inside(await api.call("profile")))
        given = await api.call("scope")
        scopes = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
        if not profile.fix and "crm" in scopes:
            await self.find_contacts(account, session, SearchNumber(findings.PROBED_NUMBER, "", "US", ()))
        return [profile, *findings.of_scopes(what, account, scopes)]

    def record_url(self, account: Account, record_type: str, record_id: str) -> str | None:
        """The page of a record."""
        return wire.page(account.base_url, record_type, record_id)

    def button_files(self, account: Account, crm_name: str, public_url: str) -> tuple[PasteFile, ...]:
        """What is entered for the application, and the script that puts its button on the pages."""
        return button.files(account, crm_name, public_url)

    def ask_token(self, account: Account, refresh: Secret | None, now: datetime) -> Request:
        """A new pair of tokens."""
        return wire.ask_token(account, refresh)

    def read_token(self, account: Account, reply: Reply, now: datetime) -> Tokens:
        """The pair that came."""
        return wire.read_token(reply, now)

    def rate_limit(self, account: Account) -> RateLimit | None:
        """As many requests as the bucket holds, in the time in which it empties: it never runs over."""
        return RateLimit(account.requests_at_once, account.requests_at_once / account.requests_per_second)


ADAPTER = Bitrix24()
