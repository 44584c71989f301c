"""Who is calling, as Bitrix24 knows it: searches by number, records found, new contacts; pure.

The search for duplicates compares digits in an index of its own and gives ids only, 20 at most of each type; the
records, their companies and their owners are asked for afterwards. A list finds a number only as it was typed.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.crm.bitrix24 import wire
from bridge.crm.bitrix24.account import Account
from bridge.crm.bitrix24.api import Command
from bridge.crm.contract import FoundRecord, SearchNumber

TYPES = ("CONTACT", "COMPANY", "LEAD")
"""In this order they are shown."""
MOST_VALUES = 20
MOST_IDS = 20
SHOWN_IDS = 11
"""One more than a card lists."""
FIELDS = {
    "CONTACT": ("ID", "NAME", "LAST_NAME", "PHONE", "COMPANY_ID", "ASSIGNED_BY_ID"),
    "COMPANY": ("ID", "TITLE", "PHONE", "ASSIGNED_BY_ID"),
    "LEAD": ("ID", "TITLE", "NAME", "LAST_NAME", "COMPANY_TITLE", "PHONE", "ASSIGNED_BY_ID"),
}
Ids = Mapping[str, list[str]]
"""Ids of records, by type."""
Names = Mapping[str, str]
"""Names by id."""


def spellings(number: SearchNumber) -> list[str]:
    """What to search for: every usual spelling, and the number without country code and zero."""
    digits = (number.e164[1:], number.with_zeros, number.national, number.significant)
    return list(dict.fromkeys([number.e164, *number.formats, *digits]))[:MOST_VALUES]


def searches(number: SearchNumber) -> Mapping[str, Command]:
    """One for each type: of all types together, twenty leads would hide everybody else."""
    values = spellings(number)
    return {
        kind: ("crm.duplicate.findbycomm", {"entity_type": kind, "type": "PHONE", "values": values}) for kind in TYPES
    }


def ids_in(results: Mapping[str, Any]) -> Ids:
    """The ids that were found, newest first; none of a type is an empty list instead of an object."""
    found = {kind: wire.inside(results.get(kind)).get(kind) for kind in TYPES}
    ids = {
        kind: [one for one in map(wire.id_of, told) if one] for kind, told in found.items() if isinstance(told, list)
    }
    return {kind: sorted(some, key=int, reverse=True) for kind, some in ids.items() if some}


def records(ids: Ids, details: Mapping[str, str]) -> Mapping[str, Command]:
    """Lists of the records with these ids."""
    return {
        kind: (
            f"crm.{kind.lower()}.list",
            {
                "filter": {"@ID": some[:SHOWN_IDS]},
                "order": {"ID": "DESC"},
                "select": [*FIELDS[kind], *details.values()],
            },
        )
        for kind, some in ids.items()
    }


def names(found: Mapping[str, Any]) -> Mapping[str, Command]:
    """What the records do not say themselves: names of companies and of owners."""
    rows = [row for kind in TYPES for row in wire.objects(found.get(kind))]
    companies, owners = (_distinct(rows, name) for name in ("COMPANY_ID", "ASSIGNED_BY_ID"))
    wanted: dict[str, Command] = {}
    if companies:
        wanted["companies"] = ("crm.company.list", {"filter": {"@ID": companies}, "select": ["ID", "TITLE"]})
    if owners:
        wanted["owners"] = ("user.get", {"FILTER": {"@ID": owners}})
    return wanted


def _distinct(rows: Iterable[Mapping[str, Any]], name: str) -> list[str]:
    ids = (wire.id_of(row.get(name)) for row in rows)
    return list(dict.fromkeys(one for one in ids if one))[: MOST_IDS * len(TYPES)]


def named(rows: Any) -> Names:
    """Names by id: of companies, or of people."""
    return {wire.id_of(row.get("ID")) or "": wire.text(row.get("TITLE")) or person(row) for row in wire.objects(rows)}


def person(row: Mapping[str, Any]) -> str:
    """Somebody's whole name."""
    return " ".join(part for part in (wire.text(row.get("NAME")), wire.text(row.get("LAST_NAME"))) if part)


def found_record(
    account: Account, kind: str, row: Mapping[str, Any], companies: Names, owners: Names
) -> FoundRecord | None:
    """A record that was found; None for what has no id."""
    number = wire.id_of(row.get("ID"))
    if number is None:
        return None
    title = wire.text(row.get("TITLE"))
    shown = {label: wire.text(row.get(field)) for label, field in account.details.items()}
    return FoundRecord(
        type=kind,
        id=number,
        name=(title if kind == "COMPANY" else person(row)) or title,
        phones=tuple(
            phone for phone in (wire.text(one.get("VALUE")) for one in wire.objects(row.get("PHONE"))) if phone
        ),
        company=companies.get(wire.id_of(row.get("COMPANY_ID")) or "", "") or wire.text(row.get("COMPANY_TITLE")),
        url=wire.page(account.base_url, kind, number),
        owner=owners.get(wire.id_of(row.get("ASSIGNED_BY_ID")) or "", ""),
        details={label: value for label, value in shown.items() if value},
    )


def new(number: SearchNumber, name: str) -> Mapping[str, Any]:
    """The fields of a new contact; a caller without a name is called by the number."""
    first, _, last = name.strip().rpartition(" ")
    named_so = {"NAME": first or last, "LAST_NAME": last if first else ""} if last else {"NAME": number.e164}
    return {**named_so, "PHONE": [{"VALUE": number.e164, "VALUE_TYPE": "MOBILE"}]}
