"""Webex's webhooks of the resource `telephony_calls`; pure. Source: the vendor's guide on webhooks, and its SDKs.

An event tells of one call of one user, and names neither extension nor the user's other calls: each is a hint to ask.
Whose it is stands in the address that they were told to come to (`?extension=101`), or else in `actorId`, the member.
"""

import hashlib
import hmac
import json

from bridge.core.errors import BadSignature, Malformed
from bridge.core.http_types import Incoming, Response, Secret
from bridge.core.text import without_marks
from bridge.pbx.contract import AskAgain
from bridge.pbx.fields import written
from bridge.pbx.reading import decoded

SIGNATURE, RESOURCE = "x-spark-signature", "telephony_calls"
LONGEST, LONGEST_ID = 100, 300
NOTHING_TO_DO = Response(200, {"Content-Type": "application/json"}, b"{}")


def read_event(secret: Secret | None, incoming: Incoming) -> AskAgain | Response:
    """Whose calls to ask for again; or an answer to an event of another kind. Raises `BadSignature` and `Malformed`."""
    if incoming.method != "POST" or secret is None or not _is_signed(secret, incoming):
        raise BadSignature
    try:
        said = json.loads(decoded(incoming.body))
    except (ValueError, RecursionError):
        raise Malformed("The event is not JSON") from None
    if not isinstance(said, dict):
        raise Malformed("The event is not a JSON object")
    if said.get("resource") != RESOURCE:
        return NOTHING_TO_DO
    extension = without_marks(incoming.query.get("extension", "")[:LONGEST])
    if extension:
        return AskAgain(frozenset({extension}))
    member = written(said.get("actorId"))[:LONGEST_ID]
    return AskAgain(owners=frozenset({member}) if member else frozenset())


def _is_signed(secret: Secret, incoming: Incoming) -> bool:
    """Whether the signature is the HMAC-SHA1 of the body, in hex: Webex offers no other."""
    expected = hmac.new(secret.reveal().encode(), incoming.body, hashlib.sha1).hexdigest()
    offered = incoming.headers.get(SIGNATURE, "")
    return hmac.compare_digest(expected.encode(), offered.strip().lower().encode("utf-8", "surrogatepass"))
