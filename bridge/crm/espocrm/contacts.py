"""Who is calling, as EspoCRM knows it: searches by number, records found, new contacts; pure.

`phoneNumberNumeric` holds the digits of every number of a record, however it was typed: one search by the last digits
finds all spellings. A list has the first number of each record only; all of them stand in the record itself.
"""

import re
from collections.abc import Mapping
from typing import Any

from bridge.crm.contract import FoundRecord, SearchNumber
from bridge.crm.espocrm import wire

COMPANY = {"Contact": ("accountName",), "Lead": ("accountName",)}
"""Where a company's name stands, by type; other types have none."""
MOST_HITS = 20
FEWEST_DIGITS = 7
ID = re.compile(r"[0-9A-Za-z_-]{1,40}")
SCOPE = re.compile(r"[A-Za-z][A-Za-z0-9]{0,99}")
ALL_THE_SAME = {"X-Skip-Duplicate-Check": "true"}
"""Makes a contact although EspoCRM knows another of that name."""
EXACT = "id,name,phoneNumber,accountName,assignedUserId"


def key_digits(number: SearchNumber) -> str:
    """The digits with which every spelling of the number ends."""
    return number.significant if len(number.significant) >= FEWEST_DIGITS else number.e164[1:]


def by_number(scope: str, number: SearchNumber, details: Mapping[str, str]) -> str:
    """The path of a search for all records of a type that may have the number."""
    fields = ["id", "name", "phoneNumber", *COMPANY.get(scope, ()), "assignedUserName", *details.values()]
    condition = ("like", "phoneNumberNumeric", f"%{key_digits(number)}")
    return wire.search(scope, [condition], ",".join(dict.fromkeys(fields)), MOST_HITS)


def by_exact_number(e164: str) -> str:
    """The path of a search for contacts that have precisely this number."""
    return wire.search("Contact", [("equals", "phoneNumber", e164)], EXACT, 5)


def has_it_first(record: Mapping[str, Any], number: SearchNumber) -> bool:
    """Whether the number may be the one that lists show."""
    digits = re.sub(r"\D", "", wire.text(record.get("phoneNumber")))
    return digits.endswith(key_digits(number))


def found(
    base_url: str, scope: str, record: Mapping[str, Any], details: Mapping[str, str], whole: Mapping[str, Any]
) -> FoundRecord:
    """A record that was found; `whole` is the record itself, {} where the list was enough."""
    rows = whole.get("phoneNumberData") if isinstance(whole.get("phoneNumberData"), list) else []
    phones = [record.get("phoneNumber"), *(row.get("phoneNumber") for row in rows or () if isinstance(row, dict))]
    company = next((told for name in COMPANY.get(scope, ()) if (told := wire.text(record.get(name)))), "")
    return FoundRecord(
        type=scope,
        id=record["id"],
        name=wire.text(record.get("name")),
        phones=tuple(dict.fromkeys(phone for phone in map(wire.text, phones) if phone)),
        company=company,
        url=url(base_url, scope, record["id"]),
        owner=wire.text(record.get("assignedUserName")),
        details={label: told for label, field in details.items() if (told := wire.text(record.get(field)))},
    )


def url(base_url: str, scope: str, record_id: str) -> str | None:
    """The page of a record."""
    if not SCOPE.fullmatch(scope) or not ID.fullmatch(record_id):
        return None
    return f"{base_url}/#{scope}/view/{record_id}"


def new(number: SearchNumber, name: str) -> dict[str, str]:
    """A new contact; the last name is required, so a caller without a name is called by the number."""
    first, _, last = clean(name, 200).rpartition(" ")
    named = {"firstName": first[:100]} if first else {}
    return {**named, "lastName": last[:100] or number.e164, "phoneNumber": number.e164}


def twin(answer: Any, number: SearchNumber) -> dict[str, Any] | None:
    """Of the contacts that EspoCRM takes for the same as a new one, the one with its number."""
    listed = answer if isinstance(answer, list) else []
    named = (one for one in listed if isinstance(one, dict) and isinstance(one.get("id"), str))
    return next((one for one in named if has_it_first(one, number)), None)


def clean(name: str, most: int) -> str:
    """A name that EspoCRM takes: its names are one line without `<`, `>` and `=` (measured: 400 otherwise)."""
    plain = "".join(letter if letter.isprintable() else " " for letter in name).translate(str.maketrans("<>=", "‹›＝"))
    return " ".join(plain.split())[:most]
