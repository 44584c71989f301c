"""Callers' numbers as a role sees them that may not see them (`console.mask_numbers`): the last two digits; pure.

Everything is masked but what is known to be no caller's number, so that a new field is masked until somebody says
otherwise here.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bridge.core.model import Caller

SHOWN_DIGITS = 2
MASK = "••••"
KEPT = r"(?:act|clk|dlv|pop)_[0-9a-f]{32}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?"
"""Ids of ours, and times."""
FOUND = re.compile(rf"(?P<kept>{KEPT})|[+\d](?:[\s().\-‐-―−/]{{0,3}}\d){{5,}}")
"""A number of six digits or more, however it is written."""
NO_NUMBERS = frozenset(
    {
        *("act_id", "click_id", "delivery_id", "popup_id", "token_id", "next_cursor", "salted", "shown", "key"),
        *("ivrid", "original_ivrid", "crm", "crm_user", "agent", "who", "pbx", "extension", "extensions", "target"),
        *("did", "did_label", "line", "queue", "time", "at", "since", "until", "now", "source_ip", "kind", "event"),
    }
)
"""Keys whose own text is shown: ids, agents, extensions, the organisation's numbers, times."""
ANYBODYS = frozenset({"customdata", "details", "record"})
"""What callers, phone systems and CRMs name themselves: no key in it says what its value is."""
LINKS = ("url", "_url")


def text(plain: str) -> str:
    """The text with all but the last digits of each number in it replaced."""
    return FOUND.sub(_masked, plain)


def _masked(found: re.Match[str]) -> str:
    return found["kept"] or MASK + re.sub(r"\D", "", found[0])[-SHOWN_DIGITS:]


def told(value: Any, is_anybodys: bool = False) -> Any:
    """A JSON value with every number in it masked. `e164` is left out, and a link that would show a number."""
    match value:
        case str():
            return text(value)
        case Mapping():
            return {text(key): _of(key, inner, is_anybodys) for key, inner in value.items()}
        case list() | tuple():
            return [told(inner, is_anybodys) for inner in value]
        case int() | float() if is_anybodys and not isinstance(value, bool):
            masked = text(repr(value))
            return value if masked == repr(value) else masked
    return value


def _of(key: str, value: Any, is_anybodys: bool) -> Any:
    if key == "e164":
        return None
    if key.endswith(LINKS) and isinstance(value, str):
        return value if text(value) == value else None
    if not is_anybodys and (key in NO_NUMBERS or key.endswith("_at")) and _is_plain(value):
        return value
    return told(value, is_anybodys or key in ANYBODYS)


def _is_plain(value: Any) -> bool:
    """A text, or a list of texts: an object below such a key is looked through like every other."""
    return isinstance(value, str) or (isinstance(value, list) and all(map(_is_plain, value)))


def caller(shown: Caller) -> Caller:
    """The caller with the number masked, in their name too."""
    return replace(shown, number=text(shown.number), e164=None, e164_guessed=False, name=text(shown.name))
