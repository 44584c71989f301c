"""What a CRM is to the bridge. One folder per make offers an `ADAPTER` with a `kind`, a `title`, an `account` and the
methods of the capabilities that it has.

A make whose button sends clicks has `ReadsClicks`; one that shows popups has `Delivers`; a target alone (a chat) has
`Delivers` only. The core owns attempts, waits, expiry, leases and records; an adapter knows what its vendor means.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, runtime_checkable

from bridge.config.models import CrmAccount
from bridge.core.delivery import CallEnd, DeliveryEvent
from bridge.core.finding import Finding, Proven
from bridge.core.http_types import Incoming, Response
from bridge.core.phone_numbers import significant
from bridge.core.reasons import Reason
from bridge.core.session import Session


@dataclass(frozen=True, slots=True)
class ClickRequest:
    """What an authenticated click asks for. `key` makes a repeated click the same click (None: each is its own);
    `proof` is the fingerprint of the secret that proved it. Neither `agent` nor `extension`: see `NamesSenders`.
    `names_clicker`: the proof covers the agent, so the CRM itself says who clicked; a token that every agent's link has
    says no such thing."""

    agent: str | None
    extension: str | None = None
    ivrid: str | None = None
    record: Mapping[str, object] | None = None
    key: str | None = None
    proof: str = ""
    names_clicker: bool = False


@dataclass(frozen=True, slots=True)
class Recipient:
    """The agent whose popup it is. `agent_id` is the agent's id in this CRM: the directory's, or what `find_agent`
    found; None where neither is known (or the make needs none)."""

    crm_user: str
    name: str
    agent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The CRM has it. `ref` is what it made of it there, to be updated later."""

    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The CRM had it already, from an attempt whose answer was lost: as good as delivered."""

    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now. `after`: how long the CRM asks to wait; None leaves it to the core's growing waits."""

    after: timedelta | None
    reason: Reason


@dataclass(frozen=True, slots=True)
class Rejected:
    """The CRM said no, and will say so again."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class RecipientUnknown:
    """The CRM does not know this agent."""

    reason: Reason = field(default_factory=lambda: Reason("recipient-unknown"))


Result = Delivered | Duplicate | Retry | Rejected | RecipientUnknown


@dataclass(frozen=True, slots=True)
class SearchNumber:
    """A number to search for: as an E.164 number, as it is written within `region`, and in the spellings that this
    account wants tried (`search_formats`), best first."""

    e164: str
    national: str
    region: str
    formats: tuple[str, ...]

    @property
    def significant(self) -> str:
        """Without country code and trunk prefix: what every spelling of it ends with."""
        return significant(self.e164)

    @property
    def with_zeros(self) -> str:
        """With 00 in place of the plus, as it is dialled from most countries: `00972…`."""
        return f"00{self.e164[1:]}"


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record that may have the number. `phones` are all the numbers it has, as the CRM writes them: the core checks
    them digit by digit and drops a record that has none of them. `details` are the configured extras, in order."""

    type: str
    id: str
    name: str
    phones: tuple[str, ...]
    company: str = ""
    url: str | None = None
    owner: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """The records that a search found, best first; `more`: the CRM has more than it gave."""

    records: tuple[FoundRecord, ...]
    more: bool = False


class CrmAdapter(Protocol):
    """One make of CRM: `kind` in the settings, `title` as its users know it, `account` the model of `[crm.NAME]`;
    `proven` stands in the README's table."""

    kind: str
    title: str
    account: type[CrmAccount]
    proven: Proven


@runtime_checkable
class ReadsClicks(Protocol):
    """Its button sends clicks."""

    def read_click(self, account: Any, incoming: Incoming) -> ClickRequest:
        """What the click asks, once its sender is proven: proof first, then reading. Raises `BadSignature`, `Malformed`
        or `UnsupportedMediaType` and nothing else."""


@runtime_checkable
class Handshakes(Protocol):
    """It challenges or pings the address before or between clicks."""

    def handshake(self, account: Any, incoming: Incoming) -> Response | None:
        """The answer to a challenge or ping; None: this is none, read it as a click."""


@runtime_checkable
class NamesSenders(Protocol):
    """Its proven clicks may name nobody, but hold what the CRM itself tells the agent's name for."""

    async def who_clicked(self, account: Any, session: Session, incoming: Incoming) -> str:
        """The agent's name, for a click that `read_click` has read without one. Raises `BadSignature` where the CRM
        knows nobody by it, and as `find_contacts`."""


@runtime_checkable
class Delivers(Protocol):
    """It is shown popups, notes and other events."""

    async def deliver(self, account: Any, session: Session, event: DeliveryEvent, recipient: Recipient) -> Result:
        """Bring the event to the recipient, once. The same `event.delivery_id` comes again after a lost answer: what
        the first attempt made is then updated, never made twice. What the session raises passes through."""


@runtime_checkable
class ChangesPopups(Protocol):
    """What it has shown can be changed: it is sent the popup at once, and again when it is known who is calling."""

    def changes_popups(self, account: Any) -> bool:
        """Whether that is so with these settings. Then `deliver` is called with `Event.CONTACT` too."""


@runtime_checkable
class FindsContacts(Protocol):
    """It can be searched by number."""

    async def find_contacts(self, account: Any, session: Session, number: SearchNumber) -> Found:
        """The records that may have the number. Raises `SearchFailed`; what the session raises passes through."""


@runtime_checkable
class CreatesContacts(Protocol):
    """A contact can be made by its API."""

    async def create_contact(self, account: Any, session: Session, number: SearchNumber, name: str) -> FoundRecord:
        """A new contact with this number. Raises as `find_contacts`."""


@runtime_checkable
class LogsCalls(Protocol):
    """It keeps a history of calls."""

    async def log_call(
        self, account: Any, session: Session, call: CallEnd, recipient: Recipient, ref: str | None
    ) -> str | None:
        """Write the call into its history, once for each call and agent: create the record, or update the one at `ref`
        or the one that an earlier attempt made (found by the call's ivrid). The record's reference; None where the make
        has nowhere to write it. The core sees to it that nobody else writes the same call meanwhile. Raises as
        `find_contacts`."""


@runtime_checkable
class FindsAgents(Protocol):
    """Its own ids of agents differ from what the directory calls them."""

    async def find_agent(self, account: Any, session: Session, crm_user: str) -> str | None:
        """The agent's id there; None where nobody is called so. The core caches it. Raises as `find_contacts`."""


@runtime_checkable
class Probes(Protocol):
    """It can say whether its settings and rights suffice."""

    async def probe(self, account: Any, session: Session) -> list[Finding]:
        """What the doctor and the console's "test" show. Raises as `find_contacts`."""


@runtime_checkable
class LinksRecords(Protocol):
    """Its records have addresses."""

    def record_url(self, account: Any, record_type: str, record_id: str) -> str | None:
        """Where this record is shown; None where that is not known."""


@runtime_checkable
class LinksNewRecords(Protocol):
    """A page for a new record can be opened with a number filled in."""

    def create_url(self, account: Any, number: SearchNumber, name: str) -> str | None:
        """Where a new record with this number and name is made; None where that is not known."""


@dataclass(frozen=True, slots=True)
class PasteFile:
    """A file or text that an admin pastes into the CRM to get the button: `name` as the CRM wants it called."""

    name: str
    text: str


@runtime_checkable
class MakesButtons(Protocol):
    """A ready-made button exists for it."""

    def button_files(self, account: Any, crm_name: str, public_url: str) -> tuple[PasteFile, ...]:
        """What `popbridge button CRM` prints. A secret stands in it only where the button cannot do without."""
