"""Fireberry's clicks: a link, or the request of an automation; pure."""

from collections.abc import Mapping
from typing import Any

from bridge.core.errors import Malformed
from bridge.core.http_types import Incoming
from bridge.crm.clicks import MAX_KEY_CHARACTERS, asked, fields_of, idempotency_key, text
from bridge.crm.contract import ClickRequest
from bridge.crm.fireberry import wire
from bridge.crm.fireberry.account import Account
from bridge.crm.proofs import check_token


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
    """The record from which was clicked: its id and the number of its object, 2 for contacts if it is left out."""
    record_id, number = text(fields, "recordid"), text(fields, "objecttype") or "2"
    url = wire.page(account.base_url, number, record_id or "")
    if record_id is None or url is None:
        return None
    kind = next((name for name, known in wire.TYPES.items() if str(known) == number), number)
    return {"type": kind, "id": record_id, "url": url}
