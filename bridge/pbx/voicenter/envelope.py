"""What every answer of Voicenter shares: JSON in some encoding, an error inside a 200, fields of loose types; pure."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from bridge.core.errors import PbxRefused, PbxUnintelligible
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import reason
from bridge.core.text import one_line, received, without_marks
from bridge.pbx.reading import check_status, decoded, quoted, read_json

SYSTEM = "Voicenter"


def ask(method: str, address: str, fields: Mapping[str, str | None], code: Secret) -> Request:
    """A question. By POST the code stays out of addresses and access logs; a GET carries it in the address."""
    asked = {"code": code.reveal(), **{name: value for name, value in fields.items() if value is not None}}
    headers = {"Accept": "application/json"}
    if method == "get":
        return Request("GET", f"{address}?{urlencode(asked)}", headers)
    return Request("POST", address, {**headers, "Content-Type": "application/json"}, json.dumps(asked).encode())


def answer(reply: Reply, code: Secret) -> Mapping[str, Any]:
    """The answer's object, once it is known to be no error. `code` is blotted out should the vendor's text quote it."""
    found = opened(reply)
    _check_err(found, code)
    return found


def opened(reply: Reply) -> Mapping[str, Any]:
    """The answer's object, an error or not."""
    check_status(reply, SYSTEM)
    return _object(decoded(reply.body, reply.headers.get("content-type", "")))


def _object(body: str) -> dict[str, Any]:
    try:
        answer = read_json(body)
    except (ValueError, RecursionError):
        raise PbxUnintelligible(reason("voicenter.not-json")) from None
    if not isinstance(answer, dict) or "ERR" not in answer:
        raise PbxUnintelligible(reason("voicenter.no-err-field"))
    return answer


def _check_err(answer: Mapping[str, Any], code: Secret) -> None:
    """ERR is a number in the field table and a text in the error table; anything but 0 is an error in a 200."""
    if text(answer["ERR"]) == "0":
        return
    told, number = _quoted(answer.get("DESC"), code), _quoted(answer["ERR"], code)[:20]
    refused = "voicenter.refused" if told else "voicenter.refused-silently"
    raise PbxRefused(reason(refused, message=told, number=number))


def _quoted(value: object, code: Secret) -> str:
    """The vendor's own words, fit to be shown."""
    return quoted(text(value), code.reveal())


def objects(value: object, what: str) -> list[dict[str, Any]]:
    """The objects of a list, with what else stands in it left out. What is no list, or holds nothing else, is refused:
    what cannot be read must not pass for an idle extension."""
    found = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    if not isinstance(value, list) or (value and not found):
        raise PbxUnintelligible(reason("voicenter.no-list", list=what))
    return found


def text(value: object) -> str:
    """A field as text in one line: numbers come as ints at times, booleans as JSON's words, nothing as no text."""
    return one_line(_written(value))


def mark(value: object) -> str:
    """A number, an extension or an id, without invisible marks inside."""
    return without_marks(_written(value))


def paragraph(value: object, longest: int) -> str:
    """A text that may have several lines."""
    return received(_written(value), longest)


def _written(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
