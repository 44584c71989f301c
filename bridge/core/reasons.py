"""Why something is so, as data: a code and its parameters, put into words in the reader's language.

The words stand in `core/languages/LANGUAGE.json` under `reason.CODE`, those of a vendor's own codes in the `languages`
folder of its make. A gap `{name}` is filled by the parameter of that name: a text, a number, another reason, or a list
of them. A code that counts has one text for each plural form: `reason.CODE.one`, `.two`, `.other`, chosen by `count`.

The settings' help is English in their models; other languages have it under `setting.`, by `config.keys.path_of`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FALLBACK = "en"
PACKAGE = Path(__file__).parent.parent
GAP = re.compile(r"\{(\w+)\}")

Words = Mapping[str, str]
Parameter = Any
"""A text, a number, a `Reason`, or a sequence of these."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A stable kebab-case `code` (a vendor's own begin with its kind and a dot), its parameters, and what else is so.

    `also` are further reasons, told after this one. Parameters never hold a secret or a caller's number.
    """

    code: str
    params: Mapping[str, Parameter] = field(default_factory=dict)
    also: tuple["Reason", ...] = ()

    def __str__(self) -> str:
        """In English."""
        return say(self)


def reason(code: str, **params: Parameter) -> Reason:
    """A reason with these parameters."""
    return Reason(code, params)


def read(written: Mapping[str, Any]) -> Reason:
    """The reason that was written as JSON."""
    return Reason(written["code"], written.get("params") or {}, tuple(read(one) for one in written.get("also") or ()))


def say(what: Reason, language: str = FALLBACK) -> str:
    """The sentence for `what`. A code that the language has no words for is told in English, else as its code."""
    words = languages().get(language, {})
    return "; ".join(_said(one, words) for one in (what, *what.also))


@cache
def languages() -> Mapping[str, Words]:
    """All words by language: the program's and every make's. Another language is one more file in each folder."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted([*PACKAGE.glob("core/languages/*.json"), *PACKAGE.glob("*/*/languages/*.json"), *_brought]):
        found.setdefault(file.stem, {}).update(json.loads(file.read_text(encoding="utf-8")))
    return found


_brought: list[Path] = []


def bring(folder: Path) -> None:
    """Take in the words of a make that lives outside this package: its `languages` folder."""
    _brought.extend(file for file in sorted(folder.glob("*.json")) if file not in _brought)
    languages.cache_clear()


def _said(what: Reason, words: Words) -> str:
    text = _text(what, words) or _text(what, languages()[FALLBACK])
    if text is None:
        return what.code
    return GAP.sub(lambda gap: _filled(what.params.get(gap[1], gap[0]), words), text)


def _text(what: Reason, words: Words) -> str | None:
    key, count = f"reason.{what.code}", what.params.get("count")
    form = {1: "one", 2: "two"}.get(count, "other") if isinstance(count, int) else ""
    return words.get(f"{key}.{form}") or words.get(f"{key}.other") or words.get(key)


def _filled(value: Parameter, words: Words) -> str:
    if isinstance(value, Mapping):  # a reason that was read back from JSON
        value = read(value)
    if isinstance(value, Reason):
        return "; ".join(_said(one, words) for one in (value, *value.also))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_filled(one, words) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
