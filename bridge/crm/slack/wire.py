"""Slack's requests and answers; pure. README.md here names the documents.

The Web API answers nearly everything with 200 and says by `ok` whether it is one; an incoming webhook answers by
status, with one word as text.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from bridge.core.errors import RateLimited, RequestFailed, SearchFailed
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import Reason, reason
from bridge.crm.contract import Delivered, Rejected, Result, Retry
from bridge.crm.replies import object_in, retry_after

JSON = "application/json; charset=utf-8"
FORM = "application/x-www-form-urlencoded"
WORD = re.compile(r"[a-z_]{1,60}")
LIMIT_SECONDS = 1.0
"""How long to wait after a refusal by the rate limit that names no time: messages are counted per second."""
LIMITED = frozenset({"ratelimited", "rate_limited"})
PASSING = frozenset(
    {
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
        "org_login_required",
        "external_channel_migrating",
        "update_failed",
        "rollup_error",
    }
)
"""Errors that the next attempt may find gone."""
TOKEN = frozenset(
    {"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type"}
)
CHANNEL = frozenset({"channel_not_found", "not_in_channel", "is_archived", "channel_is_archived", "is_inactive"})
HOOK = frozenset({"invalid_token", "no_service", "no_team", "no_active_hooks", "no_service_id"})
NOBODY = frozenset({"users_not_found", "user_not_found", "user_disabled"})
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""The message cannot be changed any more: the agent has deleted it, or it has become too old."""


def call(api: str, token: Secret, method: str, fields: Mapping[str, object]) -> Request:
    """A method of the Web API that writes: it takes JSON."""
    headers = {"Content-Type": JSON, "Authorization": f"Bearer {token.reveal()}"}
    return Request("POST", f"{api}/{method}", headers, _json(fields))


def ask(api: str, token: Secret, method: str, fields: Mapping[str, str]) -> Request:
    """A method of the Web API that reads: it takes a form."""
    headers = {"Content-Type": FORM, "Authorization": f"Bearer {token.reveal()}"}
    return Request("POST", f"{api}/{method}", headers, urlencode(fields, errors="replace").encode())


def post(url: str, message: Mapping[str, object]) -> Request:
    """A message by an incoming webhook."""
    return Request("POST", url, {"Content-Type": JSON}, _json(message))


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def posted(reply: Reply, now: datetime) -> Result:
    """What the answer of an incoming webhook means."""
    word = reply.body[:61].decode("utf-8", "replace").strip()
    if reply.status == 429 or word in LIMITED:
        return Retry(retry_after(reply.headers.get("retry-after"), now) or timedelta(seconds=LIMIT_SECONDS), LIMIT)
    if reply.status == 200 and word == "ok":
        return Delivered()
    word = word if WORD.fullmatch(word) else ""
    if reply.status >= 500 or word in PASSING:
        return Retry(None, reason("slack.not-working", error=word or f"HTTP {reply.status}"))
    return Rejected(refusal(word) if word else reason("slack.not-slack", status=reply.status))


LIMIT = Reason("slack.limit")


def read(reply: Reply, now: datetime) -> tuple[str, Mapping[str, Any]]:
    """The error of an answer of the Web API ("": none) and its object.

    Raises `RateLimited`, `RequestFailed` where Slack does not work, `SearchFailed` for what is no answer of Slack's.
    """
    found = object_in(reply) or {}
    error = _error(found)
    if reply.status == 429 or error in LIMITED:
        wait = retry_after(reply.headers.get("retry-after"), now)
        raise RateLimited(wait.total_seconds() if wait is not None else LIMIT_SECONDS)
    if reply.status >= 500 or error in PASSING:
        word = error or f"HTTP {reply.status}"
        raise RequestFailed(f"http-{reply.status}", reason("slack.not-working", error=word))
    if reply.status != 200 or not isinstance(found.get("ok"), bool):
        raise SearchFailed(reason("slack.unreadable"))
    return error, found


def _error(found: Mapping[str, Any]) -> str:
    """The name of an error; "unknown" for what is no name."""
    if found.get("ok") is not False:
        return ""
    error = found.get("error")
    return error if isinstance(error, str) and WORD.fullmatch(error) else "unknown"


def refusal(error: str, found: Mapping[str, Any] | None = None) -> Reason:
    """Why Slack said no."""
    if error in TOKEN:
        return reason("slack.token", error=error)
    if error == "missing_scope":
        return reason("slack.scope", scope=text(found or {}, "needed") or "?")
    if error in CHANNEL:
        return reason("slack.channel", error=error)
    return reason("slack.hook" if error in HOOK else "slack.refused", error=error)


def text(found: Mapping[str, Any], name: str) -> str:
    """A field as a bounded text without control characters; "" for what is none."""
    value = found.get(name)
    return value[:200] if isinstance(value, str) and value.isprintable() else ""


def place(found: Mapping[str, Any]) -> str | None:
    """Where a message stands, as it is kept: its channel and its time, which is its id there."""
    channel, ts = text(found, "channel"), text(found, "ts")
    return f"{channel} {ts}" if channel and ts and " " not in channel + ts else None


def inner(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside; {} for what is none."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}
