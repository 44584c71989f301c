"""Who is calling, as far as a CRM knows. Plain frozen data; no I/O, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from bridge.core.json_fields import SPARSE, without_underscore
from bridge.core.reasons import Reason


class ContactStatus(StrEnum):
    """What is known of who the caller is: one record has the number, several, none; the CRM was not asked, or has not
    answered in time."""

    ONE = "one"
    SEVERAL = "several"
    NONE = "none"
    UNASKED = "unasked"
    UNKNOWN = "unknown"


class ContactSource(StrEnum):
    """Where a contact comes from: the CRM was asked for it, an earlier answer, or the click named the record."""

    CRM = "crm"
    CACHE = "cache"
    CLICK = "click"


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """A record of the CRM that has the caller's number. `details` are the configured extras, in order."""

    type: str
    id: str
    name: str
    company: str
    url: str | None
    owner: str
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Contact:
    """Who is calling, as far as a CRM knows: up to ten records, best first; `more`: it has more than these.

    `create_url` is the page for a new record where there is none; `ms` how long the CRM took.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = {"alias_generator": without_underscore}

    status: ContactStatus
    crm: str
    records: tuple[ContactRecord, ...] = ()
    more: bool = False
    create_url: str | None = None
    ms: float | None = None
    from_: ContactSource | None = None
    reason: Reason | None = field(default=None, metadata={SPARSE: True})
