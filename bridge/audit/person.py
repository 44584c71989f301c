"""Whom an erasure is about: a caller by number, or a CRM's user. How either is told in whatever text mentions them."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from bridge.core.phone_numbers import digits_of, spellings, typed

BETWEEN_DIGITS = r"[ ().\-/]*"


@dataclass(frozen=True)
class CallerMark:
    """A caller: every spelling of the number, in any text; what is no number (`Anonymous`) as a whole value alone."""

    number: str
    keys: list[str]
    digits: set[str]
    group: str = field(default="caller", init=False)

    @classmethod
    def of(cls, number: str, regions: Iterable[str]) -> "CallerMark":
        """The caller with this number, as seen from these regions."""
        where = list(regions)
        return cls(number, spellings(number, where), digits_of(number, where))

    @property
    def asked(self) -> dict[str, list[str]]:
        """By filter: what whoever asked for them gave."""
        return {"caller": self.keys, "did": self.keys}

    def found_in(self, text: str) -> bool:
        """Whether the text tells of them."""
        if not self.digits:
            return any(_whole(key) in text for key in {self.number, *self.keys})
        return self._spelled.search(typed(text)) is not None

    @cached_property
    def _spelled(self) -> re.Pattern[str]:
        """The number as a whole, however it is spaced: not where other digits stand around it, as in the id of a call,
        which begins with a time."""
        runs = self.digits | {key.lstrip("+") for key in self.keys if key.lstrip("+").isdecimal()}
        for digits in self.digits:  # +972 (0)54 …
            countries = {key[1 : -len(digits)] for key in self.keys if key.startswith("+") and key.endswith(digits)}
            runs |= {f"{before}{country}0{digits}" for country in countries for before in ("", "00")}
        written = "|".join(BETWEEN_DIGITS.join(run) for run in sorted(runs))
        return re.compile(rf"(?:(?<!\d)|(?<=%[0-9A-Fa-f]{{2}}))(?:{written})(?!\d)")

    @property
    def patterns(self) -> list[str]:
        """SQL's patterns of every text that may hold the number, whatever stands between its digits."""
        return [f"%{'%'.join(digits)}%" for digits in sorted(self.digits)]

    def owns(self, key: str, fields: Mapping[str, str]) -> bool:
        """Whether a key of Redis is theirs as a whole: none is."""
        return False


@dataclass(frozen=True)
class AgentMark:
    """A CRM's user."""

    crm: str
    crm_user: str
    group: str = field(default="agent", init=False)

    @property
    def asked(self) -> dict[str, list[str]]:
        """By filter: what whoever asked for them gave."""
        return {"crm_user": [self.crm_user]}

    def found_in(self, text: str) -> bool:
        """Whether the text tells of them: CRM and user, each as a whole value."""
        return _whole(self.crm_user) in text and _whole(self.crm) in text

    def owns(self, key: str, fields: Mapping[str, str]) -> bool:
        """Whether a key of Redis is theirs as a whole: by its name, or as a token's owner."""
        owner = fields.get("crm"), fields.get("crm_user")
        return key.endswith(f":{self.crm}:{self.crm_user}") or owner == (self.crm, self.crm_user)


Mark = CallerMark | AgentMark


def _whole(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
