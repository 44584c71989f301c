"""What Fireberry's answers mean, its objects, ids and addresses; pure. README.md here names the documents.

An answer says by `success` whether it is one; a query's records stand in `data.Data`, a record in `data.Record`, and
`data.PrimaryKey` names the field that has their ids. A refused token is answered 401 without a body.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.core.errors import RateLimited, RequestFailed, SearchFailed
from bridge.core.http_types import Reply
from bridge.core.reasons import Reason, reason
from bridge.crm.replies import object_in, retry_after

ID = re.compile(r"[A-Za-z0-9-]{1,40}")
TYPES = {"Account": 1, "Contact": 2, "User": 9, "Task": 10, "CallLog": 100}
"""Fireberry's numbers of the objects that are used here."""
KEYS = {
    "Account": ("accountid",),
    "Contact": ("contactid",),
    "User": ("crmuserid", "systemuserid"),
    "Task": ("taskid", "activityid"),
    "CallLog": ("calllogid",),
}
"""The fields with their ids, where an answer does not name its own."""
PASSING = {"fireberry.unreadable"}
"""What the next attempt may find gone."""
LONGEST_TEXT = 200
LIMIT_SECONDS = 20.0
"""How long to wait after 429: which header says so is not documented."""


def page(base_url: str, kind: str, record_id: str) -> str | None:
    """Where agents see the record; None for what is none."""
    number = TYPES.get(kind) or (int(kind) if kind.isascii() and kind.isdigit() and len(kind) <= 6 else None)
    if number is None or not ID.fullmatch(record_id):
        return None
    return f"{base_url}/app/record/{number}/{record_id}"


def read(reply: Reply, now: datetime) -> Mapping[str, Any]:
    """The `data` of an answer that is as it should be; {} where it has none.

    Raises `RateLimited`, `RequestFailed` where Fireberry does not work, else `SearchFailed`.
    """
    if reply.status == 429:
        wait = retry_after(reply.headers.get("retry-after"), now)
        raise RateLimited(wait.total_seconds() if wait is not None else LIMIT_SECONDS)
    if reply.status >= 500:
        raise RequestFailed(f"http-{reply.status}", reason("fireberry.not-working", status=reply.status))
    if not 200 <= reply.status < 300:
        raise SearchFailed(refusal(reply.status))
    return _data(reply)


def refusal(status: int) -> Reason:
    """Why Fireberry said no. Its message is left out: it may repeat what was sent."""
    codes = {401: "fireberry.token", 403: "fireberry.no-right", 404: "fireberry.not-there"}
    if 300 <= status < 400:
        return reason("fireberry.redirected", status=status)
    return reason(codes.get(status, "fireberry.invalid"), status=status)


def _data(reply: Reply) -> Mapping[str, Any]:
    value = object_in(reply)
    if value is None or "success" not in value:
        raise SearchFailed(reason("fireberry.unreadable"))
    if value["success"] is not True:
        raise SearchFailed(reason("fireberry.invalid", status=reply.status))
    data = value.get("data")
    return data if isinstance(data, dict) else {}


def rows(data: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """The records of a query, each with its id under `id`. Raises `SearchFailed`."""
    listed = data.get("Data")
    if not isinstance(listed, list):
        raise SearchFailed(reason("fireberry.unreadable"))
    found = [{**one, "id": id_in(one, data, kind)} for one in listed if isinstance(one, dict)]
    return [one for one in found if one["id"] is not None]


def record(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record that was made or asked for; {} where the answer has none."""
    found = data.get("Record", data.get("record"))
    return found if isinstance(found, dict) else {}


def id_in(item: Mapping[str, Any], data: Mapping[str, Any], kind: str) -> str | None:
    """The id of a record: in the field that the answer names, else where records of its kind have it."""
    named = data.get("PrimaryKey")
    names = (named, *KEYS[kind]) if isinstance(named, str) else KEYS[kind]
    values = (item.get(name) for name in names)
    return next((one for one in values if isinstance(one, str) and ID.fullmatch(one)), None)


def text(item: Mapping[str, Any], name: str) -> str:
    """A field as a bounded text; "" for what is none."""
    value = item.get(name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).strip()[:LONGEST_TEXT] if isinstance(value, str | int | float) else ""
