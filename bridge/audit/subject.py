"""The data subject of an erasure: a caller by number, or a CRM's user; and how to recognise either in any text."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from bridge.core.phone_numbers import digits_of, spellings, typed

BETWEEN_DIGITS = r"[ ().\-/]*"


@dataclass(frozen=True)
class CallerSubject:
    """A caller: every spelling of the number, in any text; what is no number (`Anonymous`) only as a whole value."""

    number: str
    keys: list[str]
    digits: set[str]
    group: str = field(default="caller", init=False)

    @classmethod
    def of(cls, number: str, regions: Iterable[str]) -> "CallerSubject":
        """The caller with this number, as seen from these regions."""
        where = list(regions)
        return cls(number, spellings(number, where), digits_of(number, where))

    @property
    def searches(self) -> dict[str, list[str]]:
        """By filter: the values with which somebody may have searched for them."""
        return {"caller": self.keys, "did": self.keys}

    def found_in(self, text: str) -> bool:
        """Whether the text mentions them."""
        if not self.digits:
            return any(_whole(key) in text for key in {self.number, *self.keys})
        return self._spelled.search(typed(text)) is not None

    @cached_property
    def _spelled(self) -> re.Pattern[str]:
        """The whole number, however it is spaced, but not within a longer run of digits, such as the id of a call."""
        runs = self.digits | {key.lstrip("+") for key in self.keys if key.lstrip("+").isdecimal()}
        for digits in self.digits:  # +972 (0)54 …
            countries = {key[1 : -len(digits)] for key in self.keys if key.startswith("+") and key.endswith(digits)}
            runs |= {f"{before}{country}0{digits}" for country in countries for before in ("", "00")}
        written = "|".join(BETWEEN_DIGITS.join(run) for run in sorted(runs))
        return re.compile(rf"(?:(?<!\d)|(?<=%[0-9A-Fa-f]{{2}}))(?:{written})(?!\d)")

    @property
    def patterns(self) -> list[str]:
        """SQL patterns for every text that may contain the number, whatever separates its digits."""
        return [f"%{'%'.join(digits)}%" for digits in sorted(self.digits)]

    def owns(self, key: str, fields: Mapping[str, str]) -> bool:
        """Whether a Redis key belongs to them alone: none does."""
        return False


@dataclass(frozen=True)
class AgentSubject:
    """A CRM's user."""

    crm: str
    crm_user: str
    group: str = field(default="agent", init=False)

    @property
    def searches(self) -> dict[str, list[str]]:
        """By filter: the values with which somebody may have searched for them."""
        return {"crm_user": [self.crm_user]}

    def found_in(self, text: str) -> bool:
        """Whether the text mentions them: CRM and user, each as a whole value."""
        return _whole(self.crm_user) in text and _whole(self.crm) in text

    def owns(self, key: str, fields: Mapping[str, str]) -> bool:
        """Whether a Redis key belongs to them alone: by its name, or as a token's owner."""
        owner = fields.get("crm"), fields.get("crm_user")
        return f":{self.crm}:{self.crm_user}:" in f"{key}:" or owner == (self.crm, self.crm_user)


Subject = CallerSubject | AgentSubject


def _whole(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
