"""Sessions of pages: begun for a token or a link, kept in the page's cookie, given a new text now and then, ended."""

import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.core.errors import SigninFailed
from bridge.services import Services
from bridge.store import sessions, tokens
from bridge.store.tokens import Grant, Kind, Via
from bridge.web import cookies
from bridge.web.signin import Unauthorized, bearer

log = logging.getLogger(__name__)


async def begin(request: Request, grant: Grant) -> tuple[Grant, str]:
    """The session for the request's token or link, and its text; a session's own is as it is. 401: it was used or
    revoked meanwhile."""
    services: Services = request.app.state.services
    if grant.kind is Kind.SESSION:
        return grant, bearer(request)
    limits = services.settings.signin
    traded = await tokens.trade(services.redis, grant, services.clock.now(), limits.life, limits.idle)
    if traded is None:
        reason = "used-link" if grant.kind is Kind.LINK else "revoked-token"
        raise Unauthorized(reason, "This link was used before, or revoked: it opens the desktop page once.")
    return traded


async def keep(request: Request, response: Response, session: Grant, text: str) -> None:
    """Put a session that has just begun into the cookie of the page that asked for it, if one did. What the cookie held
    for somebody else ends: their open tabs must not go on as this person."""
    page, services = cookies.page_of(request), request.app.state.services
    if page is None:
        return
    before = await tokens.check(services.redis, cookies.session_in(request), services.clock.now())
    if before is not None and _whose(before) != _whose(session):
        await tokens.revoke(services.redis, before.token_id, "left")
    cookies.keep(request, response, page, session, text, services.clock.now())


def _whose(grant: Grant) -> tuple[object, ...]:
    return grant.role, grant.crm, grant.crm_user, grant.crms


async def go_on(request: Request, response: Response, session: Grant) -> None:
    """A page has asked whether it is signed in: the session's idle end is put off, and its cookie perhaps renewed."""
    services: Services = request.app.state.services
    if session.kind is not Kind.SESSION:
        return
    now = services.clock.now()
    await sessions.used(services.redis, session, now, services.settings.signin.idle)
    page = cookies.page_of(request)
    if page is None or bearer(request):
        return
    text = await sessions.renewed(services.redis, session, now)
    if text is not None:
        cookies.keep(request, response, page, session, text, now)


def nobody(request: Request, refused: HTTPException) -> Response:
    """For a page that asks by its cookie who is signed in: why nobody is. Raises `refused` for everybody else."""
    is_page = cookies.page_of(request) is not None and not bearer(request)
    if not is_page or refused.status_code not in (401, 403):
        raise refused
    reason = getattr(refused, "reason", "not-allowed") if cookies.session_in(request) else "no-token"
    return JSONResponse({"reason": reason})


async def end(request: Request, grant: Grant) -> Response:
    """Sign out: the session ends in every tab. A token outlives the page. Whoever signed in at the identity provider is
    signed out in other windows that this sign-in opened, and told where to sign out there too (`leave`), if it offers
    that."""
    services: Services = request.app.state.services
    address = None
    if grant.kind is Kind.SESSION:
        address = await _leave_provider(services, grant)
        await tokens.revoke(services.redis, grant.token_id, "left")
    response = JSONResponse({"leave": address}) if address else Response(status_code=204)
    page = cookies.page_of(request)
    if page is not None and not bearer(request):
        cookies.drop(request, response, page)
    return response


async def _leave_provider(services: Services, grant: Grant) -> str | None:
    """End the sign-in and all its sessions, which nobody would ask the provider about any more; where the person signs
    out at the provider."""
    if services.signon is None or grant.via is not Via.OIDC:
        return None
    signin = await services.signon.store.find(grant.parent)
    await services.signon.store.forget(grant.parent)
    await tokens.revoke(services.redis, grant.parent, "left")
    try:
        return await services.signon.leave_address(signin) if signin else None
    except SigninFailed as error:
        log.warning("who signs out stays signed in at the identity provider: %s", error)
        return None
