"""The settings: read, checked, and made into one `Settings`.

Every problem is found in one run and told as one line: where it stands, which key, what is allowed. Checking the values
is pydantic's work.
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bridge.config import sources
from bridge.config.checking import checked
from bridge.config.cross_checks import check_between_sections
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
)
from bridge.config.unchecked import Unchecked, read, read_secret_files
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


def load(
    file: Path, environ: Mapping[str, str], pbx_kinds: Kinds, crm_kinds: Kinds, also: AlsoRead | None = None
) -> Settings:
    """Read `file` and the `POPBRIDGE_…` variables. Raises `SettingsError` with every problem found.

    `also` tells the problems in the file of agents, asked when there are others: one run shall tell all.
    """
    unchecked = read(file, environ)
    sources.warn_of_others(environ)
    for path, model in [
        *_optional(unchecked),
        *SECTIONS,
        *_accounts(unchecked, "pbx", pbx_kinds),
        *_accounts(unchecked, "crm", crm_kinds),
    ]:
        _section(unchecked, path, model)
    check_between_sections(unchecked)
    settings = _top(unchecked)
    if unchecked.problems or settings is None:
        raise SettingsError([*unchecked.problems, *also(*_agents_of(unchecked))] if also else unchecked.problems)
    return settings


def _agents_of(unchecked: Unchecked) -> tuple[Path, Collection[str], Collection[str]]:
    """The file of agents, the CRMs and the phone systems, as far as wrong settings tell."""
    agents = unchecked.values.get("agents")
    file = agents.file if isinstance(agents, Agents) else Agents().file
    return unchecked.base / file, unchecked.declared["crm"], unchecked.declared["pbx"]


def _optional(unchecked: Unchecked) -> Iterator[tuple[tuple[str, ...], type[Section]]]:
    """Sections inside others that may be left out whole."""
    signin = unchecked.values.get("signin")
    if isinstance(signin, dict) and "oidc" in signin:
        yield ("signin", "oidc"), Oidc


def _accounts(unchecked: Unchecked, group: str, kinds: Kinds) -> Iterator[tuple[tuple[str, ...], type[Section]]]:
    tables = unchecked.values.get(group, {})
    for name, table in tables.items() if isinstance(tables, dict) else ():
        path = (group, name)
        unchecked.declared[group][name] = dict(table) if isinstance(table, dict) else table
        kind = str(table.get("kind")) if isinstance(table, dict) else ""
        if not NAME.fullmatch(name) or name == DESKTOP:
            unchecked.problem(path, "a name is small letters, digits, - and _, and not 'desktop'")
        elif not isinstance(table, dict):
            unchecked.problem(path, f"must be a table: [{group}.{name}]")
        elif kind not in kinds:
            unchecked.problem((*path, "kind"), f"must be one of: {', '.join(sorted(kinds))}; {GUIDES}")
        else:
            yield path, kinds[kind]
            continue
        table_of_group = dict(unchecked.values[group])
        del table_of_group[name]
        unchecked.values[group] = table_of_group


def _section(unchecked: Unchecked, path: tuple[str, ...], model: type[Section]) -> None:
    table: Any = unchecked.values
    for name in path:
        table = table.get(name, {})
    if not isinstance(table, dict):
        unchecked.problem(path, f"must be a table: [{'.'.join(path)}]")
        unchecked.values.pop(path[0])
        return
    before = len(unchecked.problems)
    unread = read_secret_files(unchecked, path, table, model)
    found = _check(unchecked, path, model, table)
    if found is not None and isinstance(found, CrmAccount):
        for key, why in found.problems():
            if key not in unread:
                unchecked.problem((*path, key), str(why))
    parent = unchecked.values
    for name in path[:-1]:
        parent = parent[name]
    if found is None or len(unchecked.problems) > before:
        parent.pop(path[-1], None)
    else:
        parent[path[-1]] = found


def _check(
    unchecked: Unchecked, path: tuple[str, ...], model: type[Section], table: Mapping[str, Any]
) -> Section | None:
    found, problems = checked(model, table)
    for problem in problems:
        unchecked.problem((*path, *problem.where), str(problem))
    return found


def _top(unchecked: Unchecked) -> Settings | None:
    settings = _check(unchecked, (), Settings, unchecked.values)
    if not isinstance(settings, Settings):
        return None
    base = unchecked.base
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


def settings_file(option: str | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Which file to read: the option, else `POPBRIDGE_CONFIG`, else popbridge.toml in the working directory."""
    return Path(option or environ.get(f"{sources.PREFIX}CONFIG") or DEFAULT_FILE)
