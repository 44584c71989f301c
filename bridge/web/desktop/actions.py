"""What an agent does on the desktop page: press the button again, choose another call, write a note."""

from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bridge.clicks.answer import answer
from bridge.clicks.contact import create_contact
from bridge.clicks.timings import StepTimer
from bridge.core.clock import new_id
from bridge.core.delivery import Delivery, DeliveryState, Event, Note
from bridge.core.json_codec import as_json
from bridge.core.model import Click, Outcome, Popup
from bridge.services import Services
from bridge.store import counters, keys
from bridge.store.calls import shared
from bridge.store.desktop import choices, notes, shift, stream
from bridge.store.tokens import Grant
from bridge.web.body import source_of
from bridge.web.desktop.page import fields, own_popup
from bridge.web.signin import agent_of

PRESSES_PER_MINUTE, NOTES_PER_MINUTE, DRAFTS_PER_MINUTE = 30, 30, 240
"""Of one agent on all pages. A page saves a draft when nothing was typed for 0.7 s."""
MOST_CHARACTERS, OUTCOME_CHARACTERS, ID_CHARACTERS, NAME_CHARACTERS = 4000, 200, 320, 200


async def press(request: Request) -> Response:
    """`POST /desktop/press`: the button again, or another call by its `ivrid`, which is remembered while it lives."""
    grant = await agent_of(request)
    services: Services = request.app.state.services
    timer = StepTimer(services.clock)
    await _limit(services, grant, "press", PRESSES_PER_MINUTE, "presses")
    told = await fields(request)
    ivrid, popup_id = _text(told, "ivrid", ID_CHARACTERS), _text(told, "popup_id", ID_CHARACTERS)
    of = (await own_popup(services, grant, popup_id))[0] if popup_id else None
    given = await answer(_click(request, services, grant, ivrid, of), request.app.state.click_services, timer)
    if ivrid and given.answer.outcome is Outcome.FOUND:
        await choices.save(services.redis, grant, ivrid)
    return Response(given.text, media_type="application/json")


async def _limit(services: Services, grant: Grant, kind: str, most: int, name: str) -> None:
    now = services.clock.now().timestamp()
    times, wait = await counters.happened(services.redis, kind, grant.crm, grant.crm_user, now)
    if times > most:
        detail = f"More than {most} {name} in this minute."
        raise HTTPException(429, detail, headers={"Retry-After": str(wait)})


def _click(request: Request, services: Services, grant: Grant, ivrid: str | None, of: Popup | None) -> Click:
    """As if the CRM's button was pressed by this agent; the CRM's record stays that of the popup."""
    key, now = _key(request), services.clock.now()
    return Click(
        click_id=new_id("clk", now),
        crm=grant.crm,
        received_at=now,
        source_ip=source_of(request),
        agent=grant.crm_user,
        ivrid=ivrid,
        record=of.record if of else None,
        key=f"desktop:{quote(grant.crm_user, safe='')}:{key}" if key else None,
    )


def _key(request: Request) -> str:
    """What tells a repeat from something new, empty without one; 400 when it is too long."""
    key = request.headers.get("idempotency-key", "").strip()
    if len(key) > ID_CHARACTERS:
        raise HTTPException(400, f"Idempotency-Key must have at most {ID_CHARACTERS} characters.")
    return key


def _text(told: dict[str, Any], name: str, most: int) -> str | None:
    """A field as text; absent, null and empty are None; 400 for anything else."""
    value = told.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > most:
        raise HTTPException(400, f"{name} must be a text of at most {most} characters, or null.")
    return value


async def note(request: Request) -> Response:
    """`GET`, `PUT` and `POST /desktop/notes/{popup_id}`: the draft, saving it, sending it to the CRM."""
    grant = await agent_of(request)
    services: Services = request.app.state.services
    if request.method == "POST":
        await _limit(services, grant, "note", NOTES_PER_MINUTE, "notes")
    elif request.method == "PUT":
        await _limit(services, grant, "draft", DRAFTS_PER_MINUTE, "drafts")
    popup, _ = await own_popup(services, grant, request.path_params["popup_id"])
    place = await shift.note_id(services.redis, popup)
    if request.method == "GET":
        return JSONResponse(await _noted(services, place))
    told = await fields(request)
    text, outcome = _text(told, "text", MOST_CHARACTERS) or "", _text(told, "outcome", OUTCOME_CHARACTERS)
    if request.method == "PUT":
        await notes.save(services.redis, place, text, outcome)
        return Response(status_code=204)
    if not text.strip() and not outcome:
        raise HTTPException(400, "A note needs a text or an outcome.")
    return JSONResponse({"delivery_id": await _send(services, popup, place, text, outcome, _key(request))}, 202)


async def contact(request: Request) -> Response:
    """`POST /desktop/contacts/{popup_id}`: a new contact for a caller that the agent's CRM does not know."""
    grant = await agent_of(request)
    services: Services = request.app.state.services
    await _limit(services, grant, "press", PRESSES_PER_MINUTE, "presses")
    popup, _ = await own_popup(services, grant, request.path_params["popup_id"])
    name = _text(await fields(request), "name", NAME_CHARACTERS) or popup.call.caller.name
    if popup.call.caller.e164 is None:
        raise HTTPException(409, "This caller has no public number, so there is nothing to make a contact of.")
    if not services.contacts.can_create(grant.crm):
        raise HTTPException(409, "No contact can be made in this agent's CRM from here.")
    return JSONResponse(as_json(await create_contact(popup, name, services)))


async def _noted(services: Services, popup_id: str) -> dict[str, Any]:
    """The draft, and the notes that were sent, oldest first."""
    written = await notes.written(services.redis, popup_id)
    sent = sorted(written.values(), key=lambda one: one.noted_at)
    told = [{"text": one.text, "outcome": one.outcome, "noted_at": one.noted_at} for one in sent]
    draft: dict[str, Any] = as_json(await notes.draft(services.redis, popup_id))
    return {**draft, "sent": as_json(told)}


async def _send(services: Services, popup: Popup, place: str, text: str, outcome: str | None, key: str) -> str:
    """Hand the note to the workers, once for each key; the id of its delivery. All notes on a call have one `place`,
    the first popup that was made of it."""
    target = popup.agent.crm
    if not services.takes_notes(target):
        raise HTTPException(409, "This agent's CRM takes no notes: it has neither popups nor a call history.")
    now = services.clock.now()
    written = Note(
        popup_id=place,
        click_id=popup.click_id,
        agent=popup.agent,
        ivrid=popup.call.ivrid,
        text=text,
        outcome=outcome,
        noted_at=now,
    )
    delivery = Delivery(new_id("dlv", now), place, target, DeliveryState.PENDING, now, event=Event.NOTE)
    sent = await notes.send(services.scripts, services.jobs, written, delivery, key)
    await shift.noted(services.redis, popup, now)
    await _tell_noted(services, popup)
    return sent


async def _tell_noted(services: Services, popup: Popup) -> None:
    """The agent's other pages, and colleagues to whom the call was passed on since."""
    await stream.tell_shift(services.redis, popup.agent)
    for had in await shared.had_by(services.redis, popup.agent.crm, popup.call):
        if had.popup_id > popup.popup_id and had.agent.crm_user != popup.agent.crm_user:
            about = {"popup_id": had.popup_id}
            await stream.publish(services.redis, stream.PASSED_ON, about, keys.desktop(had.agent))
