"""Where settings are read from: files in whatever way editors save them, and the environment."""

import logging
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bridge.core.errors import SettingsError
from bridge.core.text import trimmed

log = logging.getLogger(__name__)

PREFIX = "POPBRIDGE_"
ALONE = ("DATA_DIR", "CONFIG")
"""Variables without a section."""
MAX_BYTES = 1024 * 1024


def is_setting(variable: str) -> bool:
    """Whether an environment variable is one of the settings: `POPBRIDGE_SECTION__KEY`, or `POPBRIDGE_DATA_DIR`."""
    path = variable.removeprefix(PREFIX).split("__")
    return variable.startswith(PREFIX) and (variable == f"{PREFIX}DATA_DIR" or (len(path) > 1 and all(path)))


def warn_of_others(variables: Iterable[str]) -> None:
    """Log the variables that begin like settings and are none, such as those that Kubernetes sets for a service."""
    ours = sorted(name for name in variables if name.startswith(PREFIX))
    others = [name for name in ours if not is_setting(name) and name.removeprefix(PREFIX) not in ALONE]
    if others:
        told = "ignored environment variables, which are not settings (those are POPBRIDGE_SECTION__KEY): %s"
        log.warning(told, ", ".join(others))


def tables_in(file: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises `FileNotFoundError` and `SettingsError`."""
    try:
        text = text_in(file)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from None
    except ValueError as error:
        raise SettingsError([f"{file}: not TOML: {error}"]) from None
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError([f"{file}: not TOML: {error}"]) from None


def secret_in(file: Path) -> str:
    """The text of a file that holds a secret, without what nobody sees at its ends. Raises `OSError`, `ValueError`."""
    return trimmed(text_in(file))


def text_in(file: Path) -> str:
    """The text of a file, byte order mark or not. Raises `OSError`, and `ValueError`: no UTF-8, or too large."""
    try:
        with file.open("rb") as handle:
            data = handle.read(MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except ValueError:  # UTF-16, as Windows saves it at times; or a name with a null character
        raise ValueError("it is not UTF-8 text") from None
    if len(data) > MAX_BYTES:
        raise ValueError("it has more than 1 MiB")
    return text
