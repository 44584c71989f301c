"""How HubSpot proves a request: the signature of version 3; pure.

`X-HubSpot-Signature-v3` is the base64 HMAC-SHA256, by the app's client secret, of method, address, body and timestamp
(milliseconds since 1970). The address is that which HubSpot called, with some escapes of its query decoded; HubSpot's
own library decodes none, so both readings count. Versions 1 and 2 are hashes without a time, and prove nothing here.
"""

import base64
import hashlib
import hmac
import re
from datetime import datetime, timedelta
from urllib.parse import unquote

from bridge.core.errors import BadSignature
from bridge.core.http_types import Incoming, Secret
from bridge.core.reasons import Reason, reason
from bridge.crm.proofs import why_time

SIGNATURE, TIMESTAMP = "x-hubspot-signature-v3", "x-hubspot-request-timestamp"
TOLERANCE = timedelta(minutes=5)
"""As HubSpot's documentation has it; both ways, for its own library believes any time to come."""
DECODED = re.compile(r"%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.I)
MILLISECONDS = re.compile(r"[0-9]{10,14}")


def is_signed(incoming: Incoming) -> bool:
    """Whether the request claims a signature: it then stands or falls by it."""
    return SIGNATURE in incoming.headers


def signature(secret: Secret, method: str, url: str, body: bytes, timestamp: str) -> str:
    """What stands in the header."""
    text = f"{method}{url}".encode("utf-8", "surrogatepass") + body + timestamp.encode("utf-8", "surrogatepass")
    return base64.b64encode(hmac.digest(secret.reveal().encode(), text, hashlib.sha256)).decode()


def decoded(url: str) -> str:
    """The address as it is signed: some escapes of its query are decoded, a fragment is left out."""
    address, mark, query = url.partition("#")[0].partition("?")
    return address + mark + DECODED.sub(lambda escape: unquote(escape[0]), query)


def check(secret: Secret | None, incoming: Incoming) -> Secret:
    """The secret, if it signed the request within the last minutes. The signature is computed in any case.

    Raises `BadSignature`.
    """
    offered = incoming.headers.get(SIGNATURE, "").encode("utf-8", "surrogatepass")
    timestamp = incoming.headers.get(TIMESTAMP, "")[:64]
    readings = (incoming.url, decoded(incoming.url))
    wanted = [signature(secret or Secret(""), incoming.method, url, incoming.body, timestamp) for url in readings]
    is_right = True in [hmac.compare_digest(one.encode(), offered) for one in wanted]
    if secret is None or not is_right:
        raise BadSignature(_why_unsigned(secret, timestamp))
    cause = _why_not_now(timestamp, incoming.received_at)
    if cause is not None:
        raise BadSignature(cause)
    return secret


def _why_unsigned(secret: Secret | None, timestamp: str) -> Reason:
    """Why the signature proves nothing, for the operator."""
    if not timestamp:
        return reason("proof-headers-missing", headers=[TIMESTAMP])
    if secret is None:
        return reason("proof-no-secret-set", setting="client_secret")
    return Reason("hubspot.wrong-signature")


def _why_not_now(timestamp: str, now: datetime) -> Reason | None:
    if not MILLISECONDS.fullmatch(timestamp):
        return Reason("hubspot.no-milliseconds")
    return why_time(int(timestamp) / 1000, now.timestamp(), int(TOLERANCE.total_seconds()))
