"""Standard Webhooks v1: signing what goes out, verifying what comes in; pure.

Our own verifier, because the public package lets through what it should not (ids with a dot, which allow a signed
message to be cut anew; non-canonical timestamps; short secrets) and stops at the first malformed entry of a list.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping

from bridge.core.errors import BadSignature
from bridge.core.http_types import Secret
from bridge.core.reasons import reason

PREFIX = "whsec_"
TOLERANCE_SECONDS = 300
ID = re.compile(r"[!-\-/-~]{1,256}")
"""Visible ASCII without the dot: with a dot in the id, `id.timestamp.body` could be cut in two ways."""
TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}")
JOINED = re.compile(r"v[0-9]+,.+,")
"""What the end of a header looks like that another of the same name was joined to."""
MAX_SIGNATURES_CHARACTERS = 4096


def key_bytes(secret: Secret) -> bytes:
    """The key inside a `whsec_…` text (prefix and padding optional). Raises ValueError unless it has 24 to 64 bytes."""
    text = secret.reveal().removeprefix(PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(reason("webhook.value-base64")) from None
    if not 24 <= len(key) <= 64:
        raise ValueError(reason("webhook.value-key-length"))
    return key


def sign(secret: Secret, message_id: str, timestamp: int, body: bytes) -> str:
    """One entry of the signature list: `v1,<base64>`."""
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key_bytes(secret), content, hashlib.sha256)).decode()


def headers(secrets: Iterable[Secret], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers, signed with every secret so that a receiver may hold the old one or the new one."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, message_id, timestamp, body) for secret in secrets),
    }


def verify(secrets: Iterable[Secret], received: Mapping[str, str], body: bytes, now: float) -> tuple[str, Secret]:
    """The proven `webhook-id` and the secret that proves it. Raises `BadSignature`, alike whatever is wrong, and as
    late for a wrong time as for a wrong signature: the list is always compared whole, against every secret."""
    message_id = received.get("webhook-id", "")
    timestamp = received.get("webhook-timestamp", "")
    offered = received.get("webhook-signature", "")[:MAX_SIGNATURES_CHARACTERS].split(" ")
    well_formed = ID.fullmatch(message_id) is not None and TIMESTAMP.fullmatch(timestamp) is not None
    seconds = int(timestamp) if well_formed else 0
    wanted = [(secret, sign(secret, message_id if well_formed else "-", seconds, body).encode()) for secret in secrets]
    entries = [entry.encode("latin-1", "replace") for entry in offered]
    proving = [secret for entry in entries for secret, one in wanted if hmac.compare_digest(entry, one)]
    is_one_header = not any(JOINED.fullmatch(entry) for entry in offered)
    in_time = abs(now - seconds) <= TOLERANCE_SECONDS
    if not (well_formed and is_one_header and in_time and proving):
        raise BadSignature
    return message_id, proving[0]
