"""`popbridge rules test`: which rule would decide about a call, and what it would do."""

import click

from bridge.calls.labels import identified
from bridge.calls.rules import Decision, decide
from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.terminal import USAGE, as_json_option, fail, show
from bridge.config.models import Settings
from bridge.core.model import Agent, Call, Caller, CallState, Direction, Trigger

WITHHELD = "withheld"


@click.command("test")
@click.option("--pbx", help="The phone system; required if there are several.")
@click.option("--did", default="", help="The number that was dialled.")
@click.option("--caller", default="", help='The caller\'s number, or "withheld".')
@click.option("--queue", default="", help="The queue that the call came from.")
@click.option(
    "--direction",
    type=click.Choice(["incoming", "outgoing", "internal"]),
    default="incoming",
    show_default=True,
    help="Of the call.",
)
@click.option("--crm", help="The agent's CRM; required if there are several.")
@click.option("--agent", default="", help="The agent's crm_user.")
@click.option(
    "--trigger",
    type=click.Choice([str(one) for one in Trigger]),
    default=str(Trigger.RINGING),
    show_default=True,
    help="What makes the popup.",
)
@as_json_option
@with_settings
def test_rules(chosen: Chosen, /, pbx: str | None, crm: str | None, as_json_: bool, **told: str) -> None:
    """Show which rule would decide about a call, and what it would do."""
    settings = chosen.settings()
    system, name = _one(settings.pbx, pbx, "pbx"), _one(settings.crm, crm, "crm")
    region = settings.pbx[system].region
    agent = Agent(name, told["agent"], "", ())
    decision = decide(settings.rules, _call(system, region, told), agent, Trigger(told["trigger"]), region)
    targets = settings.targets_of(name) if decision.targets is None else decision.targets
    summary = {"rule": decision.number or None, "pop": decision.pop, "targets": targets, "label": decision.label}
    show(summary, lambda: _text(decision, targets, settings), as_json_)


def _one(sections: object, name: str | None, kind: str) -> str:
    names = list(sections) if isinstance(sections, dict) else []
    if name is None and len(names) == 1:
        return str(names[0])
    if name not in names:
        fail([f"name one with --{kind}: {', '.join(names) or 'there is none'}"], USAGE)
    return str(name)


def _call(pbx: str, region: str, told: dict[str, str]) -> Call:
    number = "" if told["caller"] == WITHHELD else told["caller"]
    return Call(
        pbx=pbx,
        extension="",
        ivrid="",
        original_ivrid=None,
        did=told["did"],
        did_label=None,
        direction=Direction(told["direction"]),
        state=CallState.RINGING,
        caller=identified(Caller(number), region) if told["caller"] else Caller(""),
        started_at=None,
        answered_at=None,
        recording=None,
        queue=told["queue"],
    )


def _text(decision: Decision, targets: tuple[str, ...], settings: Settings) -> str:
    if not decision.number:
        which = "no rule fits" if settings.rules else "there are no [[rules]]"
        return f"{which}: it pops up, to {', '.join(targets) or 'nobody'}"
    does = f"it pops up, to {', '.join(targets) or 'nobody'}" if decision.pop else "it does not pop up"
    label = f", labelled {decision.label!r}" if decision.label is not None else ""
    return f"rule {decision.number} of {len(settings.rules)} decides: {does}{label}"
