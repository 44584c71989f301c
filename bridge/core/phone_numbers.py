"""Phone numbers in one spelling, whatever a field has them in; pure."""

import re
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

import phonenumbers

from bridge.core.model import CallerKind
from bridge.core.number_text import SHORTEST_PUBLIC, is_dialable, kind_of, typed, written
from bridge.core.text import trimmed

__all__ = [
    "SHORTEST_PUBLIC", "PublicNumber", "digits_of", "e164", "key_of", "kind_of", "masked", "plain", "public_number",
    "same_number", "significant", "spelled", "spellings", "typed",
]  # fmt: skip

SEVERAL = re.compile(r"[/;,|\n]|\s(?:or|and|או)\s", re.I)
WORDS_FIRST = re.compile(r"^[^0-9+(]+")
LONGEST_SEVERAL = 400
NATIONAL = phonenumbers.PhoneNumberFormat.NATIONAL
SHORTEST_WITHOUT_PLUS = 10
"""Digits that a number needs to be taken for one with a country code but without its plus sign."""


class PublicNumber(NamedTuple):
    """A valid public number. `guessed`: it is one only if a plus sign is put before it, which nobody has sent."""

    e164: str
    guessed: bool = False


@lru_cache(4096)  # several times per click, often for the same DIDs and callers
def public_number(number: str, region: str) -> PublicNumber | None:
    """The public number in a field, as read in `region`; None if there is no valid one.

    SIP trunks send `447911123456`: where that is no valid number in `region`, it is read as `+447911123456`.
    """
    if kind_of(number) is not CallerKind.NUMBER:
        return None
    text, guess = _readings_of(number), _with_plus(number)
    found = next((one for one in (_valid(each, region) for each in text) if one), None)
    if found is not None:
        return PublicNumber(found)
    guessed = _valid(guess, region) if guess else None
    return PublicNumber(guessed, guessed=True) if guessed else None


def e164(number: str, region: str) -> str | None:
    """`+972722776772` for `0722776772` in region IL; None if it is not a valid public number."""
    found = public_number(number, region)
    return found.e164 if found else None


def _readings_of(field: str) -> list[str]:
    """What a field may mean, the likelier first: after its `phone-context`, as written, as `+0…` without the plus."""
    text, context = written(field)
    if context and not text.startswith("+") and _valid(f"{context}{text}", ""):
        return [f"{context}{text}"]
    return [text, text.lstrip("+")] if text.startswith("+0") else [text]


def _with_plus(field: str) -> str | None:
    """A number that may lack its plus sign, with it. National ones begin with a zero, or are shorter."""
    digits = "".join(filter(str.isdigit, written(field).text))
    is_bare = not written(field).text.startswith("+") and not digits.startswith("0")
    return f"+{digits}" if is_bare and len(digits) >= SHORTEST_WITHOUT_PLUS else None


def _valid(text: str, region: str) -> str | None:
    with suppress(phonenumbers.NumberParseException):
        parsed = phonenumbers.parse(text, region)
        if phonenumbers.is_valid_number(parsed):
            return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return None


def plain(number: str) -> str:
    """The digits of a possible public number, however it is written; any other text trimmed."""
    if not is_dialable(number):
        return trimmed(number)
    text = written(number).text
    digits = "".join(filter(str.isdigit, text))
    return digits if len(digits) >= SHORTEST_PUBLIC else text


def key_of(number: str, region: str) -> str:
    """What numbers are compared by: the E.164 number, else its digits, else the text without its wrapping."""
    return e164(number, region) or (plain(number) if is_dialable(number) else written(number).text)


def _readings(number: str, regions: Iterable[str]) -> list[phonenumbers.PhoneNumber]:
    """The number as parsed in each region where it is possible, whether or not it is in use there."""
    if kind_of(number) is not CallerKind.NUMBER:
        return []
    texts, guess, found = _readings_of(number), _with_plus(number), []
    for region in regions:
        invalid = guess is not None and not any(_valid(text, region) for text in texts)
        for text in [*texts, guess] if guess and invalid else texts:
            with suppress(phonenumbers.NumberParseException):
                found.append(phonenumbers.parse(text, region))
    return [each for each in found if phonenumbers.is_possible_number(each)]


def spellings(number: str, regions: Iterable[str]) -> list[str]:
    """The keys under which this number may be stored, the E.164 ones (as seen from each region) first.

    One phone system writes `0722776772`, another `972722776772` or `00972722776772`.
    """
    public, others = set(), {plain(number)}
    for each in _readings(number, regions):
        one = phonenumbers.format_number(each, phonenumbers.PhoneNumberFormat.E164)
        public.add(one)
        others |= {one[1:], f"00{one[1:]}", plain(phonenumbers.format_number(each, NATIONAL))}
        others |= {f"0{phonenumbers.national_significant_number(each)}"}
    return sorted(public) + sorted(others - public)


def digits_of(number: str, regions: Iterable[str]) -> set[str]:
    """Runs of digits that every spelling of this number contains; none when it is too short to be unambiguous."""
    national = {phonenumbers.national_significant_number(each) for each in _readings(number, regions)}
    return {digits for digits in national or {plain(number)} if digits.isdigit() and len(digits) >= SHORTEST_PUBLIC}


def masked(number: str) -> str:
    """`+9727…72`: enough to tell callers apart, too little to call one; if it is no number, only its kind."""
    text, kind = written(number).text, kind_of(number)
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


def significant(public: str) -> str:
    """An E.164 number without its country code: the national significant number."""
    with suppress(phonenumbers.NumberParseException):
        return phonenumbers.national_significant_number(phonenumbers.parse(public, None))
    return ""


def same_number(written_as: str, public: str, region: str) -> bool:
    """Whether a field of a record, as somebody in `region` fills it in, has the E.164 number `public`, alone or beside
    others."""
    return any(_is_same(one, public, region) for one in (written_as, *_parts(written_as)))


def _parts(field: str) -> list[str]:
    parts = SEVERAL.split(field[:LONGEST_SEVERAL])
    return [WORDS_FIRST.sub("", part) for part in parts] if len(parts) > 1 else []


def _is_same(field: str, public: str, region: str) -> bool:
    if e164(field, region) == public:
        return True
    digits = plain(field)
    return digits in (public[1:], f"00{public[1:]}")
