"""How Zendesk proves a click: the JWT of the app's request, or the signature of a webhook; pure.

The app: `client.request` with `jwt` goes through Zendesk's own proxy, which signs the claims (HS256) with a secure
setting that no browser sees, and sends them as `Authorization: Bearer`. A webhook: `X-Zendesk-Webhook-Signature` is the
base64 HMAC-SHA256 of timestamp and body, put together without a separator; the secret is used as the text that it is.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.core.errors import BadSignature
from bridge.core.http_types import Incoming, Secret

SIGNATURE, TIMESTAMP = "x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp"
TEST_SECRET = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="  # noqa: S105 - Zendesk publishes it: it proves nothing
"""What Zendesk signs with when an admin tries a webhook that is not saved yet."""
TOLERANCE = timedelta(minutes=5)
"""Zendesk names none for its webhooks; this is what Standard Webhooks have."""
LEEWAY = timedelta(seconds=60)
LONGEST_LIFE = timedelta(hours=1)
"""The longest that `expiry` of `client.request` is used with; a token that claims more was not made by the app."""
MAX_TOKEN_CHARACTERS = 8192
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:?\d\d)")


def is_webhook(incoming: Incoming) -> bool:
    """Whether the request claims to be a webhook's: it then stands or falls by that signature."""
    return SIGNATURE in incoming.headers or TIMESTAMP in incoming.headers


def webhook_signature(secret: Secret, timestamp: str, body: bytes) -> str:
    """What stands in the header."""
    signed = hmac.digest(secret.reveal().encode(), timestamp.encode() + body, hashlib.sha256)
    return base64.b64encode(signed).decode()


def check_webhook(secret: Secret | None, incoming: Incoming) -> Secret:
    """The secret, if it signed the request within the last minutes. The signature is computed in any case.

    Raises `BadSignature`.
    """
    timestamp, offered = incoming.headers.get(TIMESTAMP, ""), incoming.headers.get(SIGNATURE, "")
    wanted = webhook_signature(secret or Secret(""), timestamp[:64], incoming.body)
    is_right = hmac.compare_digest(wanted.encode(), offered.encode("utf-8", "surrogatepass"))
    if not is_right or secret is None or not _is_recent(timestamp, incoming.received_at):
        raise BadSignature
    return secret


def _is_recent(timestamp: str, now: datetime) -> bool:
    if not MOMENT.fullmatch(timestamp):
        return False
    try:
        moment = datetime.fromisoformat(timestamp)
    except ValueError:  # the 31st of February
        return False
    return abs(now - moment) <= TOLERANCE


def encode_token(secret: Secret, claims: Mapping[str, Any]) -> str:
    """The JWT that Zendesk's proxy makes of the app's claims."""
    parts = ({"typ": "JWT", "alg": "HS256"}, claims)
    signed = ".".join(_encoded(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{signed}.{_mac(secret, signed)}"


def claims_of(secret: Secret | None, incoming: Incoming) -> tuple[Mapping[str, Any], str, Secret]:
    """The proven claims of the bearer token, its signature, which tells one token from another, and the secret.

    Raises `BadSignature`, alike whatever is wrong; nothing inside the token is read before its signature is right.
    """
    scheme, _, token = incoming.headers.get("authorization", "").partition(" ")
    token = token.strip() if scheme.lower() == "bearer" else ""
    signed, _, offered = token[:MAX_TOKEN_CHARACTERS].rpartition(".")
    wanted = _mac(secret or Secret(""), signed)
    if not hmac.compare_digest(wanted.encode(), offered.encode("utf-8", "surrogatepass")) or secret is None:
        raise BadSignature
    header, claims = (_json_part(part) for part in _two_parts(signed))
    if header.get("alg") != "HS256" or "crit" in header or not _is_in_time(claims, incoming.received_at):
        raise BadSignature
    return claims, offered, secret


def _mac(secret: Secret, signed: str) -> str:
    key, text = secret.reveal().encode(), signed.encode("utf-8", "surrogatepass")
    return _encoded(hmac.digest(key, text, hashlib.sha256))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _two_parts(signed: str) -> list[str]:
    parts = signed.split(".")
    if len(parts) != 2:
        raise BadSignature
    return parts


def _json_part(part: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise BadSignature from None
    if not isinstance(value, dict):
        raise BadSignature
    return value


def _is_in_time(claims: Mapping[str, Any], now: datetime) -> bool:
    """It must expire, soon, and not have expired; what says when it was made must not lie ahead."""
    expires, made, starts = (_moment(claims, name) for name in ("exp", "iat", "nbf"))
    if expires is None or not now - LEEWAY < expires <= now + LONGEST_LIFE + LEEWAY:
        return False
    return all(moment is None or moment <= now + LEEWAY for moment in (made, starts))


def _moment(claims: Mapping[str, Any], name: str) -> datetime | None:
    """A claim of seconds since 1970; None where it is not there. Raises `BadSignature` where it is something else."""
    seconds = claims.get(name)
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e11:
        raise BadSignature
    return datetime.fromtimestamp(seconds, UTC)
