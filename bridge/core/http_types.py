"""The plain data that adapters speak in: a request to send, the reply to it, and a secret that does not print."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


class Secret:
    """A text that never shows itself: `repr`, `str`, formatting and comparison give nothing away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the one place that has to send or compute with it."""
        return self._value

    def matches(self, offered: str) -> bool:
        """Whether `offered` is this secret, compared in constant time."""
        return hmac.compare_digest(self._value.encode(), offered.encode("utf-8", "surrogatepass"))

    @property
    def fingerprint(self) -> str:
        """Eight hex digits that tell this secret from another without giving it away."""
        return hashlib.sha256(b"popbridge fingerprint " + self._value.encode()).hexdigest()[:8]

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.matches(other._value)

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Address, headers and body may hold a secret: its repr leaves them out."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `ms` runs from sending to the last byte; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    ms: float


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request that came in: from a CRM's button, or an event from a phone system.

    `url` is the address as the sender wrote it: the bridge's public address, path and query, untouched, for senders
    that sign it. Header and query names are in lower case; the body's bytes are untouched.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the bridge's own to a request that came in: a challenge, a ping."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
