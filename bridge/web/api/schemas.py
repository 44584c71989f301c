"""JSON Schemas of requests and responses that have no noun of their own."""

from collections.abc import Mapping
from typing import Any

from bridge.audit.entry import FIELDS, DeliveryEnd

SCHEMAS = "#/components/schemas/"

TEXT: Mapping[str, Any] = {"type": "string"}
OPTIONAL_TEXT = {"type": ["string", "null"]}
OPTIONAL_NUMBER = {"type": ["number", "null"]}
LOOSE = {"type": "object"}
"""An object whose fields are described in prose."""
CLICK = {
    "type": "object",
    "properties": {
        "agent": {**TEXT, "description": "the agent's user name in the CRM"},
        "extension": {**TEXT, "description": "one of the agent's extensions, or any if no agent is given"},
        "ivrid": {**TEXT, "description": "this call, if there are several"},
        "record": {**LOOSE, "description": "passed through: type, id, url"},
    },
    "anyOf": [{"required": ["agent"]}, {"required": ["extension"]}],
}
ACK = {
    "type": "object",
    "properties": {"popup_id": TEXT, "event": {"enum": ["delivered", "shown", "dismissed"]}},
    "required": ["popup_id", "event"],
}
CHOICE = {"type": "object", "properties": {"ivrid": OPTIONAL_TEXT, "popup_id": OPTIONAL_TEXT}}
NOTE = {"type": "object", "properties": {"text": {**TEXT, "maxLength": 4000}, "outcome": OPTIONAL_TEXT}}
DRAFT = {
    "type": "object",
    "properties": {"group": {"enum": ["pbx", "crm"]}, "name": TEXT, "kind": TEXT, "keys": LOOSE},
    "required": ["group", "name", "kind"],
}
LINK = {
    "type": "object",
    "properties": {"crm": TEXT, "crm_user": TEXT, "hours": {"enum": [1, 24, 168]}},
    "required": ["crm", "crm_user"],
}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457: `reason` is for programs, `detail` for people; `detail_reason` is the detail as data.",
    "properties": {
        "type": TEXT,
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "reason": TEXT,
        "detail_reason": LOOSE,
    },
    "required": ["type", "title", "status", "detail", "reason"],
}
REASON = {
    "description": "why, as data: a stable code, its parameters, further reasons; null in older entries",
    "type": ["object", "null"],
    "properties": {"code": TEXT, "params": LOOSE, "also": {"type": "array", "items": LOOSE}},
    "required": ["code", "params", "also"],
}
REFUSAL = {**TEXT, "description": "a refused click's stable reason, such as bad-signature"}

CAUSE = {
    **REASON,
    "description": "of a refused click: what the sender is not told, such as which proof failed and how; for"
    " supervisors and admins",
}


def model(name: str) -> dict[str, Any]:
    """A reference to the schema of that name."""
    return {"$ref": f"{SCHEMAS}{name}"}


def listed(item: Mapping[str, Any]) -> dict[str, Any]:
    """One page of such items."""
    return {
        "type": "object",
        "properties": {"items": {"type": "array", "items": item}, "next_cursor": OPTIONAL_TEXT},
        "required": ["items", "next_cursor"],
    }


def log_entry() -> dict[str, Any]:
    """A log entry as the audit log lists it."""
    return _entry(REASON)


def listed_click() -> dict[str, Any]:
    """A log entry, or a refused click in its shape."""
    listed = _entry({"anyOf": [REASON, REFUSAL]})
    return {**listed, "properties": {**listed["properties"], "cause": CAUSE}}


def _entry(reason: Mapping[str, Any]) -> dict[str, Any]:
    numbers = ("pbx_ms", "total_ms")
    fields: dict[str, Any] = {name: OPTIONAL_NUMBER if name in numbers else OPTIONAL_TEXT for name in FIELDS}
    ends = {"type": "array", "items": model("DeliveryEnd")}
    others = {"type": "array", "items": OPTIONAL_TEXT, "description": "callers shown beside; left out if none"}
    properties = {**fields, "reason": reason, "deliveries": ends}
    return {"type": "object", "properties": {**properties, "other_callers": others}, "required": [*properties]}


def delivery_end() -> dict[str, Any]:
    """How one delivery of a log entry ended."""
    properties = dict.fromkeys(DeliveryEnd.__annotations__, OPTIONAL_TEXT)
    return {"type": "object", "properties": properties, "required": [*properties]}
