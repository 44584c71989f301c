"""What a proven click of Zendesk's asks: from the claims of the app's token, or from the body of a webhook; pure.

A JWT covers nothing but its own claims, so of the app's request the claims alone are read. A webhook's signature covers
the body, but not `X-Zendesk-Webhook-Invocation-Id`, by which Zendesk's retries are told from new clicks.
"""

import json
from collections.abc import Mapping
from typing import Any

from bridge.core.errors import BadSignature, Malformed, UnsupportedMediaType
from bridge.core.http_types import Incoming, Response, Secret
from bridge.crm.contract import ClickRequest
from bridge.crm.zendesk import proof
from bridge.crm.zendesk.account import Account
from bridge.crm.zendesk.wire import ID, page

INVOCATION = "x-zendesk-webhook-invocation-id"
MAX_CHARACTERS, MAX_KEY_CHARACTERS = 320, 256
RECORDS = {"ticket_id": "ticket", "requester_id": "user"}
"""Names of a webhook's fields that say which record is open; the ticket counts before its requester."""
TEST_ANSWER = b'{"message": "popbridge was reached. This was a test: save the webhook, then copy its signing secret."}'


def read_click(account: Account, incoming: Incoming) -> ClickRequest:
    """What the click asks, once its sender is proven."""
    if proof.is_webhook(incoming):
        proof.check_webhook(account.webhook_secret, incoming)
        assert account.webhook_secret is not None  # noqa: S101 - for the type checker: it has just proven the click
        key = incoming.headers.get(INVOCATION) or incoming.headers[proof.SIGNATURE]
        return _asked(account, _body(incoming), f"invocation:{key}", account.webhook_secret.fingerprint)
    claims, signature = proof.claims_of(account.app_secret, incoming)
    assert account.app_secret is not None  # noqa: S101 - as above
    return _asked(account, claims, f"jwt:{_text(claims, 'jti') or signature}", account.app_secret.fingerprint)


def answer_test(incoming: Incoming) -> Response | None:
    """The answer to the request by which an admin tries a webhook before it is saved. It asks for nothing."""
    if incoming.method != "POST" or not proof.is_webhook(incoming):
        return None
    try:
        proof.check_webhook(Secret(proof.TEST_SECRET), incoming)
    except BadSignature:
        return None
    return Response(200, {"Content-Type": "application/json"}, TEST_ANSWER)


def _body(incoming: Incoming) -> Mapping[str, Any]:
    media_type = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType("the webhook's request format must be JSON")
    try:
        value = json.loads(incoming.body)
    except (ValueError, RecursionError):
        raise Malformed("the body is not JSON in UTF-8: is a placeholder missing its quotes?") from None
    if not isinstance(value, dict):
        raise Malformed('the body must be a JSON object such as {"agent": "{{current_user.email}}"}')
    return value


def _asked(account: Account, fields: Mapping[str, Any], key: str, fingerprint: str) -> ClickRequest:
    agent, extension, ivrid = (_text(fields, name) for name in ("agent", "extension", "ivrid"))
    if agent is None and extension is None:
        raise Malformed("agent or extension must be there: whose calls shall be looked up?")
    if len(key) > MAX_KEY_CHARACTERS:
        raise Malformed(f"the id of the click must have at most {MAX_KEY_CHARACTERS} characters")
    return ClickRequest(agent, extension, ivrid, _record(account, fields), key, fingerprint)


def _record(account: Account, fields: Mapping[str, Any]) -> Mapping[str, object] | None:
    """The ticket or user that was open. What is no id of Zendesk's is left out: the click counts without it."""
    for name, kind in RECORDS.items():
        number = _text(fields, name)
        if number is not None and ID.fullmatch(number):
            return {"type": kind, "id": number, "url": page(account.base_url, kind, number)}
    return None


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    """A field as text; absent, null and empty are None. Zendesk's ids come as numbers or as texts."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**20 else ""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Malformed(f"{name} must be a text")
    if len(value) > MAX_CHARACTERS or not value.isprintable():
        raise Malformed(f"{name} must have at most {MAX_CHARACTERS} characters, none of them a control character")
    return value.strip() or None
