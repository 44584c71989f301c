"""The generic webhook CRM: Standard Webhooks in and out, or a bearer token in. See README.md here."""

from datetime import datetime

from bridge.core.clock import new_id
from bridge.core.delivery import DeliveryEvent, Event
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Incoming, Request, Response
from bridge.core.session import Session
from bridge.crm.contract import ClickRequest, PasteFile, Recipient, Result
from bridge.crm.replies import judge
from bridge.crm.webhook import button, handshakes, wire
from bridge.crm.webhook.account import Account


class Webhook:
    """The make."""

    kind = "webhook"
    title = "Webhook"
    account = Account
    proven = Proven.REAL

    def handshake(self, account: Account, incoming: Incoming) -> Response | None:
        """The answer to a challenge or ping that common senders try an address with."""
        return handshakes.answer(incoming)

    def read_click(self, account: Account, incoming: Incoming) -> ClickRequest:
        """What the click asks, once its sender is proven."""
        return wire.read_click(
            account.click_secrets,
            account.click_token,
            incoming,
            {str(name): path for name, path in account.fields.items()},
        )

    async def deliver(self, account: Account, session: Session, event: DeliveryEvent, recipient: Recipient) -> Result:
        """A signed event, under the delivery's id."""
        request = _written(account, event, session.now)
        return judge(await session.send(request, wants_body=False), session.now)

    async def probe(self, account: Account, session: Session) -> list[Finding]:
        """A signed test event, as a popup would be sent."""
        event = DeliveryEvent(Event.TEST, new_id("tst", session.now), session.now, None)
        request = _written(account, event, session.now)
        return [wire.judge_test(session.name, await session.send(request))]

    def button_files(self, account: Account, crm_name: str, public_url: str) -> tuple[PasteFile, ...]:
        """A script, a link, a bookmark and a request."""
        token = account.click_token.reveal() if account.click_token else ""
        return button.files(public_url, crm_name, token)


def _written(account: Account, event: DeliveryEvent, now: datetime) -> Request:
    own = {name: value.reveal() for name, value in account.popup_headers.items()}
    return wire.write_event(account.popup_url or "", account.popup_secrets, event, now, own)


ADAPTER = Webhook()
