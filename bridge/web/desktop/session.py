"""Who is signed in on the desktop page: signing in by a token or a link, staying signed in, signing out."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.core.json_codec import as_json
from bridge.services import Services
from bridge.store import tokens
from bridge.store.desktop import preferences
from bridge.store.tokens import Grant
from bridge.web import sessions
from bridge.web.desktop.page import of_crm
from bridge.web.signin import agent_of, leaver_of, opener_of, told_of


async def sign_in(request: Request) -> Response:
    """`POST /desktop/session`: a token or a link for a session. It is kept in a cookie where the page's browser keeps
    any, and its text is answered for where it does not; the first `GET` with the cookie makes that text useless."""
    session, text = await sessions.begin(request, await opener_of(request))
    response = JSONResponse({"session": text, **await _shown(request, session)}, 201)
    await sessions.keep(request, response, session, text)
    return response


async def session(request: Request) -> Response:
    """`GET /desktop/session`: who is signed in here. A page that asks by its cookie is told why nobody is, without an
    error: it asks that whenever it opens."""
    try:
        grant = await agent_of(request)
    except HTTPException as refused:
        return sessions.nobody(request, refused)
    response = JSONResponse(await _shown(request, grant))
    await sessions.go_on(request, response, grant)
    return response


async def _shown(request: Request, grant: Grant) -> dict[str, Any]:
    services: Services = request.app.state.services
    wanted = await preferences.load(services.redis, grant)
    told = {"expires_at": grant.expires_at, "via": grant.via, "agent": told_of(services, grant)}
    return {**told, "preferences": as_json(wanted), **of_crm(services, grant)}


async def link(request: Request) -> Response:
    """`POST /desktop/link`: a link for another window of this agent's, where the cookie of a frame does not reach."""
    grant, services = await agent_of(request), request.app.state.services
    return JSONResponse({"token": await tokens.link(services.redis, grant, services.clock.now())}, 201)


async def sign_out(request: Request) -> Response:
    """`DELETE /desktop/session`: the session ends, on every page that has it. A token outlives the page."""
    return await sessions.end(request, await leaver_of(request))
