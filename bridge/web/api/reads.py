"""Reading: the details of a click, a popup with its deliveries, a cached call, live extensions and queues."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.agents.access import Access
from bridge.audit.search import Search
from bridge.calls.labels import identified
from bridge.calls.phone_system import PhoneSystem
from bridge.calls.snapshot import extension_rows, queue_row
from bridge.clicks import history
from bridge.clicks.passed_on import as_known_now
from bridge.core.json_codec import as_json
from bridge.core.model import Caller, ExtensionId
from bridge.core.reasons import reason
from bridge.pbx.contract import Listing
from bridge.services import Services
from bridge.store.calls import popups
from bridge.store.deliveries import records
from bridge.store.desktop import notes
from bridge.web.api import audit
from bridge.web.api.queries import known_only, yes_or_no
from bridge.web.problems import RequestRefused
from bridge.web.signin import access_of, supervisor

CLICK_FILTERS = ("agent", "crm", "since", "until", "problems", "names")


async def click(request: Request) -> Response:
    """`GET /api/clicks/{click_id}`: the details of one click."""
    access = await access_of(request)
    services: Services = request.app.state.services
    click_id = request.path_params["click_id"]
    story = await popups.story(services.redis, click_id)
    if story is None or not _sees_story(access, story):
        raise RequestRefused(404, reason("refused-gone"))
    if access.grant.supervises:
        await audit.record_read(request, access, "story", None, crm=story["click"]["crm"], click_id=click_id)
    ids, popup = story.pop("delivery_ids"), story["answer"]["popup"]
    ids += await notes.sent(services.redis, popup["popup_id"]) if popup else []
    return JSONResponse(access.as_seen({**story, "deliveries": as_json(await records.get(services.redis, ids))}))


async def clicks(request: Request) -> Response:
    """`GET /api/clicks?agent=&crm=&since=&until=&problems=&names=&limit=&cursor=`: clicks, refused ones too; agents see
    only theirs. With `names=true` who called, as in `GET /api/audit`."""
    access = await access_of(request)
    services: Services = request.app.state.services
    query, with_names = known_only(request, CLICK_FILTERS), yes_or_no(request.query_params.get("names"), "names")
    filters = {name: query.get(name, "") for name in ("crm", "since", "until")} | {"crm_user": query.get("agent", "")}
    grant = access.grant
    if not grant.supervises:
        filters |= {"crm": grant.crm, "crm_user": grant.crm_user}
    now = services.clock.now()
    search = Search.read(filters, services.labels.regions.values(), now, access.crms)
    search = replace(search, problems=yes_or_no(query.get("problems"), "problems"))
    limit, cursor = audit.paging(request)
    await audit.record_read(request, access, "clicks", search)
    page = await history.clicks(services.archive, services.redis, search, limit, cursor, now, grant.supervises)
    items = await audit.with_names_of(services.redis, page.items) if with_names else page.items
    return JSONResponse(access.as_seen({"items": items, "next_cursor": page.next_cursor}))


def _sees_story(access: Access, story: dict[str, Any]) -> bool:
    crm_user = (story["agent"] or {}).get("crm_user") or story["click"]["agent"] or ""
    return access.sees_agent(story["click"]["crm"], crm_user)


async def popup(request: Request) -> Response:
    """`GET /api/popups/{popup_id}`: the popup with its deliveries."""
    access = await access_of(request)
    services: Services = request.app.state.services
    found = await popups.popup(services.redis, request.path_params["popup_id"])
    if found is None or not access.sees_agent(found[0].agent.crm, found[0].agent.crm_user):
        raise RequestRefused(404, reason("refused-gone"))
    shown, ids = found
    callers = [call.caller for call in (shown.call, *shown.other_calls)]
    callers += [shown.passed_on.caller] if shown.passed_on else []
    await audit.record_shown(request, access, "popup", callers, shown.agent.crm, popup_id=shown.popup_id)
    ids = [*ids, *await notes.sent(services.redis, shown.popup_id)]
    told = {**as_json(shown), "deliveries": as_json(await records.get(services.redis, ids))}
    if shown.passed_on is not None:
        told["passed_on"] = await as_known_now(shown.passed_on, services.redis)
    return JSONResponse(access.as_seen(told))


async def call(request: Request) -> Response:
    """`GET /api/calls/{ivrid}`: the cached call; agents see only calls on their own extensions."""
    access = await access_of(request)
    services: Services = request.app.state.services
    query, ivrid = request.query_params, request.path_params["ivrid"]
    cached = await popups.calls(services.redis, ivrid, query.get("pbx"), query.get("extension"))
    found = [one for one in cached if access.sees_line(ExtensionId(one.pbx, one.extension))]
    if not found:
        raise RequestRefused(404, reason("refused-gone"))
    await audit.record_shown(request, access, "call", [found[0].caller], pbx=found[0].pbx, ivrid=ivrid)
    return JSONResponse(access.as_seen(as_json(found[0])))


def _system(request: Request, access: Access) -> PhoneSystem:
    services: Services = request.app.state.services
    name = request.path_params["pbx"]
    known = [*access.phone_systems()]
    if name not in known:
        raise RequestRefused(404, reason("refused-unknown-pbx", known=known))
    return services.lookup.systems[name]


async def extensions(request: Request) -> Response:
    """`GET /api/pbx/{pbx}/extensions[?extension=]`: the extensions now, with their calls."""
    access = await supervisor(request)
    services: Services = request.app.state.services
    system, wanted = _system(request, access), request.query_params.get("extension")
    if wanted is not None and not access.sees_line(ExtensionId(system.name, wanted)):
        return _list(access, [])
    listing = _seen(await system.snapshot(wanted), system.name, access)
    callers = [call.caller for calls in listing.extensions.values() for call in calls]
    about = {"extension": wanted} if wanted else {}
    await audit.record_shown(request, access, "extensions", _identified(callers, system), pbx=system.name, **about)
    return _list(access, extension_rows(listing, wanted, services.labels))


def _seen(listing: Listing, pbx: str, access: Access) -> Listing:
    """What this token sees of it."""
    seen = {name: calls for name, calls in listing.extensions.items() if access.sees_line(ExtensionId(pbx, name))}
    return replace(listing, extensions=seen)


def _identified(callers: Iterable[Caller], system: PhoneSystem) -> list[Caller]:
    return [identified(caller, system.account.region) for caller in callers]


async def queues(request: Request) -> Response:
    """`GET /api/pbx/{pbx}/queues[?queue=]`: the queues now, with their waiting callers."""
    access = await supervisor(request)
    services: Services = request.app.state.services
    system = _system(request, access)
    if not access.sees_all_of(system.name):
        raise RequestRefused(403, reason("refused-queues-shared"))
    wanted = request.query_params.get("queue") or None
    found = await system.queues(wanted)
    if found is None:
        raise RequestRefused(404, reason("refused-no-queues", kind=system.adapter.kind))
    if wanted is not None and not found:
        raise RequestRefused(404, reason("refused-unknown-queue"))
    callers = [one.caller for queue in found for one in queue.callers]
    await audit.record_shown(request, access, "queues", _identified(callers, system), pbx=system.name)
    region = services.labels.regions[system.name]
    return _list(access, [queue_row(queue, region) for queue in found])


def _list(access: Access, items: list[dict[str, Any]]) -> Response:
    return JSONResponse(access.as_seen({"items": items, "next_cursor": None}))
