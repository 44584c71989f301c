"""Zoho CRM: clicks from a custom button, popups by PhoneBridge, callers by COQL, calls as Call records. See README.md
here."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.core.delivery import CallEnd, DeliveryEvent, Note
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
from bridge.crm.zoho import button, clicks, contacts, coql, findings, history, phonebridge, tokens, wire
from bridge.crm.zoho.account import Account
from bridge.crm.zoho.api import MADE_KEPT, Api


class Zoho:
    """The make."""

    kind = "zoho"
    title = "Zoho CRM"
    account = Account
    proven = Proven.DOCUMENTATION

    def read_click(self, account: Account, incoming: Incoming) -> ClickRequest:
        """What the button's function or a link asks, once its sender is proven."""
        return clicks.read_click(account, incoming)

    async def deliver(self, account: Account, session: Session, event: DeliveryEvent, recipient: Recipient) -> Result:
        """A call's states for PhoneBridge, which shows its popup; a note goes to the call's record."""
        api, agent = Api(account, session), recipient.agent_id or ""
        if event.data is not None and not wire.ID.fullmatch(agent):
            return RecipientUnknown(reason("zoho.agent-unknown"))
        try:
            match event.data:
                case Popup() as popup:
                    return await _show(api, event, popup, agent)
                case Note() as note:
                    return await history.write_note(api, note, agent, event.delivery_id)
                case CallEnd() as call if phonebridge.has_number(call.caller):
                    await _report(api, phonebridge.of_end(call, agent))
                    return Delivered()
                case None:
                    await api.users()
                    return Delivered()
        except SearchFailed as failed:
            return Retry(None, failed.reason) if failed.reason.code in wire.PASSING else Rejected(failed.reason)
        return Rejected(reason("zoho.not-shown"))

    async def find_contacts(self, account: Account, session: Session, number: SearchNumber) -> Found:
        """The contacts, leads and accounts that may have the number, module by module, side by side; and the contact
        that was made for it a moment ago."""
        api = Api(account, session)
        asked = [api.query(coql.by_number(account, module, number)) for module in account.search_in]
        given = await asyncio.gather(api.owners(), *asked, return_exceptions=True)
        names, *answers = [_whole(one) for one in given]
        found = contacts.found(account, zip(account.search_in, answers, strict=True), names)
        made = await api.made_before(number.e164)
        if made is None or any(one.id == made.id for one in found.records):
            return found
        return Found((*found.records, made), found.more)

    async def create_contact(self, account: Account, session: Session, number: SearchNumber, name: str) -> FoundRecord:
        """A new contact; the one made a moment ago; or the one that has the number, if only one may have it."""
        api, fields = Api(account, session), contacts.new(number, name)
        known = await api.made_before(number.e164)
        if known is not None:
            return known
        try:
            made = wire.id_of(await api.write("POST", "/Contacts", fields))
        except SearchFailed as failed:
            twin = await api.contact(failed.reason.params["id"]) if wire.is_twin(failed) else None
            if twin is None:
                raise
            return twin
        if made is None:
            raise SearchFailed(reason("zoho.unreadable"))
        await session.remember(f"made {number.e164}", made, MADE_KEPT)
        whole = " ".join(part for part in (fields.get("First_Name", ""), fields["Last_Name"]) if part)
        return contacts.record(account, "Contacts", {"id": made, "Full_Name": whole, "Phone": number.e164}, {})

    async def log_call(
        self, account: Account, session: Session, call: CallEnd, recipient: Recipient, ref: str | None
    ) -> str | None:
        """The id of the call's record. Without an id of the agent's there is nobody whose call it could be."""
        if not wire.ID.fullmatch(recipient.agent_id or ""):
            raise SearchFailed(reason("zoho.agent-unknown"))
        return await history.write_call(Api(account, session), call, recipient.agent_id or "", ref)

    async def find_agent(self, account: Account, session: Session, crm_user: str) -> str | None:
        """The id of the active user with this e-mail address or id."""
        users = await Api(account, session).users()
        wanted = crm_user.casefold()
        fitting = [one for one in users if wanted in (wire.text(one, "email").casefold(), wire.id_of(one))]
        return wire.id_of(fitting[0]) if len(fitting) == 1 else None

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Whether everything may be read that is needed."""
        return await findings.probe(Api(account, session), f"crm {session.name}")

    def record_url(self, account: Account, record_type: str, record_id: str) -> str | None:
        """The page of a record."""
        return wire.page(account, record_type, record_id)

    def button_files(self, account: Account, crm_name: str, public_url: str) -> tuple[PasteFile, ...]:
        """The function of the button, and a link instead."""
        return button.files(crm_name, public_url)

    def ask_token(self, account: Account, refresh: Secret | None, now: datetime) -> Request:
        """A new access token."""
        return tokens.ask(account, refresh)

    def read_token(self, account: Account, reply: Reply, now: datetime) -> Tokens:
        """The token that came."""
        return tokens.read(account, reply, now)


def _whole(answer: Mapping[str, Any] | BaseException) -> Mapping[str, Any]:
    if isinstance(answer, BaseException):
        raise answer
    return answer


async def _show(api: Api, event: DeliveryEvent, popup: Popup, agent_id: str) -> Result:
    """Report the call: the popup comes with its first state. A repeat reports the same call again."""
    if not phonebridge.has_number(popup.call.caller):
        return Rejected(reason("zoho.no-number"))
    key, ref = f"reported {event.delivery_id}", phonebridge.call_id(popup.call.pbx, popup.call.ivrid)
    if await api.session.recall(key) is not None and not event.resent:
        return Duplicate(ref)
    for state in phonebridge.states(popup.call):
        await _report(api, phonebridge.of_call(popup.call, state, agent_id))
    await api.session.remember(key, ref, history.KEPT, vital=False)
    return Delivered(ref)


async def _report(api: Api, body: bytes) -> None:
    reply = await api.send("POST", phonebridge.PATH, body, phonebridge.FORM)
    if not 200 <= reply.status < 300 or reply.body.lstrip()[:1] == b"{":
        wire.read(reply, api.session.now)


ADAPTER = Zoho()
