"""The generic webhook CRM: Standard Webhooks in and out, or a bearer token in. See README.md here."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field

from bridge.config.models import CrmAccount, ExactAddress, Secrets, SecretText
from bridge.core.clock import new_id
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Incoming, Request, Response
from bridge.core.model import DeliveryEvent, Event
from bridge.core.session import Session
from bridge.crm.contract import ClickRequest, PasteFile, Recipient, Result
from bridge.crm.replies import judge
from bridge.crm.webhook import button, handshakes, signature, wire

MIN_TOKEN_CHARACTERS = 16
Name = Literal["agent", "extension", "ivrid", "record"]


class Account(CrmAccount):
    """`[crm.NAME]` with `kind = "webhook"`."""

    kind: Literal["webhook"]
    click_secrets: Secrets = Field((), description="whsec_… that sign clicks; several during a rotation")
    click_token: SecretText | None = Field(None, description="for senders that cannot sign")
    popup_url: ExactAddress | None = Field(None, description="where popups are sent")
    popup_headers: Mapping[str, SecretText] = Field(
        {}, description="headers of the receiver's own, such as Authorization; their values are secret"
    )
    fields: Mapping[Name, str] = Field(
        {}, description="where agent, extension, ivrid and record stand in a click: dotted paths, such as user.email"
    )
    popup_secrets: Secrets = Field((), description="whsec_… that sign popups")

    @property
    def takes_popups(self) -> bool:
        """Whether popups can be pushed to this CRM."""
        return self.popup_url is not None

    def proofs(self) -> Iterator[tuple[str, str]]:
        """By what a click is proven to come from this CRM."""
        for number, secret in enumerate(self.click_secrets):
            yield secret.fingerprint, f"click_secrets[{number}]"
        if self.click_token is not None:
            yield self.click_token.fingerprint, "click_token"

    def addresses(self) -> Iterator[str]:
        """Where popups are pushed to."""
        if self.popup_url is not None:
            yield self.popup_url

    def problems(self) -> Iterator[tuple[str, str]]:
        """(key, what is wrong) for rules that need more than one key of this section."""
        for key in ("click_secrets", "popup_secrets"):
            for secret in getattr(self, key):
                try:
                    signature.key_bytes(secret)
                except ValueError as error:
                    yield key, f"each {error}"
        if not self.click_secrets and self.click_token is None:
            yield "click_secrets", "is needed, or click_token: how else can a click prove where it comes from?"
        if self.click_token is not None and len(self.click_token.reveal()) < MIN_TOKEN_CHARACTERS:
            yield "click_token", f"must have at least {MIN_TOKEN_CHARACTERS} characters"
        if self.popup_url is not None and not self.popup_secrets:
            yield "popup_secrets", "is needed with popup_url: popups are always signed"


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
