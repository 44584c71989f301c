"""What reading clicks shares: bodies as fields, fields as what is asked; pure. Tokens as proof: `proofs`.

Senders differ in everything that does not matter: how they name the type of a body, whether a number is a text. All of
that is read here; what is asked is the same.
"""

import json
import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from bridge.core.errors import Malformed, UnsupportedMediaType
from bridge.core.http_types import Incoming
from bridge.core.text import tidied, trimmed, whole
from bridge.crm.bodies import charset_of, decoded, parts, unpacked
from bridge.crm.contract import ClickRequest

JSON_TYPES = ("application/json", "text/json")
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
UNTOLD = ("", "*/*", "text/plain", "application/octet-stream", FORM)
"""What senders say that do not say what they send: beacons, those with no type at all, and `curl -d` whatever it
sends."""
MAX_CHARACTERS = 320
MAX_DEPTH = 16
MAX_KEY_CHARACTERS = 256
NO_RECORD = ("", "null", "undefined", "None", "nil")
NAMES = ("agent", "extension", "ivrid")
NOWHERE_ELSE: Mapping[str, str] = MappingProxyType({})
BRACKETS, LIST_OF_ONE = re.compile(r"\[([^\[\]]*)\]"), re.compile(r"\[0?\]$")


def idempotency_key(incoming: Incoming) -> str | None:
    """The click's key where its sender gave one. Raises `Malformed`."""
    key = incoming.headers.get("idempotency-key", "").strip()
    if len(key) > MAX_KEY_CHARACTERS:
        raise Malformed(f"Idempotency-Key must have at most {MAX_KEY_CHARACTERS} characters")
    return f"idempotency-key:{key}" if key else None


def fields_of(incoming: Incoming) -> Mapping[str, Any]:
    """What the body says: a JSON object, or a form. Raises `Malformed` and `UnsupportedMediaType`."""
    said = incoming.headers.get("content-type", "").split(",")[0]
    media_type, body = said.partition(";")[0].strip().lower(), unpacked(incoming)
    if media_type == MULTIPART:
        return _form(parts(body, said))
    text = trimmed(decoded(body, said))
    if media_type in UNTOLD:
        media_type = JSON_TYPES[0] if text[:1] in ("{", "[") else FORM
    if media_type in JSON_TYPES or media_type.endswith("+json"):
        return json_object(text, "the body")
    if media_type == FORM:
        return _form(_pairs(text, charset_of(said)))
    raise UnsupportedMediaType(
        f"Content-Type is '{media_type[:60]}'; send application/json or application/x-www-form-urlencoded"
    )


def json_object(text: bytes | str, what: str) -> dict[str, Any]:
    """`text` as a JSON object, or a list of one. Raises `Malformed`, which calls the text `what`."""
    value = json_value(text, what)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, list):
        raise Malformed(f"{what} is a list of {len(value)}: send one click at a time, as an object")
    if not isinstance(value, dict):
        raise Malformed(f'{what} must be a JSON object such as {{"agent": "dana@acme.example"}}')
    return value


def json_value(text: bytes | str, what: str) -> Any:
    """`text` as any JSON. Raises `Malformed`."""
    try:
        return json.loads(text, parse_int=_whole_number, strict=False)
    except RecursionError:
        raise Malformed(f"{what} is nested too deeply") from None
    except ValueError:
        raise Malformed(f"{what} is not JSON in UTF-8") from None


def _whole_number(digits: str) -> int | float:
    """What is longer than any number is none; only a field that is asked for is spoiled by it, as by NaN and 1e999."""
    return int(digits) if len(digits) <= MAX_CHARACTERS else math.nan


def _pairs(text: str, charset: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, encoding=charset, errors="replace", max_num_fields=100)
    except ValueError:
        raise Malformed("the form has more than 100 fields") from None


def _form(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """The fields; `record[id]=42` is the `id` inside `record`, `agent[]=dana` the `agent`."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        *path, last = [name.partition("[")[0], *BRACKETS.findall(LIST_OF_ONE.sub("", name))][:MAX_DEPTH]
        inside: Any = fields
        for step in path:
            inside = inside.setdefault(step, {}) if isinstance(inside, dict) else {}
        if isinstance(inside, dict):
            inside[last] = value
    return fields


def mapped(fields: Mapping[str, Any], paths: Mapping[str, str]) -> Mapping[str, Any]:
    """The fields by the bridge's own names: where `paths` say, else where they stand, else inside a lone `data`."""
    if not paths and not {"agent", "extension"} & fields.keys() and isinstance(fields.get("data"), dict):
        return {**fields, **fields["data"]}
    found = {name: at_path(fields, path) for name, path in paths.items()}
    return {**fields, **{name: value for name, value in found.items() if value is not None}}


def at_path(fields: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path, such as `user.email` or `items.0.id`; a field of just that name comes first."""
    if path in fields:
        return fields[path]
    value: Any = fields
    for step in path.split("."):
        if isinstance(value, list) and step.isdecimal():
            value = dict(enumerate(value)).get(int(step[:6]))
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def asked(fields: Mapping[str, Any], key: str | None, proof: str) -> ClickRequest:
    """What a click with these fields asks. Raises `Malformed`."""
    agent, extension, ivrid = (text(fields, name) for name in NAMES)
    if agent is None and extension is None:
        raise Malformed("agent or extension must be there: whose calls shall be looked up?")
    return ClickRequest(agent, extension, ivrid, _record(fields.get("record")), key, proof)


def _record(value: Any) -> dict[str, Any] | None:
    """An object, or an object written as text; empty and null are none. Raises `Malformed`."""
    if isinstance(value, str):
        value = json_value(value, "record") if trimmed(value) not in NO_RECORD else None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or value == []:
        return None
    if not isinstance(value, dict):
        raise Malformed('record must be an object such as {"type": "contact", "id": "42"}')
    if _is_deep(value, MAX_DEPTH):
        raise Malformed("record is nested too deeply")
    if not _is_finite(value):
        raise Malformed("record has a number in it that is none, or that is too large")
    found: dict[str, Any] = tidied(value)
    return found


def _is_deep(value: object, left: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return left == 0 or any(_is_deep(item, left - 1) for item in inner if isinstance(item, dict | list))


def _is_finite(value: object) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(map(_is_finite, inner)) and not (isinstance(value, float) and not math.isfinite(value))


def text(fields: Mapping[str, Any], name: str) -> str | None:
    """A field as text, a number as its digits, a list of one as its item; absent, null and empty are None.

    Raises `Malformed`.
    """
    value = fields.get(name)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        value = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Malformed(f"{name} must be a text, not {_json_word(value)}")
    shown = trimmed(whole(value))
    if len(shown) > MAX_CHARACTERS or not shown.isprintable():
        raise Malformed(f"{name} must have at most {MAX_CHARACTERS} characters, none of them a control character")
    return shown or None


def _json_word(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    words: dict[type, str] = {dict: "an object", list: "a list"}
    return words.get(type(value), "a number")
