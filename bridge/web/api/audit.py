"""Reading the audit over HTTP. Every reading is noted before it is answered, and bounded per token."""

from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from bridge.audit import asking, export, query, reading
from bridge.audit.asking import Wanted
from bridge.core.errors import Malformed
from bridge.services import Services
from bridge.store import counters
from bridge.store.tokens import Grant, Role
from bridge.web.signin import supervisor

READS_PER_MINUTE, EXPORTS_PER_MINUTE = 120, 6
"""What one token may ask."""


async def lines(request: Request) -> Response:
    """`GET /api/audit`: lines that match, newest first."""
    grant = await supervisor(request)
    services: Services = request.app.state.services
    limit, cursor = asking.limit_of(request.query_params.get("limit")), request.query_params.get("cursor")
    wanted = _wanted(request, {"limit", "cursor"})
    asking.place_of(cursor)
    await note(request, grant, "list", wanted)
    page = await query.lines(services.archive, services.redis, wanted, limit, cursor)
    return JSONResponse({"items": page.items, "next_cursor": page.next_cursor})


async def export_lines(request: Request) -> Response:
    """`GET /api/audit/export?format=csv|jsonl`: all lines that match, as a file."""
    grant = await supervisor(request)
    services: Services = request.app.state.services
    form = request.query_params.get("format", "csv")
    if form not in export.FORMATS:
        raise Malformed(f"format must be one of: {', '.join(export.FORMATS)}")
    wanted = _wanted(request, {"format"})
    await note(request, grant, "export", wanted, EXPORTS_PER_MINUTE)
    pieces = export.texts(services.archive, services.redis, wanted, form)
    first, _ = await anext(pieces)  # a database that is away is told as such, not by a file cut short
    headers = {"Content-Disposition": f'attachment; filename="popbridge-audit.{form}"'}
    return StreamingResponse(_body(first, pieces), media_type=export.MEDIA_TYPES[form], headers=headers)


async def _body(first: str, pieces: AsyncIterator[tuple[str, int]]) -> AsyncIterator[str]:
    yield first
    async for text, _ in pieces:
        yield text


async def acts(request: Request) -> Response:
    """`GET /api/audit/acts`: who read the log, what was erased and what forgotten; for admins."""
    grant = await supervisor(request)
    if grant.role is not Role.ADMIN:
        raise HTTPException(403, "This needs an admin's token.")
    services: Services = request.app.state.services
    limit, cursor = asking.limit_of(request.query_params.get("limit")), request.query_params.get("cursor")
    asking.place_of(cursor)
    await note(request, grant, "acts", None)
    page = await query.acts_page(services.archive, services.redis, limit, cursor)
    return JSONResponse({"items": page.items, "next_cursor": page.next_cursor})


def _wanted(request: Request, also: set[str]) -> Wanted:
    services: Services = request.app.state.services
    unknown = set(request.query_params) - {*asking.FILTERS, *also}
    if unknown:
        raise Malformed(f"unknown filter '{min(unknown)[:50]}'; known: {', '.join(asking.FILTERS)}")
    return Wanted.read(request.query_params, services.labels.regions.values(), services.clock.now())


async def note(
    request: Request, grant: Grant, what: str, wanted: Wanted | None, per_minute: int = READS_PER_MINUTE, **about: str
) -> None:
    """Write down who reads what. 429 when this token asks too often."""
    services: Services = request.app.state.services
    now = services.clock.now()
    kind = "audit-export" if what == "export" else "audit-read"
    times, wait = await counters.happened(services.redis, kind, "", grant.token_id, now.timestamp())
    if times > per_minute:
        detail = f"More than {per_minute} such questions in this minute with one token."
        raise HTTPException(429, detail, headers={"Retry-After": str(wait)})
    await reading.note(services.redis, f"{grant.role} {grant.token_id}", what, now, wanted, about)
