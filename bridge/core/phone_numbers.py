"""The content of a caller's number field, and phone numbers in one spelling; pure."""

import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache

import phonenumbers

from bridge.core.model import CallerKind

WITHHELD = frozenset(
    {"", "anonymous", "withheld", "private", "restricted", "unavailable", "unknown", "<unknown>", "blocked"}
)
SERVICE = re.compile(r"[*#][0-9*#]+")
DIALABLE = re.compile(r"\+?[ (]*[0-9][0-9 ().\-/]*")
LINK = re.compile(r"\s*(?:tel|callto):", re.I)
TYPED = {"\N{MINUS SIGN}": "-", "\N{FULLWIDTH PLUS SIGN}": "+"}
NATIONAL = phonenumbers.PhoneNumberFormat.NATIONAL
SHORTEST_PUBLIC = 7
"""Anything with fewer digits is an extension or a short code."""


def kind_of(number: str) -> CallerKind:
    """What the phone system put into the number field, which is often no number."""
    text = number.strip()
    if text.casefold() in WITHHELD:
        return CallerKind.WITHHELD
    if SERVICE.fullmatch(text):
        return CallerKind.SERVICE
    if not DIALABLE.fullmatch(text):
        return CallerKind.TEXT
    digits = sum(character.isdigit() for character in text)
    return CallerKind.NUMBER if digits >= SHORTEST_PUBLIC else CallerKind.INTERNAL


@lru_cache(1024)  # called three times per click, often for the same DIDs and callers
def e164(number: str, region: str) -> str | None:
    """`+972722776772` for `0722776772` in region IL; None if it is not a valid public number."""
    if kind_of(number) is not CallerKind.NUMBER:
        return None
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def typed(text: str) -> str:
    """`text` with ASCII digits, spaces, hyphens and plus signs, and without invisible characters: numbers pasted from
    documents or chats often contain others."""
    return text if text.isascii() else "".join(map(_typed, text))


def _typed(character: str) -> str:
    match unicodedata.category(character):
        case "Nd":
            return str(unicodedata.digit(character))
        case "Cf":
            return ""
        case "Zs":
            return " "
        case "Pd":
            return "-"
    return TYPED.get(character, character)


def plain(number: str) -> str:
    """The digits of a possible public number, however it is spaced; any other text unchanged."""
    text = LINK.sub("", typed(number)).strip()
    if not DIALABLE.fullmatch(text):
        return number.strip()
    digits = "".join(character for character in text if character.isdigit())
    return digits if len(digits) >= SHORTEST_PUBLIC else text


def _readings(number: str, regions: Iterable[str]) -> list[phonenumbers.PhoneNumber]:
    """The number as parsed in each region where it is possible, whether or not it is in use there."""
    text = LINK.sub("", typed(number)).strip()
    if kind_of(text) is not CallerKind.NUMBER:
        return []
    found = []
    for region in regions:
        with suppress(phonenumbers.NumberParseException):
            found.append(phonenumbers.parse(text, region))
    return [each for each in found if phonenumbers.is_possible_number(each)]


def spellings(number: str, regions: Iterable[str]) -> list[str]:
    """The keys under which this number may be stored, the E.164 ones (as seen from each region) first.

    One phone system writes `0722776772`, another `972722776772` or `00972722776772`.
    """
    public, written = set(), {plain(number)}
    for each in _readings(number, regions):
        one = phonenumbers.format_number(each, phonenumbers.PhoneNumberFormat.E164)
        public.add(one)
        written |= {one[1:], f"00{one[1:]}", plain(phonenumbers.format_number(each, NATIONAL))}
        written |= {f"0{phonenumbers.national_significant_number(each)}"}
    return sorted(public) + sorted(written - public)


def digits_of(number: str, regions: Iterable[str]) -> set[str]:
    """Runs of digits that every spelling of this number contains; none when it is too short to be unambiguous."""
    national = {phonenumbers.national_significant_number(each) for each in _readings(number, regions)}
    return {digits for digits in national or {plain(number)} if digits.isdigit() and len(digits) >= SHORTEST_PUBLIC}


def masked(number: str) -> str:
    """`+9727…72`: enough to tell callers apart, too little to call one; if it is no number, only its kind."""
    text, kind = number.strip(), kind_of(number)
    if kind is not CallerKind.NUMBER:
        return str(kind)
    return f"{text[:5] if len(text) > 9 else text[:2]}…{text[-2:]}"


def spelled(public: str, region: str) -> dict[str, str]:
    """An E.164 number in the usual spellings, by name, as written in `region`."""
    parsed = phonenumbers.parse(public, None)
    national = phonenumbers.format_number(parsed, NATIONAL)
    is_abroad = phonenumbers.region_code_for_number(parsed) != region
    inside = phonenumbers.format_out_of_country_calling_number(parsed, region) if is_abroad else national
    return {
        "e164": public,
        "national-digits": "".join(filter(str.isdigit, inside)),
        "national": national,
        "international": phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL),
        "digits": public[1:],
        "last9": public[-9:],
    }


def same_number(written: str, public: str, region: str) -> bool:
    """Whether `written`, as somebody in `region` types it, is the E.164 number `public`."""
    text = LINK.sub("", typed(written)).strip()
    if e164(text, region) == public:
        return True
    digits = "".join(character for character in text if character.isdigit())
    return bool(digits) and digits in (public[1:], f"00{public[1:]}")
