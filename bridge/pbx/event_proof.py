"""Events of phone systems that sign nothing: a secret in the address is their proof."""

from bridge.core.errors import BadSignature
from bridge.core.http_types import Incoming, Secret

PARAMETER = "secret"


def prove_by_address(secret: Secret | None, incoming: Incoming) -> None:
    """Raise `BadSignature` unless the address holds the secret (`?secret=…`), in constant time."""
    offered = incoming.query.get(PARAMETER, "")
    if secret is None or not secret.matches(offered):
        raise BadSignature
