"""Who is signed in to the console: signing in by a token, staying signed in, signing out."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.agents.access import Access
from bridge.services import Services
from bridge.store.tokens import Grant
from bridge.web import sessions
from bridge.web.signin import supervising_opener_of, supervisor


async def sign_in(request: Request) -> Response:
    """`POST /console/session`: a session for a supervisor's or administrator's token, kept in the page's cookie."""
    session, text = await sessions.begin(request, await supervising_opener_of(request))
    response = JSONResponse(_shown(request, session), 201)
    await sessions.keep(request, response, session, text)
    return response


async def session(request: Request) -> Response:
    """`GET /console/session`: whose token or session this is. 401 and 403 as everywhere, but for a page that asks by
    its cookie."""
    try:
        grant = (await supervisor(request)).grant
    except HTTPException as refused:
        return sessions.nobody(request, refused)
    response = JSONResponse(_shown(request, grant))
    await sessions.go_on(request, response, grant)
    return response


async def sign_out(request: Request) -> Response:
    """`DELETE /console/session`: the session ends in every tab. A token outlives it."""
    return await sessions.end(request, (await supervisor(request)).grant)


def _shown(request: Request, grant: Grant) -> dict[str, Any]:
    services: Services = request.app.state.services
    masked = not Access(grant, services.agents.directory(), services.settings).sees_numbers
    whose = {"token_id": grant.parent or grant.token_id, "role": grant.role, "expires_at": grant.expires_at}
    return {**whose, "via": grant.via, "subject": grant.subject, "crms": list(grant.crms) or None, "masked": masked}
