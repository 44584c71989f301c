"""The keys of `[crm.NAME]` with `kind = "zendesk"`."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from bridge.config.models import CrmAccount, Names, SecretText, WebAddress
from bridge.core.reasons import Reason, reason

MIN_SECRET_CHARACTERS = 32
"""HS256 asks for a key at least as long as its hash (RFC 7518, 3.2); those that Zendesk makes have 44."""


class Account(CrmAccount):
    """`[crm.NAME]` with `kind = "zendesk"`."""

    proven_by = ("app_secret", "webhook_secret", "click_token")
    kind: Literal["zendesk"]
    base_url: WebAddress = Field(description="https://SUBDOMAIN.zendesk.com, as agents open it")
    client_id: str | None = Field(None, min_length=1, description="unique identifier of the OAuth client")
    client_secret: SecretText | None = Field(None, description="secret of the OAuth client")
    refresh_token: SecretText | None = Field(None, description="the first refresh token; Zendesk replaces it each time")
    email: str | None = Field(None, min_length=3, description="agent whose API token it is, instead of OAuth")
    api_token: SecretText | None = Field(None, description="API token; Zendesk ends them all on 2027-04-30")
    app_secret: SecretText | None = Field(None, description="signs the clicks of the app's button (a JWT)")
    webhook_secret: SecretText | None = Field(None, description="signing secret of a webhook that sends clicks")
    click_token: SecretText | None = Field(None, description="for a webhook with a bearer token, and for links")
    popup: Literal["display", "none"] = Field(
        "display", description="display: the caller's profile opens in the agent's browser (needs Talk Partner Edition)"
    )
    phone_fields: Names = Field((), description="keys of custom user fields that hold further phone numbers")
    requests_per_minute: int = Field(
        200, ge=1, le=100_000, description="Zendesk's limit for the whole account: Team 200, Growth 400, Enterprise 700"
    )

    @property
    def api(self) -> str:
        """Where its API lives."""
        return self.api_url or self.base_url

    @property
    def takes_popups(self) -> bool:
        """Whether popups are shown there."""
        return self.popup != "none"

    @property
    def has_oauth(self) -> bool:
        """Whether requests are sent with access tokens, rather than with an API token."""
        return self.refresh_token is not None

    def addresses(self) -> Iterator[str]:
        """Its pages and its API."""
        yield from dict.fromkeys((self.base_url, self.api))

    def problems(self) -> Iterator[tuple[str, Reason]]:
        """(key, what is wrong) for rules that need more than one key of this section."""
        oauth = {"client_id": self.client_id, "client_secret": self.client_secret, "refresh_token": self.refresh_token}
        basic = {"email": self.email, "api_token": self.api_token}
        chosen = oauth if any(oauth.values()) or not any(basic.values()) else basic
        for key, value in chosen.items():
            if value is None:
                yield key, reason("value-needed-all", keys=list(chosen))
        if any(oauth.values()) and any(basic.values()):
            yield "api_token", reason("value-two-ways", other="OAuth")
        if not any(self.proofs()):
            yield "app_secret", reason("value-proof-or", others=self.proven_by[1:])
        if self.app_secret is not None and len(self.app_secret.reveal()) < MIN_SECRET_CHARACTERS:
            yield "app_secret", reason("zendesk.value-app-secret", least=MIN_SECRET_CHARACTERS)
        yield from super().problems()
