"""Who may see what now: the one value that every door asks before it shows anything.

A token's rights stand in its grant; which extensions are whose stands in the directory as it is now, so access follows
the directory: a row that is gone takes it along.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from bridge.agents.directory import Directory
from bridge.config.models import Settings
from bridge.core import masking
from bridge.core.model import Agent, ExtensionId
from bridge.core.reasons import Reason, reason
from bridge.store.grants import Grant, Role


def as_now(grant: Grant, directory: Directory) -> Grant | None:
    """The grant as the directory spells its agent now; None when they have no row. Others' tokens are as they are."""
    if grant.role is not Role.AGENT:
        return grant
    agent = directory.agent(grant.crm, grant.crm_user)
    return replace(grant, crm_user=agent.crm_user) if agent else None


def has_row(grant: Grant, directory: Directory) -> bool:
    """Whether a token's agent is in the directory; true for tokens that are nobody's."""
    return as_now(grant, directory) is not None


def no_row(grant: Grant) -> Reason:
    """Why a token shows nothing any more."""
    return reason("unknown-agent", agent=grant.crm_user, crm=grant.crm)


@dataclass(frozen=True)
class Access:
    """What one token may see now.

    An extension that directory rows claim belongs to those rows' CRMs. One that no row claims may be named by clicks of
    every CRM that uses its phone system, so nobody knows whose its calls are: only who sees all these CRMs sees them.
    """

    grant: Grant
    directory: Directory
    settings: Settings

    @property
    def crms(self) -> tuple[str, ...] | None:
        """The CRMs that it is limited to; None: every CRM."""
        if self.grant.role is Role.AGENT:
            return (self.grant.crm,)
        return self.grant.crms or None

    @property
    def sees_numbers(self) -> bool:
        """Whether it sees callers' numbers; else the last digits alone. Agents see who calls them."""
        return self.grant.role not in self.settings.console.mask_numbers

    def as_seen(self, told: Any) -> Any:
        """A JSON value as it may be shown: every door that shows callers hands its answer through here."""
        return told if self.sees_numbers else masking.told(told)

    def sees_crm(self, crm: str) -> bool:
        """Whether it sees everything of this CRM: clicks, popups, deliveries, log entries."""
        return self.grant.sees_crm(crm)

    def sees_agent(self, crm: str, crm_user: str) -> bool:
        """Whether it sees the clicks and popups of this CRM's user."""
        return self.grant.owns(crm, crm_user)

    def sees_line(self, line: ExtensionId) -> bool:
        """Whether it sees the calls on this extension."""
        if self.grant.role is Role.AGENT:
            return line in self._own_lines
        claimed = {agent.crm for agent, its in self.directory.by_extension.get(line.extension, ()) if its == line}
        return any(map(self.sees_crm, claimed)) if claimed else self.sees_all_of(line.pbx)

    def sees_phone_system(self, pbx: str) -> bool:
        """Whether it sees anything of this phone system."""
        return self.grant.supervises and (self.crms is None or any(map(self.sees_crm, self._users_of(pbx))))

    def sees_all_of(self, pbx: str) -> bool:
        """Whether it sees everything of this phone system: no other CRM uses it. One that no CRM uses is nobody's."""
        return self.sees_phone_system(pbx) and all(map(self.sees_crm, self._users_of(pbx)))

    def phone_systems(self) -> Iterable[str]:
        """The phone systems that it sees anything of."""
        return filter(self.sees_phone_system, self.settings.pbx)

    @cached_property
    def _own_lines(self) -> frozenset[ExtensionId]:
        agent: Agent | None = self.directory.agent(self.grant.crm, self.grant.crm_user)
        return frozenset(agent.extensions if agent else ())

    def _users_of(self, pbx: str) -> frozenset[str]:
        return self._users.get(pbx, frozenset())

    @cached_property
    def _users(self) -> dict[str, frozenset[str]]:
        """The CRMs that use each phone system: by their own setting, or by rows of the directory."""
        found: dict[str, set[str]] = {}
        for crm in self.settings.crm:
            found.setdefault(self.settings.pbx_of(crm), set()).add(crm)
        for agent in self.directory.agents.values():
            for line in agent.extensions:
                found.setdefault(line.pbx, set()).add(agent.crm)
        return {pbx: frozenset(crms) for pbx, crms in found.items()}
