"""The keys of `[crm.NAME]` with `kind = "salesforce"`."""

import re
from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from bridge.config.models import CrmAccount, Names, SecretLines, SecretText, WebAddress
from bridge.core.reasons import Reason, reason
from bridge.crm.salesforce import jwt

SEARCHED = ("Contact", "Lead", "Account")
FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}(\.[A-Za-z][A-Za-z0-9_]{0,79}){0,2}")
EVENT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,70}__e")
PAGES_ONLY = (".lightning.force.com", ".visual.force.com", ".lightning.crmforce.mil")
"""Hosts of pages, which have no API and give no tokens."""


class Account(CrmAccount):
    """`[crm.NAME]` with `kind = "salesforce"`."""

    proven_by = ("click_token",)
    kind: Literal["salesforce"]
    base_url: WebAddress = Field(description="My Domain: https://ACME.my.salesforce.com")
    client_id: str = Field(min_length=1, description="consumer key of the connected or external client app")
    client_secret: SecretText | None = Field(None, description="consumer secret, for the client credentials flow")
    private_key: SecretLines | None = Field(
        None, description="RSA private key (PEM) whose certificate the app has, for the JWT bearer flow"
    )
    username: str | None = Field(None, min_length=3, description="login of popbridge's user, for the JWT bearer flow")
    audience: WebAddress | None = Field(
        None, description="whom the JWT is for; default: login.salesforce.com, or test.salesforce.com for a sandbox"
    )
    event: str | None = Field("Popup__e", description='API name of the platform event; "none": agents get no popups')
    search_in: Names = Field(SEARCHED, description="objects to search: Contact, Lead, Account")
    phone_fields: Names = Field((), description="more phone fields of contacts, such as Direct__c")
    click_token: SecretText | None = Field(None, description="proves clicks; a header of the named credential")

    @field_validator("event")
    @classmethod
    def _is_event(cls, event: str | None) -> str | None:
        if event in (None, "none"):
            return None
        if not EVENT.fullmatch(event or ""):
            raise ValueError(reason("salesforce.value-event"))
        return event

    @field_validator("search_in")
    @classmethod
    def _are_searched(cls, objects: tuple[str, ...]) -> tuple[str, ...]:
        if not objects or not set(objects) <= set(SEARCHED):
            raise ValueError(reason("value-each-of", choices=SEARCHED))
        return tuple(dict.fromkeys(objects))

    @property
    def api(self) -> str:
        """Where its API lives."""
        return self.api_url or self.base_url

    @property
    def takes_popups(self) -> bool:
        """Whether agents get popups there."""
        return self.event is not None

    @property
    def is_sandbox(self) -> bool:
        """Whether it is a copy to try things in, with its own login."""
        host = urlsplit(self.base_url).hostname or ""
        return ".sandbox." in host or host.split(".")[0] == "test"

    def addresses(self) -> Iterator[str]:
        """Its pages and its API."""
        host = urlsplit(self.base_url).hostname or ""
        lightning = [f"https://{host.removesuffix('.my.salesforce.com')}.lightning.force.com"]
        yield from dict.fromkeys((self.base_url, self.api, *(lightning if host.endswith(".my.salesforce.com") else ())))

    def problems(self) -> Iterator[tuple[str, Reason]]:
        """(key, what is wrong) for rules that need more than one key of this section."""
        yield from self._wrong_login()
        if (urlsplit(self.base_url).hostname or "").endswith(PAGES_ONLY):
            yield "base_url", reason("salesforce.value-domain")
        for key, names in (("phone_fields", self.phone_fields), ("details", self.details.values())):
            if not all(FIELD.fullmatch(name) for name in names):
                yield key, reason("salesforce.value-fields")
        if self.click_token is None:
            yield "click_token", reason("value-proof")
        yield from super().problems()

    def _wrong_login(self) -> Iterator[tuple[str, Reason]]:
        if self.client_secret is None and self.private_key is None:
            yield "client_secret", reason("salesforce.value-login")
        if self.client_secret is not None and self.private_key is not None:
            yield "private_key", reason("value-two-ways", other="client_secret")
        if self.private_key is None:
            return
        if self.username is None:
            yield "username", reason("salesforce.value-username")
        if not jwt.is_key(self.private_key):
            yield "private_key", reason("salesforce.value-private-key")
