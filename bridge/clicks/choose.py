"""Step 3: choose the call, say why, add labels and numbers, make the popup; pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.core.model import Agent, Call, CallState, Click, Popup, PopupAgent
from bridge.core.phone_numbers import e164, kind_of

RANK = {
    CallState.TALKING: 0,
    CallState.RINGING: 1,
    CallState.DIALING: 1,
    CallState.HOLD: 2,
    CallState.UNKNOWN: 3,
}
NOW = {
    CallState.TALKING: "talking now",
    CallState.RINGING: "ringing now",
    CallState.DIALING: "dialing now",
    CallState.HOLD: "on hold now",
    CallState.UNKNOWN: "in a state the phone system did not name",
}
BESIDE = {
    CallState.TALKING: "talking",
    CallState.RINGING: "ringing",
    CallState.DIALING: "dialing",
    CallState.HOLD: "on hold",
    CallState.UNKNOWN: "in an unnamed state",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen call, the others, and why this one."""

    call: Call
    others: tuple[Call, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Labels:
    """What a phone system's calls are labelled with: names of dialled numbers, country of each phone system."""

    dids: Mapping[str, str]
    regions: Mapping[str, str]


def choose(calls: Sequence[Call], ivrid: str | None, before: str | None = None) -> Choice | None:
    """Talking before ringing or dialing before hold; the newest first. None: `ivrid` is not among the live calls.

    `before` is the ivrid that the agent chose earlier: that call, if it is still live and none was asked for.
    """
    ordered = sorted(calls, key=_rank)
    remembered = before if ivrid is None and any(call.ivrid == before for call in calls) else None
    named = ivrid if ivrid is not None else remembered
    wanted = [call for call in ordered if named in (None, call.ivrid)]
    if not wanted:
        return None
    chosen = wanted[0]
    others = _other_calls(ordered, chosen)
    asked = "you chose it; " if remembered else "the call that was asked for; " if ivrid else ""
    newest = ", the newest" if not named and any(RANK[o.state] == RANK[chosen.state] for o in others) else ""
    return Choice(chosen, others, f"{asked}{NOW[chosen.state]}{newest}; {_told(others)}")


def _rank(call: Call) -> tuple[int, float, str]:
    age = -call.started_at.timestamp() if call.started_at else 0.0
    return RANK[call.state], age, call.ivrid


def _other_calls(ordered: Sequence[Call], chosen: Call) -> tuple[Call, ...]:
    """Every call but the chosen one; the same call ringing on two of the agent's lines is one call."""
    seen, others = {(chosen.pbx, chosen.ivrid)} if chosen.ivrid else set(), []
    for call in ordered:
        identity = (call.pbx, call.ivrid)
        if call is chosen or identity in seen:
            continue
        others.append(call)
        if call.ivrid:
            seen.add(identity)
    return tuple(others)


def _told(others: Sequence[Call]) -> str:
    if not others:
        return "the only call"
    states = Counter(BESIDE[call.state] for call in others)
    count = f"{len(others)} other call{'s' if len(others) > 1 else ''}"
    if len(states) == 1:
        return f"{count} {'are' if len(others) > 1 else 'is'} {next(iter(states))}"
    return f"{count}: " + ", ".join(f"{number} {state}" for state, number in states.items())


def labelled(call: Call, labels: Labels) -> Call:
    """The call with its caller's kind and E.164 number, and the label of the number that was dialled."""
    region = labels.regions[call.pbx]
    number = call.caller.number
    caller = replace(call.caller, kind=kind_of(number), e164=e164(number, region))
    return replace(call, caller=caller, did_label=_did_label(call.did, region, labels.dids))


def _did_label(did: str, region: str, dids: Mapping[str, str]) -> str | None:
    if not did:
        return None
    if did in dids:
        return dids[did]
    public = e164(did, region)
    return next((label for number, label in dids.items() if public and e164(number, region) == public), None)


def popup(click: Click, agent: Agent, choice: Choice, labels: Labels, popup_id: str, now: datetime, ttl: int) -> Popup:
    """The popup of the chosen call. It is of no use `ttl` seconds from `now`."""
    call = labelled(choice.call, labels)
    return Popup(
        popup_id=popup_id,
        click_id=click.click_id,
        created_at=now,
        expires_at=now + timedelta(seconds=ttl),
        agent=PopupAgent(agent.crm, agent.crm_user, agent.name, call.pbx, call.extension),
        call=call,
        other_calls=tuple(labelled(other, labels) for other in choice.others),
        why=choice.why,
        record=click.record,
    )
