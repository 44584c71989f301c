"""The settings a command works with: `--config FILE`, before the command's name or after it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from bridge.cli.terminal import USAGE, configuration_errors, fail

if TYPE_CHECKING:
    from bridge.config.models import Settings

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Chosen:
    """The settings file that `--config` named, if it did. What reads it is imported when it is read."""

    option: str | None

    @property
    def file(self) -> Path:
        """The file: as named, else `POPBRIDGE_CONFIG`, else popbridge.toml in the working directory."""
        from bridge.config.loader import settings_file

        return settings_file(self.option)

    def settings(self) -> "Settings":
        """The settings; configuration errors are printed and end the command."""
        from bridge.core.errors import SettingsError
        from bridge.settings import load_settings

        try:
            return load_settings(self.option)
        except SettingsError as error:
            fail(configuration_errors(error.problems), USAGE)


def _choose(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None or context.obj is None:
        context.obj = Chosen(value)


config_option = click.option(
    "--config",
    type=click.Path(),
    expose_value=False,
    callback=_choose,
    help="Settings file; otherwise POPBRIDGE_CONFIG, otherwise popbridge.toml in this folder.",
)


def with_settings(command: Callable[Concatenate[Chosen, P], R]) -> Callable[P, R]:
    """A command that takes `--config` and is handed what was chosen, there or before its name."""
    configured: Any = config_option(click.pass_obj(command))
    return configured  # type: ignore[no-any-return]
