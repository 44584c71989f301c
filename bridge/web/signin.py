"""Who asks: the bearer token of an API or page request."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from bridge.store import tokens
from bridge.store.tokens import Grant
from bridge.wiring import Kit


async def grant_of(request: Request) -> Grant:
    """The rights of the request's token. 401 without a valid one."""
    kit: Kit = request.app.state.kit
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    found = await tokens.check(kit.redis, text.strip(), kit.clock.now()) if scheme.lower() == "bearer" else None
    if found is None:
        detail = "Send a token that has not expired as 'Authorization: Bearer'; `popbridge token create` makes one."
        raise HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})
    return found


async def supervisor(request: Request) -> Grant:
    """As `grant_of`; 403 unless it may read everybody's."""
    grant = await grant_of(request)
    if not grant.supervises:
        raise HTTPException(403, "This needs a supervisor's token.")
    return grant
