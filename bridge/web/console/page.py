"""The supervisor's console: the page, and who is signed in on it. What it shows comes from the API."""

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response

from bridge.web.desktop.page import PAGE_POLICY
from bridge.web.languages import STATIC
from bridge.web.signin import supervisor

FIRST_PAGE = "/console/audit"


async def door(_: Request) -> Response:
    """`GET /console`: its first page; a browser takes the `#token=` of a link along."""
    return RedirectResponse(FIRST_PAGE, 307)


async def page(_: Request) -> Response:
    """`GET /console/audit`: the page; who may see what is decided by the token it brings to the API."""
    headers = {"Content-Security-Policy": f"{PAGE_POLICY}'none'", "Cache-Control": "no-cache"}
    return FileResponse(STATIC / "console.html", headers=headers)


async def session(request: Request) -> Response:
    """`GET /console/session`: whose token this is. 401 and 403 as everywhere."""
    grant = (await supervisor(request)).grant
    whose = {"token_id": grant.token_id, "role": grant.role, "expires_at": grant.expires_at}
    return JSONResponse({**whose, "crms": list(grant.crms) or None})
