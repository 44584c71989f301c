"""The end of an agent's call: written down once, and brought to the CRMs that want it or keep a history."""

from bridge.calls import rules
from bridge.calls.labels import labelled
from bridge.calls.pictures import Turn
from bridge.core import hide
from bridge.core.clock import new_id
from bridge.core.delivery import AnsweredElsewhere, CallEnd, CallOutcome, Delivery, DeliveryState, Event
from bridge.core.model import Agent, CallState, Direction, ExtensionId, Popup, Trigger
from bridge.delivery.call_log import of_end
from bridge.events.pop import People, agents_of
from bridge.services import Services
from bridge.store.calls import ends, popped
from bridge.store.desktop import shift, stream

Told = CallEnd | AnsweredElsewhere


async def end(pbx: str, turn: Turn, people: People, services: Services) -> None:
    """The end of a call for each agent who was shown it, or missed it. Told again, nothing more comes of it."""
    shown = (*agents_of(pbx, turn, people, services), *agents_of(pbx, turn, {}, services))
    for agent in {(one.crm, one.crm_user): one for one in shown}.values():  # who was logged in may have left meanwhile
        place = popped.Place(agent, pbx, turn.call.identity)
        popup = await popped.popup_of(services.redis, place)
        if popup is not None:
            await _end(turn, agent, popup, place, services)
        elif _is_missed(turn, agent, services):
            await _list_missed(turn, agent, services)


def _is_missed(turn: Turn, agent: Agent, services: Services) -> bool:
    """Whether it rang for the agent in vain, without a popup: nobody else has answered it, no rule keeps it away."""
    call, region = turn.call, services.labels.regions.get(turn.call.pbx, "")
    if turn.was_answered or turn.answered_on or call.state is not CallState.RINGING:
        return False
    if call.direction is Direction.OUTGOING:
        return False
    return rules.decide(services.settings.rules, labelled(call, services.labels), agent, Trigger.RINGING, region).pop


async def _list_missed(turn: Turn, agent: Agent, services: Services) -> None:
    hidden = services.settings.crm[agent.crm].hide
    call = hide.call_without(labelled(turn.call, services.labels), hidden)
    await shift.add_missed(services.redis, agent, call, shift.End(services.clock.now(), _outcome(turn)))
    await stream.tell_shift(services.redis, agent)


async def _end(turn: Turn, agent: Agent, popup: Popup, place: popped.Place, services: Services) -> None:
    now = services.clock.now()
    told: list[tuple[Event, Told]] = []
    by: str | None = None
    if turn.answered_on and not turn.was_answered:
        by = _name_at(place.pbx, turn.answered_on, agent.crm, services)
        told.append(
            (Event.ANSWERED_ELSEWHERE, AnsweredElsewhere(popup.popup_id, turn.call.ivrid, popup.agent, by, now))
        )
    told.append((Event.ENDED, of_end(popup, turn.call, now, _outcome(turn))))
    made = [
        (Delivery(new_id("dlv", now), popup.popup_id, crm, DeliveryState.PENDING, now, event=event), what)
        for event, what in told
        for crm in _wanting(event, agent.crm, services)
    ]
    await shift.record_end(services.redis, popup, shift.End(now, _outcome(turn), by))
    if await ends.save(services.scripts, services.jobs, place, popup, _outcome(turn), made):
        await stream.tell_shift(services.redis, agent)


def _outcome(turn: Turn) -> CallOutcome:
    """Missed: others have the call, or had it; abandoned: the caller gave up before anybody answered."""
    if turn.was_answered:
        return CallOutcome.ANSWERED
    return CallOutcome.MISSED if turn.now_on else CallOutcome.ABANDONED


def _wanting(event: Event, crm: str, services: Services) -> list[str]:
    """The CRMs that are told: those that ask for it, and for the end those that keep a history."""
    names = dict.fromkeys((crm, *services.settings.targets_of(crm)))
    return [name for name in names if services.takes_event(name, event)]


def _name_at(pbx: str, extension: str, crm: str, services: Services) -> str:
    """Who of the same CRM has that extension; "" for somebody else's."""
    found = services.agents.directory().by_extension.get(extension, ())
    line = ExtensionId(pbx, extension)
    return next((agent.name or agent.crm_user for agent, at in found if at == line and agent.crm == crm), "")
