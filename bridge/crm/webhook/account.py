"""`[crm.NAME]` with `kind = "webhook"`."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from bridge.config.models import CrmAccount, ExactAddress, Secrets, SecretText
from bridge.core.reasons import Reason, reason
from bridge.crm.webhook import signature
from bridge.crm.webhook.receiver import Headers, without_password

Name = Literal["agent", "extension", "ivrid", "record"]


class Account(CrmAccount):
    """`[crm.NAME]` with `kind = "webhook"`."""

    proven_by = ("click_secrets", "click_token")
    kind: Literal["webhook"]
    click_secrets: Secrets = Field((), description="whsec_… that sign clicks; several during a rotation")
    click_token: SecretText | None = Field(None, description="for senders that cannot sign")
    popup_url: ExactAddress | None = Field(None, description="where popups are sent")
    popup_headers: Headers = Field(
        {}, description="headers of the receiver's own, such as Authorization; their values are secret"
    )
    fields: Mapping[Name, str] = Field(
        {}, description="where agent, extension, ivrid and record stand in a click: dotted paths, such as user.email"
    )
    popup_secrets: Secrets = Field((), description="whsec_… that sign popups")

    @model_validator(mode="before")
    @classmethod
    def _hide_password(cls, table: Any) -> Any:
        """The name and password of an address go into a header, which is never shown."""
        return without_password(table)

    @property
    def takes_popups(self) -> bool:
        """Whether popups can be pushed to this CRM."""
        return self.popup_url is not None

    @property
    def popup_key(self) -> str:
        """The key that makes it take popups."""
        return "popup_url"

    def addresses(self) -> Iterator[str]:
        """Where popups are pushed to."""
        if self.popup_url is not None:
            yield self.popup_url

    def problems(self) -> Iterator[tuple[str, Reason]]:
        """(key, what is wrong) for rules that need more than one key of this section."""
        for key in ("click_secrets", "popup_secrets"):
            for secret in getattr(self, key):
                try:
                    signature.key_bytes(secret)
                except ValueError as error:
                    yield key, reason("webhook.value-each", what=error.args[0])
        if not self.click_secrets and self.click_token is None:
            yield "click_secrets", reason("value-proof-or", others=["click_token"])
        yield from super().problems()
        if self.popup_url is not None and not self.popup_secrets:
            yield "popup_secrets", reason("webhook.value-signed")
