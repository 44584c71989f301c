"""Reading: the details of a click, a popup with its deliveries, a cached call, live extensions and queues."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.audit.search import Search, page_limit
from bridge.calls.live_calls import PhoneSystem
from bridge.calls.snapshot import extension_rows, queue_row
from bridge.clicks import history
from bridge.core.errors import Malformed
from bridge.core.json_codec import as_json
from bridge.core.model import DeliveryState
from bridge.services import Services
from bridge.store.calls import popups
from bridge.store.deliveries import records
from bridge.store.desktop import notes
from bridge.store.tokens import Grant
from bridge.web.api import audit
from bridge.web.signin import grant_of, supervisor

GONE = "Nothing has this id, or it is no longer kept."


async def click(request: Request) -> Response:
    """`GET /api/clicks/{click_id}`: the details of one click."""
    grant = await grant_of(request)
    services: Services = request.app.state.services
    click_id = request.path_params["click_id"]
    story = await popups.story(services.redis, click_id)
    if story is None or not _owns_story(grant, story):
        raise HTTPException(404, GONE)
    if grant.supervises:
        await audit.record_read(request, grant, "story", None, click_id=click_id)
    ids, popup = story.pop("delivery_ids"), story["answer"]["popup"]
    ids += await notes.sent(services.redis, popup["popup_id"]) if popup else []
    return JSONResponse({**story, "deliveries": as_json(await records.get(services.redis, ids))})


async def clicks(request: Request) -> Response:
    """`GET /api/clicks?agent=&crm=&since=&until=&limit=&cursor=`: clicks, refused ones too; agents see only theirs."""
    grant = await grant_of(request)
    services: Services = request.app.state.services
    filters = {name: request.query_params.get(name, "") for name in ("crm", "since", "until")}
    filters["crm_user"] = request.query_params.get("agent", "")
    if not grant.supervises:
        filters |= {"crm": grant.crm, "crm_user": grant.crm_user}
    now = services.clock.now()
    search = Search.read(filters, services.labels.regions.values(), now)
    limit, cursor = audit.paging(request)
    await audit.record_read(request, grant, "clicks", search)
    page = await history.clicks(services.archive, services.redis, search, limit, cursor, now, grant.supervises)
    return JSONResponse({"items": page.items, "next_cursor": page.next_cursor})


def _owns_story(grant: Grant, story: dict[str, Any]) -> bool:
    crm_user = (story["agent"] or {}).get("crm_user") or story["click"]["agent"] or ""
    return grant.owns(story["click"]["crm"], crm_user)


async def popup(request: Request) -> Response:
    """`GET /api/popups/{popup_id}`: the popup with its deliveries."""
    grant = await grant_of(request)
    services: Services = request.app.state.services
    found = await popups.popup(services.redis, request.path_params["popup_id"])
    if found is None or not grant.owns(found[0].agent.crm, found[0].agent.crm_user):
        raise HTTPException(404, GONE)
    ids = [*found[1], *await notes.sent(services.redis, found[0].popup_id)]
    return JSONResponse({**as_json(found[0]), "deliveries": as_json(await records.get(services.redis, ids))})


async def delivery_list(request: Request) -> Response:
    """`GET /api/deliveries?state=&target=&limit=&cursor=`: deliveries, newest first."""
    await supervisor(request)
    services: Services = request.app.state.services
    query = request.query_params
    state = query.get("state") or None
    if state not in (None, *(str(one) for one in DeliveryState)):
        raise Malformed(f"state must be one of: {', '.join(DeliveryState)}")
    limit, target = page_limit(query.get("limit")), query.get("target") or None
    items, more = await records.every(services.redis, state, target, limit, query.get("cursor") or None)
    return JSONResponse({"items": as_json(items), "next_cursor": more})


async def retry(request: Request) -> Response:
    """`POST /api/deliveries/{id}/retry`: resend a failed or expired one, marked as resent."""
    await supervisor(request)
    services: Services = request.app.state.services
    delivery_id = request.path_params["delivery_id"]
    found = await records.get(services.redis, [delivery_id])
    if not found:
        raise HTTPException(404, GONE)
    outcome = await records.send_again(services.redis, services.settings, found[0], services.clock.now())
    if outcome != records.RESENT:
        raise HTTPException(409, f"The delivery is {outcome}: only failed and expired ones can be resent.")
    return JSONResponse(as_json((await records.get(services.redis, [delivery_id]))[0]), 202)


async def call(request: Request) -> Response:
    """`GET /api/calls/{ivrid}`: the cached call; agents see only calls on their own extensions."""
    grant = await grant_of(request)
    services: Services = request.app.state.services
    query = request.query_params
    found = await popups.calls(services.redis, request.path_params["ivrid"], query.get("pbx"), query.get("extension"))
    if not grant.supervises:
        agent = services.agents.directory().agent(grant.crm, grant.crm_user)
        own = {(one.pbx, one.extension) for one in agent.extensions} if agent else set()
        found = [one for one in found if (one.pbx, one.extension) in own]
    if not found:
        raise HTTPException(404, GONE)
    return JSONResponse(as_json(found[0]))


def _system(request: Request) -> PhoneSystem:
    services: Services = request.app.state.services
    system = services.lookup.systems.get(request.path_params["pbx"])
    if system is None:
        raise HTTPException(404, f"There is no [pbx.NAME] with this name; known: {', '.join(services.lookup.systems)}")
    return system


async def extensions(request: Request) -> Response:
    """`GET /api/pbx/{pbx}/extensions[?extension=]`: the extensions now, with their calls."""
    await supervisor(request)
    services: Services = request.app.state.services
    system, wanted = _system(request), request.query_params.get("extension")
    listing = await system.snapshot(wanted)
    return _list(extension_rows(listing, wanted, services.labels))


async def queues(request: Request) -> Response:
    """`GET /api/pbx/{pbx}/queues[?queue=]`: the queues now, with their waiting callers."""
    await supervisor(request)
    services: Services = request.app.state.services
    system = _system(request)
    wanted = request.query_params.get("queue") or None
    found = await system.queues(wanted)
    if found is None:
        raise HTTPException(404, f"Phone systems of kind {system.adapter.kind} do not report queues.")
    if wanted is not None and not found:
        raise HTTPException(404, "The phone system has no queue with this id; leave out queue= to list them.")
    region = services.labels.regions[system.name]
    return _list([queue_row(queue, region) for queue in found])


def _list(items: list[dict[str, Any]]) -> Response:
    return JSONResponse({"items": items, "next_cursor": None})
