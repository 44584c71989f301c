"""The nouns: what an agent, a call, a click, a popup and a delivery are. Plain frozen data; no I/O, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from bridge.core.reasons import Reason


class CallState(StrEnum):
    """What a live call is doing now. Ended calls are not calls: adapters leave them out."""

    RINGING = "ringing"
    DIALING = "dialing"
    TALKING = "talking"
    HOLD = "hold"
    UNKNOWN = "unknown"


class Direction(StrEnum):
    """Which way the call goes, seen from the agent."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


class YesNo(StrEnum):
    """Whether something is so of a call; `UNKNOWN`: the phone system does not say."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class CallerKind(StrEnum):
    """What stands in the caller's number field: phone systems put more than numbers there."""

    NUMBER = "number"
    WITHHELD = "withheld"
    INTERNAL = "internal"
    SERVICE = "service"
    TEXT = "text"


class Pop(StrEnum):
    """When an agent gets a popup: when they click, when a call rings (outgoing: is dialled), or when it is answered."""

    BUTTON = "button"
    RINGING = "ringing"
    ANSWER = "answer"


class Trigger(StrEnum):
    """What made a popup: a click, a call that rings (outgoing: is dialled), or one that is answered."""

    BUTTON = "button"
    RINGING = "ringing"
    ANSWER = "answer"


class Outcome(StrEnum):
    """How a click ended. `FOUND` alone has a popup."""

    FOUND = "found"
    NO_ACTIVE_CALL = "no-active-call"
    UNKNOWN_AGENT = "unknown-agent"
    UNKNOWN_EXTENSION = "unknown-extension"
    NO_SUCH_CALL = "no-such-call"
    PBX_REFUSED = "pbx-refused"
    PBX_UNREACHABLE = "pbx-unreachable"
    PBX_UNINTELLIGIBLE = "pbx-unintelligible"


class ServedFrom(StrEnum):
    """Where the list of calls came from: asked for this click, a question already on its way, or a young answer."""

    PBX = "pbx"
    SHARED = "shared"
    RECENT = "recent"


class DeliveryState(StrEnum):
    """A delivery is pending until it ends in one of the other three."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"


class Event(StrEnum):
    """What a delivery brings to its target. `LOG` writes the call into a CRM's history; `CONTACT` is a popup once more,
    with who is calling, for a target that can change what it shows; `TEST` is sent to try a target, and never kept."""

    POPUP = "call.popup"
    NOTE = "call.note"
    ANSWERED_ELSEWHERE = "call.answered_elsewhere"
    ENDED = "call.ended"
    LOG = "call.log"
    CONTACT = "call.contact"
    TEST = "call.test"


def without_underscore(name: str) -> str:
    """The name in JSON of a field whose name is a word of Python's."""
    return name.rstrip("_")


SPARSE = "sparse"
"""Marks a field that JSON leaves out while it has its default."""
DESKTOP = "desktop"
"""The target that is the agent's own page; every other target is a CRM's name."""


@dataclass(frozen=True, slots=True)
class ExtensionId:
    """One extension on one phone system. Both compare exactly and case-sensitively."""

    pbx: str
    extension: str


@dataclass(frozen=True, slots=True)
class Agent:
    """A CRM user and the extensions the directory gives them, in the order of its rows.

    `agent_id` is the CRM's own id of the user, where it cannot be found by `crm_user` ("": it can).
    """

    crm: str
    crm_user: str
    name: str
    extensions: tuple[ExtensionId, ...]
    agent_id: str = ""
    pop: Pop = Pop.BUTTON


@dataclass(frozen=True, slots=True)
class Caller:
    """The other side. `number` is the phone system's own text, without invisible marks; `e164` only where that really
    is a public number. `e164_guessed`: it is one only if the phone system has left out the plus sign.
    """

    number: str
    e164: str | None = None
    name: str = ""
    kind: CallerKind = CallerKind.TEXT
    e164_guessed: bool = field(default=False, metadata={SPARSE: True})


@dataclass(frozen=True, slots=True)
class Recording:
    """The recording the phone system makes of a call."""

    filename: str
    muted: bool


@dataclass(frozen=True, slots=True)
class Call:
    """One live call on one extension. Times are UTC, None where the phone system gives none.

    Adapters fill in what the phone system said; `did_label`, `caller.e164` and `caller.kind` are added by `enrich`.
    `queue` is the name of the queue that it came through or waits in ("": none, or not said). A call that is `parked`,
    or that the other side has put on hold (`held_by_other`), keeps the state that the phone system gives it.
    """

    pbx: str
    extension: str
    ivrid: str
    original_ivrid: str | None
    did: str
    did_label: str | None
    direction: Direction
    state: CallState
    caller: Caller
    started_at: datetime | None
    answered_at: datetime | None
    recording: Recording | None
    customdata: Mapping[str, str] = field(default_factory=dict)
    queue: str = field(default="", metadata={SPARSE: True})
    conference: YesNo = field(default=YesNo.UNKNOWN, metadata={SPARSE: True})
    parked: YesNo = field(default=YesNo.UNKNOWN, metadata={SPARSE: True})
    held_by_other: YesNo = field(default=YesNo.UNKNOWN, metadata={SPARSE: True})

    @property
    def identity(self) -> str:
        """What makes it the same call on each extension. Where no ivrid is given, number and start tell calls apart."""
        started = self.started_at.isoformat() if self.started_at else ""
        return self.ivrid or f"{self.extension}\x1f{self.caller.number}\x1f{started}"


@dataclass(frozen=True, slots=True)
class Click:
    """One press of the button, authenticated and well-formed.

    `key` is what makes a repeated click the same click (None: each is its own); `record` is the CRM's object; `proof`
    the fingerprint of the secret that proved its sender.
    """

    click_id: str
    crm: str
    received_at: datetime
    source_ip: str
    agent: str | None = None
    extension: str | None = None
    ivrid: str | None = None
    record: Mapping[str, object] | None = None
    key: str | None = None
    proof: str = ""
    trigger: Trigger = Trigger.BUTTON


@dataclass(frozen=True, slots=True)
class PopupAgent:
    """Whose popup it is, and on which line the call was found."""

    crm: str
    crm_user: str
    name: str
    pbx: str
    extension: str


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


@dataclass(frozen=True, slots=True)
class PassedOn:
    """Where a call comes from that a colleague passed on: by whom and from which extension, and what the first of the
    agents who had it was shown. `popup_ids` are the popups of all who had it, oldest first: their notes go with it."""

    by: str
    extension: str
    ivrid: str
    caller: Caller
    did: str
    did_label: str | None
    contact: Contact | None
    popup_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Popup:
    """What the agent is shown, and what every target is sent; in a dry run nobody is sent it."""

    popup_id: str
    click_id: str
    created_at: datetime
    expires_at: datetime
    agent: PopupAgent
    call: Call
    other_calls: tuple[Call, ...]
    why: str
    record: Mapping[str, object] | None
    reason: Reason | None = None
    contact: Contact | None = None
    trigger: Trigger = Trigger.BUTTON
    dry_run: bool = field(default=False, metadata={SPARSE: True})
    passed_on: PassedOn | None = field(default=None, metadata={SPARSE: True})


@dataclass(frozen=True, slots=True)
class Note:
    """What an agent noted about a popup's call: a text, and how the call went in a word of the CRM's or None."""

    popup_id: str
    click_id: str
    agent: PopupAgent
    ivrid: str
    text: str
    outcome: str | None
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class AnsweredElsewhere:
    """A call that rang for an agent was answered by somebody else ("": nobody says by whom)."""

    popup_id: str
    ivrid: str
    agent: PopupAgent
    answered_by: str
    at: datetime


class CallOutcome(StrEnum):
    """How a call ended: it was answered, nobody took it, or the caller gave up first."""

    ANSWERED = "answered"
    MISSED = "missed"
    ABANDONED = "abandoned"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CallEnd:
    """A call of an agent's as a history keeps it: still going on (`ended_at` None) or over."""

    pbx: str
    ivrid: str
    original_ivrid: str | None
    agent: PopupAgent
    caller: Caller
    did: str
    direction: Direction
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    talk_seconds: int | None
    recording: Recording | None
    outcome: CallOutcome
    contact_type: str = ""
    contact_id: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryEvent:
    """What a target is sent, under one id on every attempt. `data` is None for a test.

    `at` is when it happened; `resent` is set where a person had it sent again after it had ended.
    """

    kind: Event
    delivery_id: str
    at: datetime
    data: Popup | Note | AnsweredElsewhere | CallEnd | None
    resent: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a click is answered: the outcome, one sentence of cause, and the popup when there is one.

    `pbx_ms` is the time the phone system took (None when it was not asked), `total_ms` runs from the click's arrival
    to the write of this answer. `dry_run`: nothing is sent anywhere, by the settings of the CRM.
    """

    click_id: str
    outcome: Outcome
    why: str
    popup: Popup | None
    served_from: ServedFrom | None
    pbx_ms: float | None
    total_ms: float
    reason: Reason | None = None
    dry_run: bool = field(default=False, metadata={SPARSE: True})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a delivery. `status` is the HTTP status (None without an answer), `error` a short cause or None.

    `said` is the beginning of what a target answered that did not take it, without numbers and secrets."""

    at: datetime
    status: int | None
    ms: float
    error: str | None
    next_try_at: datetime | None
    reason: Reason | None = None
    said: str = field(default="", metadata={SPARSE: True})


@dataclass(frozen=True, slots=True)
class Delivery:
    """One popup, or one note to it, on its way to one target. `shown_at`: when the agent saw it on the desktop."""

    delivery_id: str
    popup_id: str
    target: str
    state: DeliveryState
    created_at: datetime
    ended_at: datetime | None = None
    attempts: tuple[Attempt, ...] = ()
    event: Event = Event.POPUP
    shown_at: datetime | None = None
