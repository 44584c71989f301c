"""What `popbridge simulate` simulates, and the installation that leads a bridge to it."""

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bridge.connect.draft import FOLDER, Draft
from bridge.connect.installation import Agent, Installation
from bridge.core.http_types import Secret
from bridge.crm import registry as crm_makes
from bridge.demo.cast import CRM, CRM_KIND, DIDS, PBX, PBX_KIND, PLAYERS
from bridge.pbx import registry as pbx_makes

FILE = "simulate.json"
"""In the folder of secrets: what `popbridge init --simulate` chose, for `popbridge simulate` to go on with."""
PORT, BRIDGE = 9509, "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Simulated:
    """The makes, the port, where the bridge will be, and the secret that all secrets of both sides are made from."""

    pbx: str = PBX_KIND
    crm: str = CRM_KIND
    port: int = PORT
    bridge: str = BRIDGE
    secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    def text(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self)) + "\n"

    def installation(self, address: str) -> Installation:
        """Settings and agents for a bridge beside simulators at `address`."""
        pbx, crm, secret = pbx_makes.simulator(self.pbx), crm_makes.simulator(self.crm), Secret(self.secret)
        keys = {"kind": self.crm, "pbx": PBX, **crm.section(address + crm.path, secret)}
        return Installation(
            Draft("pbx", PBX, {"kind": self.pbx, **pbx.section(address + pbx.path, secret)}),
            Draft("crm", CRM, {**keys, "targets": [CRM, "desktop"]}),
            tuple(Agent(one.crm_user, pbx.extension_of(one.sip, one.short), one.name) for one in PLAYERS),
            self.bridge,
            urlsplit(self.bridge).port or 8080,
            dids=dict(DIDS),
        )


def kept(settings_file: Path) -> Simulated | None:
    """What was chosen beside these settings; None where nothing was, or it cannot be read."""
    try:
        found = json.loads((settings_file.parent / FOLDER / FILE).read_text(encoding="utf-8"))
        simulated = Simulated(**found)
    except (OSError, ValueError, TypeError):
        return None
    texts = (simulated.pbx, simulated.crm, simulated.bridge, simulated.secret)
    is_whole = type(simulated.port) is int and all(type(one) is str for one in texts)
    is_known = is_whole and simulated.pbx in pbx_makes.packages() and simulated.crm in crm_makes.packages()
    return simulated if is_known else None
