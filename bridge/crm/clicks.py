"""What reading clicks shares: tokens as proof, bodies as fields, fields as what is asked; pure."""

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from bridge.core.errors import BadSignature, Malformed, UnsupportedMediaType
from bridge.core.http_types import Incoming, Secret
from bridge.crm.contract import ClickRequest

JSON_TYPES = ("application/json", "text/json")
FORM = "application/x-www-form-urlencoded"
MAX_CHARACTERS = 320
MAX_DEPTH = 16
MAX_KEY_CHARACTERS = 256
NAMES = ("agent", "extension", "ivrid")


def bearer(incoming: Incoming) -> str | None:
    """The token of an `Authorization: Bearer` header."""
    scheme, _, offered = incoming.headers.get("authorization", "").partition(" ")
    return offered.strip() if scheme.lower() == "bearer" else None


def check_token(token: Secret | None, offered: str | None) -> str:
    """The fingerprint of the token that was offered. Raises `BadSignature` unless it is this account's."""
    if token is None or not offered or not token.matches(offered):
        raise BadSignature
    return token.fingerprint


def idempotency_key(incoming: Incoming) -> str | None:
    """The click's key where its sender gave one. Raises `Malformed`."""
    key = incoming.headers.get("idempotency-key", "").strip()
    if len(key) > MAX_KEY_CHARACTERS:
        raise Malformed(f"Idempotency-Key must have at most {MAX_KEY_CHARACTERS} characters")
    return f"idempotency-key:{key}" if key else None


def fields_of(incoming: Incoming) -> Mapping[str, Any]:
    """What the body says: a JSON object, or a form. Raises `Malformed` and `UnsupportedMediaType`."""
    media_type = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in JSON_TYPES or media_type.endswith("+json"):
        return json_object(incoming.body, "the body")
    if media_type == FORM:
        return _form(incoming.body)
    raise UnsupportedMediaType("Content-Type must be application/json or application/x-www-form-urlencoded")


def json_object(text: bytes | str, what: str) -> dict[str, Any]:
    """`text` as a JSON object. Raises `Malformed`, which calls the text `what`."""
    value = json_value(text, what)
    if not isinstance(value, dict):
        raise Malformed(f'{what} must be a JSON object such as {{"agent": "dana@acme.example"}}')
    return value


def json_value(text: bytes | str, what: str) -> Any:
    """`text` as any JSON. Raises `Malformed`."""
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise Malformed(f"{what} is nested too deeply") from None
    except ValueError:
        raise Malformed(f"{what} is not JSON in UTF-8") from None


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
        fields["record"] = json_object(fields["record"], "record")
    else:
        fields.pop("record", None)
    return fields


def asked(fields: Mapping[str, Any], key: str | None, proof: str) -> ClickRequest:
    """What a click with these fields asks. Raises `Malformed`."""
    agent, extension, ivrid = (text(fields, name) for name in NAMES)
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


def text(fields: Mapping[str, Any], name: str) -> str | None:
    """A field as text; absent, null and empty are None. Raises `Malformed`."""
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
