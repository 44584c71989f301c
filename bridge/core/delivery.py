"""What is brought to a target, and how that went. Plain frozen data; no I/O, no clock."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bridge.core.json_fields import SPARSE
from bridge.core.model import Caller, Direction, Popup, PopupAgent, Recording
from bridge.core.reasons import Reason


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


DESKTOP = "desktop"
"""The target that is the agent's own page; every other target is a CRM's name."""


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
