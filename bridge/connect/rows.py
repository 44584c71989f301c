"""The rows of the agents' file: which fit the phone systems, and what a new file would change. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bridge.agents.directory import COLUMNS, OPTIONAL, Directory
from bridge.connect.installation import table_of_rows
from bridge.core.model import Agent, Pop

HEADER = (*COLUMNS, *OPTIONAL)
Row = tuple[str, ...]
"""One row, in the order of `HEADER`."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What the rows of one directory are beside those of another. Agents are told as their rows, before and after."""

    added: tuple[Row, ...]
    removed: tuple[Row, ...]
    changed: tuple[tuple[tuple[Row, ...], tuple[Row, ...]], ...]
    unchanged: int
    text: str


def rows_of(agents: Iterable[Agent]) -> list[Row]:
    """A row for each extension of each agent."""
    return [
        (one.crm, one.crm_user, line.pbx, line.extension, one.name, "" if one.pop is Pop.BUTTON else str(one.pop),
         one.agent_id)
        for one in agents for line in one.extensions
    ]  # fmt: skip


def changes(before: Directory, after: Directory, keeps_others: bool) -> Changes:
    """From `before` to `after`; with `keeps_others` agents that `after` does not have stay as they are."""
    old, new = before.agents, {**before.agents, **after.agents} if keeps_others else after.agents
    added = rows_of(new[key] for key in new if key not in old)
    removed = rows_of(old[key] for key in old if key not in new)
    both = [(tuple(rows_of([old[key]])), tuple(rows_of([new[key]]))) for key in new if key in old]
    changed = tuple(pair for pair in both if sorted(pair[0]) != sorted(pair[1]))
    text = table_of_rows(HEADER, rows_of(new.values()))
    return Changes(tuple(added), tuple(removed), changed, len(both) - len(changed), text)


@dataclass(frozen=True, slots=True)
class Unfit:
    """A row whose extension the phone system does not list, and the one that it may mean ("": none is like it)."""

    crm: str
    crm_user: str
    name: str
    pbx: str
    extension: str
    near: str


def unfit(agents: Iterable[Agent], pbx: str, listed: Collection[str]) -> list[Unfit]:
    """Rows that fit no extension of this phone system."""
    by_look = {look(name): name for name in listed}
    return [
        Unfit(one.crm, one.crm_user, one.name, pbx, line.extension, by_look.get(look(line.extension), ""))
        for one in agents
        for line in one.extensions
        if line.pbx == pbx and line.extension not in listed
    ]


def free(directory: Directory, pbx: str, listed: Mapping[str, str]) -> list[tuple[str, str]]:
    """Extensions that no row claims, with the names that the phone system gives them."""
    claimed = {line.extension for one in directory.agents.values() for line in one.extensions if line.pbx == pbx}
    return sorted((name, listed[name]) for name in listed if name not in claimed)


def look(extension: str) -> str:
    """What spreadsheets and typing leave of an extension: `0101`, `101.0`, `'101` look like `101`."""
    return re.sub(r"[.,]0+$|\W", "", extension.casefold()).lstrip("0")


def as_fields(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Rows by the names of their columns."""
    return [dict(zip(HEADER, row, strict=True)) for row in rows]
