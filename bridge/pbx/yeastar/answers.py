"""What every answer of the Open API shares: HTTP 200 always, and in it an `errcode`; pure.

Numbers of errors come from programs that met them: the vendor's own table of them was not seen.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bridge.core.errors import (
    PbxError,
    PbxRefused,
    PbxUnintelligible,
    PbxUnreachable,
    RateLimited,
    RequestFailed,
    TokenRefused,
)
from bridge.core.http_types import Reply, Secret
from bridge.core.reasons import Reason, reason
from bridge.core.tokens import Tokens, granted
from bridge.pbx.fields import json_in, written
from bridge.pbx.reading import check_status, quoted

SYSTEM = "Yeastar"
TOKEN_EXPIRED, LIMIT_EXCEEDED, PARAMETER_ERROR, NO_DATA, SERVER_ERROR = 10004, 10023, 40002, 60001, -2
NO_RIGHT = (10005, 10009)
NO_INTERFACE, TOO_MANY_TOKENS, ADDRESS_FORBIDDEN = 10001, 60002, 70087
LIMIT_SECONDS = 60
"""How long to ask nothing once its limit is used up."""
ERROR_BYTES = 4096
"""Errors are short. An answer longer than this is not read twice to see whether it is one."""
TOKEN_LIFE = timedelta(minutes=30)
"""Seconds that an access token is good for, where the answer does not say."""
CODES = {
    TOKEN_EXPIRED: "token-refused",
    NO_INTERFACE: "no-interface",
    ADDRESS_FORBIDDEN: "address-refused",
    TOO_MANY_TOKENS: "too-many-tokens",
    NO_RIGHT[0]: "no-right",
    NO_RIGHT[1]: "no-right",
}


def answer(reply: Reply, secret: Secret) -> Mapping[str, Any]:
    """The answer's object, once it is known to be no error. That there is no data is none."""
    check_status(reply, SYSTEM)
    found = _object(reply)
    number = _number(found)
    if number not in (0, NO_DATA):
        raise _error(number, _quoted(found.get("errmsg"), secret))
    return found if number == 0 else {}


def refused(reply: Reply) -> PbxError:
    """Why there is no websocket."""
    try:
        check_status(reply, SYSTEM)
    except PbxError as error:
        return error
    return PbxRefused(reason("yeastar.no-websocket", status=reply.status))


def errcode(reply: Reply) -> int | None:
    """The number of an error; None where the answer is none, or too long for one."""
    if len(reply.body) > ERROR_BYTES or not 200 <= reply.status < 300:
        return None
    try:
        return _number(_object(reply)) or None
    except PbxUnintelligible:
        return None


def may_not(reply: Reply) -> bool:
    """Whether the client has no right to this interface."""
    return errcode(reply) in NO_RIGHT


def read_token(reply: Reply, secret: Secret, now: datetime) -> Tokens:
    """The tokens. Raises `TokenRefused`; where it is no refusal `RateLimited`, `RequestFailed`, `PbxUnintelligible`."""
    try:
        check_status(reply, SYSTEM)
        found = _object(reply)
        number = _number(found)
    except PbxRefused as error:
        raise TokenRefused(error.reason) from None
    if number == LIMIT_EXCEEDED:
        raise RateLimited(LIMIT_SECONDS)
    if number == SERVER_ERROR:
        raise RequestFailed("token-unavailable", reason("token-unavailable", status=reply.status))
    if number != 0:
        raise TokenRefused(_cause(number, _quoted(found.get("errmsg"), secret), "yeastar.login-refused"))
    tokens = granted(found, now, TOKEN_LIFE, "access_token_expire_time")
    if tokens is None:
        raise TokenRefused(reason("token-unreadable", status=reply.status))
    return tokens


def objects(value: object, what: str) -> list[dict[str, Any]]:
    """The objects of a list, with what else stands in it left out. Nothing at all (the vendor has no data) is an empty
    list; what is no list, or holds no object, is refused: it must not pass for an idle extension."""
    if value is None:
        return []
    found = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    if not isinstance(value, list) or (value and not found):
        raise PbxUnintelligible(reason("yeastar.no-list", list=what))
    return found


def _object(reply: Reply) -> dict[str, Any]:
    try:
        found = json_in(reply)
    except (ValueError, RecursionError):
        raise PbxUnintelligible(reason("yeastar.not-json")) from None
    if not isinstance(found, dict):
        raise PbxUnintelligible(reason("yeastar.not-json"))
    return found


def _number(found: Mapping[str, Any]) -> int:
    told = written(found.get("errcode"))
    if not told.removeprefix("-").isdecimal() or len(told) > 20:
        raise PbxUnintelligible(reason("yeastar.no-errcode"))
    return int(told)


def _error(number: int, message: str) -> PbxError:
    if number == LIMIT_EXCEEDED:
        return PbxUnreachable(reason("yeastar.limit", seconds=LIMIT_SECONDS))
    if number == SERVER_ERROR:
        return PbxUnreachable(reason("yeastar.not-working", message=message))
    return PbxRefused(_cause(number, message, "yeastar.refused"))


def _cause(number: int, message: str, otherwise: str) -> Reason:
    code = f"yeastar.{CODES[number]}" if number in CODES else otherwise
    return Reason(code, {"number": number, "message": message})


def _quoted(value: object, secret: Secret) -> str:
    """The vendor's own words, fit to be shown."""
    return quoted(written(value), secret.reveal())
