"""Tokens as proof of a click's sender, and why a proof fails; pure.

The sender is answered alike whatever is wrong. The cause is a `Reason` for the operator alone: it never holds a token,
a signature, a key, or any part of one.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from bridge.core.errors import BadSignature, Malformed, UnsupportedMediaType
from bridge.core.http_types import Incoming, Secret
from bridge.core.reasons import Reason, reason
from bridge.core.text import trimmed
from bridge.crm.clicks import fields_of

HEX = re.compile(r"(?:[0-9a-f]{2}){16,}", re.I)
URL_SAFE = re.compile(r"[A-Za-z0-9_-]+={0,2}")
DIGEST_BYTES = 32
"""Of an HMAC-SHA256."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A token that was offered, and where."""

    token: str
    place: str


def offered(incoming: Incoming, in_body: bool) -> Offered | None:
    """The token that was offered, wherever its sender could put it: `Authorization: Bearer`, Basic (as the password),
    `X-Api-Key`, `?token=`, or (`in_body`) a field `token`. None: there is none."""
    scheme, _, said = incoming.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return Offered(trimmed(said), "Authorization: Bearer")
    if scheme.lower() == "basic":
        pair = _basic(said)
        return Offered(trimmed(pair[1]), "Authorization: Basic") if pair else None
    places = (("X-Api-Key", incoming.headers.get("x-api-key")), ("?token=", incoming.query.get("token")))
    found = next((Offered(trimmed(token), place) for place, token in places if token), None)
    return found or (_in_body(incoming) if in_body else None)


def _basic(said: str) -> tuple[str, str] | None:
    """Name and password."""
    try:
        name, colon, password = base64.b64decode(said.strip(), validate=True).decode().partition(":")
    except ValueError:  # binascii's own error, and those of letters outside ASCII or UTF-8
        return None
    return (name, password) if colon else None


def _in_body(incoming: Incoming) -> Offered | None:
    try:
        token = fields_of(incoming).get("token")
    except (Malformed, UnsupportedMediaType):
        return None
    return Offered(trimmed(token), "the field token") if isinstance(token, str) and token else None


def check_token(token: Secret | None, incoming: Incoming, in_body: bool) -> str:
    """The fingerprint of the token that was offered. Raises `BadSignature` unless it is this account's."""
    found = offered(incoming, in_body)
    if token is None or found is None or not found.token or not token.matches(found.token):
        raise BadSignature(why_no_token(token, incoming, found))
    return token.fingerprint


def why_no_token(token: Secret | None, incoming: Incoming, found: Offered | None) -> Reason:
    """Why the token that was offered proves nothing."""
    authorization = incoming.headers.get("authorization", "")
    basic = _basic(authorization.partition(" ")[2]) if authorization[:6].lower() == "basic " else None
    if found is None and not authorization:
        return Reason("proof-missing")
    if token is None:
        return reason("proof-no-secret-set", setting="click_token")
    if found is None:
        return _why_unread(token, authorization)
    if basic is not None and token.matches(trimmed(basic[0])):
        return Reason("proof-token-as-name")
    dressed = any(token.matches(bare) for bare in _undressed(found.token))
    return reason("proof-token-dressed" if dressed else "proof-wrong-token", place=found.place)


def _why_unread(token: Secret, authorization: str) -> Reason:
    if authorization[:6].lower() == "basic ":
        return Reason("proof-basic-unreadable")
    is_bare = any(token.matches(part) for part in (authorization, authorization.rpartition(" ")[2]))
    return Reason("proof-token-without-bearer" if is_bare else "proof-other-scheme")


def _undressed(token: str) -> Iterator[str]:
    """What may be the token inside: without quotes, `Bearer`, %-codes, or its own copy."""
    yield from (trimmed(part).strip("\"'<>{}") for part in (token, unquote(token), *token.split(",")[:2]))
    yield re.sub(r"^\W*(?:bearer|token)\W+", "", token, flags=re.I)


def why_time(seconds: float, now: float, allowed: int) -> Reason | None:
    """What is wrong with a moment of the sender's; None when nothing is."""
    off = round(now - seconds)
    if abs(now - seconds) <= allowed:
        return None
    return reason("proof-clock-behind" if off > 0 else "proof-clock-ahead", seconds=abs(off), allowed=allowed)


def decoded_digest(text: str) -> tuple[bytes, str] | None:
    """The bytes of a signature and how it was written: `hex`, `base64`, `base64url`. None: in no such way."""
    if HEX.fullmatch(text):
        return bytes.fromhex(text), "hex"
    written = "base64" if not URL_SAFE.fullmatch(text) or not {"-", "_"} & set(text) else "base64url"
    padded = text + "=" * (-len(text) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_" if written == "base64url" else None, validate=True), written
    except (binascii.Error, ValueError):
        return None


def same(one: bytes, other: bytes) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(one, other)


def all_of(causes: list[Reason]) -> Reason:
    """Several causes as one: the first, and what else is so."""
    first, *others = (part for cause in causes for part in (Reason(cause.code, cause.params), *cause.also))
    return Reason(first.code, first.params, tuple(others))
