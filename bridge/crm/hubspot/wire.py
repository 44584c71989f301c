"""What HubSpot's answers mean, ids and addresses of its records, tokens; pure. README.md here names the documents."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from bridge.core.errors import RateLimited, RequestFailed, SearchFailed, TokenRefused
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import Reason, reason
from bridge.core.tokens import Tokens, granted
from bridge.crm.hubspot.account import Account
from bridge.crm.replies import object_in, retry_after

VERSION = "2026-09"
"""Of every path: HubSpot's are dated."""
ID = re.compile(r"[1-9][0-9]{0,19}")
CATEGORY = re.compile(r"[A-Za-z0-9_]{1,60}")
"""What may be repeated of an error. Its message may hold what was asked for: a caller's number."""
TYPES = {"contact": "0-1", "company": "0-2", "deal": "0-3", "ticket": "0-5"}
OBJECTS = {"contacts": "contact", "companies": "company"}
WAITS = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0, "DAILY": 3600.0}
"""Seconds to wait by the policy whose limit is used up; HubSpot may say nothing else."""
LOCKED, MIGRATING = 423, 477
LOCKED_SECONDS, MIGRATING_SECONDS = 2.0, 60.0
PASSING = frozenset({"hubspot.not-json", "hubspot.no-list", "hubspot.not-indexed"})
LONGEST_TEXT = 200
DEFAULT_LIFE = timedelta(minutes=30)


def path(kind: str, rest: str = "") -> str:
    """The path of a kind of objects: `contacts`, `companies`, `calls`."""
    return f"/crm/objects/{VERSION}/{kind}{rest}"


def type_of(written: str) -> str | None:
    """`contact` for `0-1`, `CONTACT`, `contacts`; None for what has no page that we know."""
    folded = written.strip().casefold()
    numbered = {number: kind for kind, number in TYPES.items()}
    return numbered.get(folded) or OBJECTS.get(folded) or (folded if folded in TYPES else None)


def page(account: Account, kind: str, number: str) -> str | None:
    """Where users see the record; None for what is no record of HubSpot's."""
    known = type_of(kind)
    if known is None or not ID.fullmatch(number):
        return None
    return f"{account.base_url}/contacts/{account.portal_id}/record/{TYPES[known]}/{number}"


# Answers


def read(reply: Reply, now: datetime) -> Mapping[str, Any]:
    """The JSON object of an answer that is as it should be.

    Raises `RateLimited`, `RequestFailed` where HubSpot does not work, else `SearchFailed`. An error inside a 200
    counts as an error.
    """
    value = object_in(reply)
    _check_status(reply, value or {}, now)
    if value is None:
        raise SearchFailed(reason("hubspot.not-json"))
    if value.get("status") == "error":
        if "policyName" in value:
            raise RateLimited(_wait(reply, value, now))
        raise SearchFailed(reason("hubspot.error", error=category(value)))
    return value


def _check_status(reply: Reply, value: Mapping[str, Any], now: datetime) -> None:
    status = reply.status
    if 200 <= status < 300:
        return
    if status in (429, LOCKED, MIGRATING):
        raise RateLimited(_wait(reply, value, now))
    if status >= 500:
        raise RequestFailed(f"http-{status}", reason("hubspot.not-working", status=status))
    raise SearchFailed(_refusal(status, category(value)))


def _wait(reply: Reply, value: Mapping[str, Any], now: datetime) -> float:
    told = retry_after(reply.headers.get("retry-after"), now)
    if told is not None and told > timedelta(0):
        return min(told.total_seconds(), 3600.0)
    by_status = {LOCKED: LOCKED_SECONDS, MIGRATING: MIGRATING_SECONDS}.get(reply.status, 1.0)
    return WAITS.get(str(value.get("policyName")), by_status)


def _refusal(status: int, error: str) -> Reason:
    if status in (401, 403):
        return reason("hubspot.refused", status=status, error=error)
    if 300 <= status < 400:
        return reason("hubspot.redirected", status=status)
    return reason("hubspot.invalid", status=status, error=error)


def category(value: Mapping[str, Any]) -> str:
    """`VALIDATION_ERROR`, `MISSING_SCOPES`, `invalid_grant`: the error's name, where it is one."""
    names = (value.get(name) for name in ("category", "errorType", "error", "policyName"))
    return next((name for name in names if isinstance(name, str) and CATEGORY.fullmatch(name)), "?")


def listed(value: Mapping[str, Any], name: str = "results") -> list[dict[str, Any]]:
    """The objects of a list. Raises `SearchFailed` where there is no list of that name."""
    items = value.get(name)
    if not isinstance(items, list):
        raise SearchFailed(reason("hubspot.no-list", list=name))
    return [item for item in items if isinstance(item, dict)]


def id_of(value: Any) -> str | None:
    """An id as text; None for what is none."""
    number = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return number if len(number) <= 20 and ID.fullmatch(number) else None


def made(value: Mapping[str, Any]) -> str:
    """The id of what was made. Raises `SearchFailed` where there is none."""
    number = id_of(value.get("id"))
    if number is None:
        raise SearchFailed(reason("hubspot.no-list", list="id"))
    return number


def properties(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The properties of an object: texts, or null."""
    found = item.get("properties")
    return found if isinstance(found, dict) else {}


def text(item: Mapping[str, Any], name: str) -> str:
    """A property as a bounded text; "" for what is none."""
    value = item.get(name)
    return value.strip()[:LONGEST_TEXT] if isinstance(value, str) else ""


# Tokens


def ask_token(account: Account, refresh: Secret | None) -> Request:
    """A new access token for the refresh token, which stays as it is."""
    token = refresh or account.refresh_token
    fields = {
        "grant_type": "refresh_token",
        "client_id": account.client_id or "",
        "client_secret": account.client_secret.reveal() if account.client_secret else "",
        "refresh_token": token.reveal() if token else "",
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    return Request("POST", f"{account.api}/oauth/{VERSION}/token", headers, urlencode(fields).encode())


def read_token(reply: Reply, now: datetime) -> Tokens:
    """The token. Raises `TokenRefused` where the credentials are refused."""
    value = object_in(reply) or {}
    if reply.status >= 500 or reply.status == 429:
        _check_status(reply, value, now)
    tokens = granted(value, now, DEFAULT_LIFE)
    if not 200 <= reply.status < 300 or tokens is None:
        raise TokenRefused(reason("hubspot.token-refused", status=reply.status, error=category(value)))
    return tokens
