"""What a phone system is to the bridge. One folder per make offers an `ADAPTER` that has what is written here.

Only `PbxAdapter` is required. What else an adapter can do it declares by having the methods of a capability below:
contract tests, doctor, console and the table of makes ask `isinstance(adapter, ListsQueues)` and the like.

Every question raises `PbxRefused`, `PbxUnreachable` or `PbxUnintelligible` and nothing else; what the session raises
passes through.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, Protocol, runtime_checkable

from bridge.config.models import PbxAccount
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Incoming, Response
from bridge.core.model import Call, Caller
from bridge.core.reasons import Reason
from bridge.core.session import Session


@dataclass(frozen=True, slots=True)
class Listing:
    """What a phone system answered: each extension it named with its live calls (none: idle).

    `names` are the extensions' own names where the vendor gives them; `unreadable` those of whose calls one or more
    could not be parsed. `empty_hint` is what else it may mean when an extension is missing. `details` is what else the
    vendor says of an extension, by its own field names: who it belongs to, who is logged in; `call_details` of a call,
    by its ivrid. `logged_in` is the name of who is logged in to an extension (None: nobody is; absent: not said).
    """

    extensions: Mapping[str, tuple[Call, ...]]
    names: Mapping[str, str] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()
    empty_hint: Reason | None = None
    details: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    call_details: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    logged_in: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A caller who waits in a queue."""

    caller: Caller
    ivrid: str
    joined_at: datetime
    waiting_seconds: float


@dataclass(frozen=True, slots=True)
class CallQueue:
    """A queue of the phone system and who waits in it, longest first. `weight` is its priority (None: not said)."""

    queue: str
    name: str
    callers: tuple[Waiting, ...]
    weight: int | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the phone system and their extension, by its own directory."""

    email: str
    extension: str
    name: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The whole account at one moment: a listing, who is logged in to which extension (None: logged out), and when it
    was true."""

    listing: Listing
    at: datetime
    logged_in: Mapping[str, Person | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """One extension's calls as they are now, all of them (none: idle), and when that was true (None: not said)."""

    extension: str
    calls: tuple[Call, ...]
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Something happened on these extensions: what, only a new question can tell. `owners` are the phone system's own
    ids of whose calls changed, where it names no extensions. Where both are empty, it may be anybody's."""

    extensions: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()


Told = Picture | Change | AskAgain
"""What an event of a phone system comes to."""


class Knows(StrEnum):
    """What a make's list of calls tells of a call, beside its state, direction and number."""

    DIALING = "dialing apart from ringing"
    HOLD = "hold"
    DID = "DID"
    CALLER_NAME = "caller's name"
    TRANSFER = "transferred calls"
    CUSTOM_DATA = "custom data"
    RECORDING = "recording"
    QUEUE = "queue of a call"
    CONFERENCE = "conference"
    PARKED = "parked calls"
    HELD_BY_OTHER = "hold by the other side"


class Existence(Enum):
    """What a phone system says of an extension that has no call."""

    EXISTS = "exists"
    UNKNOWN = "unknown"
    NOBODY_TELLS = "nobody-tells"


class PbxAdapter(Protocol):
    """One make of phone system. `knows` and `proven` stand in the README's table.

    `account` is the model of its `[pbx.NAME]`. `lists_idle`: its list of calls names idle extensions too; where it does
    not, `ListsExtensions` is needed to tell an idle extension from one that does not exist. `whole_account`: the vendor
    lists the whole account whatever is asked (see also `ScopeByAccount`).
    """

    kind: str
    title: str
    account: type[PbxAccount]
    lists_idle: bool
    whole_account: bool
    knows: frozenset[Knows]
    proven: Proven

    async def calls(self, account: Any, session: Session, extension: str | None) -> Listing:
        """The live calls on `extension`, or (None) on all extensions. Each call's `pbx` is `session.name`."""


@runtime_checkable
class ListsExtensions(Protocol):
    """It can list its extensions."""

    async def extensions(self, account: Any, session: Session) -> frozenset[str] | None:
        """The extensions that exist; None where this account is not allowed to ask."""


@runtime_checkable
class TellsExistence(Protocol):
    """It can be asked for one extension alone, which takes less than the list of all."""

    async def exists(self, account: Any, session: Session, extension: str) -> Existence:
        """Whether there is this extension. `NOBODY_TELLS`: this account cannot ask so, the list of all may tell."""


@runtime_checkable
class ScopeByAccount(Protocol):
    """Whether it lists the whole account depends on the account's settings."""

    def lists_whole_account(self, account: Any) -> bool:
        """As `PbxAdapter.whole_account`, which is not asked then."""


def lists_whole_account(adapter: PbxAdapter, account: PbxAccount) -> bool:
    """Whether the vendor lists the whole account, whatever is asked by this account."""
    return adapter.lists_whole_account(account) if isinstance(adapter, ScopeByAccount) else adapter.whole_account


@runtime_checkable
class PricesWhole(Protocol):
    """Asking it for the whole account takes more of its limits than a question for one extension does."""

    def whole_from(self, account: Any, session: Session) -> int | None:
        """With so many questions for single extensions on their way, the next one had better be for the whole account;
        None: however many there are. Asked for each question: it may look at what is left of the limits."""


@runtime_checkable
class ListsQueues(Protocol):
    """It has queues to ask for."""

    async def queues(self, account: Any, session: Session, queue: str | None) -> tuple[CallQueue, ...]:
        """Who waits in one queue (none: there is no such queue), or (None) in all."""


@runtime_checkable
class ListsPeople(Protocol):
    """It has a directory of its users."""

    async def people(self, account: Any, session: Session) -> tuple[Person, ...]:
        """The users who have an e-mail address and an extension."""


@runtime_checkable
class ReadsEvents(Protocol):
    """It sends events to the bridge."""

    def read_event(self, account: Any, incoming: Incoming) -> Told | Response:
        """What the event comes to, once its sender is proven; or the answer to a challenge. Raises `ClickRefused`."""


@runtime_checkable
class AnswersEvents(Protocol):
    """It wants an answer of its own to an event that was taken in; without this it gets 200 and an empty object."""

    def event_answer(self, account: Any, incoming: Incoming) -> Response:
        """The answer."""


@runtime_checkable
class KnowsOwners(Protocol):
    """Its events may name whose calls changed by ids of its own."""

    async def extensions_of(self, account: Any, session: Session, owners: frozenset[str]) -> frozenset[str]:
        """Their extensions; those it does not know are left out."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """How the subscriptions to its events stand: of how many extensions they are in force, of how many they are still
    missing, how many were `made` or `renewed` this time, and what keeps those that are missing from being made."""

    in_force: int = 0
    missing: int = 0
    made: int = 0
    renewed: int = 0
    problem: Reason | None = None


@runtime_checkable
class KeepsSubscriptions(Protocol):
    """Its events come by subscriptions that are made by its API, that run out and that it may stop."""

    def subscribes(self, account: Any) -> bool:
        """Whether this account wants them made: not where somebody makes them by hand."""

    async def subscribe(self, account: Any, session: Session, address: str, extensions: frozenset[str]) -> Subscribed:
        """See that the events of these extensions come to `address` (which may get a query): make what is missing,
        renew what runs out, make anew what was stopped. Never a second one of what is there, whoever made it. Asked
        every few minutes by one process, and sooner while some are missing. Raises as a question does."""


@runtime_checkable
class Connects(Protocol):
    """It offers a connection on which it sends events."""

    def connect(self, account: Any, session: Session) -> AsyncGenerator[Told, None]:
        """The events, the first of them a `Picture`, until the connection breaks. Raises as a question does."""


@runtime_checkable
class Probes(Protocol):
    """It can say what is missing in its own settings and rights."""

    async def probe(self, account: Any, session: Session) -> list[Finding]:
        """What the doctor and the console's "test" show, beside a real list of calls. Raises as a question does."""
