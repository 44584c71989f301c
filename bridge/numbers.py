"""What stands in a caller's number field, and phone numbers in one spelling; pure."""

import re
from collections.abc import Iterable

import phonenumbers

from bridge.domain import CallerKind

WITHHELD = frozenset(
    {"", "anonymous", "withheld", "private", "restricted", "unavailable", "unknown", "<unknown>", "blocked"}
)
SERVICE = re.compile(r"[*#][0-9*#]+")
DIALABLE = re.compile(r"\+?[ (]*[0-9][0-9 ().\-/]*")
SHORTEST_PUBLIC = 7
"""Fewer digits than this are an extension or a short code: no public number is so short."""


def kind_of(number: str) -> CallerKind:
    """What the phone system put into the number field: seldom is it only numbers."""
    text = number.strip()
    if text.casefold() in WITHHELD:
        return CallerKind.WITHHELD
    if SERVICE.fullmatch(text):
        return CallerKind.SERVICE
    if not DIALABLE.fullmatch(text):
        return CallerKind.TEXT
    digits = sum(character.isdigit() for character in text)
    return CallerKind.NUMBER if digits >= SHORTEST_PUBLIC else CallerKind.INTERNAL


def e164(number: str, region: str) -> str | None:
    """`+972722776772` for `0722776772` in region IL; None where it is not a valid public number."""
    if kind_of(number) is not CallerKind.NUMBER:
        return None
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def plain(number: str) -> str:
    """The digits of what may be a public number, however it is spaced; any other text as it is."""
    text = number.strip()
    digits = "".join(character for character in text if character.isdigit())
    return digits if DIALABLE.fullmatch(text) and len(digits) >= SHORTEST_PUBLIC else text


def spellings(number: str, regions: Iterable[str]) -> list[str]:
    """The keys under which this number may be kept: in E.164 as seen from each region, and as digits."""
    public = {found for region in regions if (found := e164(number, region))}
    return sorted(public | {plain(number)})
