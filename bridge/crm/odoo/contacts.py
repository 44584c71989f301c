"""Who is calling, as Odoo knows it: searches by number, records found, new contacts; pure.

`phone_sanitized` is one number of each record in E.164. It is empty where Odoo could not read the number, and
everywhere where the library phonenumbers is missing. `phone_mobile_search` compares all numbers without their
punctuation: `+972…` and `00972…` are one, a national spelling is another (measured on 18.0). Both come with the module
phone_validation.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bridge.crm.contract import FoundRecord, SearchNumber
from bridge.crm.odoo import wire

PARTNER, LEAD = "res.partner", "crm.lead"
PHONE_FIELDS = ("phone_mobile_search", "phone_sanitized", "phone", "mobile")
NUMBERS = ("phone", "mobile", "phone_sanitized")
"""Fields in which a record's numbers stand; `mobile` is gone from Odoo 19 on."""
MORE_FIELDS = {PARTNER: ("parent_id", "user_id"), LEAD: ("contact_name", "partner_name", "user_id")}
MOST_RECORDS = 10
LONGEST_NAME = 200


def domain(number: SearchNumber, has: Iterable[str]) -> list[Any]:
    """The search for records that have the number, by the phone fields that there are."""
    fields = set(has)
    terms: list[Any] = [["phone_sanitized", "=", number.e164]] if "phone_sanitized" in fields else []
    if "phone_mobile_search" in fields:
        spelled = [number.e164, number.national, number.e164[1:]]
        different = [one for one in spelled if not one.startswith("00")]
        terms += [["phone_mobile_search", "=", one] for one in dict.fromkeys(different)]
    else:
        spelled = list(dict.fromkeys([number.e164, *number.formats, number.national]))
        terms += [[field, "=", one] for field in ("phone", "mobile") if field in fields for one in spelled]
    return any_of(terms)


def any_of(terms: Sequence[Any]) -> list[Any]:
    """A domain that is met by each of the terms: as many bars as there are terms, but one."""
    return ["|"] * (len(terms) - 1) + list(terms)


def fields_of(model: str, has: Iterable[str], details: Mapping[str, str]) -> list[str]:
    """The fields to read."""
    there = set(has)
    wanted = [name for name in (*NUMBERS, *details.values()) if name in there]
    return list(dict.fromkeys(["id", "name", *wanted, *MORE_FIELDS.get(model, ())]))


def found(base_url: str, model: str, row: Mapping[str, Any], details: Mapping[str, str]) -> FoundRecord:
    """A record that was found."""
    record_id = str(row["id"])
    person = wire.text(row.get("contact_name"))
    return FoundRecord(
        type=model,
        id=record_id,
        name=person or wire.text(row.get("name")),
        phones=tuple(dict.fromkeys(phone for name in NUMBERS if (phone := wire.text(row.get(name))))),
        company=wire.text(row.get("parent_id")) or wire.text(row.get("partner_name")),
        url=url(base_url, model, record_id),
        owner=wire.text(row.get("user_id")),
        details={label: told for label, name in details.items() if (told := wire.text(row.get(name)))},
    )


def url(base_url: str, model: str, record_id: str) -> str | None:
    """The page of a record. Odoo 18 and later take this older form too, and write it anew."""
    plain = model.replace(".", "").replace("_", "")
    if not plain.isalnum() or not plain.isascii() or not record_id.isascii() or not record_id.isdecimal():
        return None
    return f"{base_url}/web#id={record_id}&model={model}&view_type=form"


def new(number: SearchNumber, name: str) -> dict[str, str]:
    """A new contact; one without a name is called by the number."""
    return {"name": " ".join(name.split())[:LONGEST_NAME] or number.e164, "phone": number.e164}
