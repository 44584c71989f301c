"""What reading clicks shares: bodies as fields, fields as what is asked; pure. Tokens as proof: `proofs`.

Senders differ in everything that does not matter: how they name the type of a body, whether a number is a text. All of
that is read here; what is asked is the same.
"""

import codecs
import json
import math
import re
import zlib
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from types import MappingProxyType
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from bridge.core.errors import Malformed, UnsupportedMediaType
from bridge.core.http_types import Incoming
from bridge.core.text import tidied, trimmed
from bridge.crm.contract import ClickRequest

JSON_TYPES = ("application/json", "text/json")
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
UNTOLD = ("", "text/plain", "application/octet-stream")
"""What senders say that do not say what they send: beacons, and those with no type at all."""
MAX_CHARACTERS = 320
MAX_DEPTH = 16
MAX_KEY_CHARACTERS = 256
MAX_UNPACKED_BYTES = 256 * 1024
NAMES = ("agent", "extension", "ivrid")
NOWHERE_ELSE: Mapping[str, str] = MappingProxyType({})
BRACKETS = re.compile(r"\[([^\[\]]*)\]")


def idempotency_key(incoming: Incoming) -> str | None:
    """The click's key where its sender gave one. Raises `Malformed`."""
    key = incoming.headers.get("idempotency-key", "").strip()
    if len(key) > MAX_KEY_CHARACTERS:
        raise Malformed(f"Idempotency-Key must have at most {MAX_KEY_CHARACTERS} characters")
    return f"idempotency-key:{key}" if key else None


def fields_of(incoming: Incoming) -> Mapping[str, Any]:
    """What the body says: a JSON object, or a form. Raises `Malformed` and `UnsupportedMediaType`."""
    said = incoming.headers.get("content-type", "").split(",")[0]
    media_type, body = said.partition(";")[0].strip().lower(), _unpacked(incoming)
    if media_type in UNTOLD:
        media_type = "application/json" if body.lstrip()[:1] in (b"{", b"[") else FORM
    if media_type in JSON_TYPES or media_type.endswith("+json"):
        return json_object(_decoded(body, said), "the body")
    if media_type == FORM:
        return _form(_pairs(_decoded(body, said)))
    if media_type == MULTIPART:
        return _form(_parts(body, said))
    raise UnsupportedMediaType(
        f"Content-Type is '{media_type[:60]}'; send application/json or application/x-www-form-urlencoded"
    )


def _unpacked(incoming: Incoming) -> bytes:
    if incoming.headers.get("content-encoding", "identity").lower() in ("identity", ""):
        return incoming.body
    try:
        unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        body = unpacking.decompress(incoming.body, MAX_UNPACKED_BYTES)
    except zlib.error:
        raise UnsupportedMediaType("Content-Encoding must be gzip, deflate or none") from None
    if unpacking.unconsumed_tail:
        raise Malformed(f"the body has more than {MAX_UNPACKED_BYTES} bytes when it is unpacked")
    return body


def _decoded(body: bytes, content_type: str) -> str:
    """As declared, else as UTF-8. A byte that is neither spoils the field that it stands in, and no other."""
    declared = re.search(r"charset\s*=\s*\"?([A-Za-z0-9._-]{1,40})", content_type, re.I)
    try:
        name = codecs.lookup(declared[1]).name if declared else "utf-8"
    except LookupError:
        name = "utf-8"
    return body.decode("utf-8-sig" if name == "utf-8" else name, "replace")


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


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=100)
    except ValueError:
        raise Malformed("the form has more than 100 fields") from None


def _parts(body: bytes, content_type: str) -> list[tuple[str, str]]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    parts = [part for part in BytesParser(policy=HTTP).parsebytes(head + body).walk() if not part.is_multipart()]
    named = [(part.get_param("name", header="content-disposition"), part) for part in parts[:100]]
    return [
        (str(name), str(part.get_content()).strip())
        for name, part in named
        if name and part.get_content_maintype() == "text"
    ]


def _form(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """The fields; `record[id]=42` is the `id` inside `record`."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        *path, last = [name.partition("[")[0], *BRACKETS.findall(name)][:MAX_DEPTH]
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
    """What stands at a dotted path, such as `user.email`; a field that is called just so comes first."""
    if path in fields:
        return fields[path]
    value: Any = fields
    for step in path.split("."):
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
        value = json_value(value, "record") if value.strip() not in ("", "null", "undefined") else None
    if value is None or value == []:
        return None
    if not isinstance(value, dict):
        raise Malformed('record must be an object such as {"type": "contact", "id": "42"}')
    if _is_deep(value, MAX_DEPTH):
        raise Malformed("record is nested too deeply")
    found: dict[str, Any] = tidied(value)
    return found


def _is_deep(value: object, left: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return left == 0 or any(_is_deep(item, left - 1) for item in inner if isinstance(item, dict | list))


def text(fields: Mapping[str, Any], name: str) -> str | None:
    """A field as text, a number as its digits; absent, null and empty are None. Raises `Malformed`."""
    value = fields.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Malformed(f"{name} must be a text, not a {_json_word(value)}")
    shown = trimmed(value)
    if len(shown) > MAX_CHARACTERS or not shown.isprintable():
        raise Malformed(f"{name} must have at most {MAX_CHARACTERS} characters, none of them a control character")
    return shown or None


def _json_word(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    words: dict[type, str] = {dict: "object", list: "list"}
    return words.get(type(value), "number")
