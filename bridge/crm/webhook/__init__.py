"""The generic webhook CRM: Standard Webhooks in and out, or a bearer token in. See README.md here."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from pydantic import Field

from bridge.config.models import CrmAccount, Secrets, SecretText, WebAddress
from bridge.core.http_types import Request
from bridge.core.model import Note, Popup
from bridge.crm import Adapter, Asked, Incoming
from bridge.crm.webhook import signature, wire

MIN_TOKEN_CHARACTERS = 16


class Account(CrmAccount):
    """`[crm.NAME]` with `kind = "webhook"`."""

    kind: Literal["webhook"]
    click_secrets: Secrets = Field((), description="whsec_… that sign clicks; several during a rotation")
    click_token: SecretText | None = Field(None, description="for senders that cannot sign")
    popup_url: WebAddress | None = Field(None, description="where popups are sent")
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

    def mistakes(self) -> Iterator[tuple[str, str]]:
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


def read_click(account: Account, incoming: Incoming) -> Asked:
    """What the click asks, once its sender is proven."""
    return wire.read_click(account.click_secrets, account.click_token, incoming)


def write_popup(account: Account, delivery_id: str, popup: Popup, now: datetime) -> Request:
    """The push of one popup."""
    return wire.write_popup(account.popup_url or "", account.popup_secrets, delivery_id, popup, now)


def write_note(account: Account, delivery_id: str, note: Note, now: datetime) -> Request:
    """The push of one note, to where popups go."""
    return wire.write_note(account.popup_url or "", account.popup_secrets, delivery_id, note, now)


def write_test(account: Account, message_id: str, now: datetime) -> Request:
    """A signed event that is no popup."""
    return wire.write_test(account.popup_url or "", account.popup_secrets, message_id, now)


ADAPTER = Adapter(
    kind="webhook",
    account=Account,
    read_click=read_click,
    write_popup=write_popup,
    write_test=write_test,
    write_note=write_note,
)
