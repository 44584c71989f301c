"""The keys of `[crm.NAME]` with `kind = "fireberry"`."""

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import Field, field_validator

from bridge.config.models import CrmAccount, Names, SecretText, WebAddress
from bridge.core.reasons import Reason, reason

OBJECTS = ("Contact", "Account")
FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
API = "https://api.fireberry.com"


class Account(CrmAccount):
    """`[crm.NAME]` with `kind = "fireberry"`."""

    proven_by = ("click_token",)
    kind: Literal["fireberry"]
    token: SecretText = Field(description="API access token (tokenid) of popbridge's user")
    base_url: WebAddress = Field("https://app.fireberry.com", description="as agents open it, for links to records")
    popup: Literal["task", "none"] = Field(
        "none", description="task: each call becomes a task of the agent's; Fireberry has no popup for others to show"
    )
    language: Literal["en", "he"] = Field("he", description="of what agents read there")
    search_in: Names = Field(OBJECTS, description="objects to search: Contact, Account")
    contact_phones: Names = Field(
        ("mobilephone1", "mobilephone2", "telephone1"), description="phone fields of contacts, by their API names"
    )
    account_phones: Names = Field(("telephone1",), description="phone fields of accounts, by their API names")
    click_token: SecretText | None = Field(None, description="proves clicks; it stands in their address")
    requests_per_minute: int = Field(
        100, ge=1, le=10_000, description="the organization's limit; lower where other programs use the API too"
    )

    @field_validator("search_in")
    @classmethod
    def _are_objects(cls, objects: tuple[str, ...]) -> tuple[str, ...]:
        if not objects or not set(objects) <= set(OBJECTS):
            raise ValueError(reason("value-each-of", choices=OBJECTS))
        return tuple(dict.fromkeys(objects))

    @property
    def api(self) -> str:
        """Where its API lives."""
        return self.api_url or API

    @property
    def takes_popups(self) -> bool:
        """Whether agents get something there."""
        return self.popup != "none"

    def addresses(self) -> Iterator[str]:
        """Its pages and its API."""
        yield from dict.fromkeys((self.base_url, self.api))

    def problems(self) -> Iterator[tuple[str, Reason]]:
        """(key, what is wrong) for rules that need more than one key of this section."""
        named = {
            "contact_phones": self.contact_phones,
            "account_phones": self.account_phones,
            "details": tuple(self.details.values()),
        }
        for key, names in named.items():
            if not all(FIELD.fullmatch(name) for name in names) or (not names and key != "details"):
                yield key, reason("fireberry.value-fields")
        if self.click_token is None:
            yield "click_token", reason("value-proof")
        yield from super().problems()
