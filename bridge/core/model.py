"""The nouns: what an agent, a call, a click and a popup are. Plain frozen data; no I/O, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bridge.core.contact import Contact
from bridge.core.json_fields import SPARSE
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
