"""Clicks proven by the account's click token: a link, or a request whose field `press` says which press it is; pure."""

from collections.abc import Callable, Mapping
from typing import Any

from bridge.core.errors import Malformed
from bridge.core.http_types import Incoming, Secret
from bridge.crm.clicks import MAX_KEY_CHARACTERS, asked, fields_of, idempotency_key, text
from bridge.crm.contract import ClickRequest
from bridge.crm.proofs import check_token

RecordOf = Callable[[Mapping[str, Any]], dict[str, object] | None]
"""The record that a vendor's own fields name; None: they name none."""


def read_click(token: Secret | None, incoming: Incoming, record_of: RecordOf, unit: str = "press") -> ClickRequest:
    """What the click asks, once its sender is proven. `unit` is what the field `press` counts: the same press, sent
    again, is the same click. A link has none. Raises `BadSignature` and `Malformed`."""
    is_link = incoming.method == "GET"
    proof = check_token(token, incoming, in_body=not is_link)
    fields = incoming.query if is_link else fields_of(incoming)
    press = text(fields, "press")
    if press is not None and len(press) > MAX_KEY_CHARACTERS:
        raise Malformed(f"press must have at most {MAX_KEY_CHARACTERS} characters")
    key = idempotency_key(incoming) or (f"{unit}:{press}" if press and not is_link else None)
    return asked({**fields, "record": record_of(fields) or fields.get("record")}, key, proof)
