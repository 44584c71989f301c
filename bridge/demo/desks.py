"""The two agents whose pages the demo shows, and what makes a popup for them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from bridge.core.errors import RequestFailed
from bridge.core.http_types import Request
from bridge.core.model import Pop
from bridge.demo.cast import DANA, OMER, Player
from bridge.demo.stage import Stage
from bridge.egress.client import EgressClient

AT_DESKS = (DANA, OMER)
"""The first has the button, and all that is played ends with her."""


@dataclass(slots=True)
class Desks:
    """Their tokens by `crm_user`. `pop` is what makes a popup at both desks now."""

    stage: Stage
    client: EgressClient
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    pop: Pop = Pop.BUTTON

    def pages(self) -> Iterator[tuple[Player, str]]:
        """Whose page is where. Each has a host of its own: a browser keeps one session for each in a window."""
        for player, address in zip(AT_DESKS, (self.stage.bridge_url, self.stage.other_bridge_url), strict=True):
            signed_in = urlencode({"token": self.tokens.get(player.crm_user, "")})
            yield player, f"{address}/desktop#{signed_in}"

    async def choose(self, pop: Pop) -> None:
        """What makes a popup from now on, as each would choose it in their page's settings."""
        if pop is self.pop:
            return
        self.pop = pop
        for token in self.tokens.values():
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            body = json.dumps({"pop": pop}).encode()
            address = f"{self.stage.bridge_url}/desktop/preferences"
            try:
                await self.client.send(Request("PUT", address, headers, body), timeout_seconds=5)
            except RequestFailed:
                return  # the bridge is gone: the page shows that by itself
