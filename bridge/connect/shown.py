"""An answer of a phone system or CRM as it may be shown: short, readable, without secrets and what is hidden. Pure."""

import base64
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus

MOST_CHARACTERS = 8_000
MASK = "•••"
SHORTEST = 4
"""A shorter value is a word like any other: taking it out would take out others too."""
SECRET_NAME = re.compile(r"token|secret|passw|session|cookie|authoriz|credential|signature|api_?key|jwt", re.I)
PAIR = re.compile(
    r"(?P<name>(?:token|secret|passw|session|cookie|authoriz|credential|api_?key|jwt)[\w.-]{0,40})"
    r"(?P<between>\"?\s{0,4}[:=>]\s{0,4}\"?)(?P<value>[^\s\"&<>,;]+)",
    re.I,
)
"""In what is no JSON. A secret's name may begin before; nothing here is tried twice, however long a body is."""


def answer(body: bytes, secrets: Iterable[str], hidden: Iterable[str] = ()) -> str:
    """The body as text. `secrets` are taken out however they are spelled, `hidden` where they stand as values, and so
    is what fields with the name of a secret hold."""
    text = body[: 8 * MOST_CHARACTERS].decode("utf-8", "replace")
    text = without(_fields_masked(text), [*secrets, *hidden])
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}\n…"


def without(text: str, values: Iterable[str]) -> str:
    """The text without these values, in any spelling that a vendor may give them back in."""
    spelled = {each for value in values for each in _spellings(value) if len(each) >= SHORTEST}
    for each in sorted(spelled, key=len, reverse=True):
        text = text.replace(each, MASK)
    return text


def _spellings(value: str) -> Iterator[str]:
    yield value
    for text in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield text
        yield text.replace("/", "\\/")
    yield quote(value, safe="")
    yield quote_plus(value)
    yield unquote_plus(value)
    yield base64.b64encode(value.encode()).decode().rstrip("=")
    yield value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def _fields_masked(text: str) -> str:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return PAIR.sub(lambda pair: f"{pair['name']}{pair['between']}{MASK}", text)
    return json.dumps(_masked(found), indent=2, ensure_ascii=False)


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: MASK if _is_secret(key, inner) else _masked(inner) for key, inner in value.items()}
    return [_masked(inner) for inner in value] if isinstance(value, list) else value


def _is_secret(key: str, value: object) -> bool:
    return isinstance(value, str) and value != "" and SECRET_NAME.search(key) is not None and not value.isdecimal()


def place(url: str) -> str:
    """The address without what may be secret in it: its query's values, a fragment, a name and password."""
    head, _, query = url.partition("?")
    head = re.sub(r"//[^/@]*@", "//", head.partition("#")[0])
    names = [part.partition("=")[0] for part in query.split("&") if part]
    return f"{head}?{'&'.join(f'{name}=…' for name in names)}" if names else head


def hidden_values(calls: Collection[Any], hide: Collection[str]) -> set[str]:
    """The values of fields that the settings hide, as these calls have them."""
    found: set[str] = set()
    for call in calls:
        whole = {"caller.name": call.caller.name, "did": call.did}
        whole |= {"recording": call.recording.filename if call.recording else ""}
        whole |= {f"customdata.{key}": value for key, value in call.customdata.items()}
        found |= {value for name, value in whole.items() if _is_hidden(name, hide) and value}
    return found


def _is_hidden(name: str, hide: Collection[str]) -> bool:
    return name in hide or f"{name.partition('.')[0]}.*" in hide
