"""Is it alive, is it ready, which version is it, and what has it counted."""

import platform

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge import __version__
from bridge.core.errors import ArchiveUnfit
from bridge.egress.circuit_breaker import CircuitState
from bridge.services import Services
from bridge.store import durability, trouble
from bridge.web.metrics import text


async def livez(_: Request) -> Response:
    """`GET /livez`: the process answers."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """`GET /readyz`: clicks can be accepted.

    A broken new file of agents is told, but the old rows still serve; a phone system that is down is told, but its
    clicks are still answered.
    """
    services: Services = request.app.state.services
    checks = {"redis": await _redis(services), "audit": await _audit(services)}
    ready = all(state == "ok" for state in checks.values())
    services.agents.directory()
    wrong = len(services.agents.problems)
    checks["agents"] = f"{wrong} problems in the sources: `popbridge check` tells them" if wrong else "ok"
    for name, state in services.lookup.circuits().items():
        checks[f"pbx {name}"] = "ok" if state is CircuitState.CLOSED else f"circuit {state}: it failed several times"
    return JSONResponse({"status": "ready" if ready else "not-ready", "checks": checks}, 200 if ready else 503)


async def _redis(services: Services) -> str:
    try:
        await durability.try_write(services.redis)
    except (RedisError, OSError) as error:
        return trouble.of(error).what
    return "ok"


async def _audit(services: Services) -> str:
    try:
        await services.archive.ask(services.archive.works)
    except (SQLAlchemyError, ArchiveUnfit):
        return "the archive's database cannot be used"
    return "ok"


async def version(_: Request) -> Response:
    """`GET /version`."""
    return JSONResponse({"version": __version__, "python": platform.python_version()})


async def metrics(request: Request) -> Response:
    """`GET /metrics`: counts over all processes, in Prometheus's text form."""
    return Response(await text(request.app.state.services), media_type="text/plain; version=0.0.4; charset=utf-8")
