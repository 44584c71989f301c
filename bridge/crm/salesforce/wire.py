"""What Salesforce's answers mean, ids and addresses of its records; pure. README.md here names the documents.

Errors are a list of objects with `errorCode` and `message`; a message may repeat what was sent, so it is never shown.
"""

import re
from datetime import datetime
from typing import Any

from bridge.core.errors import RateLimited, RequestFailed, SearchFailed
from bridge.core.http_types import Reply
from bridge.core.reasons import Reason, reason
from bridge.crm.replies import json_in, retry_after

VERSION = "v62.0"
DATA = f"/services/data/{VERSION}"
ID = re.compile(r"[A-Za-z0-9]{1,18}")
OBJECT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
CODE = re.compile(r"[A-Za-z_]{1,60}")
LONGEST_TEXT = 200
LIMIT_SECONDS, BUSY_SECONDS = 60.0, 5.0
"""How long to wait where Salesforce does not say: the day's requests are used up; too many at the same time."""
CODES = {
    "INVALID_SESSION_ID": "salesforce.session",
    "API_DISABLED_FOR_ORG": "salesforce.no-api",
    "API_CURRENTLY_DISABLED": "salesforce.no-api",
    "INSUFFICIENT_ACCESS": "salesforce.no-right",
    "INSUFFICIENT_ACCESS_OR_READONLY": "salesforce.no-right",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "salesforce.no-right",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "salesforce.no-right",
    "INVALID_TYPE": "salesforce.not-there",
    "INVALID_FIELD": "salesforce.not-there",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "salesforce.not-there",
    "NOT_FOUND": "salesforce.not-there",
    "ENTITY_IS_DELETED": "salesforce.not-there",
}
"""What an error means to us. An object or field without the right to see it is answered like one that is not there."""
PASSING = {"salesforce.unreadable", "salesforce.session"}
"""What the next attempt may find gone: a maintenance page, a session that ended at this moment."""
BUSY = {"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "QUERY_TIMEOUT", "REQUEST_RUNNING_TOO_LONG"}


def page(base_url: str, kind: str, record_id: str) -> str | None:
    """Where agents see the record; None for what is none."""
    if not OBJECT.fullmatch(kind) or not ID.fullmatch(record_id):
        return None
    return f"{base_url}/lightning/r/{kind}/{record_id}/view"


def read(reply: Reply, now: datetime) -> Any:
    """The JSON of an answer that is as it should be; None where there is no body.

    Raises `RateLimited`, `RequestFailed` where Salesforce does not work, else `SearchFailed`.
    """
    value = json_in(reply)
    error = error_in(value)
    if 200 <= reply.status < 300 and error is None:
        if value is None and reply.body:
            raise SearchFailed(reason("salesforce.unreadable"))
        return value
    _raise_passing(reply, error, now)
    raise SearchFailed(refusal(reply.status, error))


def _raise_passing(reply: Reply, error: str | None, now: datetime) -> None:
    if error in ("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn") or reply.status == 429:
        wait = retry_after(reply.headers.get("retry-after"), now)
        raise RateLimited(wait.total_seconds() if wait is not None else LIMIT_SECONDS)
    if error in BUSY:
        raise RateLimited(BUSY_SECONDS)
    if reply.status >= 500:
        raise RequestFailed(f"http-{reply.status}", reason("salesforce.not-working", status=reply.status))


def refusal(status: int, error: str | None) -> Reason:
    """Why Salesforce said no."""
    told = {"status": status, "error": error or "?"}
    if error in CODES:
        return Reason(CODES[error], told)
    if status == 401:
        return Reason("salesforce.session", told)
    if 300 <= status < 400:
        return Reason("salesforce.redirected", told)
    return Reason("salesforce.not-there" if status == 404 else "salesforce.invalid", told)


def error_in(value: Any) -> str | None:
    """The code of an error; None where there is none. `success` may be false inside a 200; a platform event's
    `OPERATION_ENQUEUED` stands among the errors and is none."""
    if isinstance(value, dict) and value.get("success") is False:
        listed = value.get("errors")
        first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
        return code(first.get("statusCode"))
    if isinstance(value, list) and value and isinstance(value[0], dict) and "errorCode" in value[0]:
        return code(value[0]["errorCode"])
    return None


def code(value: Any) -> str:
    """An error's code, where it is one."""
    return value if isinstance(value, str) and CODE.fullmatch(value) else "?"


def listed(value: Any, name: str) -> list[dict[str, Any]]:
    """The records of an answer. Up to version 36 a search answered the list alone. Raises `SearchFailed`."""
    items = value.get(name) if isinstance(value, dict) else value
    if not isinstance(items, list):
        raise SearchFailed(reason("salesforce.unreadable"))
    return [one for one in items if isinstance(one, dict) and id_of(one) is not None]


def id_of(item: Any, name: str = "Id") -> str | None:
    """A record's id; None for what is none."""
    value = item.get(name) if isinstance(item, dict) else None
    return value if isinstance(value, str) and ID.fullmatch(value) else None


def text(item: Any, path: str) -> str:
    """A field as a bounded text, `Account.Name` through its relation; "" for what is none."""
    value = item
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).strip()[:LONGEST_TEXT] if isinstance(value, str | int | float) else ""
