"""Step 1: whose click is this? CRM user to agent and extensions; pure."""

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bridge.domain import Agent, Click, Line, Outcome
from bridge.errors import SettingsError

COLUMNS = ("crm", "crm_user", "pbx", "extension", "name")


@dataclass(frozen=True, slots=True)
class Owner:
    """Who clicked and which lines to ask about."""

    agent: Agent
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Stranger:
    """Nobody's click: the outcome to answer and its sentence."""

    outcome: Outcome
    why: str
    agent: Agent | None = None


def _user_key(crm_user: str) -> str:
    """E-mail addresses compare without upper and lower case; other ids of a CRM exactly."""
    return crm_user.casefold() if "@" in crm_user else crm_user


@dataclass(frozen=True)
class Directory:
    """The agents of all CRMs."""

    agents: Mapping[tuple[str, str], Agent] = field(default_factory=dict)

    def agent(self, crm: str, crm_user: str) -> Agent | None:
        """The agent that this CRM calls `crm_user`."""
        return self.agents.get((crm, _user_key(crm_user)))

    def on_line(self, crm: str, extension: str) -> list[tuple[Agent, Line]]:
        """The agents of this CRM who have an extension of that name."""
        agents = [agent for (of, _), agent in self.agents.items() if of == crm]
        return [(agent, line) for agent in agents for line in agent.lines if line.extension == extension]


def read(lines: Iterable[str], crms: Collection[str], pbxes: Collection[str], source: str) -> Directory:
    """The directory in CSV `lines` (a header names the columns, in any order; commas or semicolons).

    Raises `SettingsError` with every mistake and its line number.
    """
    agents: dict[tuple[str, str], Agent] = {}
    mistakes: list[str] = []
    for line, cells in _rows(list(lines), mistakes):
        wrong = _mistake(cells, crms, pbxes)
        if wrong:
            mistakes.append(f"line {line}: {wrong}")
        else:
            _add(agents, cells)
    if mistakes:
        raise SettingsError([f"{source}: {mistake}" for mistake in mistakes])
    return Directory(agents)


def _rows(text: list[str], mistakes: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells of each row that is not empty. Where it is no such CSV, `mistakes` says so."""
    head = text[0] if text else ""
    rows = csv.DictReader(text, delimiter=";" if head.count(";") > head.count(",") else ",", strict=True)
    try:
        missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
        if missing:
            mistakes.append(f"line 1: the header must name {','.join(COLUMNS)}; {missing[0]} is missing")
            return
        for row in rows:
            cells = {column: (row[column] or "").strip() for column in COLUMNS}
            if any(cells.values()):
                yield rows.line_num, cells
    except csv.Error as error:
        mistakes.append(f"line {rows.line_num}: {error}: is a quotation mark missing?")


def _mistake(cells: Mapping[str, str], crms: Collection[str], pbxes: Collection[str]) -> str | None:
    empty = [column for column in ("crm", "crm_user", "pbx", "extension") if not cells[column]]
    if empty:
        return f"{empty[0]} is empty"
    if cells["crm"] not in crms:
        return f"crm: no [crm.{cells['crm']}] in the settings"
    if cells["pbx"] not in pbxes:
        return f"pbx: no [pbx.{cells['pbx']}] in the settings"
    return None


def _add(agents: dict[tuple[str, str], Agent], cells: Mapping[str, str]) -> None:
    key = (cells["crm"], _user_key(cells["crm_user"]))
    line = Line(cells["pbx"], cells["extension"])
    known = agents.get(key)
    lines = known.lines if known else ()
    name = known.name if known and known.name else cells["name"]
    crm_user = known.crm_user if known else cells["crm_user"]
    agents[key] = Agent(cells["crm"], crm_user, name, lines if line in lines else (*lines, line))


def owner_of(click: Click, directory: Directory, default_pbx: str) -> Owner | Stranger:
    """Whose click it is. An agent's click may name only that agent's extensions."""
    if click.agent is not None:
        return _by_agent(click, click.agent, directory)
    extension = click.extension or ""
    seated = directory.on_line(click.crm, extension)
    people = {agent.crm_user for agent, _ in seated}
    lines = tuple(dict.fromkeys(line for _, line in seated)) or (Line(default_pbx, extension),)
    agent = seated[0][0] if len(people) == 1 else Agent(click.crm, "", "", lines)
    return Owner(agent, lines)


def _by_agent(click: Click, crm_user: str, directory: Directory) -> Owner | Stranger:
    agent = directory.agent(click.crm, crm_user)
    if agent is None:
        why = f"nobody called '{crm_user}' is in the directory of agents for {click.crm}"
        return Stranger(Outcome.UNKNOWN_AGENT, why)
    lines = tuple(line for line in agent.lines if click.extension in (None, line.extension))
    if not lines:
        why = f"extension '{click.extension}' is not one of {agent.name or crm_user}'s"
        return Stranger(Outcome.UNKNOWN_EXTENSION, why, agent)
    return Owner(agent, lines)
