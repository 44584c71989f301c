"""Settings before they are checked: TOML, then environment, then files that hold secrets, in one nested table.

The merging is our own because each problem names the file or the variable that its value came from.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bridge.config import sources
from bridge.config.checking import holds_secret
from bridge.config.models import Section
from bridge.core.errors import SettingsError


class Unchecked:
    """Values as they were written, where each one came from, and the problems so far. What has been checked takes the
    place of its table."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.values: dict[str, Any] = {}
        self.sources: dict[tuple[str, ...], str] = {}
        self.problems: list[str] = []
        self.declared: dict[str, dict[str, object]] = {"pbx": {}, "crm": {}}
        """Every `[pbx.NAME]` and `[crm.NAME]` as it was written, right or wrong."""

    def problem(self, path: tuple[str, ...], text: str) -> None:
        """Remember that the value at `path` is wrong, with where it came from."""
        source = next((self.sources[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.sources), "settings")
        self.problems.append(f"{source}: {'.'.join(path)}: {text}")

    def put(self, path: tuple[str, ...], value: object, source: str) -> None:
        """Take in a value; the last one put at a path counts."""
        table = self.values
        for depth, name in enumerate(path[:-1], start=1):
            self.sources.setdefault(path[:depth], source)
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                self.problems.append(f"{source}: {'.'.join(path)}: {name} is a value, not a table")
                return
        table[path[-1]] = value
        self.sources[path] = source


def read(file: Path, environ: Mapping[str, str]) -> Unchecked:
    """What `file` and the `POPBRIDGE_…` variables say. Raises `SettingsError` where nothing can be read."""
    unchecked = Unchecked(file.resolve().parent)
    _read_toml(unchecked, file, environ)
    _read_environment(unchecked, environ)
    return unchecked


def private_files(file: Path, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The settings file and each that a `KEY_file` names: whoever reads them has the secrets."""
    unchecked = read(file, environ)
    return [file.resolve(), *dict.fromkeys(unchecked.base / name for name in _named_files(unchecked.values))]


def _named_files(table: Mapping[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _named_files(value)
        elif key.endswith("_file") and key != "ca_file":  # which holds nothing secret
            yield str(value)


def _read_toml(unchecked: Unchecked, file: Path, environ: Mapping[str, str]) -> None:
    try:
        tables = sources.tables_in(file)
    except FileNotFoundError:
        if not any(map(sources.is_setting, environ)):
            hint = "no such file; `popbridge init` makes one, --config or POPBRIDGE_CONFIG names another"
            raise SettingsError([f"{file}: {hint}"]) from None
        return
    _put_tables(unchecked, (), tables, str(file))


def _put_tables(unchecked: Unchecked, path: tuple[str, ...], table: Mapping[str, Any], source: str) -> None:
    if path:
        unchecked.put(path, {}, source)
    for name, value in table.items():
        if isinstance(value, dict) and len(path) < 2:
            _put_tables(unchecked, (*path, name), value, source)
        else:
            unchecked.put((*path, name), value, source)


def _read_environment(unchecked: Unchecked, environ: Mapping[str, str]) -> None:
    for variable in sorted(filter(sources.is_setting, environ)):
        path = tuple(variable.removeprefix(sources.PREFIX).lower().split("__"))
        unchecked.put(path, environ[variable], f"environment {variable}")


def read_secret_files(
    unchecked: Unchecked, path: tuple[str, ...], table: dict[str, Any], model: type[Section]
) -> set[str]:
    """Put the text of each `KEY_file` into its key; the keys whose file could not be read."""
    unread = set()
    for key, field in model.model_fields.items():
        name = f"{key}_file"
        if name not in table or not holds_secret(field.annotation):
            continue
        file = unchecked.base / str(table.pop(name))
        if key in table:
            unchecked.problem((*path, name), f"give {key} or {name}, not both")
            continue
        unchecked.sources[(*path, key)] = unchecked.sources.get((*path, name), str(file))
        try:
            table[key] = sources.secret_in(file)
        except (OSError, ValueError) as error:
            table[key] = "unread"
            unread.add(key)
            reason = (
                error.strerror
                if isinstance(error, OSError)
                else "its name is not one"
                if "null" in str(error)
                else error
            )
            unchecked.problem((*path, name), f"{file} cannot be read: {reason}")
    return unread
