"""Who is calling, as Salesforce knows it: records found, new contacts, addresses of pages; pure."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from bridge.core.phone_numbers import plain, spelled, spellings
from bridge.crm.contract import Found, FoundRecord, SearchNumber
from bridge.crm.salesforce import queries, wire
from bridge.crm.salesforce.account import Account

LONGEST_FIRST, LONGEST_LAST = 40, 80
ALL_THE_SAME = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}
"""Makes a contact although a duplicate rule would only warn: nobody with the number was found."""


def found(account: Account, rows: Iterable[Mapping[str, Any]]) -> Found:
    """The records of a search. An object with more than a card lists says so."""
    kinds: dict[str, list[FoundRecord]] = {}
    for row in rows:
        kind = wire.text(row.get("attributes"), "type")
        if kind in account.search_in:
            kinds.setdefault(kind, []).append(record(account, kind, row))
    ordered = [kinds.get(kind, []) for kind in account.search_in]
    kept = tuple(one for of_kind in ordered for one in of_kind[: queries.MOST_RECORDS])
    return Found(kept, any(len(of_kind) > queries.MOST_RECORDS for of_kind in ordered))


def record(account: Account, kind: str, row: Mapping[str, Any]) -> FoundRecord:
    """One record for the card."""
    names = (*queries.PHONES[kind], *(account.phone_fields if kind == "Contact" else ()))
    details = account.details if kind == "Contact" else {}
    phones = (wire.text(row, name) for name in names)
    return FoundRecord(
        type=kind,
        id=wire.id_of(row) or "",
        name=wire.text(row, "Name"),
        phones=tuple(dict.fromkeys(phone for phone in phones if phone)),
        company=wire.text(row, queries.COMPANY[kind]) if kind in queries.COMPANY else wire.text(row, "Name"),
        url=wire.page(account.base_url, kind, wire.id_of(row) or ""),
        owner=wire.text(row, "Owner.Name"),
        details={label: told for label, name in details.items() if (told := wire.text(row, name))},
    )


def wanted(public: str, written: str) -> SearchNumber:
    """What to search for when only a popup is at hand: the E.164 number, and how the phone system writes it."""
    named = spelled(public, "")
    national = "".join(filter(str.isdigit, named["national"]))
    formats = (public, national, named["national"], named["international"], public[1:], written)
    return SearchNumber(public, national, "", tuple(dict.fromkeys(formats)))


def has(one: FoundRecord, public: str) -> bool:
    """Whether one of its phones is this E.164 number, in any spelling of the number's own country."""
    known = spellings(public, ["ZZ"])
    return any(plain(phone) in known for phone in one.phones)


def new(number: SearchNumber, name: str) -> dict[str, str]:
    """A new contact. The last name is required, so a caller without a name is called by the number."""
    first, _, last = clean(name, LONGEST_FIRST + LONGEST_LAST).rpartition(" ")
    named = {"FirstName": first[:LONGEST_FIRST]} if first else {}
    return {**named, "LastName": last[:LONGEST_LAST] or f"Caller {number.e164}", "Phone": number.e164}


def create_url(account: Account, number: SearchNumber, name: str) -> str:
    """The page for a new contact, filled in. A comma separates its fields, so a name has none."""
    told = {"Phone": number.e164, "LastName": clean(name.replace(",", " "), LONGEST_LAST)}
    filled = ",".join(f"{key}={quote(value, safe='')}" for key, value in told.items() if value)
    return f"{account.base_url}/lightning/o/Contact/new?defaultFieldValues={filled}"


def clean(words: str, most: int) -> str:
    """A text of one line, bounded."""
    return " ".join("".join(one if one.isprintable() else " " for one in words[: most * 2]).split())[:most]
