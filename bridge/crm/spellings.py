"""A number as people type it, for CRMs that compare texts: hyphens, spaces and brackets in the usual places; pure."""

import re
from collections.abc import Sequence

from bridge.core.phone_numbers import spelled
from bridge.crm.contract import SearchNumber

FEWEST_DIGITS = 7
"""Fewer digits than these are the end of too many numbers."""


def usual(number: SearchNumber) -> list[str]:
    """The spellings that the account wants tried, then the usual ones, national and international."""
    abroad, home = _groups(number)
    international = [f"+{abroad[0]}{between}{rest}" for rest in _joined(abroad[1:]) for between in (" ", "-")]
    national = _joined(home)
    if len(home) > 1:
        national += [f"({home[0]}) {rest}" for rest in _joined(home[1:])]
    return list(dict.fromkeys([*number.formats, number.e164, number.national, *national, *international]))


def endings(number: SearchNumber) -> list[str]:
    """With what a number ends, whether it begins with a country code, a zero or neither: bare digits first."""
    shared = "".join(_groups(number)[0][1:])
    if len(shared) < FEWEST_DIGITS:
        return [number.e164[1:]]
    parts = _groups(number)[0][1:]
    bracketed = [f"{parts[0]}) {rest}" for rest in _joined(parts[1:])] if len(parts) > 1 else []
    return list(dict.fromkeys([shared, *_joined(parts), *bracketed]))


def _groups(number: SearchNumber) -> tuple[list[str], list[str]]:
    """The groups of digits, abroad (the country code first) and at home."""
    named = spelled(number.e164, number.region)
    return re.findall(r"\d+", named["international"]), re.findall(r"\d+", named["national"])


def _joined(groups: Sequence[str]) -> list[str]:
    """Groups of digits in one, parted alike, or the first one alone parted from the rest."""
    first, rest = groups[0], groups[1:]
    parted = [f"{first}{between}{''.join(rest)}" for between in ("-", " ")] if rest else []
    mixed = [f"{first} {'-'.join(rest)}"] if len(rest) > 1 else []
    return list(dict.fromkeys(["".join(groups), "-".join(groups), " ".join(groups), *parted, *mixed]))
