"""What to do after `popbridge init`, printed as commands to copy."""

import shlex
import sys
from pathlib import Path

import click

from bridge.cli.chosen import Chosen
from bridge.config.loader import DEFAULT_FILE
from bridge.connect.draft import FOLDER
from bridge.connect.installation import Installation
from bridge.demo.simulate import commands


def after_init(installation: Installation, chosen: Chosen) -> None:
    """Button, link, processes."""
    run, crm = _command(chosen), installation.crm.name
    user = installation.agents[0].crm_user if installation.agents else "CRM_USER"
    agent = shlex.quote(f"{crm}:{user}")
    _written(chosen)
    steps = [
        (f"{run} up", "runs everything on this machine (`serve` and `worker` run the parts)"),
        (f"{run} button {crm}", f"prints the button to paste into the CRM; guide: {_guide(installation)}"),
        (f"{run} token create --role agent --agent {agent} --link", "an agent's link to the desktop page"),
        (f"{run} token create --role admin", f"for {installation.public_url}/console/connect: tests, agents, buttons"),
        (f"{run} doctor", "beside `up`: tests every dependency and prints the fix"),
    ]
    if not installation.agents:
        rows = f"one row for each extension of each agent: {crm},CRM_USER,{installation.pbx.name},EXTENSION,NAME"
        steps.insert(0, (f"edit {chosen.file.parent / 'agents.csv'}", rows))
    _print(steps)


def after_simulated(installation: Installation, address: str, chosen: Chosen) -> None:
    """Both terminals, and a popup."""
    run = _command(chosen)
    agent = f"{installation.crm.name}:{installation.agents[0].crm_user}"
    _written(chosen)
    _print(
        [
            (f"{run} simulate", "in a terminal of its own: a phone system and a CRM; calls come by themselves"),
            (f"{run} up", "in another one: popbridge"),
            (f"{run} token create --role agent --agent {agent} --link", "in a third one: Dana's desktop page, to open"),
            (f"{run} token create --role admin", "there too: the console, to open; under Connect tests and the button"),
        ]
    )
    click.echo(f"\nThen, for a popup:\n{commands(address)}")


def _guide(installation: Installation) -> str:
    return f"{installation.public_url}/docs/connect/{installation.crm.kind}"


def _written(chosen: Chosen) -> None:
    folder = chosen.file.parent
    click.echo(f"\nWritten: {chosen.file}, {folder / 'agents.csv'} and {folder / FOLDER}/, which only you can read.")


def _print(steps: list[tuple[str, str]]) -> None:
    click.echo("\nNext:")
    for number, (command, why) in enumerate(steps, 1):
        click.echo(f"  {number}. {command}\n       {why}")


def _command(chosen: Chosen) -> str:
    """How this program is called here; from a clone by its `./dev`."""
    is_clone = Path("dev").is_file() and Path(".venv").resolve() == Path(sys.prefix).resolve()
    config = "" if str(chosen.file) == DEFAULT_FILE else f" --config {shlex.quote(str(chosen.file))}"
    return f"{'./dev run ' * is_clone}popbridge{config}"
