"""Is it alive, is it ready, which version is it, and what has it counted."""

import asyncio
import platform

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge import __version__
from bridge.circuit import CircuitState
from bridge.store import counters
from bridge.wiring import Kit

COUNTERS = {
    "clicks": ("Accepted clicks by outcome", ("crm", "outcome")),
    "clicks_refused": ("Clicks that were not accepted", ("crm", "reason")),
    "attempts": ("Tries of deliveries by result", ("target", "result")),
    "deliveries": ("Deliveries that ended", ("target", "outcome")),
    "recovered": ("Deliveries queued again because their worker died or their job was lost", ()),
}


async def livez(_: Request) -> Response:
    """`GET /livez`: the process answers."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """`GET /readyz`: clicks can be accepted.

    A broken new file of agents is told, but the old rows still serve; a phone system that is down is told, but its
    clicks are still answered.
    """
    kit: Kit = request.app.state.kit
    checks = {"redis": await _redis(kit), "audit": await _audit(kit)}
    ready = all(state == "ok" for state in checks.values())
    kit.agents.directory()
    checks["agents"] = "; ".join(kit.agents.mistakes) or "ok"
    for name, state in kit.lookup.circuits().items():
        checks[f"pbx {name}"] = "ok" if state is CircuitState.CLOSED else f"circuit {state}: it failed several times"
    return JSONResponse({"status": "ready" if ready else "not-ready", "checks": checks}, 200 if ready else 503)


async def _redis(kit: Kit) -> str:
    try:
        await kit.redis.ping()
    except (RedisError, OSError):
        return "cannot be reached"
    return "ok"


async def _audit(kit: Kit) -> str:
    try:
        await asyncio.to_thread(kit.archive.engine)
    except SQLAlchemyError:
        return "the archive's database cannot be used"
    return "ok"


async def version(_: Request) -> Response:
    """`GET /version`."""
    return JSONResponse({"version": __version__, "python": platform.python_version()})


async def metrics(request: Request) -> Response:
    """`GET /metrics`: counts over all processes, in Prometheus's text form."""
    kit: Kit = request.app.state.kit
    registry = CollectorRegistry()
    registry.register(_Counts(await counters.every(kit.redis)))
    registry.register(_Circuits(kit.lookup.circuits()))
    return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")


class _Counts(Collector):
    def __init__(self, counts: dict[tuple[str, ...], int]) -> None:
        self._counts = counts

    def collect(self) -> list[CounterMetricFamily]:
        families = {
            name: CounterMetricFamily(f"popbridge_{name}", text, labels=labels)
            for name, (text, labels) in COUNTERS.items()
        }
        for (name, *labels), value in sorted(self._counts.items()):
            if name in families:
                families[name].add_metric(labels, value)
        return list(families.values())


class _Circuits(Collector):
    def __init__(self, states: dict[str, CircuitState]) -> None:
        self._states = states

    def collect(self) -> list[GaugeMetricFamily]:
        text = "Whether this process leaves the phone system alone: 0 closed, 1 half-open, 2 open"
        family = GaugeMetricFamily("popbridge_pbx_circuit", text, labels=["pbx"])
        numbers = {CircuitState.CLOSED: 0, CircuitState.HALF_OPEN: 1, CircuitState.OPEN: 2}
        for name, state in self._states.items():
            family.add_metric([name], numbers[state])
        return [family]
