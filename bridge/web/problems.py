"""Refusals as problem+json (RFC 9457), each with a stable `reason`.

`detail` is English, for programs and logs. Where a page may show it, `detail_reason` is the same as data.
"""

import logging
from collections.abc import Mapping

from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.core.errors import ClickRefused, PbxError
from bridge.core.json_codec import as_json
from bridge.core.reasons import Reason
from bridge.store.clicks.accept import unavailable

log = logging.getLogger(__name__)

REASONS = {
    400: "malformed",
    401: "bad-token",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    409: "not-now",
    429: "too-many",
    503: "unavailable",
}


class RequestRefused(HTTPException):
    """A request of a page or program that is refused; `said` is why."""

    def __init__(self, status: int, said: Reason, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, str(said), headers)
        self.said = said


def problem(
    status: int,
    reason: str,
    title: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    said: Reason | None = None,
) -> JSONResponse:
    """One refusal."""
    body = {
        "type": f"urn:popbridge:reason:{reason}",
        "title": title,
        "status": status,
        "detail": detail,
        "reason": reason,
        **({"detail_reason": as_json(said)} if said else {}),
    }
    return JSONResponse(body, status, headers=dict(headers or {}), media_type="application/problem+json")


def of_refusal(refused: ClickRefused, said: Reason | None = None) -> JSONResponse:
    """A click that was refused, or a question to the API."""
    headers = {"Retry-After": str(refused.retry_after)} if refused.retry_after is not None else {}
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(refused.status, refused.reason, refused.title, refused.detail, headers, said)


async def on_refusal(_: Request, error: Exception) -> Response:
    """Starlette's hook for `ClickRefused`."""
    assert isinstance(error, ClickRefused)  # noqa: S101 - registered for it alone
    return of_refusal(error, error.said)


async def on_http_error(_: Request, error: Exception) -> Response:
    """Starlette's hook for its own errors: no such page, wrong method, no or wrong token."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    reason = getattr(error, "reason", None) or REASONS.get(error.status_code, "refused")
    title, said = reason.replace("-", " ").capitalize(), error.said if isinstance(error, RequestRefused) else None
    return problem(error.status_code, reason, title, error.detail, error.headers, said)


async def on_pbx_error(_: Request, error: Exception) -> Response:
    """Starlette's hook for a phone system that gave no answer to a question of the API."""
    assert isinstance(error, PbxError)  # noqa: S101 - registered for it alone
    return problem(502, str(error.outcome), "The phone system gave no answer", str(error), said=error.reason)


async def on_redis_error(_: Request, error: Exception) -> Response:
    """Starlette's hook for a Redis that is away."""
    assert isinstance(error, RedisError | OSError)  # noqa: S101 - registered for them alone
    log.warning("redis is away: %s", type(error).__name__)
    return of_refusal(unavailable(error))


async def on_sql_error(_: Request, error: Exception) -> Response:
    """Starlette's hook for an audit archive that cannot be used."""
    log.error("the audit archive cannot be used: %s", type(error).__name__)
    return problem(503, "unavailable", "Try again shortly", "The audit archive cannot be used.", {"Retry-After": "5"})


async def on_bug(_: Request, __: Exception) -> Response:
    """Starlette's hook for everything else; the log has the cause."""
    why = Reason("refused-fault")
    return problem(500, "internal", "A fault of the bridge", str(why), said=why)
