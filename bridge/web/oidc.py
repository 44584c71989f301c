"""`/signin/…`: signing in at the identity provider. It ends in a one-time link to the page, as an operator's link does.

So one door alone gives sessions; the code, the state and the provider's tokens never reach a page of ours.
"""

import logging
import secrets
from datetime import timedelta

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from bridge.core.errors import SigninFailed
from bridge.core.json_codec import time_text
from bridge.core.model import Agent
from bridge.observability import logs
from bridge.services import Services
from bridge.signin.renewal import UNCONFIRMED
from bridge.signin.single_sign_on import Arrived, SingleSignOn
from bridge.store import counters, tokens
from bridge.store.tokens import Grant, Kind, Role, Via
from bridge.web import cookies, doors
from bridge.web.body import source_of
from bridge.web.doors import Way

log = logging.getLogger(__name__)

PER_MINUTE = 60
"""Sign-ins that one address may begin."""
TARGETS = ("desktop", "console", "frame")
STATUS = {
    "provider-unreachable": 502,
    "provider-unintelligible": 502,
    "nobody": 403,
    "no-agent": 403,
    "no-console": 403,
}
LINK_LIFE = timedelta(minutes=1)


async def ways(request: Request) -> Response:
    """`GET /signin/ways`: how the pages may offer to sign in."""
    oidc = request.app.state.services.settings.signin.oidc
    return JSONResponse({"oidc": {"name": oidc.name} if oidc else None})


def _signon(request: Request) -> SingleSignOn:
    services: Services = request.app.state.services
    if services.signon is None:
        raise HTTPException(404, "Signing in by OpenID Connect is not set up here: the settings have no [signin.oidc].")
    return services.signon


async def begin(request: Request) -> Response:
    """`GET /signin/oidc?to=desktop|console|frame&crm=`: off to the provider."""
    signon, services = _signon(request), request.app.state.services
    await _limit(services, source_of(request))
    to, crm = request.query_params.get("to", ""), request.query_params.get("crm", "")
    browser = cookies.browser_in(request) or secrets.token_urlsafe(24)
    try:
        address = await signon.leave_for_provider(browser, to if to in TARGETS else "", crm[:64])
    except SigninFailed as failed:
        return _failed(request, failed)
    response = RedirectResponse(address, 303)
    cookies.mark_browser(request, response, browser)
    return response


async def _limit(services: Services, source: str) -> None:
    times, wait = await counters.happened(services.redis, "signin", "", source, services.clock.now().timestamp())
    if times > PER_MINUTE:
        detail = f"More than {PER_MINUTE} sign-ins from this address in this minute."
        raise HTTPException(429, detail, headers={"Retry-After": str(wait)})


async def callback(request: Request) -> Response:
    """`GET /signin/callback`: back from the provider."""
    signon, services = _signon(request), request.app.state.services
    try:
        directory = services.agents.directory()
        arrived = await signon.arrive(dict(request.query_params), cookies.browser_in(request), directory)
    except SigninFailed as failed:
        return _failed(request, failed)
    return await _arrived(request, signon, arrived)


async def _arrived(request: Request, signon: SingleSignOn, arrived: Arrived) -> Response:
    """On to the page that the person wanted, or that they may see; else what is missing, and who can change it."""
    person, asked = arrived.person, arrived.asked
    agents = [agent for agent in person.agents if asked.crm in ("", agent.crm)]
    wants_desktop = asked.to in ("desktop", "frame") or (not asked.to and bool(agents))
    if not agents and person.supervision is None:
        return _unknown(request, arrived, "nobody", signon)
    if wants_desktop and not agents:
        return _unknown(request, arrived, "no-agent", signon)
    if not wants_desktop and person.supervision is None:
        return _unknown(request, arrived, "no-console", signon)
    if wants_desktop and len(agents) > 1:
        return _choice(request, agents, asked.to)
    rights = await _rights(request, signon, arrived, agents[0] if wants_desktop else None)
    services: Services = request.app.state.services
    token = await tokens.link(services.redis, rights, services.clock.now(), LINK_LIFE)
    logs.event(log, "signin", state="signed-in", role=rights.role, signin=arrived.signin.signin_id)
    page = {"console": "/console", "frame": "/signin/window"}.get(asked.to, "/desktop" if wants_desktop else "/console")
    return RedirectResponse(f"{page}#token={token}", 303)


async def _rights(request: Request, signon: SingleSignOn, arrived: Arrived, agent: Agent | None) -> Grant:
    """What the session may see, for how long; the sign-in is kept while it may last."""
    services: Services = request.app.state.services
    now, signin, seen = services.clock.now(), arrived.signin, arrived.person.supervision
    can_renew = bool(signin.refresh)
    life = services.settings.signin.life if can_renew else min(services.settings.signin.life, UNCONFIRMED)
    due = now + timedelta(minutes=signon.oidc.renew_minutes) if can_renew else None
    await signon.store.keep(signin, life, due)
    return Grant(
        token_id="",
        role=Role.AGENT if agent or seen is None else seen.role,
        crm=agent.crm if agent else "",
        crm_user=agent.crm_user if agent else "",
        created_at=time_text(now),
        expires_at=time_text(now + life),
        kind=Kind.SESSION,
        parent=signin.signin_id,
        crms=() if agent or seen is None else seen.crms,
        via=Via.OIDC,
        subject=signin.subject,
    )


def _choice(request: Request, agents: list[Agent], to: str) -> Response:
    """An agent in several CRMs: the page is for one of them."""
    _, say = doors.words_for(request)
    found: list[Way] = [(f"/signin/oidc?to={to or 'desktop'}&crm={one.crm}", one.crm, one.crm_user) for one in agents]
    return doors.page(request, say["signin.choose.title"], [say["signin.choose.text"]], ways=found)


def _unknown(request: Request, arrived: Arrived, code: str, signon: SingleSignOn) -> Response:
    """Somebody whom the provider knows and popbridge does not: what to ask, and whom."""
    oidc, person = signon.oidc, arrived.person
    logs.event(log, "signin", state="refused", code=code)
    _, say = doors.words_for(request)
    claims = ", ".join(dict.fromkeys(map(oidc.claim_of, signon.settings.crm)))
    facts = [(say["signin.subject"], person.subject or "-"), (say["signin.claims"], claims)]
    facts.append((say["signin.groups"], ", ".join(person.groups[:20]) or say["signin.no-groups"]))
    go_on: list[Way] = []
    if code == "no-agent":
        go_on.append(("/signin/oidc?to=console", say["door.console"], say["door.console.text"]))
    if code == "no-console" and person.agents:
        go_on.append(("/signin/oidc?to=desktop", say["door.desktop"], say["door.desktop.text"]))
    return _problem(request, code, "", facts=facts, ways=go_on)


def _failed(request: Request, failed: SigninFailed) -> Response:
    logs.event(log, "signin", state="refused", code=failed.code, cause=str(failed.cause))
    _, say = doors.words_for(request)
    again: list[Way] = [("/signin/oidc", say["signin.again"], "")]
    return _problem(request, failed.code, failed.code, ways=again)


def _problem(request: Request, code: str, fine: str, **more: object) -> Response:
    _, say = doors.words_for(request)
    status, title, text = STATUS.get(code, 400), say[f"signin.{code}.title"], say[f"signin.{code}.text"]
    if doors.wants_page(request):
        return doors.page(request, title, [text], status, fine=fine, **more)
    return JSONResponse({"title": title, "status": status, "detail": text, "reason": code}, status,
                        media_type="application/problem+json")  # fmt: skip


async def window(request: Request) -> Response:
    """`GET /signin/window`: the end of a sign-in for a frame; a script hands the link over."""
    _, say = doors.words_for(request)
    return doors.page(
        request, say["signin.window.title"], [say["signin.window.text"]], script="/static/signin_window.js"
    )
