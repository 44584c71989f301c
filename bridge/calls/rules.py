"""Which rule of the settings decides about a popup; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.config.rules import Rule
from bridge.core.model import Agent, Call, CallerKind, Trigger
from bridge.core.phone_numbers import e164

PREFIX = "*"
KINDS = {"withheld": CallerKind.WITHHELD, "internal": CallerKind.INTERNAL}


@dataclass(frozen=True, slots=True)
class Decision:
    """What the first rule that fits says. `number` is its place in the settings, from 1; 0: no rule fits."""

    number: int = 0
    pop: bool = True
    targets: tuple[str, ...] | None = None
    label: str | None = None


def decide(rules: Sequence[Rule], call: Call, agent: Agent, trigger: Trigger, region: str) -> Decision:
    """The decision for this agent's call. `region` is the country of numbers that are written without one."""
    for number, rule in enumerate(rules, 1):
        if fits(rule, call, agent, trigger, region):
            return Decision(number, rule.pop or trigger is Trigger.BUTTON, rule.targets, rule.label)
    return Decision()


def fits(rule: Rule, call: Call, agent: Agent, trigger: Trigger, region: str) -> bool:
    """Whether all that the rule names is so."""
    plain = (
        (rule.pbx, call.pbx),
        (rule.queue, call.queue),
        (rule.direction, call.direction),
        (rule.crm, agent.crm),
        (rule.trigger, trigger),
    )
    if any(wanted is not None and wanted != found for wanted, found in plain):
        return False
    if rule.agent is not None and rule.agent.casefold() != agent.crm_user.casefold():
        return False
    return _number_fits(rule.did, call.did, region) and _caller_fits(rule.caller, call, region)


def _caller_fits(wanted: str | None, call: Call, region: str) -> bool:
    if wanted in KINDS:
        return call.caller.kind is KINDS[wanted or ""]
    return _number_fits(wanted, call.caller.number, region)


def _number_fits(wanted: str | None, number: str, region: str) -> bool:
    """In any spelling; with `*` at its end, the beginning of a number as it is written or in its E.164 form."""
    if wanted is None:
        return True
    public = e164(number, region) or ""
    if wanted.endswith(PREFIX):
        start = wanted[: -len(PREFIX)]
        return bool(start) and (number.startswith(start) or public.startswith(start))
    return number == wanted or (bool(public) and public == e164(wanted, region))
