"""A turn of a call becomes a popup for each agent whose mode says so: the line of a click, with another trigger."""

import logging
from collections.abc import Mapping

from bridge.calls import rules
from bridge.calls.labels import labelled
from bridge.calls.live_calls import LookupResult
from bridge.calls.pictures import Happened, Lines, Turn
from bridge.clicks.answer import Event, answer
from bridge.clicks.timings import StepTimer
from bridge.core.clock import new_id
from bridge.core.model import Agent, Call, Click, ExtensionId, Outcome, Pop, PopupAgent, Trigger
from bridge.services import Services
from bridge.store.calls import ends, popped, shared
from bridge.store.desktop import preferences

log = logging.getLogger(__name__)

People = Mapping[str, str | None]
"""Who is logged in to which extension, by name (None: nobody)."""
TRIGGERS = {Happened.RINGS: Trigger.RINGING, Happened.TALKS: Trigger.ANSWER}
MODES = {
    Pop.RINGING: (Happened.RINGS, Happened.TALKS),
    Pop.ANSWER: (Happened.TALKS,),
    Pop.BUTTON: (),
}
"""What makes a popup in each mode. A call first seen when it was answered pops for those who wait for its ring too."""


def agents_of(pbx: str, turn: Turn, people: People, services: Services) -> list[Agent]:
    """Whose call it is, of any CRM: whoever has the extension; or with `hot_desk`, who is logged in there, as far as
    it is said. Where nobody is, or somebody whom the directory does not know, it is nobody's."""
    account = services.settings.pbx.get(pbx)
    if account is not None and account.hot_desk and turn.extension in people:
        name = (people[turn.extension] or "").casefold()
        everybody = services.agents.directory().agents.values()
        return [agent for agent in everybody if name and agent.name.casefold() == name and _is_on(pbx, agent, services)]
    line = ExtensionId(pbx, turn.extension)
    found = services.agents.directory().by_extension.get(turn.extension, ())
    return [agent for agent, extension in found if extension == line and agent.crm in services.settings.crm]


def _is_on(pbx: str, agent: Agent, services: Services) -> bool:
    return agent.crm in services.settings.crm and any(line.pbx == pbx for line in agent.extensions)


async def pop(pbx: str, turn: Turn, lines: Lines, people: People, services: Services, was_missed: bool = False) -> None:
    """The popups of one turn; none of one that `was_missed`: it happened while nobody listened, who knows when. Told
    again, it makes none again. Raises `Unavailable` and redis-py's errors."""
    for agent in agents_of(pbx, turn, people, services):
        if turn.what is Happened.TALKS:
            holder = PopupAgent(agent.crm, agent.crm_user, agent.name, pbx, turn.extension)
            await shared.record_talk(services.redis, holder, turn.call, services.clock.now())
        if not was_missed and turn.what in MODES[await mode_of(agent, services)]:
            await _pop(pbx, turn, lines, agent, services)


async def mode_of(agent: Agent, services: Services) -> Pop:
    """What makes this agent's popups: their own choice where they may choose and did, else the directory's."""
    if not services.settings.desktop.agents_choose_pop:
        return agent.pop
    return (await preferences.load(services.redis, agent)).pop or agent.pop


async def _pop(pbx: str, turn: Turn, lines: Lines, agent: Agent, services: Services) -> None:
    trigger, region = TRIGGERS[turn.what], services.labels.regions.get(pbx, "")
    call = labelled(turn.call, services.labels)
    decision = rules.decide(services.settings.rules, call, agent, trigger, region)
    if not decision.pop:
        log.info("rule %d keeps a call from popping up", decision.number)
        return
    place, now = popped.Place(agent, pbx, turn.call.identity), services.clock.now()
    click_id = new_id("clk", now)
    before = await popped.claim(services.redis, place, click_id, services.hold_seconds)
    if before is not None and not await _comes_back(turn, place, before, click_id, services):
        return
    click = Click(
        click_id=click_id,
        crm=agent.crm,
        received_at=now,
        source_ip="",
        agent=agent.crm_user,
        extension=turn.extension if ExtensionId(pbx, turn.extension) in agent.extensions else None,
        ivrid=turn.call.ivrid or None,
        key=f"event:{agent.crm_user}:{pbx}:{turn.call.identity}{f':{before}' if before else ''}",
        trigger=trigger,
    )
    mine = _calls_of(agent, pbx, turn, lines)
    known = LookupResult(mine, Outcome.FOUND, None, None, 0.0)
    await answer(click, services, StepTimer(services.clock), event=Event(known, place))


async def _comes_back(turn: Turn, place: popped.Place, popup_id: str, click_id: str, services: Services) -> bool:
    """Whether the agent has answered a call now that rang here before and left, as when the colleague who took it from
    a ring group passes it on. Then its popup, which was closed, is made anew, once."""
    if turn.what is not Happened.TALKS or not await ends.was_not_taken(services.redis, place):
        return False
    return await popped.take_over(services.redis, place, click_id, popup_id, services.hold_seconds)


def _calls_of(agent: Agent, pbx: str, turn: Turn, lines: Lines) -> tuple[Call, ...]:
    """The agent's live calls by the picture: the turn's first."""
    others = [
        call
        for line in agent.extensions
        if line.pbx == pbx
        for call in lines.get(line.extension, ())
        if call.identity != turn.call.identity
    ]
    return (turn.call, *others)
