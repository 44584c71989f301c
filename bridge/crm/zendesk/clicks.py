"""What a proven click of Zendesk's asks: from the claims of the app's token, or from what a webhook or link says; pure.

A JWT covers nothing but its own claims, so of the app's request the claims alone are read. A webhook's signature covers
the body, but not `X-Zendesk-Webhook-Invocation-Id`, by which Zendesk's retries are told from new clicks.
"""

from collections.abc import Mapping
from typing import Any

from bridge.core.errors import BadSignature, Malformed
from bridge.core.http_types import Incoming, Response, Secret
from bridge.crm.clicks import MAX_KEY_CHARACTERS, asked, fields_of, idempotency_key, text
from bridge.crm.contract import ClickRequest
from bridge.crm.proofs import offered, why_no_token
from bridge.crm.zendesk import proof
from bridge.crm.zendesk.account import Account
from bridge.crm.zendesk.wire import ID, page

INVOCATION = "x-zendesk-webhook-invocation-id"
RECORDS = {"ticket_id": "ticket", "requester_id": "user"}
"""Names of the fields that say which record is open; the ticket counts before its requester."""
TEST_ANSWER = b'{"message": "popbridge was reached. This was a test: save it, then copy the signing secret."}'


def read_click(account: Account, incoming: Incoming) -> ClickRequest:
    """What the click asks, once its sender is proven. A request that claims a signature stands or falls by it."""
    if proof.is_webhook(incoming):
        secret = proof.check_webhook(account.webhook_secret, incoming)
        key = incoming.headers.get(INVOCATION) or incoming.headers[proof.SIGNATURE]
        return _asked(account, fields_of(incoming), f"invocation:{key}", secret.fingerprint)
    token = offered(incoming, in_body=True)
    if token is not None and account.click_token is not None and account.click_token.matches(token.token):
        fields = incoming.query if incoming.method == "GET" else fields_of(incoming)
        return _asked(account, fields, idempotency_key(incoming), account.click_token.fingerprint)
    if not proof.is_jwt(token):
        raise BadSignature(why_no_token(account.click_token, incoming, token))
    claims, signature, secret = proof.claims_of(account.app_secret, incoming)
    return _asked(account, claims, f"jwt:{text(claims, 'jti') or signature}", secret.fingerprint)


def answer_test(incoming: Incoming) -> Response | None:
    """The answer to the request by which an admin tries a webhook before it is saved. It asks for nothing."""
    if incoming.method != "POST" or not proof.is_webhook(incoming):
        return None
    try:
        proof.check_webhook(Secret(proof.TEST_SECRET), incoming)
    except BadSignature:
        return None
    return Response(200, {"Content-Type": "application/json"}, TEST_ANSWER)


def _asked(account: Account, fields: Mapping[str, Any], key: str | None, fingerprint: str) -> ClickRequest:
    if key is not None and len(key) > MAX_KEY_CHARACTERS:
        raise Malformed(f"the id of the click must have at most {MAX_KEY_CHARACTERS} characters")
    record = _record(account, fields) or fields.get("record")
    return asked({**fields, "record": record}, key, fingerprint)


def _record(account: Account, fields: Mapping[str, Any]) -> dict[str, object] | None:
    """The ticket or user that was open. What is no id of Zendesk's is left out: the click counts without it."""
    for name, kind in RECORDS.items():
        number = text(fields, name)
        if number is not None and ID.fullmatch(number):
            return {"type": kind, "id": number, "url": page(account.base_url, kind, number)}
    return None
