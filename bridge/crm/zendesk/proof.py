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
from bridge.core.reasons import Reason, reason
from bridge.crm.proofs import Offered, all_of, decoded_digest, same, why_time

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
    moment = _read_moment(timestamp)
    if not is_right or secret is None or moment is None or abs(incoming.received_at - moment) > TOLERANCE:
        raise BadSignature(_why_no_webhook(secret, incoming, wanted, moment))
    return secret


def _read_moment(timestamp: str) -> datetime | None:
    if not MOMENT.fullmatch(timestamp):
        return None
    try:
        return datetime.fromisoformat(timestamp)
    except ValueError:  # the 31st of February
        return None


def _why_no_webhook(secret: Secret | None, incoming: Incoming, wanted: str, moment: datetime | None) -> Reason:
    """Why a webhook's signature proves nothing, for the operator."""
    missing = [name for name in (SIGNATURE, TIMESTAMP) if not incoming.headers.get(name)]
    if missing:
        return reason("proof-headers-missing", headers=missing)
    if secret is None:
        return reason("proof-no-secret-set", setting="webhook_secret")
    now, allowed = incoming.received_at.timestamp(), int(TOLERANCE.total_seconds())
    of_time = why_time(moment.timestamp(), now, allowed) if moment else Reason("zendesk.no-moment")
    return all_of([cause for cause in (of_time, _why_no_signature(incoming, wanted)) if cause])


def _why_no_signature(incoming: Incoming, wanted: str) -> Reason | None:
    offered, timestamp = incoming.headers[SIGNATURE], incoming.headers[TIMESTAMP][:64]
    of_a_test = webhook_signature(Secret(TEST_SECRET), timestamp, incoming.body)
    found = decoded_digest(offered)
    if same(wanted.encode(), offered.encode("utf-8", "surrogatepass")):
        return None
    if found is not None and same(found[0], base64.b64decode(wanted)):
        return Reason(f"proof-signature-{found[1]}") if found[1] != "base64" else Reason("proof-signature-unreadable")
    if same(of_a_test.encode(), offered.encode("utf-8", "surrogatepass")):
        return Reason("zendesk.test-secret")
    return reason("proof-wrong-secret", setting="webhook_secret")


def is_jwt(token: Offered | None) -> bool:
    """Whether the app may have sent it: a bearer token in three parts."""
    return token is not None and token.place.endswith("Bearer") and token.token.count(".") == 2


def encode_token(secret: Secret, claims: Mapping[str, Any]) -> str:
    """The JWT that Zendesk's proxy makes of the app's claims."""
    parts = ({"typ": "JWT", "alg": "HS256"}, claims)
    signed = ".".join(_encoded(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{signed}.{_mac(secret, signed)}"


def claims_of(secret: Secret | None, incoming: Incoming) -> tuple[Mapping[str, Any], str, Secret]:
    """The proven claims of the bearer token, its signature, which tells one token from another, and the secret.

    Raises `BadSignature`; nothing inside the token is read before its signature is right.
    """
    scheme, _, token = incoming.headers.get("authorization", "").partition(" ")
    token = token.strip() if scheme.lower() == "bearer" else ""
    signed, _, offered = token[:MAX_TOKEN_CHARACTERS].rpartition(".")
    wanted = _mac(secret or Secret(""), signed)
    if not hmac.compare_digest(wanted.encode(), offered.encode("utf-8", "surrogatepass")) or secret is None:
        unset = reason("proof-no-secret-set", setting="app_secret")
        raise BadSignature(unset if secret is None else reason("proof-wrong-secret", setting="app_secret"))
    header, claims = (_json_part(part) for part in _two_parts(signed))
    if header.get("alg") != "HS256" or "crit" in header:
        raise BadSignature(Reason("zendesk.jwt-algorithm"))
    cause = _why_not_in_time(claims, incoming.received_at)
    if cause is not None:
        raise BadSignature(cause)
    return claims, offered, secret


def _mac(secret: Secret, signed: str) -> str:
    key, text = secret.reveal().encode(), signed.encode("utf-8", "surrogatepass")
    return _encoded(hmac.digest(key, text, hashlib.sha256))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _two_parts(signed: str) -> list[str]:
    parts = signed.split(".")
    if len(parts) != 2:
        raise BadSignature(Reason("zendesk.jwt-unreadable"))
    return parts


def _json_part(part: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise BadSignature(Reason("zendesk.jwt-unreadable")) from None
    if not isinstance(value, dict):
        raise BadSignature(Reason("zendesk.jwt-unreadable"))
    return value


def _why_not_in_time(claims: Mapping[str, Any], now: datetime) -> Reason | None:
    """It must expire, soon, and not have expired; what says when it was made must not lie ahead."""
    expires, *starts = (_moment(claims, name) for name in ("exp", "iat", "nbf"))
    if expires is None:
        return Reason("zendesk.jwt-never-expires")
    if expires <= now - LEEWAY:
        return reason("zendesk.jwt-expired", seconds=round((now - expires).total_seconds()))
    if expires > now + LONGEST_LIFE + LEEWAY:
        return reason("zendesk.jwt-lives-long", seconds=int(LONGEST_LIFE.total_seconds()))
    ahead = [moment - now for moment in starts if moment is not None and moment > now + LEEWAY]
    return reason("zendesk.jwt-ahead", seconds=round(max(ahead).total_seconds())) if ahead else None


def _moment(claims: Mapping[str, Any], name: str) -> datetime | None:
    """A claim of seconds since 1970; None where it is not there. Raises `BadSignature` where it is something else."""
    seconds = claims.get(name)
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e11:
        raise BadSignature(Reason("zendesk.jwt-unreadable"))
    return datetime.fromtimestamp(seconds, UTC)
