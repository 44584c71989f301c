"""OAuth tokens and rate limits: what an adapter declares, and the core keeps."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from bridge.core.http_types import Reply, Request, Secret


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a token endpoint gave: the access token and when it expires; a refresh token if one came with it."""

    access: Secret
    expires_at: datetime
    refresh: Secret | None = None


@dataclass(frozen=True, slots=True)
class KeptTokens:
    """What is kept of an account's tokens. `refresh` are its refresh tokens, the newest first: the one before is kept
    until the newest has proven itself, in case the vendor's answer with it was lost."""

    access: Secret
    expires_at: datetime
    refresh: tuple[Secret, ...] = ()


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `requests` in any `seconds`, over all processes."""

    requests: int
    seconds: float = 1.0


@runtime_checkable
class UsesTokens(Protocol):
    """An adapter whose API takes OAuth access tokens, which `session.token` keeps."""

    def ask_token(self, account: Any, refresh: Secret | None, now: datetime) -> Request:
        """The request for an access token. `refresh` is the newest refresh token that the vendor gave, else None: then
        the one of the settings, or the credentials alone."""

    def read_token(self, account: Any, reply: Reply, now: datetime) -> Tokens:
        """The tokens in the reply. Raises `TokenRefused` where the vendor refuses the credentials."""


@runtime_checkable
class LimitsRequests(Protocol):
    """An adapter whose vendor counts requests."""

    def rate_limit(self, account: Any) -> RateLimit | None:
        """How many requests the vendor takes; None: no limit is known."""
