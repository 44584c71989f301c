"""Text from outside, made safe to keep and to show; pure.

Senders, phone systems and spreadsheets put into a text what nobody sees: spaces of other kinds, marks of direction and
width, byte order marks, halves of characters. Whatever takes in a text takes it in through here.
"""

from typing import Any
from unicodedata import category

LONGEST = 1000
"""Characters that are kept of one text, unless its reader says otherwise."""
DEEPEST = 32
FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and symbols of Unicode that have no ink."""
TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of all that comes after them, on the rest of a page too."""
KEPT_CONTROLS = frozenset("\t\n\r")


def is_invisible(character: str) -> bool:
    """Whether nobody sees it: a space of any kind, a control character, a mark of direction or width."""
    return character.isspace() or character in FILLERS or category(character) in ("Cf", "Cc", "Zs", "Zl", "Zp")


def trimmed(text: str) -> str:
    """`text` without what nobody sees at its ends."""
    if text.isascii() and text.isprintable():
        return text.strip(" ")
    start, end = 0, len(text)
    while start < end and is_invisible(text[start]):
        start += 1
    while end > start and is_invisible(text[end - 1]):
        end -= 1
    return text[start:end]


def whole(text: str) -> str:
    """`text` with each half of a character replaced by U+FFFD: no program could read, send or keep it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def received(text: str, longest: int = LONGEST) -> str:
    """A text as it is kept: whole, trimmed, bounded, and of control characters with line ends and tabs alone."""
    if text.isascii() and text.isprintable():
        return text.strip(" ")[:longest].rstrip(" ")
    kept = trimmed(whole(text[: 2 * longest]))[:longest]
    return trimmed("".join(one for one in kept if one in KEPT_CONTROLS or category(one) != "Cc"))


def one_line(text: str, longest: int = LONGEST) -> str:
    """A name, a number or an id as it is kept and shown: as `received`, in one line, turning no text around it."""
    if text.isascii() and text.isprintable():
        return text.strip(" ")[:longest].rstrip(" ")
    kept = received(text, longest)
    if kept.isprintable():
        return kept
    return "".join(_in_a_line(one) for one in kept)


def _in_a_line(character: str) -> str:
    if character in TURNS:
        return ""
    return " " if category(character) in ("Cc", "Zl", "Zp") else character


def without_marks(text: str) -> str:
    """A number as it is shown: in one line, without invisible marks inside; its spaces and hyphens stay as sent."""
    kept = one_line(text)
    if kept.isascii():
        return kept
    return "".join(one for one in kept if one not in FILLERS and category(one) != "Cf")


def tidied(value: Any, depth: int = DEEPEST) -> Any:
    """Any JSON with the texts in it, keys too, whole and without null characters; else untouched.

    For objects that are handed through. What is nested deeper than `depth` becomes null.
    """
    if isinstance(value, str):
        return whole(value).replace("\0", "")
    if isinstance(value, dict | list) and depth == 0:
        return None
    if isinstance(value, dict):
        return {tidied(str(key)): tidied(inner, depth - 1) for key, inner in value.items()}
    return [tidied(inner, depth - 1) for inner in value] if isinstance(value, list) else value
