"""Odoo's clicks: the link that its server action opens, or what another of its actions sends by webhook; pure.

Neither is signed: a token in the address proves both. The link names who pressed it. The notification names the record
(`_model`, `_id`) and the fields that were chosen for it, but not who pressed: `write_uid`, if chosen, is who wrote the
record last.
"""

import re
from collections.abc import Mapping
from typing import Any

from bridge.core.http_types import Incoming, Secret
from bridge.crm.clicks import NAMES, asked, fields_of, idempotency_key, text
from bridge.crm.contract import ClickRequest
from bridge.crm.odoo.contacts import url
from bridge.crm.proofs import check_token

MODEL = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
LAST_WRITER = "write_uid"


def read_click(token: Secret | None, base_url: str, incoming: Incoming) -> ClickRequest:
    """What a click asks, once its sender is proven."""
    is_link = incoming.method == "GET"
    proof = check_token(token, incoming, in_body=not is_link)
    told: Mapping[str, Any] = incoming.query if is_link else fields_of(incoming)
    fields = {name: incoming.query.get(name) or told.get(name) for name in NAMES}
    if fields["agent"] is None and fields["extension"] is None:
        fields["agent"] = told.get(LAST_WRITER)
    record = told.get("record") if not is_link else None
    key = None if is_link else idempotency_key(incoming)
    return asked({**fields, "record": record or _record(base_url, told)}, key, proof)


def _record(base_url: str, told: Mapping[str, Any]) -> dict[str, str] | None:
    model, record_id = text(told, "_model") or "", text(told, "_id") or ""
    if not MODEL.fullmatch(model) or not record_id.isdecimal():
        return None
    name = told.get("name")
    named = {"name": name[:200]} if isinstance(name, str) and name else {}
    return {"type": model, "id": record_id, **named, "url": url(base_url, model, record_id) or ""}
