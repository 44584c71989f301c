"""The agent's desktop page and what it asks of the server; its stream of events is `stream`'s."""

import json
import logging
from dataclasses import replace
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from bridge.clicks.contact import asked
from bridge.config.models import CrmAccount
from bridge.core.delivery import DESKTOP
from bridge.core.json_codec import as_json
from bridge.core.model import Pop, Popup
from bridge.core.reasons import languages, reason
from bridge.observability import logs
from bridge.services import Services
from bridge.store import figures, keys
from bridge.store.calls import popups
from bridge.store.deliveries import records, results
from bridge.store.desktop import cards, stream
from bridge.store.desktop import preferences as store
from bridge.store.desktop.preferences import Preferences
from bridge.store.tokens import Grant
from bridge.web import body
from bridge.web.languages import STATIC
from bridge.web.problems import RequestRefused
from bridge.web.signin import agent_of

log = logging.getLogger(__name__)

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors "
)
NO_POPUP = "There is no popup of this agent with this id, or it is not kept any longer."
ACKNOWLEDGED = ("delivered", "shown", "dismissed")
THEMES = ("auto", "light", "dark")
MOST_KEYS, KEY_CHARACTERS = 100, 200


async def page(request: Request) -> Response:
    """`GET /desktop`: the page; who may see what is decided by the token it brings to `events`."""
    services: Services = request.app.state.services
    ancestors = " ".join(("'self'", *services.settings.server.frame_ancestors))
    headers = {"Content-Security-Policy": PAGE_POLICY + ancestors, "Cache-Control": "no-cache"}
    return FileResponse(STATIC / "desktop.html", headers=headers)


def of_crm(services: Services, grant: Grant) -> dict[str, Any]:
    """What this agent's pages need to know: where links to records may lead, whether contacts can be made in the CRM,
    what makes a popup, and whether the agent may choose it."""
    hosts = {host for account in _searched(services, grant) for host in account.hosts()}
    return {
        "record_hosts": sorted(hosts),
        "creates_contacts": services.contacts.can_create(grant.crm),
        "chooses_pop": services.settings.desktop.agents_choose_pop,
        "usual_pop": _usual_pop(services, grant),
        "ended_card_seconds": services.settings.desktop.ended_card_seconds,
    }


def _usual_pop(services: Services, grant: Grant) -> Pop | None:
    """The directory's choice; None where clicks alone make popups, as nobody listens to the agent's phone systems."""
    agent = services.agents.directory().agent(grant.crm, grant.crm_user)
    pbxes = {line.pbx for line in agent.extensions} if agent else set()
    is_listened_to = any(one.events != "off" for name, one in services.settings.pbx.items() if name in pbxes)
    return agent.pop if agent and is_listened_to else None


def _searched(services: Services, grant: Grant) -> list[CrmAccount]:
    """The agent's CRM, and the others that are asked for its callers."""
    if grant.crm not in services.settings.crm:
        return []
    names = dict.fromkeys((grant.crm, *asked(grant.crm, services)))
    return [services.settings.crm[name] for name in names]


async def acknowledge(request: Request) -> Response:
    """`POST /desktop/ack`: the page has a popup, the agent saw it, or dismissed it."""
    grant = await agent_of(request)
    services: Services = request.app.state.services
    told = await fields(request)
    event = told.get("event")
    if event not in ACKNOWLEDGED:
        raise HTTPException(400, f"event must be one of: {', '.join(ACKNOWLEDGED)}")
    popup, ids = await own_popup(services, grant, str(told.get("popup_id", "")))
    logs.follow(popup.click_id)
    now = services.clock.now()
    day = services.settings.day_of(grant.crm, now)
    what = cards.DISMISSED if event == "dismissed" else cards.DELIVERED
    await cards.record(services.redis, popup.popup_id, what, now)
    for delivery in await records.get(services.redis, ids):
        if delivery.target == DESKTOP:
            if await results.delivered(services.redis, delivery.delivery_id, now, day):
                logs.event(log, "delivery", delivery_id=delivery.delivery_id, target=DESKTOP, state="delivered")
            if event == "shown":
                await cards.record_shown(
                    services.redis, delivery, popup.click_id, now, figures.counted(day, grant.crm, figures.SEEN)
                )
    if event == "dismissed":
        await stream.publish(services.redis, stream.DISMISSED, {"popup_id": popup.popup_id}, keys.desktop(grant))
    return Response(status_code=204)


async def own_popup(services: Services, grant: Grant, popup_id: str) -> tuple[Popup, list[str]]:
    """The agent's own popup and the ids of its deliveries; 404 for everybody else's."""
    found = await popups.popup(services.redis, popup_id) if popup_id else None
    if found is None or not grant.owns(found[0].agent.crm, found[0].agent.crm_user):
        raise HTTPException(404, NO_POPUP)
    return found


async def fields(request: Request, most: int = body.MAX_BODY_BYTES) -> dict[str, Any]:
    """The body's JSON object, `{}` without a body; 400 when it is none."""
    text = await body.read(request, most)
    try:
        found = json.loads(text) if text.strip() else {}
        json.dumps(found, ensure_ascii=False).encode()  # half a character cannot be kept
    except (ValueError, RecursionError):
        raise RequestRefused(400, reason("refused-body-json")) from None
    if not isinstance(found, dict):
        raise RequestRefused(400, reason("refused-body-object"))
    return found


async def preferences(request: Request) -> Response:
    """`GET` and `PUT /desktop/preferences`: how the agent wants the page; keys left out stay as they are."""
    grant = await agent_of(request)
    services: Services = request.app.state.services
    wanted = await store.load(services.redis, grant)
    if request.method == "PUT":
        before, wanted = wanted, _changed(wanted, await fields(request))
        if wanted.pop != before.pop and not services.settings.desktop.agents_choose_pop:
            raise HTTPException(403, "Agents do not choose what makes a popup here; an administrator does.")
        await store.save(services.redis, grant, wanted)
    return JSONResponse(as_json(wanted))


def _changed(before: Preferences, told: dict[str, Any]) -> Preferences:
    """`before` with what is told; 400 naming the first key that is wrong."""
    known = sorted(languages())
    shown = told.get("customdata")
    rules = {
        "language": (told.get("language") in (None, *known), f"null or one of: {', '.join(known)}"),
        "sound": (isinstance(told.get("sound", False), bool), "true or false"),
        "open_record": (isinstance(told.get("open_record", False), bool), "true or false"),
        "alerts": (isinstance(told.get("alerts", False), bool), "true or false"),
        "pop": (told.get("pop") in (None, *Pop), f"null or one of: {', '.join(Pop)}"),
        "theme": (told.get("theme", "auto") in THEMES, f"one of: {', '.join(THEMES)}"),
        "customdata": (shown is None or _are_keys(shown), f"null or a list of at most {MOST_KEYS} keys"),
    }
    for name, (is_right, allowed) in rules.items():
        if name in told and not is_right:
            raise HTTPException(400, f"{name} must be {allowed}")
    named = {name: told[name] for name in rules if name in told}
    if named.get("pop") is not None:
        named["pop"] = Pop(named["pop"])
    if isinstance(shown, list):
        named["customdata"] = tuple(shown)
    return replace(before, **named)


def _are_keys(value: object) -> bool:
    if not isinstance(value, list) or len(value) > MOST_KEYS:
        return False
    return all(isinstance(key, str) and len(key) <= KEY_CHARACTERS for key in value)
