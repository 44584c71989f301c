"""The makes of phone system that the demo simulates: how each one's fake is set up, and which settings go with it.

The one place of the demo that knows vendors.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from starlette.applications import Starlette

from bridge.core.http_types import Secret
from bridge.demo.cast import Player
from bridge.pbx.ozeki import simulator as ozeki
from bridge.pbx.switchboard import Switchboard
from bridge.pbx.voicenter import simulator as voicenter

SLOW_SECONDS = 1.2
API_USER = "popbridge"


class Simulator(Protocol):
    """What every make's fake is: an app, and faults that may be changed while it runs."""

    @property
    def faults(self) -> Any:
        """Its misbehaviours."""

    def app(self) -> Starlette:
        """Its API."""


@dataclass(frozen=True, slots=True)
class Make:
    """One make of phone system.

    `path` is where `base_url` points on the demo page's server; `keys` the rest of its settings for a secret;
    `extension` what a player's phone is called there; `moods` its faults by what they are to whoever looks;
    `not_told` what its API leaves out of what the demo plays.
    """

    kind: str
    title: str
    path: str
    keys: Callable[[Secret], Mapping[str, object]]
    simulator: Callable[[Switchboard, Secret], Simulator]
    extension: Callable[[Player], str]
    moods: Mapping[str, object]
    not_told: str = ""


def _voicenter(board: Switchboard, secret: Secret) -> Simulator:
    return voicenter.FakeVoicenter(board, secret.reveal(), voicenter.Faults())


def _ozeki(board: Switchboard, secret: Secret) -> Simulator:
    zone = ZoneInfo("Asia/Jerusalem")
    return ozeki.FakeOzeki(board, API_USER, secret.reveal(), ozeki.Faults(), local_time=zone)


MAKES: Mapping[str, Make] = {
    make.kind: make
    for make in (
        Make(
            kind="voicenter",
            title="Voicenter",
            path="/phone-system/comet/API",
            keys=lambda secret: {"code": secret.reveal()},
            simulator=_voicenter,
            extension=lambda player: player.sip,
            moods={
                "ok": voicenter.Faults(),
                "slow": voicenter.Faults(slow_seconds=SLOW_SECONDS),
                "down": voicenter.Faults(down="503"),
                "refuses": voicenter.Faults(code_refused=True),
            },
        ),
        Make(
            kind="ozeki",
            title="Ozeki Phone System",
            path="/phone-system",
            keys=lambda secret: {
                "username": API_USER,
                "password": secret.reveal(),
                "timezone": "Asia/Jerusalem",
                "region": "IL",
            },
            simulator=_ozeki,
            extension=lambda player: player.short,
            moods={
                "ok": ozeki.Faults(),
                "slow": ozeki.Faults(slow_seconds=SLOW_SECONDS),
                "down": ozeki.Faults(down="503"),
                "refuses": ozeki.Faults(refused=306),
            },
            not_told="Ozeki tells neither from where a call was transferred nor the name of somebody who is dialled.",
        ),
    )
}
DEFAULT = "voicenter"
