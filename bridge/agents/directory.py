"""Step 1: whose click is this? CRM user to agent and extensions; pure."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bridge.agents.csv_rows import Mistakes, rows
from bridge.core.errors import SettingsError
from bridge.core.model import Agent, Click, ExtensionId, Outcome, Pop
from bridge.core.reasons import Reason, reason
from bridge.core.text import one_line, without_marks

COLUMNS = ("crm", "crm_user", "pbx", "extension", "name")
OPTIONAL = ("pop", "agent_id")
CHANGED = re.compile(
    r"['’‘ʼ`´].*|\d+[.,٫]0+|\d+(?:[.,]\d+)?E[+-]?\d+|=.*|#.*[!?/#].*|true|false|(?=.*[^\x00-\x7f])[\d.,٫٬]+|"
    r"\d{1,3}(?:,\d{3})+|\d{1,2}-[a-z]{3}(?:-\d{2,4})?|[a-z]{3}-\d{2}|"
    r"\d{4}-\d\d-\d\d(?:[ T].*)?|\d{1,2}/\d{1,2}/\d{2,4}",
    re.I,
)
"""What spreadsheets make of a number: `'0101`, `101.0`, `9.72723E+11`, `="0101"`, `#N/A`, `1,101`, `01-Jan`; and digits
of other alphabets."""
NEVER_CHANGED = re.compile(r"[A-Z]*[0-9]+|[A-Z0-9._+-]+@[A-Z0-9.-]+", re.I | re.A)
"""What most extensions and users look like, which is seen at once."""


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
    """The agents of all CRMs. `warnings` are what may be meant so, and may not, in the rows they were read from."""

    agents: Mapping[tuple[str, str], Agent] = field(default_factory=dict)
    warnings: tuple[Reason, ...] = field(default=(), compare=False)

    def agent(self, crm: str, crm_user: str) -> Agent | None:
        """The agent that this CRM calls `crm_user`."""
        return self.agents.get((crm, _user_key(crm_user)))

    def is_claimed_elsewhere(self, crm: str, extension: ExtensionId) -> bool:
        """Whether the directory gives this extension to agents of other CRMs: their calls are not this one's."""
        return any(
            agent.crm != crm for agent, line in self.by_extension.get(extension.extension, ()) if line == extension
        )

    def on_line(self, crm: str, extension: str) -> list[tuple[Agent, ExtensionId]]:
        """The agents of this CRM who have an extension of that name."""
        return [(agent, line) for agent, line in self.by_extension.get(extension, ()) if agent.crm == crm]

    @cached_property
    def by_extension(self) -> Mapping[str, Sequence[tuple[Agent, ExtensionId]]]:
        """Who has an extension of that name, of any CRM and on any phone system."""
        found: dict[str, list[tuple[Agent, ExtensionId]]] = {}
        for agent in self.agents.values():
            for line in agent.extensions:
                found.setdefault(line.extension, []).append((agent, line))
        return found


def read(lines: Iterable[str], crms: Collection[str], pbxes: Collection[str], source: str) -> Directory:
    """The directory in CSV `lines`, as spreadsheets save them: `csv_rows.rows` says what they may do.

    Raises `SettingsError` with the mistakes and their line numbers.
    """
    agents: dict[tuple[str, str], Agent] = {}
    mistakes, warnings = Mistakes(source), _Warnings(source)
    for line, cells in rows(list(lines), COLUMNS, OPTIONAL, mistakes):
        row = {name: one_line(cell) if name == "name" else without_marks(cell) for name, cell in cells.items()}
        wrong = _mistake(row, crms, pbxes)
        if wrong:
            mistakes.add(line, wrong)
            continue
        extension = ExtensionId(row["pbx"], row["extension"])
        warnings.look(line, row["crm"], row["crm_user"], extension)
        pop = Pop(row["pop"].lower()) if row.get("pop") else None
        add(agents, row["crm"], row["crm_user"], row["name"], extension, row.get("agent_id", ""), pop)
    if mistakes.told:
        raise SettingsError(mistakes.told)
    found = Directory(agents, tuple(warnings.told))
    _ = found.by_extension  # made here, where nobody waits for it
    return found


class _Warnings(Mistakes):
    """What may be a mistake in rows that are right by themselves."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self._first: dict[tuple[str, ExtensionId], tuple[str, int]] = {}
        self._others: dict[tuple[str, ExtensionId, str], int] = {}

    def look(self, line: int, crm: str, crm_user: str, extension: ExtensionId) -> None:
        """At one row, beside those before it."""
        for column, cell in (("extension", extension.extension), ("crm_user", crm_user)):
            if not NEVER_CHANGED.fullmatch(cell) and CHANGED.fullmatch(cell):
                self.add(line, reason("csv-spreadsheet", column=column, cell=cell))
        user = _user_key(crm_user)
        other, there = self._first.setdefault((crm, extension), (user, line))
        if there == line:
            return
        same = there if other == user else self._others.setdefault((crm, extension, user), line)
        if same != line:
            self.add(line, reason("csv-same", other=same))
        else:
            also = {"extension": extension.extension, "agent": crm_user, "other": other, "there": there}
            self.add(line, Reason("csv-shared-extension", also))


def _mistake(cells: Mapping[str, str], crms: Collection[str], pbxes: Collection[str]) -> Reason | None:
    empty = [column for column in ("crm", "crm_user", "pbx", "extension") if not cells[column]]
    if empty:
        return reason("csv-empty", column=empty[0])
    if cells["crm"] not in crms:
        return reason("csv-no-section", column="crm", name=cells["crm"])
    if cells["pbx"] not in pbxes:
        return reason("csv-no-section", column="pbx", name=cells["pbx"])
    if cells.get("pop") and cells["pop"].lower() not in set(Pop):
        return reason("csv-pop", modes=list(map(str, Pop)))
    return None


def add(
    agents: dict[tuple[str, str], Agent],
    crm: str,
    crm_user: str,
    name: str,
    line: ExtensionId,
    agent_id: str = "",
    pop: Pop | None = None,
) -> None:
    """Add one line of a person to `agents`; the person too, if it is their first. Of what rows say of a person, the
    first counts."""
    key = (crm, _user_key(crm_user))
    known = agents.get(key)
    if known is None:
        agents[key] = Agent(crm, crm_user, name, (line,), agent_id, pop or Pop.BUTTON)
        return
    lines = known.extensions if line in known.extensions else (*known.extensions, line)
    when = pop if pop and known.pop is Pop.BUTTON else known.pop
    agents[key] = Agent(crm, known.crm_user, known.name or name, lines, known.agent_id or agent_id, when)


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
