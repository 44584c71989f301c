"""Buttons on CRMs' own pages: which origins may send clicks by script, each by its exact name."""

from collections.abc import Collection

from starlette.requests import Request
from starlette.responses import Response

METHODS, NAMES = "GET, POST", "authorization, content-type, idempotency-key"
PREFLIGHT_SECONDS = 600
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"
"""What a page of ours may load."""


def framed(response: Response, origins: Collection[str]) -> Response:
    """`response`, a page that pages of these origins may show in a frame."""
    ancestors = " ".join(origins) or "'none'"
    response.headers["Content-Security-Policy"] = f"{POLICY}; frame-ancestors {ancestors}"
    return response


def allow(request: Request, response: Response, origins: Collection[str]) -> Response:
    """`response`, readable by the page that asked if its origin is one of `origins`."""
    if origins:
        response.headers.add_vary_header("Origin")
    origin = request.headers.get("origin")
    if origin is not None and origin in origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
    return response


def preflight(request: Request, origins: Collection[str]) -> Response:
    """What a browser asks before it lets a page's script send a click."""
    response = allow(request, Response(status_code=204, headers={"Allow": f"{METHODS}, OPTIONS"}), origins)
    if "Access-Control-Allow-Origin" in response.headers:
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = NAMES
        response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return response
