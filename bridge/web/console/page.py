"""The supervisor's console: the page. What it shows comes from the API, who is signed in from `session`."""

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from bridge.web.desktop.page import PAGE_POLICY
from bridge.web.languages import STATIC

FIRST_PAGE = "/console/audit"


async def door(_: Request) -> Response:
    """`GET /console`: its first page; a browser takes the `#token=` of a link along."""
    return RedirectResponse(FIRST_PAGE, 307)


async def page(_: Request) -> Response:
    """`GET /console/audit`: the page; who may see what is decided by the token it brings to the API."""
    headers = {"Content-Security-Policy": f"{PAGE_POLICY}'none'", "Cache-Control": "no-cache"}
    return FileResponse(STATIC / "console.html", headers=headers)
