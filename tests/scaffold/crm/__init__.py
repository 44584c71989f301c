"""New Make: clicks, popups by its API, callers looked up by number. See README.md here."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from bridge.config.models import CrmAccount, SecretText, WebAddress
from bridge.core.delivery import DeliveryEvent
from bridge.core.finding import Proven
from bridge.core.http_types import Incoming
from bridge.core.model import Popup
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.crm import clicks, proofs
from bridge.crm.contract import ClickRequest, Found, Recipient, Rejected, Result, SearchNumber
from bridge.crm.newmake import wire
from bridge.crm.replies import judge


class Account(CrmAccount):
    """`[crm.NAME]` with `kind = "newmake"`."""

    proven_by = ("click_token",)  # FILL IN: the keys of the secrets by which it proves its clicks.
    # FILL IN: one field for each key, with its help text; secrets are SecretText. Every key stands in README.md too.
    kind: Literal["newmake"]
    base_url: WebAddress = Field(description="where its pages and its API are: https://crm.example.com")
    api_key: SecretText = Field(description="key of the API user")
    click_token: SecretText | None = Field(None, description="authenticates clicks; at least 16 characters")

    @property
    def takes_popups(self) -> bool:
        """Whether popups can be sent to this CRM."""
        return True

    def addresses(self) -> Iterator[str]:
        """Where its API is."""
        yield self.api_url or self.base_url


class NewMake:
    """The make."""

    # FILL IN: delete what it cannot do. What else a CRM may offer (log_call, find_agent, create_contact, probe,
    # handshake, record_url, create_url, button_files, ask_token and read_token, rate_limit): bridge/crm/contract.py.
    kind = "newmake"
    title = "New Make"  # FILL IN: the name that its users know.
    account = Account
    proven = Proven.DOCUMENTATION

    def read_click(self, account: Account, incoming: Incoming) -> ClickRequest:
        """What the click asks. FILL IN: where the vendor signs its clicks, check that before anything is read."""
        proof = proofs.check_token(account.click_token, incoming, in_body=False)
        return clicks.asked(clicks.fields_of(incoming), clicks.idempotency_key(incoming), proof)

    async def deliver(self, account: Account, session: Session, event: DeliveryEvent, recipient: Recipient) -> Result:
        """Show a popup under the delivery's id, so that a repeated attempt replaces it. A test only asks for access."""
        api = wire.Api(account.api_url or account.base_url, account.api_key)
        if isinstance(event.data, Popup):
            request = wire.show_popup(api, event.delivery_id, event.data, recipient.crm_user)
            return judge(await session.send(request, True), session.now, event.delivery_id)
        if event.data is None:
            return judge(await session.send(wire.ask_access(api), True), session.now)
        # FILL IN: notes and ends of calls, if it has a place for them.
        return Rejected(reason("newmake.not-shown"))

    async def find_contacts(self, account: Account, session: Session, number: SearchNumber) -> Found:
        """The contacts that may have the number."""
        api = wire.Api(account.api_url or account.base_url, account.api_key)
        return wire.read_contacts(await session.send(wire.ask_contacts(api, number), True))


ADAPTER = NewMake()
