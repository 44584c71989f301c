"""Salesforce's clicks: the callout of a flow with a header of its named credential, or a link; pure."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from bridge.core.http_types import Incoming
from bridge.crm import token_clicks
from bridge.crm.clicks import text
from bridge.crm.contract import ClickRequest
from bridge.crm.salesforce import wire
from bridge.crm.salesforce.account import Account

UNSET = ("null", "{!recordId}")
"""What a flow sends for a variable that nobody has filled."""


def read_click(account: Account, incoming: Incoming) -> ClickRequest:
    """What a click asks, once its sender is proven. A flow's interview is one press, however often it is sent."""
    return token_clicks.read_click(account.click_token, incoming, partial(_record, account), "interview")


def _record(account: Account, fields: Mapping[str, Any]) -> dict[str, object] | None:
    """The record from which was clicked. What is no id is left out: the click counts without it."""
    record_id, kind = text(fields, "recordId"), text(fields, "objectName")
    if record_id is None or record_id in UNSET or not wire.ID.fullmatch(record_id):
        return None
    kind = kind if kind and wire.OBJECT.fullmatch(kind) else "record"
    return {"type": kind, "id": record_id, "url": wire.page(account.base_url, kind, record_id)}
