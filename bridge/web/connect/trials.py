"""Tests of what is in the settings, and tries of what is not there yet."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.agents.access import Access
from bridge.config.loader import NAME
from bridge.config.models import Settings
from bridge.connect import trial, tries
from bridge.connect.draft import FOLDER, Draft
from bridge.connect.reach import for_tries
from bridge.connect.trial import Trial
from bridge.core.finding import worst
from bridge.core.json_codec import as_json
from bridge.core.reasons import reason
from bridge.services import Services, client_of
from bridge.web.api.audit import record_shown
from bridge.web.connect.doors import KEY_CHARACTERS, admin_who_tests, named, text
from bridge.web.desktop.page import fields
from bridge.web.problems import RequestRefused

MOST_KEYS = 60


async def of_pbx(request: Request) -> Response:
    """`POST /api/connect/pbx/{name}/test`: a real list of calls, and what was read in it."""
    name = request.path_params["name"]
    access = await admin_who_tests(request)
    named(access, "pbx", name)
    await record_shown(request, access, "connect-test", pbx=name)
    services: Services = request.app.state.services
    found = await trial.of_phone_system(services.lookup.systems[name], _hidden(access.settings))
    return await _told(request, access, found, name)


async def of_crm(request: Request) -> Response:
    """`POST /api/connect/crm/{name}/test`: what its make tests; a test event where it takes popups."""
    name = request.path_params["name"]
    access = await admin_who_tests(request)
    account = named(access, "crm", name)
    await record_shown(request, access, "connect-test", crm=name)
    services: Services = request.app.state.services
    return await _told(request, access, await trial.of_crm(name, account, services.crm_sessions[name]), "")


async def try_account(request: Request) -> Response:
    """`POST /api/connect/try`: a test of what was typed, and the section for the settings. Secrets that were typed are
    used for this test alone: the section names files for them."""
    access = await admin_who_tests(request)
    await record_shown(request, access, "connect-try")
    draft = _draft(await fields(request))
    if problems := draft.problems():
        told = [{"key": ".".join(one.where), "text": str(one), "reason": one.reason} for one in problems]
        return JSONResponse(as_json({"problems": told}))
    services: Services = request.app.state.services
    reach = for_tries(access.settings, draft.account())
    async with client_of(access.settings, reach) as client:
        found = await tries.run(draft, client, services.clock, _hidden(access.settings))
    section = {"section": draft.section(), "files": [f"{FOLDER}/{draft.file_of(key)}" for key in draft.secrets()]}
    return await _told(request, access, found, draft.name if draft.group == "pbx" else "", problems=[], **section)


def _draft(told: dict[str, Any]) -> Draft:
    group, name, kind = (text(told, key, KEY_CHARACTERS) for key in ("group", "name", "kind"))
    if group not in ("pbx", "crm") or not NAME.fullmatch(name):
        raise RequestRefused(400, reason("refused-account-name"))
    keys = told.get("keys", {})
    if not isinstance(keys, dict) or len(keys) > MOST_KEYS:
        raise RequestRefused(400, reason("refused-body-object"))
    table = {key: text(keys, key) for key in keys if len(key) <= KEY_CHARACTERS}
    wanted = {"kind": kind, **{key: value for key, value in table.items() if value and key != "kind"}}
    return Draft("pbx" if group == "pbx" else "crm", name, wanted)


def _hidden(settings: Settings) -> set[str]:
    """What any CRM keeps from its agents: tests show none of it."""
    return {name for account in settings.crm.values() for name in account.hide}


async def _told(request: Request, access: Access, found: Trial, pbx: str, **more: Any) -> Response:
    """The result; whose calls are in it is recorded before it is shown."""
    callers = [call.caller for call in found.calls]
    if callers:
        await record_shown(request, access, "connect-calls", callers, pbx=pbx)
    told = access.as_seen(as_json(found))
    return JSONResponse({"grade": str(worst(found.findings)), **told, **more})
