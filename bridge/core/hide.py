"""What a CRM's settings keep from cards and pushes (`hide`); pure."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from bridge.core.contact import Contact
from bridge.core.model import Call, Caller, Popup

ALL = "*"
CUSTOMDATA, DETAILS = "customdata.", "contact.details."
NAMES = ("caller.name", "did", "recording", "record", "contact.company", "contact.owner")
"""What can be hidden beside `customdata.KEY` and `contact.details.LABEL`, of either all by `*`."""


def is_name(name: str) -> bool:
    """Whether this can be hidden."""
    return name in NAMES or any(name.startswith(group) and len(name) > len(group) for group in (CUSTOMDATA, DETAILS))


def without(popup: Popup, hide: Collection[str]) -> Popup:
    """The popup without these fields."""
    if not hide:
        return popup
    return replace(
        popup,
        call=call_without(popup.call, hide),
        other_calls=tuple(call_without(call, hide) for call in popup.other_calls),
        record=None if "record" in hide else popup.record,
        contact=contact_without(popup.contact, hide) if popup.contact else None,
    )


def call_without(call: Call, hide: Collection[str]) -> Call:
    """The call without these fields."""
    if not hide:
        return call
    caller = call.caller
    return replace(
        call,
        caller=Caller(caller.number, caller.e164, "", caller.kind, caller.e164_guessed)
        if "caller.name" in hide
        else caller,
        did="" if "did" in hide else call.did,
        did_label=None if "did" in hide else call.did_label,
        recording=None if "recording" in hide else call.recording,
        customdata=_left(call.customdata, CUSTOMDATA, hide),
    )


def contact_without(contact: Contact, hide: Collection[str]) -> Contact:
    """The contact without these fields."""
    records = tuple(
        replace(
            record,
            company="" if "contact.company" in hide else record.company,
            owner="" if "contact.owner" in hide else record.owner,
            details=_left(record.details, DETAILS, hide),
        )
        for record in contact.records
    )
    return replace(contact, records=records)


def _left(fields: Mapping[str, str], group: str, hide: Collection[str]) -> Mapping[str, str]:
    if f"{group}{ALL}" in hide:
        return {}
    return {key: value for key, value in fields.items() if f"{group}{key}" not in hide}
