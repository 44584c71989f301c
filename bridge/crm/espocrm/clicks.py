"""EspoCRM's clicks: its button's script, a link, or its own webhooks; pure.

A webhook's `Signature` is base64 of `WEBHOOK_ID:HEX`, an HMAC-SHA256 of the body by a webhook's secret key; up to
version 11 there is an `X-Signature` with raw bytes instead of hex as well. Neither covers a time: a repeat is known by
its body alone.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from bridge.core.errors import BadSignature, Malformed
from bridge.core.http_types import Incoming, Secret
from bridge.core.reasons import Reason, reason
from bridge.crm.clicks import NAMES, asked, fields_of, idempotency_key, json_value
from bridge.crm.contract import ClickRequest
from bridge.crm.proofs import check_token, decoded_digest

LONGEST_SIGNATURE = 512
WHO_DID_IT = ("modifiedById", "assignedUserId", "createdById")
"""Fields of a webhook's record that name a user, best first: who changed it last, else whose it is."""
OUR_MARK = "ivrid="
"""How the description of a call begins that was made by popbridge."""


def read_click(secrets: Iterable[Secret], token: Secret | None, incoming: Incoming) -> ClickRequest:
    """What a click asks, once its sender is proven."""
    if "signature" in incoming.headers or "x-signature" in incoming.headers:
        return _read_webhook(incoming, _signed(secrets, incoming))
    is_link = incoming.method == "GET"
    proof = check_token(token, incoming, in_body=not is_link)
    if is_link:
        return asked({name: incoming.query.get(name) for name in NAMES}, None, proof)
    return asked(fields_of(incoming), idempotency_key(incoming), proof)


def sign(webhook_id: str, secret: Secret, body: bytes) -> str:
    """The `Signature` of a body, for simulating an EspoCRM."""
    return base64.b64encode(f"{webhook_id}:{_mac(secret, body).hex()}".encode()).decode()


def _mac(secret: Secret, body: bytes) -> bytes:
    return hmac.digest(secret.reveal().encode(), body, hashlib.sha256)


def _signed(secrets: Iterable[Secret], incoming: Incoming) -> str:
    """The fingerprint of the secret that signed it. Raises `BadSignature`, alike whatever is wrong."""
    hexed = _offered(incoming.headers.get("signature", "")).lower()
    raw = _offered(incoming.headers.get("x-signature", ""))
    proving = [
        secret
        for secret in secrets
        if hmac.compare_digest(hexed, _mac(secret, incoming.body).hex().encode())
        or hmac.compare_digest(raw, _mac(secret, incoming.body))
    ]
    if not proving:
        raise BadSignature(_why_not(list(secrets), incoming))
    return proving[0].fingerprint


def _why_not(secrets: list[Secret], incoming: Incoming) -> Reason:
    """Why a webhook's signature proves nothing."""
    if not secrets:
        return reason("proof-no-secret-set", setting="click_secrets")
    header = incoming.headers.get("signature") or incoming.headers.get("x-signature") or ""
    offered = _offered(header)
    found = decoded_digest(offered.decode("latin-1")) if offered else None
    is_ours = found is not None and any(hmac.compare_digest(found[0], _mac(one, incoming.body)) for one in secrets)
    if is_ours:
        return reason("proof-signature-base64", header="Signature")
    return reason("proof-wrong-secret", setting="click_secrets") if offered else Reason("espocrm.signature-unreadable")


def _offered(header: str) -> bytes:
    """What stands behind a webhook's id."""
    try:
        told = base64.b64decode(header[:LONGEST_SIGNATURE], validate=True)
    except (binascii.Error, ValueError):
        return b""
    return told.partition(b":")[2]


def _read_webhook(incoming: Incoming, proof: str) -> ClickRequest:
    """Its body is a list of records: EspoCRM gathers what happened since its last round, every two minutes."""
    listed = json_value(incoming.body, "the body")
    if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], dict):
        raise Malformed("the body must be a list of one record: a webhook that gathers several cannot be one click")
    record = listed[0]
    if str(record.get("description", "")).startswith(OUR_MARK):
        raise Malformed("this call was made by popbridge itself: a webhook must not fire for its user")
    agent = next((value for name in WHO_DID_IT if isinstance(value := record.get(name), str) and value), None)
    key = f"webhook-body:{hashlib.sha256(incoming.body).hexdigest()[:32]}"
    return asked({"agent": agent, "record": _subject(record, incoming.query)}, key, proof)


def _subject(record: Mapping[str, Any], query: Mapping[str, str]) -> dict[str, str] | None:
    """The record; its type stands nowhere in it, so a webhook's address may say it: `?type=Contact`."""
    if not isinstance(record.get("id"), str):
        return None
    told = {"type": query.get("type", ""), "id": record["id"], "name": record.get("name")}
    return {name: value for name, value in told.items() if isinstance(value, str) and value}
