"""The generic webhook CRM's words to nouns and back; pure. Contract: README.md here."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qsl

from bridge.core.delivery import DeliveryEvent
from bridge.core.errors import BadSignature
from bridge.core.finding import Finding, Grade, worded
from bridge.core.http_types import Incoming, Reply, Request, Secret
from bridge.core.json_codec import json_text, time_text
from bridge.core.reasons import Reason, reason
from bridge.crm.clicks import NAMES, NOWHERE_ELSE, asked, fields_of, idempotency_key, mapped
from bridge.crm.contract import ClickRequest
from bridge.crm.proofs import check_token
from bridge.crm.webhook import signature
from bridge.crm.webhook.diagnosis import why_not


def read_click(
    secrets: Iterable[Secret], token: Secret | None, incoming: Incoming, paths: Mapping[str, str] = NOWHERE_ELSE
) -> ClickRequest:
    """What a click asks, once its sender is proven. `paths` are where this sender's names stand. A signature covers who
    clicked."""
    if incoming.method == "GET" and SIGNED & incoming.query.keys():
        return _signed_link(secrets, incoming, paths)
    if incoming.method == "GET":
        proof = check_token(token, incoming, in_body=False)
        named = mapped(incoming.query, paths)
        return asked({name: named.get(name) for name in NAMES}, None, proof)
    key, proof = _prove(secrets, token, incoming)
    read = asked(mapped(fields_of(incoming), paths), key, proof)
    return replace(read, names_clicker=key is not None and key.startswith(SIGNED_KEY))


SIGNED_KEY = "webhook-id:"
SIGNED = {"webhook-id", "webhook-timestamp", "webhook-signature"}


def _signed_link(secrets: Iterable[Secret], incoming: Incoming, paths: Mapping[str, str]) -> ClickRequest:
    """A link that a CRM's server made for one press: all that stands in its query before the signature's three
    parameters is signed as a webhook's body would be."""
    said = incoming.url.partition("?")[2].partition("&webhook-")[0]
    headers = {name: incoming.query.get(name, "") for name in SIGNED}
    moment = incoming.received_at.timestamp()
    try:
        message_id, secret = signature.verify(secrets, headers, said.encode(), moment)
    except BadSignature:
        raise BadSignature(why_not(secrets, headers, said.encode(), moment)) from None
    signed = {name.lower(): value for name, value in parse_qsl(said)}
    named = mapped(signed, paths)
    read = asked({name: named.get(name) for name in NAMES}, f"{SIGNED_KEY}{message_id}", secret.fingerprint)
    return replace(read, names_clicker=True)


def _prove(secrets: Iterable[Secret], token: Secret | None, incoming: Incoming) -> tuple[str | None, str]:
    """The click's key, and the fingerprint of what proved it. A request that claims a signature stands or falls by it,
    whatever else it carries."""
    headers = {name.replace("svix-", "webhook-", 1): value for name, value in incoming.headers.items()}
    if "webhook-signature" in headers or "webhook-id" in headers:
        moment = incoming.received_at.timestamp()
        try:
            message_id, secret = signature.verify(secrets, headers, incoming.body, moment)
        except BadSignature:
            raise BadSignature(why_not(secrets, headers, incoming.body, moment)) from None
        return f"{SIGNED_KEY}{message_id}", secret.fingerprint
    proof = check_token(token, incoming, in_body=True)
    return idempotency_key(incoming), proof


def write_event(
    url: str, secrets: Iterable[Secret], event: DeliveryEvent, now: datetime, own: Mapping[str, str] = NOWHERE_ELSE
) -> Request:
    """The event in its envelope: signed at `now`, under the delivery's id on every attempt, with the receiver's `own`
    headers."""
    data = event.data if event.data is not None else {"message": "Test event from popbridge"}
    body = json_text({"type": event.kind, "timestamp": time_text(event.at), "data": data}).encode()
    signed = signature.headers(secrets, event.delivery_id, int(now.timestamp()), body)
    resent = {"popbridge-resent": "true"} if event.resent else {}
    return Request("POST", url, {**own, "Content-Type": "application/json", **signed, **resent}, body)


def judge_test(name: str, reply: Reply) -> Finding:
    """What a receiver's reply to a test event means."""
    what, told = f"crm {name}", reason("webhook.answered", status=reply.status, ms=round(reply.ms))
    if 200 <= reply.status < 300:
        return worded(what, Grade.OK, told)
    if reply.status in (401, 403):
        return worded(what, Grade.FAIL, told, Reason("webhook.fix-secrets"))
    if 300 <= reply.status < 400:
        return worded(what, Grade.FAIL, told, Reason("webhook.fix-redirect"))
    if reply.status < 500:
        return worded(what, Grade.WARN, told, Reason("webhook.fix-type"))
    return worded(what, Grade.FAIL, told, Reason("webhook.fix-log"))
