"""The rows of the live page as one kind of viewer sees them; pure."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.agents.access import Access
from bridge.calls.labels import Labels, identified, labelled
from bridge.config.models import Settings
from bridge.core import hide, masking
from bridge.core.json_codec import as_json, json_text, time_text
from bridge.core.model import Agent, Call, Caller, CallState, ExtensionId
from bridge.store import keys
from bridge.web.console.live.sources import Source

ORDER = (CallState.TALKING, CallState.RINGING, CallState.DIALING, CallState.HOLD, CallState.UNKNOWN)
"""Which of several calls is the agent's state: as a click chooses."""
MOST_WAITING = 20

ContactName = Callable[[str, Caller], str]
"""Who is calling, as this CRM knows them; "" where that is not known (yet)."""


@dataclass(frozen=True, slots=True)
class Floor:
    """All that the page can show. `present` are agents with an open desktop page."""

    sources: Mapping[str, Source]
    present: Collection[str]
    labels: Labels
    settings: Settings
    contact: ContactName


@dataclass(slots=True)
class Rows:
    """Rows as JSON texts by their keys, and the callers that each shows in plain."""

    agents: dict[str, str] = field(default_factory=dict)
    queues: dict[str, str] = field(default_factory=dict)
    callers: dict[str, tuple[Caller, ...]] = field(default_factory=dict)


def rows_of(floor: Floor, access: Access, masked: bool) -> Rows:
    """Every row that this viewer sees."""
    made = Rows()
    for agent in access.directory.agents.values():
        if agent.crm in floor.settings.crm and access.sees_crm(agent.crm):
            row, callers = _agent(agent, floor, access, masked)
            made.agents[row["key"]] = json_text(row)
            made.callers[row["key"]] = callers
    for pbx in access.phone_systems():
        queues = floor.sources[pbx].queues if pbx in floor.sources else None
        if queues is not None and access.sees_all_of(pbx):
            for row, callers in _queues(pbx, queues.queues, floor, masked):
                made.queues[row["key"]] = json_text(row)
                made.callers[row["key"]] = callers
    return made


def _agent(agent: Agent, floor: Floor, access: Access, masked: bool) -> tuple[dict[str, Any], tuple[Caller, ...]]:
    lines = [line for line in agent.extensions if line.pbx in floor.sources and access.sees_line(line)]
    known = [line for line in lines if floor.sources[line.pbx].knows(line.extension)]
    calls = sorted(_calls(known, floor, floor.settings.crm[agent.crm].hide), key=lambda call: ORDER.index(call.state))
    row = {
        "key": f"{agent.crm}\x1f{agent.crm_user}",
        "crm": agent.crm,
        "crm_user": agent.crm_user,
        "name": agent.name,
        "mode": agent.pop,
        "extensions": [[line.pbx, line.extension] for line in agent.extensions],
        "phone": _logged_in(agent, lines, floor),
        "page": keys.desktop(agent) in floor.present,
        "state": calls[0].state if calls else "idle" if known else "unknown",
        "calls": [_call(call, agent.crm, floor, masked) for call in calls],
    }
    return row, () if masked else tuple(call.caller for call in calls)


def _calls(lines: Collection[ExtensionId], floor: Floor, hidden: Collection[str]) -> Iterator[Call]:
    for line in lines:
        for call in (floor.sources[line.pbx].lines or {}).get(line.extension, ()):
            yield hide.call_without(labelled(call, floor.labels), hidden)


def _logged_in(agent: Agent, lines: Collection[ExtensionId], floor: Floor) -> bool | None:
    """Whether somebody is logged in to one of the agent's extensions; None where the phone system does not say. With
    hot desks only the agent counts."""
    said = []
    for line in lines:
        people = floor.sources[line.pbx].people
        if line.extension in people:
            name = people[line.extension]
            is_agents = not floor.settings.pbx[line.pbx].hot_desk or (name or "").casefold() == agent.name.casefold()
            said.append(bool(name) and is_agents)
    return any(said) if said else None


def _call(call: Call, crm: str, floor: Floor, masked: bool) -> dict[str, Any]:
    contact = floor.contact(crm, call.caller)
    since = call.answered_at if call.state in (CallState.TALKING, CallState.HOLD) else call.started_at
    return {
        "state": call.state,
        "direction": call.direction,
        "since": _time(since or call.started_at),
        "caller": as_json(masking.caller(call.caller) if masked else call.caller),
        "contact": masking.text(contact) if masked else contact,
        "line": call.did_label or call.did,
        "queue": call.queue,
        "extension": call.extension,
        "pbx": call.pbx,
    }


def _time(moment: datetime | None) -> str | None:
    return time_text(moment) if moment else None


def _queues(
    pbx: str, queues: Collection[Any], floor: Floor, masked: bool
) -> Iterator[tuple[dict[str, Any], tuple[Caller, ...]]]:
    for queue in queues:
        waiting = sorted(queue.callers, key=lambda one: one.joined_at)
        callers = [identified(one.caller, floor.labels.regions[pbx]) for one in waiting[:MOST_WAITING]]
        shown = [
            {"since": time_text(one.joined_at), "caller": as_json(masking.caller(caller) if masked else caller)}
            for one, caller in zip(waiting, callers, strict=False)
        ]
        row = {
            "key": f"queue\x1f{pbx}\x1f{queue.queue}",
            "pbx": pbx,
            "queue": queue.queue,
            "name": queue.name,
            "waiting": len(waiting),
            "since": time_text(waiting[0].joined_at) if waiting else None,
            "callers": shown,
        }
        yield row, () if masked else tuple(callers)
