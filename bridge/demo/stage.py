"""Where the demo plays: its folder, its ports and the makes that play."""

import socket
from dataclasses import dataclass
from pathlib import Path

from bridge.core.http_types import Secret
from bridge.crm import registry as crm_makes
from bridge.crm.simulation import SimulatedCrm
from bridge.demo.cast import CRM_KIND, Player
from bridge.pbx import registry as pbx_makes
from bridge.pbx.simulation import SimulatedPbx

HOST = "127.0.0.1"
POPUP_TTL_SECONDS = 60
POLL_SECONDS = 0.5
"""How often the phone system is polled, unless the make has a limit of its own."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything both sides must agree on. `page_socket` listens already; the bridge opens its own port."""

    folder: Path
    page_socket: socket.socket
    bridge_port: int
    pbx_kind: str
    crm_kind: str
    pbx_secret: Secret
    crm_secret: Secret

    @property
    def pbx(self) -> SimulatedPbx:
        """How its phone system is simulated."""
        return pbx_makes.simulator(self.pbx_kind)

    @property
    def poll_seconds(self) -> float:
        """How often the phone system is asked who is on the phone."""
        return float(str(self.pbx.section(self.pbx_url, self.pbx_secret).get("poll_seconds", POLL_SECONDS)))

    @property
    def crm(self) -> SimulatedCrm:
        """How the CRM is simulated that is shown popups."""
        return crm_makes.simulator(self.crm_kind)

    @property
    def button_kind(self) -> str:
        """The make whose button is clicked: another where the CRM is a target only."""
        return self.crm_kind if self.crm.press else CRM_KIND

    @property
    def button(self) -> SimulatedCrm:
        """How the CRM with the button is simulated."""
        return crm_makes.simulator(self.button_kind)

    @property
    def button_url(self) -> str:
        """Where the API of the CRM with the button stands."""
        return self.page_url + self.button.path

    @property
    def pbx_url(self) -> str:
        """Where the phone system's API stands."""
        return self.page_url + self.pbx.path

    @property
    def crm_url(self) -> str:
        """Where the CRM's API stands."""
        return self.page_url + self.crm.path

    def contact_url(self, contact_id: str) -> str:
        """Where the CRM shows a contact."""
        return f"{self.page_url}/contacts/{contact_id}"

    def extension(self, player: Player) -> str:
        """What a player's extension is called there."""
        return self.pbx.extension_of(player.sip, player.short)

    @property
    def page_port(self) -> int:
        """Where the demo page and the simulators listen."""
        return int(self.page_socket.getsockname()[1])

    @property
    def page_url(self) -> str:
        """The address to open."""
        return f"http://{HOST}:{self.page_port}"

    @property
    def bridge_url(self) -> str:
        """The bridge's address."""
        return f"http://{HOST}:{self.bridge_port}"

    @property
    def other_bridge_url(self) -> str:
        """The same by another name of this machine: another host to a browser."""
        return f"http://localhost:{self.bridge_port}"

    @property
    def settings_file(self) -> Path:
        """The bridge's settings."""
        return self.folder / "popbridge.toml"

    @property
    def log_file(self) -> Path:
        """What the bridge says."""
        return self.folder / "bridge.log"
