"""The keys of `[crm.NAME]` with `kind = "zoho"`, and the data centres."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from bridge.config.models import CrmAccount, Names, SecretText, WebAddress
from bridge.core.reasons import Reason, reason

MODULES = ("Contacts", "Leads", "Accounts")
FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}(\.[A-Za-z][A-Za-z0-9_]{0,79}){0,2}")


class DataCentre(NamedTuple):
    """Where one data centre gives tokens, and where its API is. An account lives in one; tokens work nowhere else."""

    accounts: str
    api: str


DATA_CENTRES = {
    "crm.zoho.com": DataCentre("https://accounts.zoho.com", "https://www.zohoapis.com"),
    "crm.zoho.eu": DataCentre("https://accounts.zoho.eu", "https://www.zohoapis.eu"),
    "crm.zoho.in": DataCentre("https://accounts.zoho.in", "https://www.zohoapis.in"),
    "crm.zoho.com.au": DataCentre("https://accounts.zoho.com.au", "https://www.zohoapis.com.au"),
    "crm.zoho.com.cn": DataCentre("https://accounts.zoho.com.cn", "https://www.zohoapis.com.cn"),
    "crm.zoho.jp": DataCentre("https://accounts.zoho.jp", "https://www.zohoapis.jp"),
    "crm.zoho.sa": DataCentre("https://accounts.zoho.sa", "https://www.zohoapis.sa"),
    "crm.zohocloud.ca": DataCentre("https://accounts.zohocloud.ca", "https://www.zohoapis.ca"),
}
"""By the host at which agents open Zoho CRM."""


class Account(CrmAccount):
    """`[crm.NAME]` with `kind = "zoho"`."""

    proven_by = ("click_token",)
    kind: Literal["zoho"]
    base_url: WebAddress = Field(description="https://crm.zoho.com, or .eu, .in …, as agents open it")
    client_id: str = Field(min_length=1, description="client id of a self client in Zoho's API console")
    client_secret: SecretText = Field(description="its client secret")
    refresh_token: SecretText = Field(description="the refresh token that its grant code was exchanged for")
    accounts_url: WebAddress | None = Field(None, description="where tokens are given, if elsewhere than usual")
    org_id: str | None = Field(
        None, pattern=r"^[0-9]{1,20}$", description="the organization's id, for links to records"
    )
    popup: Literal["phonebridge", "none"] = Field(
        "none", description="phonebridge: Zoho's call popup (client of a registered PhoneBridge provider)"
    )
    search_in: Names = Field(MODULES, description="modules to search: Contacts, Leads, Accounts")
    phone_fields: Names = Field((), description="more phone fields of contacts, such as Home_Phone")
    key_field: str | None = Field(
        None,
        pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$",
        description="text field of calls for popbridge's key, if there is one",
    )
    click_token: SecretText | None = Field(None, description="proves clicks; a variable of the organization's")

    @field_validator("search_in")
    @classmethod
    def _are_modules(cls, modules: tuple[str, ...]) -> tuple[str, ...]:
        if not modules or not set(modules) <= set(MODULES):
            raise ValueError(reason("value-each-of", choices=MODULES))
        return tuple(dict.fromkeys(modules))

    @property
    def _data_centre(self) -> DataCentre:
        known = DATA_CENTRES.get(urlsplit(self.base_url).hostname or "")
        return known or DataCentre(self.base_url, self.base_url)

    @property
    def api(self) -> str:
        """Where its API lives."""
        return self.api_url or self._data_centre.api

    @property
    def accounts(self) -> str:
        """Where tokens are given."""
        return self.accounts_url or self._data_centre.accounts

    @property
    def takes_popups(self) -> bool:
        """Whether agents get popups there."""
        return self.popup != "none"

    def addresses(self) -> Iterator[str]:
        """Its pages, its API, and where tokens are given."""
        yield from dict.fromkeys((self.base_url, self.api, self.accounts))

    def problems(self) -> Iterator[tuple[str, Reason]]:
        """(key, what is wrong) for rules that need more than one key of this section."""
        is_known = urlsplit(self.base_url).hostname in DATA_CENTRES
        if not is_known and (self.api_url is None or self.accounts_url is None):
            yield "base_url", reason("zoho.value-data-centre", known=list(DATA_CENTRES))
        for key, names in (("phone_fields", self.phone_fields), ("details", self.details.values())):
            if not all(FIELD.fullmatch(name) for name in names):
                yield key, reason("zoho.value-fields")
        if self.click_token is None:
            yield "click_token", reason("value-proof")
        yield from super().problems()
