"""Who is calling, as Fireberry knows it: records found, new contacts; pure."""

from collections.abc import Mapping
from typing import Any

from bridge.core.phone_numbers import plain, spelled, spellings
from bridge.crm.contract import FoundRecord, SearchNumber
from bridge.crm.fireberry import queries, wire
from bridge.crm.fireberry.account import Account

LONGEST_NAME = 100


def record(account: Account, kind: str, row: Mapping[str, Any]) -> FoundRecord:
    """One record for the card."""
    numbers = (wire.text(row, name) for name in queries.phones(account, kind))
    details = account.details if kind == "Contact" else {}
    return FoundRecord(
        type=kind,
        id=str(row["id"]),
        name=wire.text(row, queries.NAME[kind]),
        phones=tuple(dict.fromkeys(number for number in numbers if number)),
        company=wire.text(row, queries.COMPANY),
        url=wire.page(account.base_url, kind, str(row["id"])),
        owner=wire.text(row, "ownername"),
        details={label: told for label, name in details.items() if (told := wire.text(row, name))},
    )


def wanted(public: str) -> SearchNumber:
    """What to search for when only a popup is at hand."""
    national = "".join(filter(str.isdigit, spelled(public, "")["national"]))
    return SearchNumber(public, national, "", ())


def has(one: FoundRecord, public: str) -> bool:
    """Whether one of its phones is this E.164 number, in any spelling of the number's own country."""
    known = spellings(public, ["ZZ"])
    return any(plain(phone) in known for phone in one.phones)


def new(account: Account, number: SearchNumber, name: str) -> dict[str, str]:
    """A new contact. A caller without a name is called by the number."""
    first, _, last = clean(name, 2 * LONGEST_NAME).rpartition(" ")
    named = {"firstname": first[:LONGEST_NAME]} if first else {}
    last_name = last[:LONGEST_NAME] or f"Caller {number.e164}"
    return {**named, "lastname": last_name, account.contact_phones[0]: number.e164}


def clean(words: str, most: int) -> str:
    """A text of one line, bounded."""
    return " ".join("".join(one if one.isprintable() else " " for one in words[: most * 2]).split())[:most]
