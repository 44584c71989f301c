"""What Zendesk's answers mean, ids and addresses of its records, tokens; pure. README.md here names the documents."""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bridge.core.errors import RateLimited, RequestFailed, SearchFailed, TokenRefused
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import Reason, reason
from bridge.core.tokens import Tokens, granted
from bridge.crm.replies import object_in, retry_after
from bridge.crm.zendesk.account import Account

ID = re.compile(r"[1-9][0-9]{0,19}")
ERROR_CODE = re.compile(r"[A-Za-z0-9_. -]{1,60}")
"""What may be repeated of an error. Its description may hold what was asked for: a caller's number."""
PAGES = {"user": "users", "ticket": "tickets", "organization": "organizations"}
PASSING = {"zendesk.not-json", "zendesk.no-list", "zendesk.error"}
"""What a maintenance page or an overloaded search look like; the next attempt may find it gone."""
LONGEST_TEXT = 200
DEFAULT_LIFE = timedelta(minutes=30)
"""Seconds that an access token lives unless the client asks for something else."""


def page(base_url: str, kind: str, number: str) -> str | None:
    """Where agents see the record; None for what is no record of Zendesk's."""
    if kind not in PAGES or not ID.fullmatch(number):
        return None
    return f"{base_url}/agent/{PAGES[kind]}/{number}"


# Answers


def read(reply: Reply) -> Mapping[str, Any]:
    """The JSON object of an answer that is as it should be.

    Raises `RateLimited`, `RequestFailed` where Zendesk does not work, else `SearchFailed`. An `error` inside a 200
    counts as an error.
    """
    check(reply)
    value = object_in(reply)
    if value is None:
        raise SearchFailed(reason("zendesk.not-json"))
    if "error" in value:
        raise SearchFailed(reason("zendesk.error", error=error_code(value)))
    return value


def check(reply: Reply) -> None:
    """Raise what a status other than 2xx means."""
    status = reply.status
    if 200 <= status < 300:
        return
    if status == 429:
        raise RateLimited(waits(reply))
    if status >= 500:
        raise RequestFailed(f"http-{status}", reason("zendesk.not-working", status=status))
    raise SearchFailed(refusal(reply))


def waits(reply: Reply) -> float:
    """How many seconds a 429 asks to wait: Zendesk always says so."""
    seconds = reply.headers.get("retry-after", "").strip()
    return min(float(seconds), 3600.0) if seconds.isdecimal() else 10.0


def waiting(reply: Reply, now: datetime) -> timedelta | None:
    """How long a reply asks to wait; None where it does not say."""
    return retry_after(reply.headers.get("retry-after"), now)


def refusal(reply: Reply) -> Reason:
    """Why Zendesk said no."""
    if reply.status in (401, 403):
        return reason("zendesk.refused", status=reply.status)
    if 300 <= reply.status < 400:
        return reason("zendesk.redirected", status=reply.status)
    return reason("zendesk.invalid", status=reply.status, error=error_code(object_in(reply) or {}))


def error_code(value: Mapping[str, Any]) -> str:
    """`RecordInvalid`, `invalid_grant`: the error's name, where it is one. Some errors are objects with a title."""
    error = value.get("error")
    code = error.get("title") if isinstance(error, dict) else error
    return code if isinstance(code, str) and ERROR_CODE.fullmatch(code) else "?"


def listed(value: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of a list. Raises `SearchFailed` where there is no list of that name."""
    items = value.get(name)
    if not isinstance(items, list):
        raise SearchFailed(reason("zendesk.no-list", list=name))
    return [item for item in items if isinstance(item, dict)]


def one(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object of that name. Raises `SearchFailed` where there is none."""
    item = value.get(name)
    if not isinstance(item, dict):
        raise SearchFailed(reason("zendesk.no-list", list=name))
    return item


def id_of(item: Mapping[str, Any], name: str = "id") -> str | None:
    """An id as text; None for what is none."""
    value = item.get(name)
    number = str(value) if isinstance(value, int | str) and not isinstance(value, bool) and value != "" else ""
    return number if len(number) <= 20 and ID.fullmatch(number) else None


def text(item: Mapping[str, Any], name: str) -> str:
    """A field as a bounded text; "" for what is none."""
    value = item.get(name)
    return value.strip()[:LONGEST_TEXT] if isinstance(value, str) else ""


# Tokens


def ask_token(account: Account, refresh: Secret | None) -> Request:
    """A new pair of tokens for the newest refresh token, which is dead from then on."""
    token = refresh or account.refresh_token
    fields = {
        "grant_type": "refresh_token",
        "refresh_token": token.reveal() if token else "",
        "client_id": account.client_id or "",
        "client_secret": account.client_secret.reveal() if account.client_secret else "",
    }
    return Request("POST", f"{account.api}/oauth/tokens", JSON, json.dumps(fields).encode())


JSON = {"Content-Type": "application/json", "Accept": "application/json"}


def read_token(reply: Reply, now: datetime) -> Tokens:
    """The pair. Raises `TokenRefused` where the credentials are refused (400 `invalid_grant`, 401)."""
    if reply.status == 429 or reply.status >= 500:
        check(reply)
    value = object_in(reply)
    tokens = granted(value, now, DEFAULT_LIFE)
    if not 200 <= reply.status < 300 or tokens is None:
        raise TokenRefused(reason("zendesk.token-refused", status=reply.status, error=error_code(value or {})))
    return tokens
