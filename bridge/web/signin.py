"""Who asks: the bearer token of an API or page request."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from bridge.services import Services
from bridge.store import counters, tokens
from bridge.store.tokens import Grant, Kind, Role
from bridge.web.body import source_of

NEEDED = "Send a token that has not expired as 'Authorization: Bearer'; `popbridge token create` makes one."
AGENTS_ONLY = "This needs an agent's token: `popbridge token create --role agent --agent CRM:CRM_USER` makes one."


def bearer(request: Request) -> str:
    """The request's bearer token, empty without one."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


async def grant_of(request: Request) -> Grant:
    """The rights of the request's token. 401 without a valid one; a link's token opens the desktop page only."""
    found = await _grant(request)
    if found.kind is Kind.LINK:
        raise _unknown("This token is a link's: it opens the desktop page, once.")
    return found


async def _grant(request: Request) -> Grant:
    services: Services = request.app.state.services
    text, most = bearer(request), services.settings.server.reads_per_minute
    async with request.app.state.room:
        if request.method == "GET" and most:
            found = await _reader(services, text, source_of(request), most)
        else:
            found = await tokens.check(services.redis, text, services.clock.now())
    if found is None:
        raise _unknown(NEEDED)
    return found


async def _reader(services: Services, text: str, source: str, most: int) -> Grant | None:
    """Reads are limited by address, whatever their tokens. What a page reports is not: it would count as not seen."""
    now = services.clock.now()
    found, times = await tokens.check_read(services.redis, text, now, source)
    if times > most:
        await counters.count(services.redis, "reads_refused", reason="too-many")
        wait = {"Retry-After": str(counters.next_minute(now.timestamp()))}
        raise HTTPException(429, f"More than {most} reads from this address in this minute.", headers=wait)
    return found


def _unknown(detail: str) -> HTTPException:
    return HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})


async def supervisor(request: Request) -> Grant:
    """As `grant_of`; 403 unless it may read everybody's."""
    grant = await grant_of(request)
    if not grant.supervises:
        raise HTTPException(403, "This needs a supervisor's token.")
    return grant


async def agent_of(request: Request) -> Grant:
    """As `grant_of`; 401 unless it is an agent's own."""
    return _agents(await grant_of(request))


async def opener_of(request: Request) -> Grant:
    """As `agent_of`, and a link's token too: whoever opens the desktop page."""
    return _agents(await _grant(request))


def _agents(grant: Grant) -> Grant:
    if grant.role is not Role.AGENT:
        raise _unknown(AGENTS_ONLY)
    return grant


def told_of(services: Services, grant: Grant) -> dict[str, str]:
    """The agent of a token as the page shows them."""
    agent = services.agents.directory().agent(grant.crm, grant.crm_user)
    return {"crm": grant.crm, "crm_user": grant.crm_user, "name": agent.name if agent else ""}
