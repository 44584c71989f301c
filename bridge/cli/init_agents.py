"""`popbridge init`: who the agents are."""

from collections.abc import Mapping
from difflib import get_close_matches

import click

from bridge.cli import ask
from bridge.cli.terminal import readable
from bridge.connect.installation import Agent

NAMED = 12


def asked(listed: Mapping[str, str], crm: str) -> list[Agent]:
    """Who has which extension, one after the other until Enter."""
    click.echo(f"\nAgents: the name that {crm} calls each one by (often an e-mail address), and their extension.")
    if listed:
        names = [f"{extension}{f' ({name})' if name else ''}" for extension, name in listed.items()]
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        click.echo(readable(f"  The phone system lists {', '.join(names[:NAMED])}{more}."))
    found: list[Agent] = []
    while user := ask.text("  crm_user (Enter: no more)", ""):
        extension = _extension(listed)
        found.append(Agent(user, extension, ask.text("  name", listed.get(extension, ""))))
    return found


def _extension(listed: Mapping[str, str]) -> str:
    while True:
        given = ask.text("  extension")
        if not listed or given in listed:
            return given
        near = get_close_matches(given, listed, n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        if ask.yes(readable(f"  The phone system does not list {given}{hint} Keep {given}?"), default=False):
            return given
