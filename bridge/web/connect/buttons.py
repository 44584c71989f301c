"""The button of a CRM, ready to paste but for its secrets; a click and a popup to try it with."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.agents.access import Access
from bridge.clicks.answer import answer
from bridge.clicks.timings import StepTimer
from bridge.config.models import CrmAccount
from bridge.connect import made_popup
from bridge.core import phone_numbers
from bridge.core.clock import new_id
from bridge.core.http_types import Secret
from bridge.core.json_codec import as_json
from bridge.core.model import Agent, Click
from bridge.core.reasons import reason
from bridge.crm import registry
from bridge.crm.contract import MakesButtons
from bridge.services import Services
from bridge.web.api.audit import record_shown
from bridge.web.body import source_of
from bridge.web.connect.doors import admin_who_tests, named, text
from bridge.web.desktop.page import fields
from bridge.web.problems import RequestRefused
from bridge.web.signin import admin

GAP = "PUT_{}_HERE"
NUMBER_CHARACTERS = 40


async def button(request: Request) -> Response:
    """`GET /api/connect/crm/{name}/button`: the files of `popbridge button`, a gap in place of each secret."""
    access, name = await admin(request), request.path_params["name"]
    account = named(access, "crm", name)
    adapter = registry.find(account.kind)
    if not isinstance(adapter, MakesButtons):
        raise RequestRefused(409, reason("refused-no-button", make=adapter.title))
    gaps = _gaps(account)
    hollow = account.model_copy(update=gaps)
    files = adapter.button_files(hollow, name, access.settings.server.public_url)
    told = [{"name": file.name, "text": file.text} for file in files]
    used = [key for key in gaps if any(GAP.format(key.upper()) in file.text for file in files)]
    return JSONResponse({"files": told, "gaps": [{"key": key, "gap": GAP.format(key.upper())} for key in used]})


def _gaps(account: CrmAccount) -> dict[str, Any]:
    """The account's secrets, each as a gap that says which one it is."""
    found: dict[str, Any] = {}
    for key, value in dict(account).items():
        gap = Secret(GAP.format(key.upper()))
        if isinstance(value, Secret):
            found[key] = gap
        elif isinstance(value, tuple) and any(isinstance(one, Secret) for one in value):
            found[key] = (gap,)
    return found


async def click(request: Request) -> Response:
    """`POST /api/connect/crm/{name}/click`: as if this agent had clicked the button; the popup is a real one."""
    name = request.path_params["name"]
    access = await admin_who_tests(request)
    named(access, "crm", name)
    await record_shown(request, access, "connect-click", crm=name)
    services: Services = request.app.state.services
    agent, timer = _agent(access, name, await fields(request)), StepTimer(services.clock)
    now = services.clock.now()
    asked = Click(
        click_id=new_id("clk", now), crm=name, received_at=now, source_ip=source_of(request), agent=agent.crm_user,
        ivrid=None, record=None, key=None,
    )  # fmt: skip
    given = await answer(asked, request.app.state.click_services, timer)
    return JSONResponse(access.as_seen(json.loads(given.text)))


async def popup(request: Request) -> Response:
    """`POST /api/connect/crm/{name}/popup`: a made-up popup to this agent in the CRM, and what the CRM answered."""
    name = request.path_params["name"]
    access = await admin_who_tests(request)
    account = named(access, "crm", name)
    await record_shown(request, access, "connect-popup", crm=name)
    services: Services = request.app.state.services
    if account.dry_run or not services.takes_popups(name):
        raise RequestRefused(409, reason("refused-no-popups"))
    told = await fields(request)
    agent, number = _agent(access, name, told), text(told, "number", NUMBER_CHARACTERS)
    region = access.settings.pbx[access.settings.pbx_of(name)].region
    e164 = phone_numbers.e164(number, region)
    if e164 is None:
        raise RequestRefused(400, reason("refused-number"))
    sent = await made_popup.send(account, services.crm_sessions[name], agent, number, e164)
    return JSONResponse(access.as_seen(as_json(sent)))


def _agent(access: Access, crm: str, told: dict[str, Any]) -> Agent:
    agent = access.directory.agent(crm, text(told, "crm_user", 320))
    if agent is None:
        raise RequestRefused(404, reason("refused-no-agent"))
    return agent
