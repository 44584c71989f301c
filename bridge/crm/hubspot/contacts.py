"""Who is calling, as HubSpot knows it: searches by number, records found, new contacts; pure.

HubSpot keeps a calculated property of each number without country code and leading zeros, and searches compare with
that: one search by the national significant number finds every spelling. Other fields are compared as they stand.
"""

from collections.abc import Mapping
from typing import Any

from bridge.core.phone_numbers import digits_of
from bridge.core.text import one_line
from bridge.crm.contract import FoundRecord, SearchNumber
from bridge.crm.hubspot import wire
from bridge.crm.hubspot.account import Account

CALCULATED, CALCULATED_MOBILE = "hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number"
PAGE_SIZE = 11
"""One more than a card lists."""
MOST_GROUPS = 5
OWNER = "hubspot_owner_id"
FIELDS = {
    "contacts": ("firstname", "lastname", "email", "company", "phone", "mobilephone", OWNER),
    "companies": ("name", "phone", OWNER),
}
NUMBERS = {"contacts": ("phone", "mobilephone"), "companies": ("phone",)}
Group = tuple[str, str, str]
"""Property, operator, value."""


def fields_of(kind: str, details: Mapping[str, str]) -> list[str]:
    """The properties to ask for: only these come."""
    return list(dict.fromkeys([*FIELDS[kind], *details.values()]))


def groups(kind: str, number: SearchNumber) -> list[Group]:
    """What a record must meet, any of them; at most five."""
    bare = min(digits_of(number.e164, ["ZZ"]), default=number.e164[1:])
    if kind == "contacts":
        calculated = [(CALCULATED, "EQ", bare)]
        calculated += [(name, "CONTAINS_TOKEN", f"*{bare}") for name in (CALCULATED, CALCULATED_MOBILE)]
        return [*calculated, ("phone", "EQ", number.e164), ("mobilephone", "EQ", number.e164)]
    written = dict.fromkeys([number.e164, *number.formats, number.national])
    return [("phone", "CONTAINS_TOKEN", f"*{bare}"), *(("phone", "EQ", one) for one in written)][:MOST_GROUPS]


def search(kind: str, number: SearchNumber, details: Mapping[str, str]) -> Mapping[str, object]:
    """The body of a search."""
    named = ({"propertyName": name, "operator": how, "value": value} for name, how, value in groups(kind, number))
    return {
        "filterGroups": [{"filters": [one]} for one in named],
        "properties": fields_of(kind, details),
        "sorts": [],
        "limit": PAGE_SIZE,
        "after": "0",
    }


def record(account: Account, kind: str, item: Mapping[str, Any], owners: Mapping[str, str]) -> FoundRecord | None:
    """An object as a record; None for what has no id."""
    number, held = wire.id_of(item.get("id")), wire.properties(item)
    if number is None:
        return None
    shown = {label: wire.text(held, name) for label, name in account.details.items()}
    return FoundRecord(
        type=wire.OBJECTS[kind],
        id=number,
        name=_name(held),
        phones=tuple(phone for phone in (wire.text(held, name) for name in NUMBERS[kind]) if phone),
        company=wire.text(held, "company"),
        url=wire.page(account, wire.OBJECTS[kind], number),
        owner=owners.get(wire.id_of(held.get(OWNER)) or "", ""),
        details={label: value for label, value in shown.items() if value},
    )


def _name(held: Mapping[str, Any]) -> str:
    whole = " ".join(part for part in (wire.text(held, "firstname"), wire.text(held, "lastname")) if part)
    return whole or wire.text(held, "name") or wire.text(held, "email")


def new(number: SearchNumber, name: str) -> Mapping[str, str]:
    """The properties of a new contact; a caller without a name is called by the number."""
    first, _, last = " ".join(one_line(name, wire.LONGEST_TEXT).split()).rpartition(" ")
    named = {"firstname": first or last, **({"lastname": last} if first else {})} if last else {}
    return {"phone": number.e164, **(named or {"firstname": number.e164})}
