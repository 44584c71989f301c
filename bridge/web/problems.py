"""Refusals as problem+json (RFC 9457), each with a stable `reason`."""

import logging
from collections.abc import Mapping

from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.core.errors import ClickRefused, PbxError
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


def problem(
    status: int, reason: str, title: str, detail: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """One refusal."""
    body = {
        "type": f"urn:popbridge:reason:{reason}",
        "title": title,
        "status": status,
        "detail": detail,
        "reason": reason,
    }
    return JSONResponse(body, status, headers=dict(headers or {}), media_type="application/problem+json")


def of_refusal(refused: ClickRefused) -> JSONResponse:
    """A click (or a question to the API) that was refused."""
    headers = {"Retry-After": str(refused.retry_after)} if refused.retry_after is not None else {}
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(refused.status, refused.reason, refused.title, refused.detail, headers)


async def on_refusal(_: Request, error: Exception) -> Response:
    """Starlette's hook for `ClickRefused`."""
    assert isinstance(error, ClickRefused)  # noqa: S101 - registered for it alone
    return of_refusal(error)


async def on_http_error(_: Request, error: Exception) -> Response:
    """Starlette's hook for its own errors: no such page, wrong method, no or wrong token."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    reason = getattr(error, "reason", None) or REASONS.get(error.status_code, "refused")
    return problem(error.status_code, reason, reason.replace("-", " ").capitalize(), error.detail, error.headers)


async def on_pbx_error(_: Request, error: Exception) -> Response:
    """Starlette's hook for a phone system that gave no answer to a question of the API."""
    assert isinstance(error, PbxError)  # noqa: S101 - registered for it alone
    return problem(502, str(error.outcome), "The phone system gave no answer", str(error))


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
    return problem(500, "internal", "A fault of the bridge", "The bridge's log tells more.")
