"""A simulated HubSpot's answers to those who are let in, as its documentation gives them; pure."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bridge.crm.hubspot.simulated import Records, Refused
from bridge.crm.hubspot.wire import VERSION

REQUIRED = ("after", "filterGroups", "limit", "properties", "sorts")
STATUSES = ("BUSY", "CALLING_CRM_USER", "CANCELED", "COMPLETED", "CONNECTING", "FAILED", "IN_PROGRESS", "NO_ANSWER",
            "QUEUED", "RINGING")  # fmt: skip
KINDS = {"contact": "contacts", "company": "companies", "0-1": "contacts", "0-2": "companies"}
TYPES = {194: "contacts", 182: "companies"}
CREATED = "2026-11-22T10:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: what was asked, when (epoch seconds), and how far the search lags behind."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    at: float
    index_delay: float

    def json(self) -> dict[str, Any]:
        """The object in the body. Raises `Refused`."""
        try:
            value = json.loads(self.body)
        except ValueError:
            raise Refused(400, "VALIDATION_ERROR") from None
        if not isinstance(value, dict):
            raise Refused(400, "VALIDATION_ERROR")
        return value


def answer(records: Records, asked: Asked) -> tuple[int, Any]:
    """Status and value. Raises `Refused`."""
    for method, path, how in ROUTES:
        found = path.fullmatch(asked.path)
        if found and method == asked.method:
            told: tuple[int, Any] = how(records, asked, *found.groups())
            return told
    raise Refused(404, "OBJECT_NOT_FOUND")


def _object(records: Records, kind: str, number: int, wanted: Any) -> dict[str, Any]:
    held = records.items[kind][number]
    chosen = {name: held.get(name) for name in wanted}
    return {"id": str(number), "properties": chosen, "createdAt": CREATED, "updatedAt": CREATED, "archived": False}


def _search(records: Records, asked: Asked, kind: str) -> tuple[int, Any]:
    body = asked.json()
    if any(name not in body for name in REQUIRED):
        raise Refused(400, "VALIDATION_ERROR")
    found = records.search(kind, body["filterGroups"], asked.at)
    rows = [_object(records, kind, number, body["properties"]) for number in found[: body["limit"]]]
    more = {"paging": {"next": {"after": str(body["limit"])}}} if len(found) > body["limit"] else {}
    return 200, {"total": len(found), "results": rows, **more}


def _get(records: Records, asked: Asked, kind: str, number: str) -> tuple[int, Any]:
    if int(number) not in records.items[kind]:
        raise Refused(404, "OBJECT_NOT_FOUND")
    told = _object(records, kind, int(number), asked.query.get("properties", "").split(","))
    if asked.query.get("associations") == "calls":
        ids = [call for call, joined in records.joined.items() if (kind, number) in joined]
        results = [{"id": str(call), "type": "contact_to_call"} for call in ids]
        told |= {"associations": {"calls": {"results": results}}} if results else {}
    return 200, told


def _list(records: Records, _asked: Asked, kind: str) -> tuple[int, Any]:
    return 200, {"results": [_object(records, kind, number, ()) for number in list(records.items[kind])[:1]]}


def _add(records: Records, asked: Asked, kind: str) -> tuple[int, Any]:
    body = asked.json()
    told = _checked(kind, body.get("properties"))
    if kind == "calls" and "hs_timestamp" not in told:
        raise Refused(400, "VALIDATION_ERROR")
    number = records.add(kind, told, asked.at, asked.index_delay)
    for one in body.get("associations", ()):
        to = TYPES[one["types"][0]["associationTypeId"]]
        records.joined.setdefault(number, []).append((to, one["to"]["id"]))
    return 201, _object(records, kind, number, told)


def _checked(kind: str, told: Any) -> dict[str, str]:
    """Properties are texts, and a call's status is one of a list. Raises `Refused`."""
    if not isinstance(told, dict) or not told or not all(isinstance(value, str) for value in told.values()):
        raise Refused(400, "VALIDATION_ERROR")
    if kind == "calls" and told.get("hs_call_status", "RINGING") not in STATUSES:
        raise Refused(400, "VALIDATION_ERROR")
    return told


def _change(records: Records, asked: Asked, kind: str, number: str) -> tuple[int, Any]:
    if int(number) not in records.items[kind]:
        raise Refused(404, "OBJECT_NOT_FOUND")
    told = _checked(kind, asked.json().get("properties"))
    records.items[kind][int(number)] |= told
    return 200, _object(records, kind, int(number), told)


def _read_calls(records: Records, asked: Asked) -> tuple[int, Any]:
    body = asked.json()
    ids = [int(one["id"]) for one in body["inputs"] if int(one["id"]) in records.items["calls"]]
    rows = [_object(records, "calls", number, body["properties"]) for number in ids]
    return 200, {"status": "COMPLETE", "results": rows}


def _join(records: Records, _asked: Asked, call: str, kind: str, number: str, type_id: str) -> tuple[int, Any]:
    if int(call) not in records.items["calls"] or TYPES.get(int(type_id)) != KINDS[kind]:
        raise Refused(400, "VALIDATION_ERROR")
    joined = records.joined.setdefault(int(call), [])
    if (KINDS[kind], number) not in joined:
        joined.append((KINDS[kind], number))
    return 200, _object(records, "calls", int(call), ())


def _owners(records: Records, asked: Asked) -> tuple[int, Any]:
    email = asked.query.get("email")
    return 200, {"results": [one for one in records.owners.values() if email is None or one["email"] == email]}


def _owner(records: Records, asked: Asked, number: str) -> tuple[int, Any]:
    name = asked.query.get("idProperty", "id")
    for one in records.owners.values():
        if str(one[name]) == number:
            return 200, one
    raise Refused(404, "OBJECT_NOT_FOUND")


OBJECTS = rf"/crm/objects/{VERSION}/(contacts|companies|calls)"
ROUTES: tuple[tuple[str, re.Pattern[str], Callable[..., tuple[int, Any]]], ...] = (
    ("POST", re.compile(rf"{OBJECTS}/search"), _search),
    ("POST", re.compile(rf"/crm/objects/{VERSION}/calls/batch/read"), _read_calls),
    ("GET", re.compile(rf"{OBJECTS}/(\d+)"), _get),
    ("GET", re.compile(OBJECTS), _list),
    ("POST", re.compile(OBJECTS), _add),
    ("PATCH", re.compile(rf"{OBJECTS}/(\d+)"), _change),
    ("PUT", re.compile(rf"/crm/objects/{VERSION}/calls/(\d+)/associations/(contact|company)/(\d+)/(\d+)"), _join),
    ("GET", re.compile(rf"/crm/owners/{VERSION}"), _owners),
    ("GET", re.compile(rf"/crm/owners/{VERSION}/(\d+)"), _owner),
)
