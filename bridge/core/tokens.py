"""OAuth tokens and rate limits: what an adapter declares, and the core keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeGuard, runtime_checkable

from bridge.core.http_types import Reply, Request, Secret

LONGEST = timedelta(days=30)
"""No vendor's access token lives longer: more than this is no lifetime."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a token endpoint gave: the access token and when it expires; a refresh token if one came with it."""

    access: Secret
    expires_at: datetime
    refresh: Secret | None = None


def granted(found: object, now: datetime, usual: timedelta, lifetime: str = "expires_in") -> Tokens | None:
    """The tokens in the JSON of a token endpoint (RFC 6749, section 5.1); None where there is no access token that can
    be sent. `lifetime` is the field with its seconds, `usual` what counts where that says nothing."""
    told = found if isinstance(found, Mapping) else {}
    access, refresh, seconds = told.get("access_token"), told.get("refresh_token"), told.get(lifetime)
    if not _is_token(access):
        return None
    life = timedelta(seconds=seconds) if _is_lifetime(seconds) else usual
    return Tokens(Secret(access), now + life, Secret(refresh) if _is_token(refresh) else None)


def _is_token(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def _is_lifetime(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST.total_seconds()


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
