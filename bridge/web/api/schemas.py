"""The shapes of what is asked and answered that are no nouns of their own, as JSON Schema."""

from collections.abc import Mapping
from typing import Any

TEXT: Mapping[str, Any] = {"type": "string"}
OPTIONAL_TEXT = {"type": ["string", "null"]}
OPTIONAL_NUMBER = {"type": ["number", "null"]}
LOOSE = {"type": "object"}
"""An object whose fields are told in words."""
CLICK = {
    "type": "object",
    "properties": {
        "agent": {**TEXT, "description": "the CRM's name of the agent"},
        "extension": {**TEXT, "description": "one of the agent's, or any where no agent is named"},
        "ivrid": {**TEXT, "description": "this call, where there are several"},
        "record": {**LOOSE, "description": "handed through: type, id, url"},
    },
    "anyOf": [{"required": ["agent"]}, {"required": ["extension"]}],
}
ACK = {
    "type": "object",
    "properties": {"popup_id": TEXT, "event": {"enum": ["delivered", "shown", "dismissed"]}},
    "required": ["popup_id", "event"],
}
PRESS = {"type": "object", "properties": {"ivrid": OPTIONAL_TEXT, "popup_id": OPTIONAL_TEXT}}
NOTE = {"type": "object", "properties": {"text": {**TEXT, "maxLength": 4000}, "outcome": OPTIONAL_TEXT}}
PROBLEM = {
    "type": "object",
    "description": "RFC 9457; programs go by `reason`, people read `detail`.",
    "properties": {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT, "reason": TEXT},
    "required": ["type", "title", "status", "detail", "reason"],
}


def model(name: str) -> dict[str, Any]:
    """The schema of that name."""
    return {"$ref": f"#/components/schemas/{name}"}


def listed(item: Mapping[str, Any]) -> dict[str, Any]:
    """A page of a list."""
    return {
        "type": "object",
        "properties": {"items": {"type": "array", "items": item}, "next_cursor": OPTIONAL_TEXT},
        "required": ["items", "next_cursor"],
    }
