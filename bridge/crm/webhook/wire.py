"""The generic webhook CRM's words to nouns and back; pure. Contract: README.md here."""

import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from bridge.core.errors import BadSignature, Malformed, UnsupportedMediaType
from bridge.core.finding import Finding, Grade
from bridge.core.http_types import Incoming, Reply, Request, Secret
from bridge.core.json_codec import json_text, time_text
from bridge.core.model import DeliveryEvent
from bridge.crm.contract import ClickRequest
from bridge.crm.webhook import signature

JSON_TYPES = ("application/json", "text/json")
FORM = "application/x-www-form-urlencoded"
MAX_CHARACTERS = 320
MAX_DEPTH = 16
NAMES = ("agent", "extension", "ivrid")


def read_click(secrets: Iterable[Secret], token: Secret | None, incoming: Incoming) -> ClickRequest:
    """What a click asks, once its sender is proven."""
    if incoming.method == "GET":
        proof = _check_token(token, incoming.query.get("token"))
        return _asked({name: incoming.query.get(name) for name in NAMES}, None, proof)
    key, proof = _prove(secrets, token, incoming)
    return _asked(_fields(incoming), key, proof)


def _prove(secrets: Iterable[Secret], token: Secret | None, incoming: Incoming) -> tuple[str | None, str]:
    """The click's key, and the fingerprint of what proved it. A request that claims a signature stands or falls by it,
    whatever else it carries."""
    if "webhook-signature" in incoming.headers or "webhook-id" in incoming.headers:
        moment = incoming.received_at.timestamp()
        message_id, secret = signature.verify(secrets, incoming.headers, incoming.body, moment)
        return f"webhook-id:{message_id}", secret.fingerprint
    scheme, _, offered = incoming.headers.get("authorization", "").partition(" ")
    proof = _check_token(token, offered.strip() if scheme.lower() == "bearer" else None)
    key = incoming.headers.get("idempotency-key", "").strip()
    if len(key) > 256:
        raise Malformed("Idempotency-Key must have at most 256 characters")
    return f"idempotency-key:{key}" if key else None, proof


def _check_token(token: Secret | None, offered: str | None) -> str:
    if token is None or not offered or not token.matches(offered):
        raise BadSignature
    return token.fingerprint


def _fields(incoming: Incoming) -> Mapping[str, Any]:
    media_type = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in JSON_TYPES or media_type.endswith("+json"):
        return _json_object(incoming.body, "the body")
    if media_type == FORM:
        return _form(incoming.body)
    raise UnsupportedMediaType("Content-Type must be application/json or application/x-www-form-urlencoded")


def _json_object(text: bytes | str, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise Malformed(f"{what} is nested too deeply") from None
    except ValueError:
        raise Malformed(f"{what} is not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise Malformed(f'{what} must be a JSON object such as {{"agent": "dana@acme.example"}}')
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(digits: str) -> float:
    """JSON allows 1e999, which no JSON that we write could hold."""
    number = float(digits)
    return number if math.isfinite(number) else _no_constant(digits)


def _form(body: bytes) -> dict[str, Any]:
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise Malformed("the form is not UTF-8, or has more than 100 fields") from None
    fields: dict[str, Any] = dict(pairs)
    if fields.get("record"):
        fields["record"] = _json_object(fields["record"], "record")
    else:
        fields.pop("record", None)
    return fields


def _asked(fields: Mapping[str, Any], key: str | None, proof: str) -> ClickRequest:
    agent, extension, ivrid = (_text(fields, name) for name in NAMES)
    if agent is None and extension is None:
        raise Malformed("agent or extension must be there: whose calls shall be looked up?")
    record = fields.get("record")
    if record is not None and not isinstance(record, dict):
        raise Malformed('record must be an object such as {"type": "contact", "id": "42"}')
    if _is_deep(record, MAX_DEPTH):
        raise Malformed("record is nested too deeply")
    return ClickRequest(agent, extension, ivrid, record, key, proof)


def _is_deep(value: object, left: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return left == 0 or any(_is_deep(item, left - 1) for item in inner if isinstance(item, dict | list))


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    """A field as text; absent, null and empty are None."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Malformed(f"{name} must be a text, not a {_json_word(value)}")
    if len(value) > MAX_CHARACTERS or not value.isprintable():
        raise Malformed(f"{name} must have at most {MAX_CHARACTERS} characters, none of them a control character")
    return value.strip() or None


def _json_word(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    words: dict[type, str] = {dict: "object", list: "list"}
    return words.get(type(value), "number")


def write_event(url: str, secrets: Iterable[Secret], event: DeliveryEvent, now: datetime) -> Request:
    """The event in its envelope: signed at `now`, under the delivery's id on every attempt."""
    data = event.data if event.data is not None else {"message": "Test event from popbridge"}
    body = json_text({"type": event.kind, "timestamp": time_text(event.at), "data": data}).encode()
    signed = signature.headers(secrets, event.delivery_id, int(now.timestamp()), body)
    resent = {"popbridge-resent": "true"} if event.resent else {}
    return Request("POST", url, {"Content-Type": "application/json", **signed, **resent}, body)


def judge_test(name: str, reply: Reply) -> Finding:
    """What a receiver's reply to a test event means."""
    what, told = f"crm {name}", f"answered {reply.status} to a signed test event in {reply.ms:.0f} ms"
    if 200 <= reply.status < 300:
        return Finding(what, Grade.OK, told)
    if reply.status in (401, 403):
        return Finding(what, Grade.FAIL, told, "use the same popup_secrets here and there; compare the clocks too")
    if 300 <= reply.status < 400:
        return Finding(what, Grade.FAIL, told, "redirects are not followed: set popup_url to where it leads")
    if reply.status < 500:
        return Finding(what, Grade.WARN, told, "popups get the same answer unless it only refuses the type call.test")
    return Finding(what, Grade.FAIL, told, "its own log should say why")
