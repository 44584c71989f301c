"""Step 1: whose click is this? CRM user to agent and extensions; pure."""

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bridge.core.errors import SettingsError
from bridge.core.model import Agent, Click, ExtensionId, Outcome
from bridge.core.reasons import Reason, reason

COLUMNS = ("crm", "crm_user", "pbx", "extension", "name")


@dataclass(frozen=True, slots=True)
class ResolvedAgent:
    """Who clicked and which lines to ask about."""

    agent: Agent
    extensions: tuple[ExtensionId, ...]


@dataclass(frozen=True, slots=True)
class UnresolvedAgent:
    """Nobody's click: the outcome to answer and its sentence."""

    outcome: Outcome
    reason: Reason
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

    def is_claimed_elsewhere(self, crm: str, extension: ExtensionId) -> bool:
        """Whether the directory gives this extension to agents of other CRMs: their calls are not this one's."""
        return any(extension in agent.extensions for (of, _), agent in self.agents.items() if of != crm)

    def on_line(self, crm: str, extension: str) -> list[tuple[Agent, ExtensionId]]:
        """The agents of this CRM who have an extension of that name."""
        agents = [agent for (of, _), agent in self.agents.items() if of == crm]
        return [(agent, line) for agent in agents for line in agent.extensions if line.extension == extension]


def read(lines: Iterable[str], crms: Collection[str], pbxes: Collection[str], source: str) -> Directory:
    """The directory in CSV `lines` (a header names the columns, in any order; commas or semicolons).

    Raises `SettingsError` with every problem and its line number.
    """
    agents: dict[tuple[str, str], Agent] = {}
    problems: list[str] = []
    for line, cells in _rows(list(lines), problems):
        wrong = _mistake(cells, crms, pbxes)
        if wrong:
            problems.append(f"line {line}: {wrong}")
        else:
            add(agents, cells["crm"], cells["crm_user"], cells["name"], ExtensionId(cells["pbx"], cells["extension"]))
    if problems:
        raise SettingsError([f"{source}: {problem}" for problem in problems])
    return Directory(agents)


def _rows(text: list[str], problems: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """ExtensionId number and cells of each row that is not empty. Where it is no such CSV, `problems` says so."""
    head = text[0] if text else ""
    rows = csv.DictReader(text, delimiter=";" if head.count(";") > head.count(",") else ",", strict=True)
    try:
        names = list(rows.fieldnames or ())
        wrong = [column for column in COLUMNS if names.count(column) != 1]
        if wrong:
            told = "there twice" if wrong[0] in names else "missing"
            problems.append(f"line 1: the header must name {','.join(COLUMNS)}; {wrong[0]} is {told}")
            return
        for row in rows:
            if None in row or None in row.values():
                problems.append(f"line {rows.line_num}: it must have {len(names)} cells, as the header has")
            elif any(row[column].strip() for column in COLUMNS):
                yield rows.line_num, {column: row[column].strip() for column in COLUMNS}
    except csv.Error as error:
        problems.append(f"line {rows.line_num}: {error}: is a quotation mark missing?")


def _mistake(cells: Mapping[str, str], crms: Collection[str], pbxes: Collection[str]) -> str | None:
    empty = [column for column in ("crm", "crm_user", "pbx", "extension") if not cells[column]]
    if empty:
        return f"{empty[0]} is empty"
    if cells["crm"] not in crms:
        return f"crm: no [crm.{cells['crm']}] in the settings"
    if cells["pbx"] not in pbxes:
        return f"pbx: no [pbx.{cells['pbx']}] in the settings"
    return None


def add(agents: dict[tuple[str, str], Agent], crm: str, crm_user: str, name: str, line: ExtensionId) -> None:
    """Add one line of a person to `agents`; the person too, if it is their first."""
    key = (crm, _user_key(crm_user))
    known = agents.get(key) or Agent(crm, crm_user, name, ())
    lines = known.extensions if line in known.extensions else (*known.extensions, line)
    agents[key] = Agent(crm, known.crm_user, known.name or name, lines)


def resolve(click: Click, directory: Directory, default_pbx: str) -> ResolvedAgent | UnresolvedAgent:
    """Whose click it is. An agent's click may name only that agent's extensions."""
    if click.agent is not None:
        return _by_agent(click, click.agent, directory)
    extension = click.extension or ""
    seated = directory.on_line(click.crm, extension)
    if not seated and directory.is_claimed_elsewhere(click.crm, ExtensionId(default_pbx, extension)):
        return UnresolvedAgent(Outcome.UNKNOWN_EXTENSION, reason("extension-unlisted", count=1, extensions=[extension]))
    people = {agent.crm_user for agent, _ in seated}
    lines = tuple(dict.fromkeys(line for _, line in seated)) or (ExtensionId(default_pbx, extension),)
    agent = seated[0][0] if len(people) == 1 else Agent(click.crm, "", "", lines)
    return ResolvedAgent(agent, lines)


def _by_agent(click: Click, crm_user: str, directory: Directory) -> ResolvedAgent | UnresolvedAgent:
    agent = directory.agent(click.crm, crm_user)
    if agent is None:
        return UnresolvedAgent(Outcome.UNKNOWN_AGENT, reason("unknown-agent", agent=crm_user, crm=click.crm))
    lines = tuple(line for line in agent.extensions if click.extension in (None, line.extension))
    if not lines:
        not_own = reason("not-own-extension", extension=click.extension, agent=agent.name or crm_user)
        return UnresolvedAgent(Outcome.UNKNOWN_EXTENSION, not_own, agent)
    return ResolvedAgent(agent, lines)
