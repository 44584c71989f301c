"""`GET /desktop/shift`: the agent's own calls of the last day, to list, search and call back; a popup to open again."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.calls import shift as listing
from bridge.clicks.passed_on import as_known_now
from bridge.core.json_codec import as_json
from bridge.services import Services
from bridge.store.desktop import cards, shift
from bridge.store.desktop.shift import Row
from bridge.web.api.audit import record_shown
from bridge.web.desktop.page import own_popup
from bridge.web.signin import access_of, agent_of

MOST, USUAL = 200, 50
SEARCH_CHARACTERS = 200


async def calls(request: Request) -> Response:
    """`GET /desktop/shift?q=&missed=true&limit=&cursor=`: newest first; `missed` are those to call back alone."""
    grant = await agent_of(request)
    services: Services = request.app.state.services
    query = request.query_params
    search, limit, cursor = query.get("q", ""), _limit(query.get("limit")), query.get("cursor")
    if len(search) > SEARCH_CHARACTERS:
        raise HTTPException(400, f"q must have at most {SEARCH_CHARACTERS} characters.")
    rows = await shift.rows(services.redis, grant, services.clock.now())
    to_call_back = listing.to_call_back(rows)
    wanted = [row for row in rows if listing.is_found(row, search)] if search.strip() else rows
    if query.get("missed") == "true":
        wanted = [row for row in wanted if row.call_id in to_call_back]
    page, more = _page(wanted, limit, cursor)
    await _record(request, page)
    told = {row["call_id"]: row for row in listing.as_listed(rows)}
    items = [told[row.call_id] for row in page]
    return JSONResponse({"items": items, "next_cursor": more, "to_call_back": len(to_call_back)})


def _limit(text: str | None) -> int:
    if text is None:
        return USUAL
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:4]) <= MOST:
        raise HTTPException(400, f"limit must be a whole number from 1 to {MOST}.")
    return int(text)


def _page(rows: list[Row], limit: int, cursor: str | None) -> tuple[list[Row], str | None]:
    """The rows after the one with the id `cursor`, and the id to go on with; one that is gone begins anew."""
    start = next((place + 1 for place, row in enumerate(rows) if row.call_id == cursor), 0)
    page = rows[start : start + limit]
    return page, page[-1].call_id if len(rows) > start + limit else None


async def _record(request: Request, page: list[Row]) -> None:
    """Record who is shown that no popup has shown: those have their log entries."""
    callers = [row.call.caller for row in page if not row.popup_id]
    if callers:
        access = await access_of(request)
        await record_shown(request, access, "shift", callers, access.grant.crm)


async def popup(request: Request) -> Response:
    """`GET /desktop/popups/{popup_id}`: the agent's own popup, how its call ended, and what came with the call."""
    grant = await agent_of(request)
    services: Services = request.app.state.services
    shown, _ = await own_popup(services, grant, request.path_params["popup_id"])
    about = (await cards.load(services.redis, [shown.popup_id]))[shown.popup_id]
    told = {"popup": as_json(shown), "ended_at": about.get(cards.ENDED), "answered_by": about.get(cards.ANSWERED_BY)}
    if shown.passed_on is not None:
        told["popup"]["passed_on"] = await as_known_now(shown.passed_on, services.redis)
    return JSONResponse(told)
