"""Ozeki's notifications: a form for whatever happens to a call. Source: the vendor's pages for XE; they are not signed,
and which extension they are about is not said of each: so every one makes the bridge ask again. Pure.
"""

from bridge.core.http_types import Incoming, Response, Secret
from bridge.pbx.contract import AskAgain
from bridge.pbx.event_proof import prove_by_address

NOTHING = Response(200, {"Content-Type": "text/plain", "Cache-Control": "no-store"})
"""An empty answer: the phone system's own dial plan decides."""


def read_event(secret: Secret | None, incoming: Incoming) -> AskAgain:
    """A hint. Raises `BadSignature`."""
    prove_by_address(secret, incoming)
    return AskAgain()
