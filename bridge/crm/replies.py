"""What a CRM's HTTP status means for a delivery, where the vendor means nothing else by it, and the JSON of its
answers; pure."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from bridge.core.http_types import Reply
from bridge.core.reasons import Reason
from bridge.crm.contract import Delivered, Rejected, Result, Retry

AGAIN = frozenset({408, 421, 423, 425, 429})
"""Not now, for reasons of the moment: a timeout, another connection, a lock, a replay that was feared, too many."""
LONGEST_WAIT = timedelta(days=1)
"""No target is believed that asks to wait longer."""


def judge(reply: Reply, now: datetime, ref: str | None = None) -> Result:
    """2xx is delivered; 408, 429 and their like, and 5xx, are attempted again, when a Retry-After says where there is
    one; other 4xx and redirects end it."""
    status = reply.status
    if 200 <= status < 300:
        return Delivered(ref)
    reason = Reason(f"http-{status}")
    if 300 <= status < 500 and status not in AGAIN:
        return Rejected(reason)
    return Retry(retry_after(reply.headers.get("retry-after"), now), reason)


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """How long to wait by a Retry-After header (seconds or a date), a day at most; None when it says nothing usable."""
    if not value:
        return None
    if value.strip().isdecimal():
        return min(timedelta(seconds=min(float(value), 1e6)), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(timedelta(0), until - now), LONGEST_WAIT)


def json_in(reply: Reply) -> Any:
    """The JSON of an answer; None where it is none."""
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        return None


def object_in(reply: Reply) -> dict[str, Any] | None:
    """The JSON object of an answer; None where it is none."""
    value = json_in(reply)
    return value if isinstance(value, dict) else None
