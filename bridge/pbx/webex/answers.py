"""What every answer of Webex's shares: JSON, HTTP statuses, its own words for what it refuses; pure."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeGuard

from bridge.core.errors import PbxRefused, PbxUnintelligible, PbxUnreachable, TokenRefused
from bridge.core.http_types import Reply, Secret
from bridge.core.reasons import reason
from bridge.core.tokens import Tokens
from bridge.pbx.reading import check_status, decoded

SYSTEM = "Webex"
TOKEN_LIFE, LONGEST_LIFE = 3600.0, 14 * 86400.0
"""Seconds that an access token is good for where the answer does not say, and at most."""
TOO_MANY, REFUSED = 429, (401, 403)


def answer(reply: Reply) -> Mapping[str, Any]:
    """The answer's object, once it is known to be no error. Raises `PbxError`."""
    if reply.status == TOO_MANY:
        raise PbxUnreachable(reason("webex.limit-reached", status=reply.status))
    if reply.status in REFUSED and (message := _message(reply)):
        raise PbxRefused(reason("webex.refused", status=reply.status, message=message))
    check_status(reply, SYSTEM)
    found = _json(reply)
    if not isinstance(found, dict):
        raise PbxUnintelligible(reason("webex.not-json"))
    return found


def rows(found: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of a list. What is no list, or holds something else, is refused: it must not pass for nobody."""
    listed = found.get(name)
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise PbxUnintelligible(reason("webex.no-list", list=name))
    return listed


def read_token(reply: Reply, now: datetime) -> Tokens:
    """The tokens. Raises `TokenRefused`."""
    if reply.status == 404:
        raise TokenRefused(reason("webex.no-token-service"))
    if not 200 <= reply.status < 300:
        raise TokenRefused(reason("webex.login-refused", status=reply.status, message=_message(reply)))
    found = _json(reply)
    access = found.get("access_token") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not _is_token(access):
        raise TokenRefused(reason("token-unreadable", status=reply.status))
    life, refresh = found.get("expires_in"), found.get("refresh_token")
    expires_at = now + timedelta(seconds=min(life, LONGEST_LIFE) if _is_life(life) else TOKEN_LIFE)
    return Tokens(Secret(access), expires_at, Secret(refresh) if _is_token(refresh) else None)


def written(value: object) -> str:
    """A field as it stands: texts and whole numbers are meant as texts, anything else as nothing."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**40 else ""


def _is_token(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def _is_life(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")


def _json(reply: Reply) -> object:
    try:
        return json.loads(decoded(reply.body, reply.headers.get("content-type", "")))
    except (ValueError, RecursionError):
        raise PbxUnintelligible(reason("webex.not-json")) from None


def _message(reply: Reply) -> str:
    """The vendor's own words, fit to be shown: `message`, in answers to the log-in too."""
    try:
        found = _json(reply)
    except PbxUnintelligible:
        return ""
    said = found if isinstance(found, dict) else {}
    told = written(said.get("message")) or written(said.get("error_description")) or written(said.get("error"))
    return "".join(one if one.isprintable() else " " for one in told)[:200]
