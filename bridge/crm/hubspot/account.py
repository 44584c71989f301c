"""The keys of `[crm.NAME]` with `kind = "hubspot"`."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, field_validator

from bridge.config.models import CrmAccount, Names, SecretText, WebAddress
from bridge.core.reasons import Reason, reason

API = "https://api.hubapi.com"
OAUTH = ("client_id", "client_secret", "refresh_token")
SEARCHABLE = ("contacts", "companies")


class Account(CrmAccount):
    """`[crm.NAME]` with `kind = "hubspot"`."""

    proven_by = ("client_secret", "click_token")
    kind: Literal["hubspot"]
    portal_id: int = Field(ge=1, description="number of the HubSpot account, also called Hub ID")
    base_url: WebAddress = Field(
        "https://app.hubspot.com", description="where its pages are; accounts in Europe: https://app-eu1.hubspot.com"
    )
    access_token: SecretText | None = Field(None, description="of the app, where it has a static one: pat-…")
    client_id: str | None = Field(None, min_length=1, description="of the app, where it uses OAuth")
    client_secret: SecretText | None = Field(None, description="of the app: proves the clicks of its card")
    refresh_token: SecretText | None = Field(None, description="where the app uses OAuth")
    click_token: SecretText | None = Field(None, description="for workflows, scripts and links")
    popup: Literal["call", "none"] = Field(
        "none", description="call: a popup is a call on the caller's timeline; HubSpot shows no popups from outside"
    )
    search_in: Names = Field(SEARCHABLE, description="what has callers' numbers: contacts, companies")
    requests_per_second: int = Field(5, ge=1, le=1000, description="HubSpot's limit for searches, of the whole account")

    @field_validator("search_in")
    @classmethod
    def _are_searchable(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if not kinds or not set(kinds) <= set(SEARCHABLE):
            raise ValueError(reason("value-each-of", choices=SEARCHABLE))
        return kinds

    @property
    def api(self) -> str:
        """Where its API lives."""
        return self.api_url or API

    @property
    def takes_popups(self) -> bool:
        """Whether popups leave something there."""
        return self.popup != "none"

    @property
    def takes_notes(self) -> bool:
        """Whether agents' notes have a place there: the call's record, made for the popup or the history."""
        return self.takes_popups or self.log_calls

    @property
    def has_oauth(self) -> bool:
        """Whether requests are sent with access tokens that expire."""
        return self.refresh_token is not None

    def addresses(self) -> Iterator[str]:
        """Its pages and its API."""
        yield from dict.fromkeys((self.base_url, self.api))

    def problems(self) -> Iterator[tuple[str, Reason]]:
        """(key, what is wrong) for rules that need more than one key of this section."""
        if self.access_token is None:
            for key in OAUTH:
                if getattr(self, key) is None:
                    yield key, reason("hubspot.value-access", keys=OAUTH)
        elif self.refresh_token is not None:
            yield "access_token", reason("value-two-ways", other="OAuth")
        if not any(self.proofs()):
            yield "client_secret", reason("value-proof-or", others=["click_token"])
        yield from super().problems()
