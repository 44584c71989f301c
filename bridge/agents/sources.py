"""Who sits where, from both sources: the CSV on disk, and phone systems that keep a directory of their users.

A row of the CSV outweighs what a phone system says of the same person.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from bridge.agents.agents_file import AgentsFile
from bridge.agents.directory import Directory, add
from bridge.calls.live_calls import Lookup
from bridge.config.models import PbxAccount
from bridge.core.errors import PbxError
from bridge.core.model import Agent, ExtensionId
from bridge.core.reasons import Reason, reason
from bridge.pbx.contract import Person

log = logging.getLogger(__name__)

REFRESH_SECONDS = 20 * 60
"""The vendor's advice is 15 to 30 minutes: this changes rarely."""
AGAIN_SECONDS = 30


class AgentSources:
    """The directory as it stands now."""

    def __init__(self, file: AgentsFile, accounts: Mapping[str, PbxAccount], lookup: Lookup) -> None:
        self._file, self._lookup = file, lookup
        self._asked = {name: account.agents_for for name, account in accounts.items() if account.agents_for}
        self._people: dict[str, Sequence[Person]] = {}
        self._merged = (Directory(), Directory())
        self._mistakes: dict[str, Reason] = {}

    @property
    def problems(self) -> list[Reason]:
        """What is wrong with the sources; the rows they gave before are in use."""
        return [*self._file.problems, *self._mistakes.values()]

    @property
    def is_complete(self) -> bool:
        """Whether every source has been read at least once."""
        return not self._file.is_unread and self._asked.keys() <= self._people.keys()

    def tells(self, pbx: str) -> bool:
        """Whether it is known whose the extensions of this phone system are."""
        return not self._file.is_unread and (pbx not in self._asked or pbx in self._people)

    def in_file(self) -> Directory:
        """The agents of the file alone."""
        return self._file.directory()

    def directory(self) -> Directory:
        """The agents of all CRMs."""
        rows = self._file.directory()
        if not self._people:
            return rows
        if self._merged[0] is not rows:
            self._merged = (rows, self._merge(rows))
        return self._merged[1]

    async def refresh(self) -> None:
        """Ask each phone system for its users; one that fails keeps those it gave before."""
        for name in self._asked:
            try:
                self._people[name] = await self._lookup.systems[name].people()
                self._mistakes.pop(name, None)
            except PbxError as error:
                self._mistakes[name] = reason("users-unreadable", pbx=name, reason=error.reason)
                log.warning("the users of phone system %s could not be read: %s", name, error)
        self._merged = (Directory(), Directory())

    async def keep_fresh(self) -> None:
        """Refresh for ever, sooner after a failure."""
        while self._asked:
            await asyncio.sleep(AGAIN_SECONDS if self._mistakes else REFRESH_SECONDS)
            await self.refresh()

    def _merge(self, rows: Directory) -> Directory:
        agents: dict[tuple[str, str], Agent] = {}
        for name, people in self._people.items():
            for person in people:
                for crm in self._asked[name]:
                    add(agents, crm, person.email, person.name, ExtensionId(name, person.extension))
        return Directory({**agents, **rows.agents})
