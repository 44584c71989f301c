"""What to search the audit log for: filters, times, numbers in any spelling, and the place where a page begins."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from bridge.audit.schema import LONGEST
from bridge.core.errors import Malformed
from bridge.core.json_codec import time_text
from bridge.core.model import Outcome
from bridge.core.phone_numbers import spellings
from bridge.core.reasons import reason
from bridge.core.text import trimmed

PAGE_LENGTH, LONGEST_PAGE = 50, 500
FILTERS = ("since", "until", "crm", "crm_user", "extension", "outcome", "caller", "did", "ivrid")
NUMBERS = ("caller", "did")

Item = TypeVar("Item")

Place = tuple[str, int]
"""Where a page begins: the time and number of the entry before it."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items, newest first, and where the next page begins (None: there is none)."""

    items: list[Item]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Search:
    """Which entries to find: the filters as given, and every spelling of the numbers among them.

    `crms` are the only CRMs whose entries may be found, whatever the filters say; None: every CRM. `problems`: only
    clicks without a popup, or whose popup was not delivered to every target.
    """

    filters: Mapping[str, str]
    keys: Mapping[str, list[str]]
    since: str | None
    until: str | None
    crms: tuple[str, ...] | None = None
    problems: bool = False

    @classmethod
    def read(
        cls, given: Mapping[str, str], regions: Iterable[str], now: datetime, crms: tuple[str, ...] | None = None
    ) -> "Search":
        """Read the filters in `given` and ignore everything else in it. Raises `Malformed`."""
        filters = {name: text for name in FILTERS if (text := _searchable(name, given.get(name, "")))}
        if filters.get("outcome") not in (None, *(str(one) for one in Outcome)):
            raise Malformed(reason("refused-one-of", name="outcome", choices=[*Outcome]))
        where = list(regions)
        keys = {name: spellings(filters[name], where) for name in NUMBERS if name in filters}
        times = {name: time_text(moment(filters[name], name, now)) for name in ("since", "until") if name in filters}
        return cls(filters, keys, times.get("since"), times.get("until"), crms)

    def sees_crm(self, crm: str) -> bool:
        """Whether entries of this CRM may be found."""
        return (self.crms is None or crm in self.crms) and crm == self.filters.get("crm", crm)


def _searchable(name: str, text: str) -> str:
    """As the archive keeps searchable fields. Raises `Malformed` on text that no entry can contain."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Malformed(reason("refused-null", name=name))
    return trimmed(text)[:LONGEST]


def moment(text: str, name: str, now: datetime) -> datetime:
    """An ISO 8601 time (without an offset: UTC), or how long ago: `90s`, `10m`, `6h`, `7d`. Raises `Malformed`."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    try:
        if text[:-1].isdecimal() and text[-1:] in units:
            return datetime.fromtimestamp(now.timestamp() - int(text[:-1]) * units[text[-1]], UTC)
        found = datetime.fromisoformat(text.replace(" ", "+"))
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise Malformed(reason("refused-time", name=name)) from None
    return found


def page_limit(text: str | None) -> int:
    """How many items a page has. Raises `Malformed`."""
    if not text:
        return PAGE_LENGTH
    if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= LONGEST_PAGE):
        raise Malformed(reason("refused-limit", most=LONGEST_PAGE))
    return int(text)


def to_cursor(place: Place) -> str:
    """The place as text that is safe in a URL."""
    return base64.urlsafe_b64encode(f"{place[0]} {place[1]}".encode()).decode().rstrip("=")


def from_cursor(cursor: str | None) -> Place | None:
    """The place that `to_cursor` wrote. Raises `Malformed`."""
    if not cursor:
        return None
    try:
        time, _, seq = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(" ")
        if len(time) != len(time_text(datetime.fromisoformat(time))) or int(seq) not in range(2**62):
            raise ValueError
    except (binascii.Error, ValueError, OverflowError):
        raise Malformed(reason("refused-cursor")) from None
    return time, int(seq)
