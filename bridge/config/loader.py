"""Reading the settings: TOML, then environment, then files that hold secrets, made into one `Settings`.

Every problem is found in one run and told as one line: where it stands, which key, what is allowed. The merging is
our own because each line must name the file or the variable a value came from; checking the values is pydantic's work.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bridge.config import sources
from bridge.config.checking import checked, holds_secret
from bridge.config.models import (
    Agents,
    Audit,
    Console,
    CrmAccount,
    Desktop,
    Log,
    Oidc,
    Outgoing,
    Redis,
    Section,
    Server,
    Settings,
    Signin,
    split_text,
)
from bridge.core.delivery import DESKTOP
from bridge.core.errors import SettingsError
from bridge.core.http_types import Secret

DEFAULT_FILE = "popbridge.toml"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")

GUIDES = "guides: README.md, or /docs/connect on a running popbridge, also for what is not among them"

Kinds = Mapping[str, type[Section]]
AlsoRead = Callable[[Path, Collection[str], Collection[str]], Iterable[str]]
SECTIONS: tuple[tuple[tuple[str, ...], type[Section]], ...] = (
    (("server",), Server),
    (("redis",), Redis),
    (("outgoing",), Outgoing),
    (("audit",), Audit),
    (("agents",), Agents),
    (("desktop",), Desktop),
    (("console",), Console),
    (("signin",), Signin),
    (("log",), Log),
)


class _Draft:
    """Values on their way to `Settings`: a nested dict, where each value came from, and the problems so far."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.values: dict[str, Any] = {}
        self.sources: dict[tuple[str, ...], str] = {}
        self.problems: list[str] = []
        self.declared: dict[str, dict[str, object]] = {"pbx": {}, "crm": {}}
        """Every `[pbx.NAME]` and `[crm.NAME]` as it was written, right or wrong."""

    def problem(self, path: tuple[str, ...], text: str) -> None:
        source = next((self.sources[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.sources), "settings")
        self.problems.append(f"{source}: {'.'.join(path)}: {text}")

    def put(self, path: tuple[str, ...], value: object, source: str) -> None:
        table = self.values
        for depth, name in enumerate(path[:-1], start=1):
            self.sources.setdefault(path[:depth], source)
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                self.problems.append(f"{source}: {'.'.join(path)}: {name} is a value, not a table")
                return
        table[path[-1]] = value
        self.sources[path] = source


def load(
    file: Path, environ: Mapping[str, str], pbx_kinds: Kinds, crm_kinds: Kinds, also: AlsoRead | None = None
) -> Settings:
    """Read `file` and the `POPBRIDGE_…` variables. Raises `SettingsError` with every problem found.

    `also` tells the problems in the file of agents, asked when there are others: one run shall tell all.
    """
    draft = _Draft(file.resolve().parent)
    _read_toml(draft, file, environ)
    _read_environment(draft, environ)
    sources.warn_of_others(environ)
    for path, model in [
        *_optional(draft),
        *SECTIONS,
        *_accounts(draft, "pbx", pbx_kinds),
        *_accounts(draft, "crm", crm_kinds),
    ]:
        _section(draft, path, model)
    _cross_checks(draft)
    settings = _top(draft)
    if draft.problems or settings is None:
        raise SettingsError([*draft.problems, *also(*_agents_of(draft))] if also else draft.problems)
    return settings


def _agents_of(draft: _Draft) -> tuple[Path, Collection[str], Collection[str]]:
    """The file of agents, the CRMs and the phone systems, as far as wrong settings tell."""
    agents = draft.values.get("agents")
    file = agents.file if isinstance(agents, Agents) else Agents().file
    return draft.base / file, draft.declared["crm"], draft.declared["pbx"]


def private_files(file: Path, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The settings file and each that a `KEY_file` names: whoever reads them has the secrets."""
    draft = _Draft(file.resolve().parent)
    _read_toml(draft, file, environ)
    _read_environment(draft, environ)
    return [file.resolve(), *dict.fromkeys(draft.base / name for name in _named_files(draft.values))]


def _named_files(table: Mapping[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _named_files(value)
        elif key.endswith("_file") and key != "ca_file":  # which holds nothing secret
            yield str(value)


def _read_toml(draft: _Draft, file: Path, environ: Mapping[str, str]) -> None:
    try:
        tables = sources.tables_in(file)
    except FileNotFoundError:
        if not any(map(sources.is_setting, environ)):
            hint = "no such file; `popbridge init` makes one, --config or POPBRIDGE_CONFIG names another"
            raise SettingsError([f"{file}: {hint}"]) from None
        return
    _put_tables(draft, (), tables, str(file))


def _put_tables(draft: _Draft, path: tuple[str, ...], table: Mapping[str, Any], source: str) -> None:
    if path:
        draft.put(path, {}, source)
    for name, value in table.items():
        if isinstance(value, dict) and len(path) < 2:
            _put_tables(draft, (*path, name), value, source)
        else:
            draft.put((*path, name), value, source)


def _read_environment(draft: _Draft, environ: Mapping[str, str]) -> None:
    for variable in sorted(filter(sources.is_setting, environ)):
        path = tuple(variable.removeprefix(sources.PREFIX).lower().split("__"))
        draft.put(path, environ[variable], f"environment {variable}")


def _optional(draft: _Draft) -> Iterator[tuple[tuple[str, ...], type[Section]]]:
    """Sections inside others that may be left out whole."""
    signin = draft.values.get("signin")
    if isinstance(signin, dict) and "oidc" in signin:
        yield ("signin", "oidc"), Oidc


def _accounts(draft: _Draft, group: str, kinds: Kinds) -> Iterator[tuple[tuple[str, ...], type[Section]]]:
    tables = draft.values.get(group, {})
    for name, table in tables.items() if isinstance(tables, dict) else ():
        path = (group, name)
        draft.declared[group][name] = dict(table) if isinstance(table, dict) else table
        kind = str(table.get("kind")) if isinstance(table, dict) else ""
        if not NAME.fullmatch(name) or name == DESKTOP:
            draft.problem(path, "a name is small letters, digits, - and _, and not 'desktop'")
        elif not isinstance(table, dict):
            draft.problem(path, f"must be a table: [{group}.{name}]")
        elif kind not in kinds:
            draft.problem((*path, "kind"), f"must be one of: {', '.join(sorted(kinds))}; {GUIDES}")
        else:
            yield path, kinds[kind]
            continue
        table_of_group = dict(draft.values[group])
        del table_of_group[name]
        draft.values[group] = table_of_group


def _section(draft: _Draft, path: tuple[str, ...], model: type[Section]) -> None:
    table: Any = draft.values
    for name in path:
        table = table.get(name, {})
    if not isinstance(table, dict):
        draft.problem(path, f"must be a table: [{'.'.join(path)}]")
        draft.values.pop(path[0])
        return
    before = len(draft.problems)
    unread = _read_secret_files(draft, path, table, model)
    found = _check(draft, path, model, table)
    if found is not None and isinstance(found, CrmAccount):
        for key, text in found.problems():
            if key not in unread:
                draft.problem((*path, key), text)
    parent = draft.values
    for name in path[:-1]:
        parent = parent[name]
    if found is None or len(draft.problems) > before:
        parent.pop(path[-1], None)
    else:
        parent[path[-1]] = found


def _read_secret_files(draft: _Draft, path: tuple[str, ...], table: dict[str, Any], model: type[Section]) -> set[str]:
    """Put the text of each `KEY_file` into its key; the keys whose file could not be read."""
    unread = set()
    for key, field in model.model_fields.items():
        name = f"{key}_file"
        if name not in table or not holds_secret(field.annotation):
            continue
        file = draft.base / str(table.pop(name))
        if key in table:
            draft.problem((*path, name), f"give {key} or {name}, not both")
            continue
        draft.sources[(*path, key)] = draft.sources.get((*path, name), str(file))
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
            draft.problem((*path, name), f"{file} cannot be read: {reason}")
    return unread


def _check(draft: _Draft, path: tuple[str, ...], model: type[Section], table: Mapping[str, Any]) -> Section | None:
    found, problems = checked(model, table)
    for location, text in problems:
        draft.problem((*path, *location), text)
    return found


def _top(draft: _Draft) -> Settings | None:
    settings = _check(draft, (), Settings, draft.values)
    if not isinstance(settings, Settings):
        return None
    base = draft.base
    audit = settings.audit.url.reveal() if settings.audit.url else f"sqlite:///{base / settings.data_dir / 'audit.db'}"
    relative = re.fullmatch(r"sqlite:///([^/].*)", audit)
    if relative and relative[1] != ":memory:":
        audit = f"sqlite:///{base / relative[1]}"
    return settings.model_copy(
        update={
            "data_dir": base / settings.data_dir,
            "agents": settings.agents.model_copy(update={"file": base / settings.agents.file}),
            "outgoing": settings.outgoing.model_copy(
                update={"ca_file": base / settings.outgoing.ca_file if settings.outgoing.ca_file else None}
            ),
            "audit": settings.audit.model_copy(update={"url": Secret(audit)}),
        }
    )


def _cross_checks(draft: _Draft) -> None:
    """Rules between sections. Pointing at a section that has a problem of its own is not a second problem."""
    pbxes, crms = draft.declared["pbx"], draft.declared["crm"]
    _check_oidc(draft)
    for name, table in crms.items():
        if isinstance(table, dict):
            _check_crm(draft, name, table, pbxes)
    for name, table in pbxes.items():
        for crm in _names_in(table, "agents_for"):
            if crm not in crms:
                draft.problem(("pbx", name, "agents_for"), f"no [crm.{crm}]; known: {_listed(crms)}")


def _check_oidc(draft: _Draft) -> None:
    signin = draft.values.get("signin")
    if isinstance(signin, Signin) and signin.oidc is not None:
        crms = draft.declared["crm"]
        for path, crm in signin.oidc.crms_named():
            if crm not in crms:
                draft.problem(("signin", "oidc", *path), f"no [crm.{crm}]; known: {_listed(crms)}")


def _check_crm(draft: _Draft, name: str, table: Mapping[str, Any], pbxes: Mapping[str, Any]) -> None:
    pbx = table.get("pbx")
    if isinstance(pbx, str) and pbx not in pbxes:
        draft.problem(("crm", name, "pbx"), f"no [pbx.{pbx}]; known: {_listed(pbxes)}")
    elif pbx is None and len(pbxes) != 1:
        draft.problem(("crm", name, "pbx"), "is needed unless there is exactly one [pbx.NAME]")
    for target in _names_in(table, "targets"):
        if not _may_take_popups(draft, target):
            draft.problem(("crm", name, "targets"), f"'{target}' is neither desktop nor a CRM with a popup_url")


def _names_in(table: object, key: str) -> list[str]:
    """The names in a list of names; what is wrong with a list itself is told where it is read."""
    names = split_text(table.get(key)) if isinstance(table, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _may_take_popups(draft: _Draft, target: str) -> bool:
    if target == DESKTOP:
        return True
    account = draft.values["crm"].get(target)
    return account.takes_popups if isinstance(account, CrmAccount) else target in draft.declared["crm"]


def settings_file(option: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Which file to read: the option, else `POPBRIDGE_CONFIG`, else popbridge.toml in the working directory."""
    return Path(option or environ.get(f"{sources.PREFIX}CONFIG") or DEFAULT_FILE)
