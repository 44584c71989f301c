"""Zendesk: clicks from its app or a webhook, popups by Talk Partner Edition, users, tickets. See README.md here."""

from datetime import datetime

from bridge.core.delivery import CallEnd, DeliveryEvent, Note
from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Incoming, Reply, Request, Response, Secret
from bridge.core.model import Popup
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.core.tokens import RateLimit, Tokens
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
from bridge.crm.zendesk import button, clicks, display, findings, history, tickets, users, wire
from bridge.crm.zendesk.account import Account
from bridge.crm.zendesk.api import Api


class Zendesk:
    """The make."""

    kind = "zendesk"
    title = "Zendesk"
    account = Account
    proven = Proven.DOCUMENTATION

    def read_click(self, account: Account, incoming: Incoming) -> ClickRequest:
        """What the click asks, once its sender is proven."""
        return clicks.read_click(account, incoming)

    def handshake(self, account: Account, incoming: Incoming) -> Response | None:
        """The answer to the test of a webhook that is not saved yet."""
        return clicks.answer_test(incoming)

    async def deliver(self, account: Account, session: Session, event: DeliveryEvent, recipient: Recipient) -> Result:
        """A popup opens the caller's profile in the agent's browser; a note becomes a comment on the call's ticket."""
        if recipient.agent_id is None or not wire.ID.fullmatch(recipient.agent_id):
            return RecipientUnknown(reason("zendesk.agent-unknown"))
        api = Api(account, session)
        try:
            match event.data:
                case Popup():
                    return await _show(api, event, event.data, recipient.agent_id)
                case Note():
                    return Delivered(await history.write_note(api, event.data, recipient, event.delivery_id))
        except SearchFailed as failure:
            return Retry(None, failure.reason) if failure.reason.code in wire.PASSING else Rejected(failure.reason)
        return Rejected(reason("zendesk.not-shown"))

    async def find_contacts(self, account: Account, session: Session, number: SearchNumber) -> Found:
        """The end users that may have the number."""
        return await Api(account, session).search(number.e164)

    async def create_contact(self, account: Account, session: Session, number: SearchNumber, name: str) -> FoundRecord:
        """A new end user; or the one made for this number a moment ago, whom no search finds yet."""
        api = Api(account, session)
        known = await api.made_before(number.e164)
        if known is not None:
            return known
        fields = {"name": tickets.plain(name) or f"Caller: {number.e164}", "phone": number.e164, "role": "end-user"}
        user = wire.one(wire.read(await api.send("POST", "/api/v2/users.json", {"user": fields})), "user")
        made = users.record(account, user, {})
        if made is None:
            raise SearchFailed(reason("zendesk.no-list", list="user"))
        await api.remember_made(number.e164, made.id)
        return made

    async def log_call(
        self, account: Account, session: Session, call: CallEnd, recipient: Recipient, ref: str | None
    ) -> str | None:
        """The id of the call's ticket."""
        return await history.write_call(Api(account, session), call, recipient, ref)

    async def find_agent(self, account: Account, session: Session, crm_user: str) -> str | None:
        """The id of the agent with this e-mail address or id."""
        return await Api(account, session).agent(crm_user)

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """Who we are there, and one real search."""
        api, what = Api(account, session), f"crm {session.name}"
        user = wire.one(await api.get("/api/v2/users/me.json"), "user")
        login = findings.of_login(what, user)
        if not login.fix:
            await api.search(findings.PROBED_NUMBER)
        return [login, *findings.of_settings(what, account)]

    def record_url(self, account: Account, record_type: str, record_id: str) -> str | None:
        """The page of a user, ticket or organization."""
        return wire.page(account.base_url, record_type, record_id)

    def button_files(self, account: Account, crm_name: str, public_url: str) -> tuple[PasteFile, ...]:
        """The app, and what a webhook sends instead."""
        return button.files(crm_name, public_url)

    def ask_token(self, account: Account, refresh: Secret | None, now: datetime) -> Request:
        """A new pair of tokens."""
        return wire.ask_token(account, refresh)

    def read_token(self, account: Account, reply: Reply, now: datetime) -> Tokens:
        """The pair that came."""
        return wire.read_token(reply, now)

    def rate_limit(self, account: Account) -> RateLimit | None:
        """Zendesk's limit is the account's: other programs use it up too."""
        return RateLimit(account.requests_per_minute, 60.0)


async def _show(api: Api, event: DeliveryEvent, popup: Popup, agent_id: str) -> Result:
    """Once per delivery, as far as we know: a repeat after a lost answer opens the same page again."""
    key = f"displayed {event.delivery_id}"
    done = await api.session.recall(key)
    if done is not None and not event.resent:
        return Duplicate(done)
    target = await display.target_of(api, popup)
    if isinstance(target, Rejected):
        return target
    if target[0] == users.USER:
        await history.remember_shown(api, popup, target[1])
    reply = await api.send("POST", display.path(agent_id, target))
    result = display.judge(reply, api.session.now, target)
    if isinstance(result, Delivered) and result.ref is not None:
        await api.session.remember(key, result.ref, history.POPUP_LIFE)
    return result


ADAPTER = Zendesk()
