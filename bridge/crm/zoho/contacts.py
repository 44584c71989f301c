"""Who is calling, as Zoho knows it: records found, new contacts; pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.crm.contract import Found, FoundRecord, SearchNumber
from bridge.crm.zoho import coql, wire
from bridge.crm.zoho.account import Account

LONGEST_FIRST, LONGEST_LAST = 40, 80


def found(account: Account, answers: Iterable[tuple[str, Mapping[str, Any]]], owners: Mapping[str, str]) -> Found:
    """The records of all modules, in the order of the settings."""
    kept: list[FoundRecord] = []
    more = False
    for module, answer in answers:
        rows = wire.listed(answer)
        kept += [record(account, module, row, owners) for row in rows[: coql.MOST_RECORDS]]
        more = more or len(rows) > coql.MOST_RECORDS
    return Found(tuple(kept), more)


def record(account: Account, module: str, row: Mapping[str, Any], owners: Mapping[str, str]) -> FoundRecord:
    """One record for the card."""
    record_id = wire.id_of(row) or ""
    details = account.details if module == "Contacts" else {}
    numbers = (wire.text(row, name) for name in coql.phones(account, module))
    owner = row.get("Owner")
    return FoundRecord(
        type=module,
        id=record_id,
        name=wire.text(row, coql.NAME[module]),
        phones=tuple(dict.fromkeys(number for number in numbers if number)),
        company=wire.text(row, coql.COMPANY[module]),
        url=wire.page(account, module, record_id),
        owner=wire.text(row, "Owner") or owners.get(wire.id_of(owner) or "", ""),
        details={label: told for label, name in details.items() if (told := wire.text(row, name))},
    )


def new(number: SearchNumber, name: str) -> dict[str, str]:
    """A new contact. The last name is required, so a caller without a name is called by the number."""
    first, _, last = clean(name, LONGEST_FIRST + LONGEST_LAST).rpartition(" ")
    named = {"First_Name": first[:LONGEST_FIRST]} if first else {}
    return {**named, "Last_Name": last[:LONGEST_LAST] or f"Caller {number.e164}", "Phone": number.e164}


def clean(words: str, most: int) -> str:
    """A text of one line, bounded."""
    return " ".join("".join(one if one.isprintable() else " " for one in words[: most * 2]).split())[:most]
