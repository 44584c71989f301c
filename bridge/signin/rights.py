"""Whom a person's claims make of them here: which agents of the directory, and what they supervise; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.agents.directory import Directory
from bridge.config.models import Oidc, Settings
from bridge.core.model import Agent
from bridge.core.text import one_line, trimmed
from bridge.store.grants import Role

SUBJECT_CHARACTERS = 200
SHOWN = ("email", "preferred_username", "name", "sub")


@dataclass(frozen=True, slots=True)
class Supervision:
    """What a person supervises. `crms` empty: every CRM."""

    role: Role
    crms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has signed in: what they are called, their agents' rows, what they supervise (None: nothing)."""

    subject: str
    agents: tuple[Agent, ...]
    supervision: Supervision | None
    groups: tuple[str, ...] = ()


def person_of(claims: Mapping[str, Any], settings: Settings, oidc: Oidc, directory: Directory) -> Person:
    """Whom these claims describe."""
    groups = _groups(claims.get(oidc.groups_claim))
    return Person(_subject(claims), _agents(claims, settings, oidc, directory), _supervision(groups, oidc), groups)


def _subject(claims: Mapping[str, Any]) -> str:
    named = (one_line(text, SUBJECT_CHARACTERS) for name in SHOWN if isinstance(text := claims.get(name), str))
    return next(filter(None, named), "")


def _agents(claims: Mapping[str, Any], settings: Settings, oidc: Oidc, directory: Directory) -> tuple[Agent, ...]:
    found = (directory.agent(crm, name) for crm in settings.crm if (name := _name(claims, oidc.claim_of(crm))))
    return tuple(agent for agent in found if agent is not None)


def _name(claims: Mapping[str, Any], claim: str) -> str:
    """What the claim says. An e-mail address that the provider says is not verified names nobody: everybody could have
    entered it there."""
    value = claims.get(claim)
    if claim == "email" and claims.get("email_verified") in (False, "false"):
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return trimmed(value) if isinstance(value, str) else ""


def _groups(value: object) -> tuple[str, ...]:
    """A list of names, or one name."""
    names = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))


def _supervision(groups: tuple[str, ...], oidc: Oidc) -> Supervision | None:
    """By the groups of the highest role: who administers one CRM does not administer those that they supervise."""
    given = [oidc.groups[name] for name in groups if name in oidc.groups]
    if not given:
        return None
    role = Role.ADMIN if any(Role(group.role) is Role.ADMIN for group in given) else Role.SUPERVISOR
    of_role = [group for group in given if Role(group.role) is role]
    if any(not group.crms for group in of_role):
        return Supervision(role, ())
    return Supervision(role, tuple(dict.fromkeys(crm for group in of_role for crm in group.crms)))
