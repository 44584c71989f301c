"""What a bearer token may read: its role, whose it is, and the CRMs that it is limited to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a token may read. An agent's token: only that agent's popups and calls; admin includes supervisor."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class Kind(StrEnum):
    """A token of `popbridge token create`, a link that opens the desktop page once, or the session of a page."""

    TOKEN = "token"  # noqa: S105
    LINK = "link"
    SESSION = "session"


class Via(StrEnum):
    """How a session began: by a token, a one-time link, a proven click, or single sign-on."""

    TOKEN = "token"  # noqa: S105
    LINK = "link"
    CLICK = "click"
    OIDC = "openid-connect"


@dataclass(frozen=True, slots=True)
class Grant:
    """A token's rights, without the token. `parent` is the id of what a session ends with: the token that it was traded
    for, or a sign-in at the identity provider. `via` says how a session began, or what the session of a link will say;
    `subject` who signed in, as the identity provider calls them; `until` when the session of a link ends at the latest.

    `crms` are the CRMs that a supervisor's or administrator's token is limited to; empty: every CRM.
    """

    token_id: str
    role: Role
    crm: str
    crm_user: str
    created_at: str
    expires_at: str
    kind: Kind = Kind.TOKEN
    parent: str = ""
    crms: tuple[str, ...] = ()
    via: Via = Via.TOKEN
    subject: str = ""
    until: str = ""

    @property
    def holder(self) -> str:
        """Whose it is, for the access log and the page: a person, or the token that it was handed out as."""
        return self.subject or self.parent or self.token_id

    def has_expired(self, now: datetime) -> bool:
        """Whether it has expired."""
        return datetime.fromisoformat(self.expires_at) <= now

    @property
    def supervises(self) -> bool:
        """Whether it may read the data of all agents, of the CRMs it is limited to."""
        return self.role in (Role.SUPERVISOR, Role.ADMIN)

    def sees_crm(self, crm: str) -> bool:
        """Whether it may read the data of all agents of this CRM."""
        return self.supervises and (not self.crms or crm in self.crms)

    def owns(self, crm: str, crm_user: str) -> bool:
        """Whether it may read the data of this agent: its own, or one of a CRM that it supervises."""
        return self.sees_crm(crm) or (self.role is Role.AGENT and (self.crm, self.crm_user) == (crm, crm_user))
