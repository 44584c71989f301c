"""An example for each operation: the curl that asks, and an answer of the shape that its schema says. Pure."""

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.web.api.example_values import ADDRESS, LOOSE, STREAMS, TIME, VALUES
from bridge.web.api.operations import Operation, Schema
from bridge.web.api.schemas import SCHEMAS

TOKENS = {"button": "$CLICK_TOKEN", "agent": "$AGENT_TOKEN", "admin": "$ADMIN_TOKEN"}
DEEPEST = 6
EMPTY = {"also", "other_calls"}
"""Lists of what is there at times only."""
SHOWN = {"kind", "e164", "contact", "trigger"}
"""Fields that may be left out, and are worth showing."""
NULL = {"type": "null"}


def curl(operation: Operation) -> str:
    """The request as a command."""
    address = ADDRESS + "".join(_filled(part) for part in operation.path.split("/")[1:])
    if operation.who == "button" and operation.method == "get":
        return f'curl "{address}?agent=dana@acme.example&token=$CLICK_TOKEN"'
    lines = [f"curl {shlex.quote(address)}" if operation.method == "get" else _with_method(operation, address)]
    if operation.who != "all":
        token = TOKENS.get(operation.who, "$SUPERVISOR_TOKEN")
        lines.append(f'-H "Authorization: Bearer {token}"')
    if operation.takes is not None:
        body = json.dumps(_of(operation.takes, {}, "", 0), ensure_ascii=False)
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(body)}"]
    return " \\\n  ".join(lines)


def _with_method(operation: Operation, address: str) -> str:
    return f"curl -X {operation.method.upper()} {shlex.quote(address)}"


def _filled(part: str) -> str:
    return f"/{VALUES.get(part.strip('{}'), '1')}" if part.startswith("{") else f"/{part}"


def answer(operation: Operation, schemas: Mapping[str, Any]) -> str:
    """The first success answer; "" where it has no body."""
    schema = next(iter(operation.answers.values()))
    if schema is None:
        return ""
    if isinstance(schema, tuple):
        return STREAMS.get(schema[0], "")
    told = LOOSE.get((operation.method, operation.path))
    found = _resolved(told, schemas) if told else _of(schema, schemas, "", 0)
    return json.dumps(found, indent=2, ensure_ascii=False)


def _resolved(value: Any, schemas: Mapping[str, Any]) -> Any:
    """With an example in place of each reference."""
    if isinstance(value, Mapping):
        if "$ref" in value:
            return _of(value, schemas, "", 1)
        return {name: _resolved(inner, schemas) for name, inner in value.items()}
    return [_resolved(inner, schemas) for inner in value] if isinstance(value, list) else value


def _of(schema: Schema, schemas: Mapping[str, Any], name: str, depth: int) -> Any:
    """A value that fits the schema, as a field of that name would have it."""
    if "$ref" in schema:
        return _of(schemas[str(schema["$ref"]).removeprefix(SCHEMAS)], schemas, name, depth)
    allowed = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if allowed:
        return VALUES[name] if VALUES.get(name) in allowed else allowed[0]
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in schema and "properties" not in schema:
            first = schema[alternatives][0]
            is_left_out = first.get("type") == "string" and NULL in schema[alternatives] and not _is_known(name, first)
            return None if is_left_out else _of(first, schemas, name, depth)
    return _typed(schema, schemas, name, depth)


def _typed(schema: Schema, schemas: Mapping[str, Any], name: str, depth: int) -> Any:
    types = schema.get("type", "object")
    types = types if isinstance(types, list) else [types]
    if "object" in types:
        return dict(_fields(schema, schemas, depth))
    if "array" in types:
        items = schema.get("items")
        return [_of(items, schemas, name, depth + 1)] if items and name not in EMPTY and depth < DEEPEST else []
    if "string" in types:
        return _text(schema, name, types)
    return {"boolean": False, "integer": 1, "number": 41.7}.get(types[0])


def _text(schema: Schema, name: str, types: list[str]) -> Any:
    if name in VALUES and (VALUES[name] is not None or "null" in types):
        return VALUES[name]
    return TIME if _is_known(name, schema) else None if "null" in types else "…"


def _is_known(name: str, schema: Schema) -> bool:
    """Whether the value is said by the name or is a time."""
    is_time = schema.get("format") == "date-time" or name.endswith("_at") or name in ("time", "at")
    return VALUES.get(name) is not None or is_time


def _fields(schema: Schema, schemas: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    if depth >= DEEPEST:
        return
    for name, inner in schema.get("properties", {}).items():
        if (told := _told_by_others(name, schema["properties"])) is not None:
            yield name, told
        elif name in SHOWN or name in schema.get("required", [name]):
            yield name, _of(inner, schemas, name, depth + 1)


def _told_by_others(name: str, fields: Mapping[str, Any]) -> str | None:
    """What a field means beside its neighbours: the name of an agent, the state of a delivery."""
    if name == "name" and "crm_user" in fields:
        return "Dana Cohen"
    return "delivered" if name == "state" and "delivery_id" in fields else None
