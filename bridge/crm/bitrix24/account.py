"""The keys of `[crm.NAME]` with `kind = "bitrix24"`."""

import re
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from bridge.config.models import CrmAccount, SecretText, WebAddress
from bridge.core.reasons import Reason, reason

WEBHOOK_URL = re.compile(r"(?P<portal>https?://.+)/rest/(?P<path>[0-9]{1,10}/[A-Za-z0-9]{6,64})/?")
OAUTH = ("client_id", "client_secret", "refresh_token")


class Account(CrmAccount):
    """`[crm.NAME]` with `kind = "bitrix24"`."""

    proven_by = ("application_token", "click_token")
    kind: Literal["bitrix24"]
    base_url: WebAddress = Field(description="the portal: https://acme.bitrix24.com")
    client_id: str | None = Field(None, min_length=1, description="of the local application: local.… or app.…")
    client_secret: SecretText | None = Field(None, description="secret key of the application")
    refresh_token: SecretText | None = Field(
        None, description="the first refresh token; Bitrix24 replaces it each time"
    )
    oauth_url: WebAddress = Field("https://oauth.bitrix.info", description="where access tokens are renewed")
    webhook_url: SecretText | None = Field(
        None, description="address of a webhook, instead of an application: no call card, no call history"
    )
    application_token: SecretText | None = Field(None, description="proves the clicks of the application's button")
    click_token: SecretText | None = Field(None, description="for links, and for handlers that get ?token=")
    popup: Literal["card", "notice", "none"] | None = Field(
        None, description="card (with an application), notice (in the messenger), none; default: the best there is"
    )
    language: Literal["en", "he"] = Field("en", description="of notices and notes")
    requests_at_once: int = Field(50, ge=1, le=10_000, description="size of the portal's bucket; Enterprise: 250")
    requests_per_second: float = Field(2.0, gt=0, le=1000, description="how fast it empties; Enterprise: 5")

    @model_validator(mode="before")
    @classmethod
    def _portal_shows_the_answer(cls, keys: Any) -> Any:
        """The button's answer is shown in a frame of the portal."""
        base = keys.get("base_url") if isinstance(keys, dict) else None
        if not isinstance(base, str) or "origins" in keys:
            return keys
        parts = urlsplit(base.strip())
        return {**keys, "origins": [f"{parts.scheme}://{parts.netloc}".lower()]} if parts.netloc else keys

    @property
    def api(self) -> str:
        """Where its API lives."""
        return self.api_url or self.base_url

    @property
    def has_application(self) -> bool:
        """Whether requests are an application's: only these may register calls."""
        return self.refresh_token is not None

    @property
    def rest(self) -> str:
        """What the address of every method begins with. For a webhook its secret is in it."""
        found = (
            WEBHOOK_URL.fullmatch(self.webhook_url.reveal()) if self.webhook_url and not self.has_application else None
        )
        return f"{self.api}/rest/{found['path']}" if found else f"{self.api}/rest"

    @property
    def shows(self) -> Literal["card", "notice", "none"]:
        """What an agent gets of a popup."""
        return self.popup or ("card" if self.has_application else "notice")

    @property
    def takes_popups(self) -> bool:
        """Whether popups are shown there."""
        return self.shows != "none"

    def addresses(self) -> Iterator[str]:
        """Its pages, its API, and where its tokens come from."""
        tokens = (self.oauth_url,) if self.has_application else ()
        yield from dict.fromkeys((self.base_url, self.api, *tokens))

    def problems(self) -> Iterator[tuple[str, Reason]]:
        """(key, what is wrong) for rules that need more than one key of this section."""
        given = [key for key in OAUTH if getattr(self, key) is not None]
        if given or self.webhook_url is None:
            for key in OAUTH:
                if key not in given:
                    yield key, reason("bitrix24.value-access", keys=OAUTH)
        if given and self.webhook_url is not None:
            yield "webhook_url", reason("bitrix24.value-two-ways")
        yield from self._problems_of_webhook()
        if not any(self.proofs()):
            yield "application_token", reason("value-proof-or", others=["click_token"])
        yield from super().problems()

    def _problems_of_webhook(self) -> Iterator[tuple[str, Reason]]:
        if self.webhook_url is None:
            return
        found = WEBHOOK_URL.fullmatch(self.webhook_url.reveal())
        if found is None:
            yield "webhook_url", reason("bitrix24.value-address")
        elif found["portal"] != self.base_url:
            yield "webhook_url", reason("bitrix24.value-portal")
        if self.popup == "card":
            yield "popup", reason("bitrix24.value-card")
        if self.log_calls:
            yield "log_calls", reason("bitrix24.value-log-calls")
