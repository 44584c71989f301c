"""Zoho's clicks: the function of a custom button, or a link; pure."""

from collections.abc import Mapping
from typing import Any

from bridge.core.errors import Malformed
from bridge.core.http_types import Incoming
from bridge.crm.clicks import MAX_KEY_CHARACTERS, asked, fields_of, idempotency_key, text
from bridge.crm.contract import ClickRequest
from bridge.crm.proofs import check_token
from bridge.crm.zoho import wire
from bridge.crm.zoho.account import Account


def read_click(account: Account, incoming: Incoming) -> ClickRequest:
    """What a click asks, once its sender is proven."""
    is_link = incoming.method == "GET"
    proof = check_token(account.click_token, incoming, in_body=not is_link)
    fields = incoming.query if is_link else fields_of(incoming)
    press = text(fields, "press")
    if press is not None and len(press) > MAX_KEY_CHARACTERS:
        raise Malformed(f"press must have at most {MAX_KEY_CHARACTERS} characters")
    key = idempotency_key(incoming) or (f"press:{press}" if press and not is_link else None)
    return asked({**fields, "record": _record(account, fields) or fields.get("record")}, key, proof)


def _record(account: Account, fields: Mapping[str, Any]) -> dict[str, object] | None:
    """The record from which was clicked. What is no id is left out: the click counts without it."""
    record_id, module = text(fields, "recordId"), text(fields, "module") or ""
    if record_id is None or not wire.ID.fullmatch(record_id) or not wire.MODULE.fullmatch(module):
        return None
    return {"type": module, "id": record_id, "url": wire.page(account, module, record_id)}
