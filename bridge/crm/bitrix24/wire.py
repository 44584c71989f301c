"""What Bitrix24's answers mean, ids and addresses of its records, tokens; pure. README.md here names the documents."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from bridge.core.errors import RateLimited, RequestFailed, SearchFailed, TokenRefused
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import Reason, reason
from bridge.core.tokens import Tokens, granted
from bridge.crm.bitrix24.account import Account
from bridge.crm.replies import object_in

ID = re.compile(r"[1-9][0-9]{0,17}")
ERROR_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,60}")
"""What may be repeated of an error. Its description may hold what was asked for: a caller's number."""
PAGES = {"CONTACT": "contact", "COMPANY": "company", "LEAD": "lead", "DEAL": "deal"}
EXPIRED = frozenset({"expired_token", "invalid_token"})
"""Another access token may help."""
TOO_OFTEN, TOO_LONG = "QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT"
TOO_OFTEN_SECONDS = 2.0
"""What to wait when the bucket is full; it empties by two requests a second."""
LONGEST_OPERATING_SECONDS = 600.0
"""The running time of a method is counted over ten minutes."""
NOT_WORKING = frozenset({"INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER", "ERROR_METHOD_EXECUTION"})
NO_RIGHT = frozenset(
    {"insufficient_scope", "INVALID_CREDENTIALS", "ACCESS_DENIED", "user_access_error", "WRONG_AUTH_TYPE"}
)
PASSING = frozenset({"bitrix24.not-json", "bitrix24.no-result"})
"""What a maintenance page looks like; the next attempt may find it gone."""
LONGEST_TEXT = 200
DEFAULT_LIFE = timedelta(hours=1)


def page(base_url: str, kind: str, number: str) -> str | None:
    """Where users see the record; None for what is no record of Bitrix24's."""
    place = PAGES.get(kind.upper())
    return f"{base_url}/crm/{place}/details/{number}/" if place and ID.fullmatch(number) else None


def query(params: Mapping[str, Any]) -> str:
    """Parameters as a command of a batch has them: `filter[@ID][0]=7&select[0]=ID`."""
    return urlencode(list(_pairs("", params)))


def _pairs(inside: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        inner: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list | tuple):
        inner = enumerate(value)
    else:
        return [(inside, str(value))]
    return [pair for name, one in inner for pair in _pairs(f"{inside}[{name}]" if inside else str(name), one)]


# Answers


def is_expired(reply: Reply) -> bool:
    """Whether another access token may help."""
    return reply.status == 401 and error_code(object_in(reply) or {}) in EXPIRED


def read(reply: Reply, resets_at: float | None, now: datetime) -> Mapping[str, Any]:
    """The JSON object of an answer that is as it should be. `resets_at`: epoch seconds at which the last good answer
    promised new running time.

    Raises `RateLimited`, `RequestFailed` where Bitrix24 does not work, else `SearchFailed`. An `error` inside a 200
    counts as an error.
    """
    value = object_in(reply)
    if value is not None and "error" in value:
        raise failure(value, reply.status, resets_at, now)
    if reply.status in (429, 503):
        raise RateLimited(TOO_OFTEN_SECONDS)
    if reply.status >= 500:
        raise RequestFailed(f"http-{reply.status}", reason("bitrix24.not-working", status=reply.status))
    if not 200 <= reply.status < 300:
        raise SearchFailed(_strange(reply.status))
    if value is None:
        raise SearchFailed(reason("bitrix24.not-json"))
    if "result" not in value:
        raise SearchFailed(reason("bitrix24.no-result"))
    return value


def failure(
    told: Mapping[str, Any], status: int, resets_at: float | None, now: datetime
) -> RateLimited | RequestFailed | SearchFailed:
    """What an error means, in an answer of its own or inside a batch."""
    code = error_code(told)
    if code == TOO_OFTEN:
        return RateLimited(TOO_OFTEN_SECONDS)
    if code == TOO_LONG:
        wait = (resets_at or 0.0) - now.timestamp()
        return RateLimited(min(wait, LONGEST_OPERATING_SECONDS) if wait > 0 else LONGEST_OPERATING_SECONDS / 10)
    if code in NOT_WORKING:
        return RequestFailed("http-500", reason("bitrix24.not-working", status=status))
    if code in NO_RIGHT:
        return SearchFailed(reason("bitrix24.no-right", error=code))
    if status == 401:
        return SearchFailed(reason("bitrix24.refused", error=code))
    return SearchFailed(reason("bitrix24.error", error=code))


def _strange(status: int) -> Reason:
    code = "bitrix24.redirected" if 300 <= status < 400 else "bitrix24.unexpected"
    return reason(code, status=status)


def error_code(value: Mapping[str, Any]) -> str:
    """`NO_AUTH_FOUND`: the error's name, where it is one; it may be empty."""
    code = value.get("error")
    return code if isinstance(code, str) and ERROR_CODE.fullmatch(code) else "?"


def resets_at(value: Mapping[str, Any]) -> float | None:
    """When the method that was called has new running time, in epoch seconds."""
    told = value.get("time")
    moment = told.get("operating_reset_at") if isinstance(told, dict) else None
    return float(moment) if isinstance(moment, int | float) and 0 < moment < 1e11 else None


def inside(value: Any) -> dict[str, Any]:
    """An object; Bitrix24 writes an empty one as an empty list."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def id_of(value: Any) -> str | None:
    """An id as text; None for what is none."""
    number = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return number if len(number) <= 20 and ID.fullmatch(number) else None


def text(value: Any) -> str:
    """A field as a bounded text; "" for what is none."""
    shown = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    return shown.strip()[:LONGEST_TEXT] if isinstance(shown, str) else ""


# Tokens


def ask_token(account: Account, refresh: Secret | None) -> Request:
    """A new pair of tokens for the newest refresh token, which is dead from then on. Bitrix24 takes them in the
    query only."""
    token = refresh or account.refresh_token
    fields = {
        "grant_type": "refresh_token",
        "client_id": account.client_id or "",
        "client_secret": account.client_secret.reveal() if account.client_secret else "",
        "refresh_token": token.reveal() if token else "",
    }
    return Request("GET", f"{account.oauth_url}/oauth/token/?{urlencode(fields)}", {"Accept": "application/json"})


def read_token(reply: Reply, now: datetime) -> Tokens:
    """The pair. Raises `TokenRefused` where the credentials are refused."""
    value = object_in(reply) or {}
    if reply.status >= 500:
        raise RequestFailed(f"http-{reply.status}", reason("bitrix24.not-working", status=reply.status))
    tokens = granted(value, now, DEFAULT_LIFE)
    if not 200 <= reply.status < 300 or tokens is None:
        raise TokenRefused(reason("bitrix24.token-refused", status=reply.status, error=error_code(value)))
    return tokens
