"""A group of commands that imports a command when it is run: listing, help and completion of names import none."""

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click

from bridge.cli.chosen import config_option


class Verb(NamedTuple):
    """Where a command is found (`module:function` of `bridge.cli`) and the first sentence of its help."""

    place: str
    short_help: str
    hidden: bool = False


class LazyGroup(click.Group):
    """A group over a table of `Verb`. Its own `commands` are stand-ins, good for a list; `load` gives the real ones."""

    def __init__(self, name: str | None = None, *, verbs: Mapping[str, Verb], **kwargs: Any) -> None:
        stand_ins = {
            verb: click.Command(verb, short_help=it.short_help, hidden=it.hidden) for verb, it in verbs.items()
        }
        super().__init__(name, stand_ins, **kwargs)
        self.verbs = verbs
        config_option(self)

    def load(self, name: str) -> click.Command:
        """The command itself. Raises `KeyError` for a name that the group does not have."""
        if name not in self.verbs:
            return self.commands[name]
        module, _, function = self.verbs[name].place.partition(":")
        command: click.Command = getattr(importlib.import_module(f"bridge.cli.{module}"), function)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """What click runs for these arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, self.load(name) if name else command, rest
