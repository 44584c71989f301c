"""Agents: the rows, lines that nobody has, rows that fit no line; a new file's changes; links to hand out."""

import asyncio
import io
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.agents import directory
from bridge.agents.access import Access
from bridge.connect import rows
from bridge.core.errors import PbxError, SettingsError
from bridge.core.json_codec import as_json
from bridge.core.model import Agent
from bridge.core.reasons import Reason, reason
from bridge.services import Services
from bridge.store import tokens
from bridge.store.tokens import Kind, Role
from bridge.web.api.audit import record_shown
from bridge.web.connect.doors import KEY_CHARACTERS, admin_who_tests, named, text
from bridge.web.desktop.page import fields
from bridge.web.problems import RequestRefused

MOST_ROWS, MOST_BYTES = 2_000, 4 * 2**20
HOURS = (1, 24, 24 * 7)
"""How long a link that is handed out may be good for its one use."""


async def agents(request: Request) -> Response:
    """`GET /api/connect/agents`: each phone system is asked which extensions it has."""
    access = await admin_who_tests(request)
    await record_shown(request, access, "connect-agents")
    services: Services = request.app.state.services
    mine = [one for one in access.directory.agents.values() if access.sees_crm(one.crm)]
    found = rows.rows_of(mine)
    lines = await asyncio.gather(*(_lines(services, access, name, mine) for name in access.phone_systems()))
    problems, warnings = (services.agents.problems, access.directory.warnings) if access.crms is None else ([], ())
    told = {
        "items": rows.as_fields(found[:MOST_ROWS]), "total": len(found), "lines": lines,
        **_in_words("problem", problems), **_in_words("warning", warnings),
    }  # fmt: skip
    return JSONResponse(as_json(told))


async def _lines(services: Services, access: Access, pbx: str, mine: list[Agent]) -> dict[str, Any]:
    """What one phone system lists, beside the rows. Extensions that nobody has are told to who sees all of it."""
    system = services.lookup.systems[pbx]
    try:
        names = await system.extension_names()
        known = dict((await system.snapshot(None)).names) if names else {}
    except PbxError as error:
        return {"pbx": pbx, "problem": str(error), "reason": error.reason, "listed": None, "free": [], "unfit": []}
    listed = {name: known.get(name, "") for name in names or ()}
    is_whole = access.sees_all_of(pbx)
    free = rows.free(access.directory, pbx, listed) if is_whole else []
    return {
        "pbx": pbx, "problem": "", "listed": len(listed) if names is not None and is_whole else None,
        "free": [{"extension": extension, "name": name} for extension, name in free[:MOST_ROWS]],
        "unfit": rows.unfit(mine, pbx, listed) if names else [],
    }  # fmt: skip


async def preview(request: Request) -> Response:
    """`POST /api/connect/agents/preview`: what a CSV would change, and the whole file to put there. Writes nothing."""
    access = await admin_who_tests(request)
    if access.crms is not None:
        raise RequestRefused(403, reason("refused-all-agents"))
    await record_shown(request, access, "connect-preview")
    told = await fields(request, MOST_BYTES)
    csv, keeps_others = text(told, "csv", MOST_BYTES), told.get("keeps_others", True) is True
    services: Services = request.app.state.services
    before = services.agents.in_file()
    try:
        after = await asyncio.to_thread(_read, csv, access)
    except SettingsError as error:
        return JSONResponse(as_json(_in_words("problem", error.reasons)))
    changes = rows.changes(before, after, keeps_others)
    return JSONResponse(
        {
            **_in_words("problem", ()), **as_json(_in_words("warning", after.warnings)),
            "unchanged": changes.unchanged, "text": changes.text,
            "added": rows.as_fields(changes.added), "removed": rows.as_fields(changes.removed),
            "changed": [{"before": rows.as_fields(old), "after": rows.as_fields(new)} for old, new in changes.changed],
        }
    )  # fmt: skip


def _in_words(what: str, reasons: Sequence[Reason]) -> dict[str, Any]:
    """`problems` in English, and `problem_reasons`, the same as data."""
    return {f"{what}s": list(map(str, reasons)), f"{what}_reasons": list(reasons)}


def _read(csv: str, access: Access) -> directory.Directory:
    lines = list(io.StringIO(csv.removeprefix("\ufeff"), newline=""))
    return directory.read(lines, set(access.settings.crm), set(access.settings.pbx), "CSV")


async def link(request: Request) -> Response:
    """`POST /api/connect/links`: a link that opens one agent's desktop page, once."""
    access = await admin_who_tests(request)
    told = await fields(request)
    crm, crm_user, hours = text(told, "crm", KEY_CHARACTERS), text(told, "crm_user", 320), told.get("hours", HOURS[0])
    named(access, "crm", crm)
    agent = access.directory.agent(crm, crm_user)
    if agent is None:
        raise RequestRefused(404, reason("refused-no-agent"))
    if hours not in HOURS:
        raise RequestRefused(400, reason("refused-one-of", name="hours", choices=HOURS))
    services: Services = request.app.state.services
    now = services.clock.now()
    await record_shown(request, access, "connect-link", (), crm, crm_user=agent.crm_user)
    made, token = await tokens.create(services.redis, Role.AGENT, agent, now, now + timedelta(hours=hours), Kind.LINK)
    url = f"{access.settings.server.public_url}/desktop#token={token}"
    return JSONResponse({"url": url, "expires_at": made.expires_at, "token_id": made.token_id}, 201)
