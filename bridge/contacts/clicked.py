"""Who is calling by the click: the record that its sender has named; pure.

A button on a record's page knows whose page it is, and may say so by a name or a title. That need not be the caller.
So a CRM that can be searched is searched, unless the record has the caller's number with it; one that cannot be is
believed, unless the record has other numbers with it.
"""

from collections.abc import Mapping

from bridge.core.contact import Contact, ContactRecord, ContactSource, ContactStatus
from bridge.core.model import Call
from bridge.core.phone_numbers import same_number
from bridge.core.text import one_line

LONGEST_TEXT, LONGEST_URL, MOST_DETAILS, MOST_NUMBERS = 200, 2000, 10, 20
NAMES, DETAILS, NUMBERS = ("name", "title"), ("details", "fields"), ("phones", "phone")


def contact_of(
    record: Mapping[str, object] | None, crm: str, call: Call, region: str, is_believed: bool
) -> Contact | None:
    """The contact that a click's record is; None where it does not name itself, or is not the caller's as far as
    that can be told. `is_believed`: a record without numbers is taken at its word."""
    name = next((text for key in NAMES if (text := _text((record or {}).get(key)))), "")
    if record is None or not name or not _fits(record, call, region, is_believed):
        return None
    url = _text(record.get("url"), LONGEST_URL)
    known = ContactRecord(
        type=_text(record.get("type")),
        id=_text(record.get("id")),
        name=name,
        company=_text(record.get("company")),
        url=url if url.startswith(("https://", "http://")) else None,
        owner=_text(record.get("owner")),
        details=_details(record),
    )
    return Contact(ContactStatus.ONE, crm, (known,), from_=ContactSource.CLICK)


def _fits(record: Mapping[str, object], call: Call, region: str, is_believed: bool) -> bool:
    """Whether the record is the caller's."""
    given = next((record[key] for key in NUMBERS if record.get(key)), None)
    listed = given if isinstance(given, list) else [given]
    numbers = [text for one in listed[:MOST_NUMBERS] if (text := _text(one))]
    public = call.caller.e164
    if not numbers or public is None:
        return is_believed
    return any(same_number(one, public, region) for one in numbers)


def _details(record: Mapping[str, object]) -> dict[str, str]:
    given = next((one for key in DETAILS if isinstance(one := record.get(key), Mapping)), {})
    found = ((one_line(str(label), LONGEST_TEXT), _text(value)) for label, value in given.items())
    return dict([pair for pair in found if all(pair)][:MOST_DETAILS])


def _text(value: object, longest: int = LONGEST_TEXT) -> str:
    """A text or a number; "" for anything else."""
    is_one = isinstance(value, str | int | float) and not isinstance(value, bool)
    return one_line(str(value), longest) if is_one else ""
