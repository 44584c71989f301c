"""A caller's number in the spellings that a CRM may have it in; pure."""

from collections.abc import Sequence

from bridge.core.phone_numbers import e164, spelled
from bridge.crm.contract import SearchNumber


def search_number(number: str, region: str, formats: Sequence[str] = ()) -> SearchNumber | None:
    """What to search for; None where this is no public number. `formats` names the spellings to try, best first:
    `e164`, `digits` (without the plus), `national`, `national-digits`, `international`, `last9`."""
    public = e164(number, region)
    if public is None:
        return None
    written = spelled(public, region)
    wanted = [written[name] for name in (formats or written) if name in written]
    return SearchNumber(public, written["national-digits"], region, tuple(dict.fromkeys(wanted)))
