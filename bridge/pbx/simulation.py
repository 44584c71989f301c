"""How a make of phone system is simulated: each folder's `simulator.py` offers a `SIMULATED`.

The demo, `popbridge simulate`, the tests and the bench all start from this one description.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bridge.core.http_types import Secret
from bridge.pbx.switchboard import Switchboard

App = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application."""
Mood = Literal["ok", "slow", "down", "refuses"]
SLOW_SECONDS = 1.2
"""How long a simulated phone system in the mood `slow` takes to answer."""


class PbxSimulator(Protocol):
    """A simulated phone system: its API, and faults that may be changed while it runs."""

    @property
    def faults(self) -> Any:
        """Its misbehaviours, a dataclass of plain fields."""

    def app(self) -> App:
        """Its API, to be mounted where `base_url` points."""


@dataclass(frozen=True, slots=True)
class SimulatedPbx:
    """One make, simulated.

    `path` is where its API stands on a server. `section` gives the keys of `[pbx.NAME]` beside `kind` that lead a
    bridge to it, for the address (with `path`) and a secret that was made up; `build` makes the simulator for the same
    secret. `extension` says what extensions are called there: what a phone logs in with, or the short number. `moods`
    are its faults by what they are to a visitor. `not_told` is what its API leaves out of what the switchboard knows,
    in a sentence ("": nothing).
    """

    path: str
    section: Callable[[str, Secret], Mapping[str, object]]
    build: Callable[[Switchboard, Secret], PbxSimulator]
    moods: Mapping[Mood, object]
    extension: Literal["login", "short"] = "short"
    not_told: str = ""

    def extension_of(self, login: str, short: str) -> str:
        """What the extension is called there whose phone logs in as `login` and has the short number `short`."""
        return login if self.extension == "login" else short
