"""What every answer of RingCentral's shares: JSON, HTTP statuses, its own words for what it refuses; pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bridge.core.errors import PbxRefused, PbxUnintelligible, PbxUnreachable, TokenRefused
from bridge.core.http_types import Reply
from bridge.core.reasons import reason
from bridge.core.tokens import Tokens, granted
from bridge.pbx.fields import json_in, message_of
from bridge.pbx.reading import check_status

SYSTEM = "RingCentral"
TOKEN_LIFE = timedelta(hours=1)
"""Seconds that an access token is good for where the answer does not say, and at most."""
TOO_MANY, REFUSED = 429, (401, 403)


def answer(reply: Reply) -> Mapping[str, Any]:
    """The answer's object, once it is known to be no error. Raises `PbxError`."""
    if reply.status == TOO_MANY:
        raise PbxUnreachable(reason("ringcentral.limit-reached", status=reply.status))
    if reply.status in REFUSED and (message := message_of(reply)):
        raise PbxRefused(reason("ringcentral.refused", status=reply.status, message=message))
    check_status(reply, SYSTEM)
    found = _json(reply)
    if not isinstance(found, dict):
        raise PbxUnintelligible(reason("ringcentral.not-json"))
    return found


def records(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The objects of a list. What is no list, or holds something else, is refused: it must not pass for nobody."""
    listed = found.get("records")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise PbxUnintelligible(reason("ringcentral.no-records"))
    return listed


def pages(found: Mapping[str, Any]) -> int:
    """How many pages the list has."""
    paging = found.get("paging")
    total = paging.get("totalPages") if isinstance(paging, dict) else None
    return total if isinstance(total, int) and not isinstance(total, bool) else 1


def read_token(reply: Reply, now: datetime) -> Tokens:
    """The tokens. Raises `TokenRefused`."""
    if reply.status == 404:
        raise TokenRefused(reason("ringcentral.no-token-service"))
    if not 200 <= reply.status < 300:
        raise TokenRefused(reason("ringcentral.login-refused", status=reply.status, message=message_of(reply)))
    tokens = granted(_json(reply), now, TOKEN_LIFE)
    if tokens is None:
        raise TokenRefused(reason("token-unreadable", status=reply.status))
    return tokens


def _json(reply: Reply) -> object:
    try:
        return json_in(reply)
    except (ValueError, RecursionError):
        raise PbxUnintelligible(reason("ringcentral.not-json")) from None
