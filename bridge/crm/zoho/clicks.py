"""Zoho's clicks: the function of a custom button, or a link; pure."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from bridge.core.http_types import Incoming
from bridge.crm import token_clicks
from bridge.crm.clicks import text
from bridge.crm.contract import ClickRequest
from bridge.crm.zoho import wire
from bridge.crm.zoho.account import Account


def read_click(account: Account, incoming: Incoming) -> ClickRequest:
    """What a click asks, once its sender is proven."""
    return token_clicks.read_click(account.click_token, incoming, partial(_record, account))


def _record(account: Account, fields: Mapping[str, Any]) -> dict[str, object] | None:
    """The record from which was clicked. What is no id is left out: the click counts without it."""
    record_id, module = text(fields, "recordId"), text(fields, "module") or ""
    if record_id is None or not wire.ID.fullmatch(record_id) or not wire.MODULE.fullmatch(module):
        return None
    return {"type": module, "id": record_id, "url": wire.page(account, module, record_id)}
