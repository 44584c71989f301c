"""Salesforce: clicks from a flow's callout, popups as platform events, callers by SOSL, calls as tasks. See README.md
here."""

from datetime import datetime

from bridge.core.delivery import AnsweredElsewhere, CallEnd, DeliveryEvent, Note
from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Incoming, Reply, Request, Secret
from bridge.core.model import Popup
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.core.tokens import Tokens
from bridge.crm.contract import (
    ClickRequest,
    Delivered,
    Duplicate,
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
from bridge.crm.salesforce import button, clicks, contacts, findings, history, popups, tokens, wire
from bridge.crm.salesforce.account import Account
from bridge.crm.salesforce.api import INDEX_DELAY, Api


class Salesforce:
    """The make."""

    kind = "salesforce"
    title = "Salesforce"
    account = Account
    proven = Proven.DOCUMENTATION

    def read_click(self, account: Account, incoming: Incoming) -> ClickRequest:
        """What the flow's callout or a link asks, once its sender is proven."""
        return clicks.read_click(account, incoming)

    async def deliver(self, account: Account, session: Session, event: DeliveryEvent, recipient: Recipient) -> Result:
        """A platform event, which the component in the agent's browser shows; a note goes into the call's task."""
        api, agent = Api(account, session), recipient.agent_id or ""
        if event.data is not None and not wire.ID.fullmatch(agent):
            return RecipientUnknown(reason("salesforce.agent-unknown"))
        try:
            match event.data:
                case Popup() as popup:
                    records = await popups.records_of(api, popup)
                    return await _publish(api, event, popups.of_popup(popup, agent, records))
                case Note() as note:
                    return await history.write_note(api, note, agent, event.delivery_id)
                case AnsweredElsewhere() as told:
                    return await _publish(api, event, popups.of_answer(told, agent))
                case CallEnd() as call:
                    return await _publish(api, event, popups.of_end(call, agent))
                case None:
                    await api.get(f"{wire.DATA}/sobjects/{account.event}/")
        except SearchFailed as failed:
            return Retry(None, failed.reason) if failed.reason.code in wire.PASSING else Rejected(failed.reason)
        return Delivered()

    async def find_contacts(self, account: Account, session: Session, number: SearchNumber) -> Found:
        """The contacts, leads and accounts that may have the number, by one search."""
        return await Api(account, session).search(number)

    async def create_contact(self, account: Account, session: Session, number: SearchNumber, name: str) -> FoundRecord:
        """A new contact; or the one made for this number a moment ago, which no search finds yet."""
        api = Api(account, session)
        known = await api.made_before(number.e164)
        if known is not None:
            return known
        fields = contacts.new(number, name)
        answer = await api.write("POST", f"{wire.DATA}/sobjects/Contact", fields, contacts.ALL_THE_SAME)
        made = wire.id_of(answer, "id")
        if made is None:
            raise SearchFailed(reason("salesforce.unreadable"))
        await session.remember(f"made {number.e164}", made, INDEX_DELAY)
        whole = " ".join(part for part in (fields.get("FirstName", ""), fields["LastName"]) if part)
        return contacts.record(account, "Contact", {"Id": made, "Name": whole, "Phone": number.e164})

    async def log_call(
        self, account: Account, session: Session, call: CallEnd, recipient: Recipient, ref: str | None
    ) -> str | None:
        """The id of the call's task. Without an id of the agent's there is nobody whose task it could be."""
        if not wire.ID.fullmatch(recipient.agent_id or ""):
            raise SearchFailed(reason("salesforce.agent-unknown"))
        return await history.write_call(Api(account, session), call, recipient.agent_id or "", ref)

    async def find_agent(self, account: Account, session: Session, crm_user: str) -> str | None:
        """The id of the active user with this login, e-mail address or id."""
        return await Api(account, session).agent(crm_user)

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Whether everything may be read and written that is needed."""
        return await findings.probe(Api(account, session), f"crm {session.name}")

    def record_url(self, account: Account, record_type: str, record_id: str) -> str | None:
        """The page of a record."""
        return wire.page(account.base_url, record_type, record_id)

    def create_url(self, account: Account, number: SearchNumber, name: str) -> str | None:
        """The page for a new contact, with number and name filled in."""
        return contacts.create_url(account, number, name)

    def button_files(self, account: Account, crm_name: str, public_url: str) -> tuple[PasteFile, ...]:
        """The component and the event that it shows, and the flow's steps."""
        return button.files(account, crm_name, public_url)

    def ask_token(self, account: Account, refresh: Secret | None, now: datetime) -> Request:
        """A new session."""
        return tokens.ask(account, now)

    def read_token(self, account: Account, reply: Reply, now: datetime) -> Tokens:
        """The session that came."""
        return tokens.read(reply, now)


async def _publish(api: Api, event: DeliveryEvent, fields: dict[str, str]) -> Result:
    """Once per delivery, as far as we know: what a lost answer repeats, the component knows by its popup."""
    key = f"published {event.delivery_id}"
    done = await api.session.recall(key)
    if done is not None and not event.resent:
        return Duplicate(done)
    answer = await api.write("POST", f"{wire.DATA}/sobjects/{api.account.event}/", fields)
    ref = wire.id_of(answer, "id")
    if ref is None:
        return Retry(None, reason("salesforce.unreadable"))
    await api.session.remember(key, ref, history.KEPT, vital=False)
    return Delivered(ref)


ADAPTER = Salesforce()
