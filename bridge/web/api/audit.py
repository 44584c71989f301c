"""Reading the audit log over HTTP. Every read is recorded in the access log first, and limited per token."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from bridge.agents.access import Access
from bridge.audit import access_log, export, search
from bridge.audit import query as archived
from bridge.audit.search import Search
from bridge.clicks import by_name
from bridge.core.errors import Malformed
from bridge.core.model import Caller
from bridge.core.reasons import reason
from bridge.services import Services
from bridge.store import counters
from bridge.store.calls import popups
from bridge.store.client import TextRedis
from bridge.web.api.queries import known_only, yes_or_no
from bridge.web.problems import RequestRefused
from bridge.web.signin import admin, supervisor

LONGEST_NAME = 200
READS_PER_MINUTE, EXPORTS_PER_MINUTE = 120, 6
"""The limits of one token."""


async def entries(request: Request) -> Response:
    """`GET /api/audit`: log entries that match, newest first. With `total=true` how many match; with `names=true` who
    called, as far as their popups are still kept: the log itself keeps no names. With `name=` only who is called so."""
    access = await supervisor(request)
    services: Services = request.app.state.services
    limit, cursor = paging(request)
    query, wanted = request.query_params, _search(request, access, {"limit", "cursor", "total", "names", "name"})
    with_total, with_names = (yes_or_no(query.get(name), name) for name in ("total", "names"))
    await _limit(request, access, "audit-read", READS_PER_MINUTE)
    wanted, named = await _named(request, wanted)
    await _record(request, access, "list", wanted)
    page = await archived.entries(services.archive, services.redis, wanted, limit, cursor)
    items: list[dict[str, Any]] = [{**entry} for entry in page.items]
    if with_names:
        items = await with_names_of(services.redis, items)
    count = {"total": await archived.total(services.archive, wanted)} if with_total else {}
    return JSONResponse(access.as_seen({"items": items, "next_cursor": page.next_cursor, **count, **named}))


async def with_names_of(redis: TextRedis, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Log entries, and clicks that were refused, each with who called as `caller_name`."""
    names = await popups.names(redis, [entry.get("popup_id") or "" for entry in entries])
    return [{**entry, "caller_name": name} for entry, name in zip(entries, names, strict=True)]


async def export_entries(request: Request) -> Response:
    """`GET /api/audit/export?format=csv|jsonl`: all log entries that match, as a file."""
    access = await supervisor(request)
    services: Services = request.app.state.services
    form = request.query_params.get("format", "csv")
    if form not in export.FORMATS:
        raise Malformed(reason("refused-one-of", name="format", choices=list(export.FORMATS)))
    wanted = _search(request, access, {"format", "name"})
    await _limit(request, access, "audit-export", EXPORTS_PER_MINUTE)
    wanted, _ = await _named(request, wanted)
    await _record(request, access, "export", wanted)
    pieces = export.texts(services.archive, services.redis, wanted, form, access.as_seen)
    first, _ = await anext(pieces)  # an unavailable database is reported as such, not by a truncated file
    headers = {"Content-Disposition": f'attachment; filename="popbridge-audit.{form}"'}
    return StreamingResponse(_body(first, pieces), media_type=export.MEDIA_TYPES[form], headers=headers)


async def _body(first: str, pieces: AsyncIterator[tuple[str, int]]) -> AsyncIterator[str]:
    yield first
    async for text, _ in pieces:
        yield text


async def access_entries(request: Request) -> Response:
    """`GET /api/audit/access-log[?caller=]`: who read the log or was shown callers, what was erased and what retention
    deleted; for admins. One who is limited to some CRMs sees what was read of these alone."""
    access = await admin(request)
    services: Services = request.app.state.services
    limit, cursor = paging(request)
    wanted = _search(request, access, {"limit", "cursor"}, ("caller",))
    await record_read(request, access, "access-log", wanted)
    page = await access_log.page(services.archive, services.redis, limit, cursor, wanted)
    return JSONResponse(access.as_seen({"items": page.items, "next_cursor": page.next_cursor}))


def paging(request: Request) -> tuple[int, str | None]:
    """The query's `limit` and `cursor`. Raises `Malformed`."""
    cursor = request.query_params.get("cursor")
    search.from_cursor(cursor)
    return search.page_limit(request.query_params.get("limit")), cursor


async def _named(request: Request, wanted: Search) -> tuple[Search, dict[str, Any]]:
    """The search narrowed to callers of the query's `name`, if there is one; what the answer says of that."""
    services: Services = request.app.state.services
    name = request.query_params.get("name", "").strip()[:LONGEST_NAME]
    if not name:
        return wanted, {}
    narrow, named = await by_name.narrowed(services.archive, services.redis, wanted, name, services.clock.now())
    return narrow, {"named": asdict(named)}


def _search(request: Request, access: Access, also: set[str], known: Sequence[str] = search.FILTERS) -> Search:
    services: Services = request.app.state.services
    regions = services.labels.regions.values()
    return Search.read(known_only(request, known, also), regions, services.clock.now(), access.crms)


async def record_read(
    request: Request, access: Access, what: str, wanted: Search | None, crm: str | None = None, **about: str
) -> None:
    """Record in the access log who reads what. 429 when this token is used too often."""
    await _limit(request, access, "audit-read", READS_PER_MINUTE)
    await _record(request, access, what, wanted, crm, **about)


async def _limit(request: Request, access: Access, kind: str, per_minute: int) -> None:
    services: Services = request.app.state.services
    now = services.clock.now().timestamp()
    times, wait = await counters.happened(services.redis, kind, "", access.grant.token_id, now)
    if times > per_minute:
        raise RequestRefused(429, reason("refused-often", most=per_minute), headers={"Retry-After": str(wait)})


async def _record(
    request: Request, access: Access, what: str, wanted: Search | None, crm: str | None = None, **about: str
) -> None:
    services: Services = request.app.state.services
    crm = crm or (wanted.filters.get("crm") if wanted else None)
    crms, now = (crm,) if crm else access.crms, services.clock.now()
    await access_log.record(services.redis, _who(access), what, now, wanted, about, crms)


async def record_shown(
    request: Request, access: Access, what: str, callers: Iterable[Caller] = (), crm: str | None = None, **about: str
) -> None:
    """Record in the access log who is shown these callers, before they are shown. `crm`: of which alone."""
    services: Services = request.app.state.services
    of = access.crms if crm is None else (crm,)
    now = services.clock.now()
    await access_log.record(services.redis, _who(access), what, now, None, about, of, callers)


def _who(access: Access) -> str:
    return f"{access.grant.role} {access.grant.holder}"
