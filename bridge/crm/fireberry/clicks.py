"""Fireberry's clicks: a link, or the request of an automation; pure."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from bridge.core.http_types import Incoming
from bridge.crm import token_clicks
from bridge.crm.clicks import text
from bridge.crm.contract import ClickRequest
from bridge.crm.fireberry import wire
from bridge.crm.fireberry.account import Account


def read_click(account: Account, incoming: Incoming) -> ClickRequest:
    """What a click asks, once its sender is proven."""
    return token_clicks.read_click(account.click_token, incoming, partial(_record, account))


def _record(account: Account, fields: Mapping[str, Any]) -> dict[str, object] | None:
    """The record from which was clicked: its id and the number of its object, 2 for contacts if it is left out."""
    record_id, number = text(fields, "recordid"), text(fields, "objecttype") or "2"
    url = wire.page(account.base_url, number, record_id or "")
    if record_id is None or url is None:
        return None
    kind = next((name for name, known in wire.TYPES.items() if str(known) == number), number)
    return {"type": kind, "id": record_id, "url": url}
