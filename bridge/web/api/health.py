"""How everything is, for the console: the last hours, circuits, listeners; and the doctor's findings, when asked for.

The series count the deliveries of all CRMs together: a token that is limited to some CRMs is not shown them.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge import doctor
from bridge.agents.access import Access
from bridge.core.finding import worst
from bridge.core.json_codec import as_json
from bridge.core.reasons import reason, say
from bridge.egress.circuit_breaker import CircuitState
from bridge.services import Services
from bridge.store import health, leases, listeners, workers
from bridge.store.keys import turn
from bridge.store.tokens import Role
from bridge.web.problems import RequestRefused
from bridge.web.signin import supervisor

ORDER = (CircuitState.CLOSED, CircuitState.HALF_OPEN, CircuitState.OPEN)
DOCTOR_SECONDS = 10
"""The doctor asks everything, and sends each CRM a test event: not more often than this, whoever asks."""


async def overview(request: Request) -> Response:
    """`GET /api/health`: the series of the last hours (null for a token of some CRMs), circuits, listeners."""
    access = await supervisor(request)
    services: Services = request.app.state.services
    now = services.clock.now()
    alive, silent = await workers.statuses(services.redis, now)
    sees_all = access.crms is None
    series = [*await health.series(services.redis), await health.sample(services.redis, now)] if sees_all else None
    answer = {
        "series": [asdict(one) for one in series] if series is not None else None,
        "silent_workers": len(silent) if sees_all else None,
        "circuits": {
            "pbx": _of(services.lookup.circuits(), access.phone_systems()),
            "target": _of(_worst(one.circuits for one in alive), filter(access.sees_crm, services.settings.crm)),
        },
        "listeners": [await _listener(services, name, access, now.timestamp()) for name in access.phone_systems()],
        "may_examine": _may_examine(access),
    }
    return JSONResponse(access.as_seen(as_json(answer)))


def _of(states: dict[str, Any], names: Iterable[str]) -> dict[str, str]:
    """The circuits of these alone; one that nobody has used is closed."""
    return {name: str(states.get(name, CircuitState.CLOSED)) for name in names}


def _worst(told: Iterable[Any]) -> dict[str, CircuitState]:
    found: dict[str, CircuitState] = {}
    for states in told:
        for name, state in states.items():
            found[name] = max(found.get(name, CircuitState.CLOSED), CircuitState(state), key=ORDER.index)
    return found


async def _listener(services: Services, name: str, access: Access, now: float) -> dict[str, Any]:
    """How a listener is doing; how many calls there are only where no other CRM's are among them."""
    way = services.settings.pbx[name].events
    status = await listeners.status(services.redis, name) if way != "off" else None
    told: dict[str, Any] = {"pbx": name, "way": way, "is_there": status is not None}
    if status is not None:
        heard = round(max(0.0, now - status.heard_at), 1) if status.heard_at else None
        wrong = status.problem or status.down
        told |= {"heard_seconds": heard, "problem": say(wrong) if wrong else "", "reason": wrong}
        told["calls"] = status.calls if access.sees_all_of(name) else None
    return told


def _may_examine(access: Access) -> bool:
    return access.grant.role is Role.ADMIN and access.crms is None


async def examine(request: Request) -> Response:
    """`POST /api/health/doctor`: the doctor's findings, now; for administrators of every CRM."""
    access = await supervisor(request)
    services: Services = request.app.state.services
    if not _may_examine(access):
        raise RequestRefused(403, reason("refused-doctor-admins"))
    if not await leases.take(services.redis, turn("doctor"), access.grant.token_id, DOCTOR_SECONDS):
        headers = {"Retry-After": str(DOCTOR_SECONDS)}
        raise RequestRefused(429, reason("refused-doctor-soon"), headers=headers)
    found = await doctor.examine(services, ())
    return JSONResponse(access.as_seen({"grade": worst(found), "findings": as_json(found)}))
