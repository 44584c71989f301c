"""`GET` and `POST /events/{pbx}`: what phone systems tell of calls, kept for the listener and answered at once."""

import logging

from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from bridge.core import http_types
from bridge.core.errors import BadSignature, ClickRefused, TooManyClicks, UnknownPbx
from bridge.events.told import written
from bridge.pbx import registry
from bridge.pbx.contract import AnswersEvents, ReadsEvents
from bridge.services import Services
from bridge.store import counters, listeners
from bridge.store.clicks.accept import unavailable
from bridge.web import problems
from bridge.web.body import source_of
from bridge.web.incoming import incoming_of

log = logging.getLogger(__name__)

FAILURES_PER_MINUTE = 30
TAKEN = http_types.Response(200, {"Content-Type": "application/json"}, b"{}")


async def event(request: Request) -> Response:
    """One event, or the challenge before events come."""
    services: Services = request.app.state.services
    try:
        return _sent(await _taken(request, services, str(request.path_params["pbx"])))
    except ClickRefused as refused:
        return problems.of_refusal(refused)


async def _taken(request: Request, services: Services, pbx: str) -> http_types.Response:
    """Raises `ClickRefused`."""
    account = services.settings.pbx.get(pbx)
    adapter: object = registry.find(account.kind) if account is not None and account.events == "push" else None
    if not isinstance(adapter, ReadsEvents):
        raise UnknownPbx('No phone system of that name sends events: see events = "push" of [pbx.NAME]')
    incoming = await incoming_of(request, services)
    try:
        told = adapter.read_event(account, incoming)
    except BadSignature:
        await _count_failure(request, services, pbx)
        raise
    if isinstance(told, http_types.Response):
        return told
    try:
        await listeners.keep_event(services.redis, pbx, written(told))
    except (RedisError, OSError) as error:
        raise unavailable(error) from None
    return adapter.event_answer(account, incoming) if isinstance(adapter, AnswersEvents) else TAKEN


async def _count_failure(request: Request, services: Services, pbx: str) -> None:
    """Whoever fails too often to prove where it comes from is told to wait. Raises `TooManyClicks`."""
    try:
        seconds = services.clock.now().timestamp()
        failures, wait = await counters.happened(services.redis, "failed-event", pbx, source_of(request), seconds)
    except (RedisError, OSError):
        return
    if failures > FAILURES_PER_MINUTE:
        raise TooManyClicks("Too many events from this address could not prove their sender", wait)


def _sent(answer: http_types.Response) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers))
