"""EspoCRM's REST API: requests out, answers in; pure. Errors have their cause in the header `X-Status-Reason`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from bridge.core.errors import SearchFailed
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.json_codec import json_text
from bridge.core.reasons import Reason
from bridge.crm.contract import RecipientUnknown, Rejected, Result, Retry
from bridge.crm.replies import judge

LONGEST_REASON = 200
USER_LINK = "link: users"
"""In the reason of a refusal: the user whom a record was to be given to is not there."""

Condition = tuple[str, str, str]
"""One condition of a search: its type, the attribute, the value."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the API is, and the key of the API user."""

    url: str
    key: Secret

    def get(self, path: str) -> Request:
        """A question."""
        return Request("GET", f"{self.url}/api/v1/{path}", {"X-Api-Key": self.key.reveal()})

    def write(self, method: str, path: str, body: Mapping[str, Any], **headers: str) -> Request:
        """A record to be made or changed."""
        sent = {"Content-Type": "application/json", "X-Api-Key": self.key.reveal(), **headers}
        return Request(method, f"{self.url}/api/v1/{path}", sent, json_text(body).encode())


def search(scope: str, conditions: Sequence[Condition], select: str, most: int | None = None) -> str:
    """The path of a search for records that meet all conditions."""
    parts = [
        f"where%5B{number}%5D%5B{name}%5D={quote(value, safe='')}"
        for number, condition in enumerate(conditions)
        for name, value in zip(("type", "attribute", "value"), condition, strict=True)
    ]
    size = [f"maxSize={most}"] if most else []
    return f"{scope}?{'&'.join([*parts, f'select={select}', *size])}"


def moment(at: datetime) -> str:
    """A time as EspoCRM writes it: UTC, without saying so."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def refusal(reply: Reply) -> Reason | None:
    """Why the API did not do what it was asked; None where it did."""
    if 200 <= reply.status < 300:
        return None
    told = reply.headers.get("x-status-reason", "")[:LONGEST_REASON]
    codes = {400: "espocrm.invalid", 401: "espocrm.wrong-key", 403: "espocrm.no-right", 404: "espocrm.not-there"}
    code = codes.get(reply.status, f"http-{reply.status}")
    return Reason(code, {"told": told or f"HTTP {reply.status}"})


def judged(reply: Reply, now: datetime, ref: str | None = None) -> Result:
    """What the answer to a write means for a delivery."""
    reason = refusal(reply)
    if reason is None or reason.code.startswith("http-"):
        return judge(reply, now, ref)
    if reply.status == 403 and USER_LINK in reply.headers.get("x-status-reason", ""):
        return RecipientUnknown()
    return Rejected(reason)


def failed(reason: Reason) -> Result:
    """What a look-up that failed means for a delivery: what is no refusal may pass."""
    passing = reason.code in ("espocrm.unreadable", "http-429") or reason.code.startswith("http-5")
    return Retry(None, reason) if passing else Rejected(reason)


def record(reply: Reply) -> dict[str, Any]:
    """The record in an answer. Raises `SearchFailed`."""
    value = body_of(reply)
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        raise SearchFailed(Reason("espocrm.unreadable"))
    return value


def records(reply: Reply) -> tuple[list[dict[str, Any]], bool]:
    """The records in a list, and whether there are more. Raises `SearchFailed`.

    `total` is -1 where EspoCRM did not count and there are more, -2 where it did not count and there are not.
    """
    value = body_of(reply)
    found = value.get("list") if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise SearchFailed(Reason("espocrm.unreadable"))
    listed = [one for one in found if isinstance(one, dict) and isinstance(one.get("id"), str)]
    total = value.get("total")
    return listed, isinstance(total, int) and (total == -1 or total > len(found))


def body_of(reply: Reply) -> Any:
    """The JSON of an answer. Raises `SearchFailed` where it is a refusal, or no JSON."""
    reason = refusal(reply)
    if reason is not None:
        raise SearchFailed(reason)
    return json_of(reply)


def json_of(reply: Reply) -> Any:
    """The JSON of any answer. Raises `SearchFailed`."""
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        raise SearchFailed(Reason("espocrm.unreadable")) from None


def text(value: Any) -> str:
    """A value of a record as text; "" where there is none."""
    if value is None or isinstance(value, dict | list):
        return ""
    return str(value)
