"""Which of the live calls is meant, and why; pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.core.model import Call, CallState, YesNo
from bridge.core.reasons import Reason

RANK = {
    CallState.TALKING: 0,
    CallState.RINGING: 1,
    CallState.DIALING: 1,
    CallState.HOLD: 2,
    CallState.UNKNOWN: 3,
}


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen call, the others, and why this one."""

    call: Call
    others: tuple[Call, ...]
    reason: Reason


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
    newest = not named and any(RANK[other.state] == RANK[chosen.state] for other in others)
    state = Reason(f"chosen-{chosen.state}{'-newest' if newest else ''}")
    how = [Reason("chosen-by-agent")] if remembered else [Reason("asked-for")] if ivrid else []
    parts = [*how, state, *_besides(chosen), _others(others)]
    return Choice(chosen, others, Reason(parts[0].code, parts[0].params, tuple(parts[1:])))


def _besides(call: Call) -> list[Reason]:
    """What else the agent should know of the call before they speak."""
    found = {"parked": call.parked, "in-conference": call.conference, "held-by-other": call.held_by_other}
    queue = [Reason("from-queue", {"queue": call.queue})] if call.queue else []
    return [*(Reason(code) for code, so in found.items() if so is YesNo.YES), *queue]


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


def _others(others: Sequence[Call]) -> Reason:
    if not others:
        return Reason("only-call")
    states = Counter(call.state for call in others)
    if len(states) == 1:
        return Reason("other-calls", {"count": len(others), "state": Reason(f"state-{others[0].state}")})
    counted = tuple(
        Reason("calls-in-state", {"number": number, "state": Reason(f"state-{state}")})
        for state, number in states.items()
    )
    return Reason("other-calls-mixed", {"count": len(others), "states": counted})
