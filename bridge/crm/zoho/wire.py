"""What Zoho's answers mean, ids and addresses of its records; pure. README.md here names the documents.

Where nothing is found the answer is 204 without a body. An error may stand inside a 200 or 201, one for each record.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.core.errors import RateLimited, RequestFailed, SearchFailed
from bridge.core.http_types import Reply
from bridge.core.reasons import Reason, reason
from bridge.crm.replies import object_in, retry_after
from bridge.crm.zoho.account import Account

ID = re.compile(r"[1-9][0-9]{0,19}")
MODULE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
CODE = re.compile(r"[A-Za-z][A-Za-z0-9_ -]{0,59}")
LONGEST_TEXT = 200
BUSY_SECONDS = 10.0
"""How long to wait after too many requests: Zoho does not say."""
CODES = {
    "INVALID_TOKEN": "zoho.token",
    "AUTHENTICATION_FAILURE": "zoho.token",
    "OAUTH_SCOPE_MISMATCH": "zoho.scope",
    "NO_PERMISSION": "zoho.no-right",
    "AUTHORIZATION_FAILED": "zoho.no-right",
    "FEATURE_NOT_SUPPORTED": "zoho.no-right",
    "INVALID_MODULE": "zoho.not-there",
    "INVALID_QUERY": "zoho.not-there",
    "INVALID_URL_PATTERN": "zoho.not-there",
}
PASSING = {"zoho.unreadable", "zoho.token"}
"""What the next attempt may find gone."""
TWINS = {"Phone", "Mobile"}
PAGES = {"Contacts", "Leads", "Accounts", "Deals", "Calls"}


def page(account: Account, module: str, record_id: str) -> str | None:
    """Where agents see the record; None for what is none."""
    if module not in PAGES or not ID.fullmatch(record_id):
        return None
    org = f"/org{account.org_id}" if account.org_id else ""
    return f"{account.base_url}/crm{org}/tab/{module}/{record_id}"


def read(reply: Reply, now: datetime) -> dict[str, Any]:
    """The JSON object of an answer that is as it should be; {} where there is none to give.

    Raises `RateLimited`, `RequestFailed` where Zoho does not work, else `SearchFailed`.
    """
    if reply.status in (204, 304):
        return {}
    value = object_in(reply)
    error = error_in(value)
    if 200 <= reply.status < 300 and error is None:
        if value is None:
            raise SearchFailed(reason("zoho.unreadable"))
        return value
    raise_passing(reply, now)
    raise SearchFailed(refusal(reply.status, error, value))


def raise_passing(reply: Reply, now: datetime) -> None:
    """Raise what another attempt may find gone."""
    if reply.status == 429:
        wait = retry_after(reply.headers.get("retry-after"), now)
        raise RateLimited(wait.total_seconds() if wait is not None else BUSY_SECONDS)
    if reply.status >= 500:
        raise RequestFailed(f"http-{reply.status}", reason("zoho.not-working", status=reply.status))


def refusal(status: int, error: str | None, value: Any = None) -> Reason:
    """Why Zoho said no. Messages are left out: they may repeat what was sent."""
    about = details(value)
    told = {"status": status, "error": error or "?", "field": code(about.get("api_name")), "id": id_of(about) or ""}
    if error in CODES:
        return Reason(CODES[error], told)
    if status == 401:
        return Reason("zoho.token", told)
    return Reason("zoho.redirected" if 300 <= status < 400 else "zoho.invalid", told)


def error_in(value: Any) -> str | None:
    """The code of an error, of the whole or of the one record that was written; None where there is none."""
    one = _first(value)
    for told in (value, one):
        if isinstance(told, dict) and told.get("status") == "error":
            return code(told.get("code"))
    return None


def details(value: Any) -> Mapping[str, Any]:
    """What is told about the one record that was written."""
    found = _first(value).get("details")
    return found if isinstance(found, dict) else {}


def is_gone(failed: SearchFailed) -> bool:
    """Whether a record could not be changed because it is not there."""
    return failed.reason.code == "zoho.invalid" and failed.reason.params.get("field") == "id"


def is_twin(failed: SearchFailed) -> bool:
    """Whether a record could not be made because another has its unique number."""
    told = failed.reason.params
    return told.get("error") == "DUPLICATE_DATA" and told.get("field") in TWINS and bool(told.get("id"))


def _first(value: Any) -> Mapping[str, Any]:
    listed = value.get("data") if isinstance(value, dict) else None
    one = listed[0] if isinstance(listed, list) and len(listed) == 1 else None
    return one if isinstance(one, dict) else {}


def code(value: Any) -> str:
    """An error's code or a field's name, where it is one."""
    return value if isinstance(value, str) and CODE.fullmatch(value) else "?"


def listed(value: Mapping[str, Any], name: str = "data") -> list[dict[str, Any]]:
    """The records of an answer; none where it is empty. Raises `SearchFailed`."""
    items = value.get(name, [] if not value else None)
    if not isinstance(items, list):
        raise SearchFailed(reason("zoho.unreadable"))
    return [one for one in items if isinstance(one, dict) and id_of(one) is not None]


def has_more(value: Mapping[str, Any]) -> bool:
    """Whether there are more records than were given."""
    info = value.get("info")
    return isinstance(info, dict) and info.get("more_records") is True


def id_of(item: Any) -> str | None:
    """A record's id as text; None for what is none."""
    value = item.get("id") if isinstance(item, dict) else None
    number = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return number if ID.fullmatch(number) else None


def text(item: Mapping[str, Any], name: str) -> str:
    """A field as a bounded text; a relation by its name; "" for what is none."""
    value = item.get(name)
    if isinstance(value, dict):
        value = value.get("name")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).strip()[:LONGEST_TEXT] if isinstance(value, str | int | float) else ""
