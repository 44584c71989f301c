"""Deliveries over HTTP: listed, each with what it brings and what came back, and resent, one or all that match."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.agents.access import Access
from bridge.audit.search import moment, page_limit
from bridge.core.delivery import DeliveryState, Event
from bridge.core.errors import Malformed
from bridge.core.json_codec import as_json
from bridge.core.reasons import reason
from bridge.services import Services
from bridge.store import mentions
from bridge.store.deliveries import records
from bridge.store.deliveries.records import Wanted
from bridge.web.api import audit
from bridge.web.api.queries import known_only
from bridge.web.desktop.page import fields
from bridge.web.problems import RequestRefused
from bridge.web.signin import supervisor

FILTERS = ("state", "target", "event", "since")
RESENDABLE = (DeliveryState.FAILED, DeliveryState.EXPIRED)
MOST_RESENT = 200
"""Of one request: each that is resent may reach a person."""


async def listing(request: Request) -> Response:
    """`GET /api/deliveries?state=&target=&event=&since=&limit=&cursor=`: deliveries, newest first."""
    access = await supervisor(request)
    services: Services = request.app.state.services
    query = known_only(request, FILTERS)
    wanted, limit = _wanted(query, services, access), page_limit(query.get("limit"))
    await audit.record_shown(request, access, "deliveries")
    items, more = await records.every(services.redis, wanted, limit, _cursor(query.get("cursor")))
    owners = await records.owners(services.redis, [one.delivery_id for one in items])
    rows = [{**as_json(one), **owner} for one, owner in zip(items, owners, strict=True)]
    return JSONResponse(access.as_seen({"items": rows, "next_cursor": more}))


def _cursor(given: str | None) -> str | None:
    """Where the page begins. Raises `Malformed`."""
    if given and not mentions.DELIVERIES.fullmatch(given):
        raise Malformed(reason("refused-cursor"))
    return given or None


def _wanted(given: Mapping[str, str], services: Services, access: Access) -> Wanted:
    """The filters as given. Raises `Malformed`."""
    named = {name: str(given.get(name) or "") or None for name in FILTERS}
    for name, known in (("state", DeliveryState), ("event", Event)):
        if named[name] not in (None, *map(str, known)):
            raise Malformed(reason("refused-one-of", name=name, choices=list(known)))
    since = moment(named["since"], "since", services.clock.now()) if named["since"] else None
    return Wanted(named["state"], named["target"], named["event"], since, access.crms)


async def one(request: Request) -> Response:
    """`GET /api/deliveries/{id}`: a delivery with its attempts, and what it brings (null: not kept any longer)."""
    access = await supervisor(request)
    services: Services = request.app.state.services
    delivery_id = request.path_params["delivery_id"]
    found = await records.get(services.redis, [delivery_id], access.crms)
    if not found:
        raise RequestRefused(404, reason("refused-gone"))
    (owner,) = await records.owners(services.redis, [delivery_id])
    await audit.record_shown(request, access, "delivery", crm=owner["crm"] or None, delivery_id=delivery_id)
    sent = await records.subject(services.redis, delivery_id)
    return JSONResponse(access.as_seen({**as_json(found[0]), **owner, "sent": sent}))


async def retry(request: Request) -> Response:
    """`POST /api/deliveries/{id}/retry`: resend a failed or expired one, marked as resent."""
    access = await supervisor(request)
    services: Services = request.app.state.services
    delivery_id = request.path_params["delivery_id"]
    found = await records.get(services.redis, [delivery_id], access.crms)
    if not found:
        raise RequestRefused(404, reason("refused-gone"))
    await audit.record_shown(request, access, "retry", delivery_id=delivery_id)
    outcome = await records.send_again(services.redis, services.settings, found[0], services.clock.now())
    if outcome != records.RESENT:
        raise RequestRefused(409, reason("refused-resend", state=outcome))
    (resent,) = await records.get(services.redis, [delivery_id])
    return JSONResponse(access.as_seen(as_json(resent)), 202)


async def retry_all(request: Request) -> Response:
    """`POST /api/deliveries/retry`: resend all that match the body's `state` (failed or expired), `target`, `event`,
    `since`: the newest `MOST_RESENT` at most; `more` says whether others are left."""
    access = await supervisor(request)
    services: Services = request.app.state.services
    given = await fields(request)
    if unknown := {*given} - {*FILTERS}:
        raise Malformed(reason("refused-unknown-filter", given=min(unknown)[:50], known=FILTERS))
    if given.get("state") not in RESENDABLE:
        raise Malformed(reason("refused-one-of", name="state", choices=RESENDABLE))
    if not all(isinstance(value, str) for value in given.values()):
        raise Malformed(reason("refused-filter-text"))
    wanted = _wanted(given, services, access)
    await audit.record_shown(request, access, "retry-all", state=given["state"])
    found, more = await records.every(services.redis, wanted, MOST_RESENT)
    now = services.clock.now()
    outcomes = [await records.send_again(services.redis, services.settings, one, now) for one in found]
    return JSONResponse({"resent": outcomes.count(records.RESENT), "more": more is not None}, 202)
