"""How a make of CRM is simulated: each folder's `simulator.py` offers a `SIMULATED`.

The demo, the tests and the bench all start from this one description.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from bridge.core.http_types import Request, Secret

App = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application."""
Mood = Literal["ok", "slow", "down", "refuses"]


@dataclass(frozen=True, slots=True)
class SimulatedContact:
    """A contact of the simulated CRM, with its numbers as the CRM's users typed them."""

    id: str
    name: str
    phones: tuple[str, ...]
    company: str = ""
    owner: str = ""
    details: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class SimulatedAgent:
    """A user of the simulated CRM: what the directory calls them, and their own id there."""

    crm_user: str
    name: str
    id: str


@dataclass(frozen=True, slots=True)
class ShownPopup:
    """A popup as an agent sees it there. `at` is epoch seconds; `ivrid` and `popup_id` are "" where the make has no
    room for them."""

    at: float
    agent: str
    number: str
    ivrid: str = ""
    popup_id: str = ""


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """A call record in its history, as it is now. `outcome` and `talk_seconds` are "" and None where the simulator does
    not read them."""

    ref: str
    agent: str
    number: str
    ivrid: str = ""
    contact_id: str = ""
    outcome: str = ""
    talk_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class SentNote:
    """An agent's note on a call, as it arrived there."""

    at: float
    agent: str
    text: str
    ivrid: str = ""


@runtime_checkable
class TakesNotes(Protocol):
    """A simulated CRM that keeps the notes it is sent beside its calls."""

    def notes(self) -> Sequence[SentNote]:
        """Every note that was taken, oldest first."""


class CrmSimulator(Protocol):
    """A simulated CRM: its API, its agents and contacts, and faults that may be changed while it runs."""

    @property
    def faults(self) -> Any:
        """Its misbehaviours, a dataclass of plain fields."""

    def app(self) -> App:
        """Its API, to be mounted at the path of its description."""

    def shown(self) -> Sequence[ShownPopup]:
        """Every popup that its agents were shown, oldest first. One that was shown twice is there twice."""

    def logged(self) -> Sequence[LoggedCall]:
        """The calls in its history; nothing where the make keeps none."""


@dataclass(frozen=True, slots=True)
class Press:
    """One press of the button there: by whom, for which record (and where that is shown, if it has no address of the
    make's own), when, and an id that makes a repeat the same press."""

    agent: SimulatedAgent
    press_id: str
    at: datetime
    record: SimulatedContact | None = None
    record_url: str = ""


@dataclass(frozen=True, slots=True)
class SimulatedCrm:
    """One make, simulated.

    `path` is where its API stands on a server. `section` gives the keys of `[crm.NAME]` beside `kind` that lead a
    bridge to it, for the address (with `path`) and a secret that was made up, from which every secret of the account
    is derived. `build` makes the simulator for the same address and secret. `press` is the click that its button sends
    to the bridge's public address, for the CRM of that name (None: a target only). `moods` are its faults by what they
    are to a visitor.
    """

    path: str
    section: Callable[[str, Secret], Mapping[str, object]]
    build: Callable[[str, Secret, Sequence[SimulatedAgent], Sequence[SimulatedContact]], CrmSimulator]
    moods: Mapping[Mood, object]
    press: Callable[[str, str, Secret, Press], Request] | None = None
