"""`popbridge check`: are the settings right?"""

import click

from bridge.agents import agents_file
from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.terminal import FAILURE, configuration_errors, fail
from bridge.core.errors import SettingsError
from bridge.core.finding import counted
from bridge.settings import load_settings


@click.command()
@with_settings
def check(chosen: Chosen) -> None:
    """Check the settings and the agents file, and report all configuration errors."""
    try:
        settings = load_settings(str(chosen.file), also=agents_file.problems_in)
        found = agents_file.read(settings.agents.file, set(settings.crm), set(settings.pbx))
    except SettingsError as error:
        fail(configuration_errors(error.problems), FAILURE)
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)
    agents = counted(len(found.agents), "agent")
    click.echo(f"{chosen.file}: {len(settings.pbx)} pbx, {len(settings.crm)} crm, {agents}: OK")
