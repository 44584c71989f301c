"""Which of the records that a search gave really have the number; pure."""

from bridge.core.phone_numbers import same_number
from bridge.crm.contract import Found, SearchNumber


def matching(found: Found, number: SearchNumber) -> Found:
    """Those that have it, digit by digit: searches by last digits or parts of a number find others too."""
    records = tuple(
        record
        for record in found.records
        if any(same_number(phone, number.e164, number.region) for phone in record.phones)
    )
    return Found(records, found.more)
