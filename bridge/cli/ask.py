"""Questions at a terminal: one key of a section, one choice; what is secret is typed unseen."""

import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

import click

from bridge.config.keys import Key

LEAVE_OUT = "Enter leaves it out"


def text(question: str, default: str | None = None, is_hidden: bool = False) -> str:
    """One line. Ctrl-C and the end of the input end the command."""
    hidden = is_hidden and sys.stdin.isatty()
    found: str = click.prompt(question, default=default, hide_input=hidden, show_default=bool(default), type=str)
    return found.strip()


def yes(question: str, default: bool = True) -> bool:
    """Yes or no."""
    return click.confirm(question, default=default)


def kind(what: str, kinds: Mapping[str, str]) -> str:
    """Which make: its name in the settings or as its users call it."""
    click.echo(f"\n{what}:")
    for name, title in kinds.items():
        click.echo(f"  {name:<13} {title}")
    by_title = {title.casefold(): name for name, title in kinds.items()}
    while True:
        given = text("kind").casefold()
        found = given if given in kinds else by_title.get(given)
        if found:
            return found
        near = get_close_matches(given, [*kinds, *by_title], n=1)
        hint = f"did you mean {by_title.get(near[0], near[0])}?" if near else "please type one of the names above"
        click.echo(f"  there is no {given!r}; {hint}; README.md says how to connect any other")


def key(wanted: Key, known: str = "") -> str:
    """The value of one key; "" where it is left out."""
    hints = [wanted.help, f"one of: {', '.join(wanted.choices)}" if wanted.choices else ""]
    if not wanted.is_needed and not wanted.default:
        hints.append(LEAVE_OUT)
    click.echo(f"\n  {'; '.join(filter(None, hints))}")
    while True:
        found = text(
            f"  {wanted.name}", known or wanted.default or (None if wanted.is_needed else ""), wanted.is_secret
        )
        if found or not wanted.is_needed:
            return found


def bullets(lines: Iterable[str]) -> None:
    """Lines below one another."""
    for line in lines:
        click.echo(f"  {line}")
