"""Who asks: the bearer token of a request or the session in a page's cookie, and what it may see now."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from bridge.agents.access import Access, as_now, no_row
from bridge.agents.sources import AGAIN_SECONDS
from bridge.core.reasons import reason
from bridge.services import Services
from bridge.store import counters, tokens
from bridge.store.tokens import Grant, Kind, Role
from bridge.web import cookies
from bridge.web.body import source_of
from bridge.web.problems import RequestRefused

NEEDED = "Send a token that has not expired as 'Authorization: Bearer'; `popbridge token create` makes one."
AGENTS_ONLY = "This needs an agent's token: `popbridge token create --role agent --agent CRM:CRM_USER` makes one."


class NoRow(RequestRefused):
    """403: the token's agent is not in the directory any more."""

    reason = "unknown-agent"

    def __init__(self, grant: Grant) -> None:
        super().__init__(403, no_row(grant))


class Unauthorized(HTTPException):
    """401: no valid token. `reason` says what is wrong with it, as far as whoever has it may know."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(401, detail, headers={"WWW-Authenticate": "Bearer"})
        self.reason = reason


REFUSALS = {
    "incomplete-token": "This token is not complete: copy all of it.",
    "used-link": "This link was used before: a link opens the desktop page once.",
    "revoked-token": "This token was revoked, or its session was ended.",
    "signed-out": "This session has ended: its owner signed out.",
    "bad-token": "This token has expired, or is none of this installation.",
}


def bearer(request: Request) -> str:
    """The request's bearer token, empty without one."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


async def access_of(request: Request) -> Access:
    """What the request's token may see now: every door that shows something asks it for each thing it shows.

    401 without a valid token (a link's opens the desktop page only); 403 for an agent who has no row any more.
    """
    services: Services = request.app.state.services
    return Access(_in_directory(services, await _no_link(request)), services.agents.directory(), services.settings)


async def _no_link(request: Request) -> Grant:
    found = await _grant(request)
    if found.kind is Kind.LINK:
        raise _unknown("This token is a link's: it opens the desktop page, once.")
    return found


def _in_directory(services: Services, grant: Grant) -> Grant:
    """The grant as it is now; 403 when its agent has no row, 503 while that cannot be known."""
    if (now := as_now(grant, services.agents.directory())) is not None:
        return now
    if not services.agents.is_complete:
        raise RequestRefused(503, reason("refused-users-unknown"), headers={"Retry-After": str(AGAIN_SECONDS)})
    raise NoRow(grant)


async def _grant(request: Request) -> Grant:
    services: Services = request.app.state.services
    text, most = credential(request), services.settings.server.reads_per_minute
    async with request.app.state.room:
        if request.method == "GET" and most:
            found = await _reader(services, text, source_of(request), most)
        else:
            found = await tokens.check(services.redis, text, services.clock.now())
    if found is None:
        raise await _refusal(request, text)
    return found


def credential(request: Request) -> str:
    """The request's token; without one, the session in the cookie of the page that asks. Empty: neither."""
    return bearer(request) or cookies.session_in(request)


async def _refusal(request: Request, text: str) -> Unauthorized:
    """Without any token only a page of ours is told so: its cookie may have gone in another tab."""
    why = await tokens.why_refused(request.app.state.services.redis, text)
    if detail := REFUSALS.get(why):
        return Unauthorized(why, f"{detail} {NEEDED}")
    return Unauthorized(why if cookies.page_of(request) else "bad-token", NEEDED)


async def _reader(services: Services, text: str, source: str, most: int) -> Grant | None:
    """Reads are limited by address, whatever their tokens. What a page reports is not: it would count as not seen."""
    now = services.clock.now()
    found, times = await tokens.check_read(services.redis, text, now, source)
    if times > most:
        await counters.count(services.redis, "reads_refused", reason="too-many")
        wait = {"Retry-After": str(counters.next_minute(now.timestamp()))}
        raise RequestRefused(429, reason("refused-reads-often", most=most), headers=wait)
    return found


def _unknown(detail: str) -> HTTPException:
    return Unauthorized("bad-token", detail)


async def supervisor(request: Request) -> Access:
    """As `access_of`; 403 unless it is a supervisor's or administrator's, who may be limited to some CRMs."""
    access = await access_of(request)
    if not access.grant.supervises:
        raise RequestRefused(403, reason("refused-needs-supervisor"))
    return access


async def admin(request: Request) -> Access:
    """As `supervisor`; 403 unless it is an administrator's."""
    access = await supervisor(request)
    if access.grant.role is not Role.ADMIN:
        raise RequestRefused(403, reason("refused-needs-admin"))
    return access


async def agent_of(request: Request) -> Grant:
    """The rights of an agent who is in the directory now; 401 for every other token."""
    return _agents((await access_of(request)).grant)


async def opener_of(request: Request) -> Grant:
    """As `agent_of`, and a link's token too: whoever opens the desktop page."""
    return _in_directory(request.app.state.services, _agents(await _grant(request)))


async def supervising_opener_of(request: Request) -> Grant:
    """As `supervisor`, and a link's token too: whoever opens the console."""
    found = await _grant(request)
    if not found.supervises:
        raise RequestRefused(403, reason("refused-needs-supervisor"))
    return found


async def leaver_of(request: Request) -> Grant:
    """As `agent_of`, in the directory or not: whoever signs out."""
    return _agents(await _no_link(request))


def _agents(grant: Grant) -> Grant:
    if grant.role is not Role.AGENT:
        raise _unknown(AGENTS_ONLY)
    return grant


def told_of(services: Services, grant: Grant) -> dict[str, str]:
    """The agent of a token as the page shows them."""
    agent = services.agents.directory().agent(grant.crm, grant.crm_user)
    return {"crm": grant.crm, "crm_user": grant.crm_user, "name": agent.name if agent else ""}
