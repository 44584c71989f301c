"""A simulated Zendesk's records: users, organizations, tickets, tokens; a search with an index that lags. Pure."""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.crm.simulation import LoggedCall, ShownPopup, SimulatedAgent, SimulatedContact

TERM = re.compile(r'(\w+):(?:"([^"]*)"|(\S+))')
MOBILE, FIRST_ORGANIZATION, FIRST_TICKET, FIRST_USER = "mobile", 5001, 3001, 95001


def number_of(agent_or_contact: str) -> int:
    """An id as Zendesk has them, for one that may be any text."""
    return (
        int(agent_or_contact) if agent_or_contact.isdecimal() else 800_000_000 + zlib.crc32(agent_or_contact.encode())
    )


def digits(written: object) -> str:
    """A phone number as it is searched: without all that is no digit."""
    return "".join(one for one in str(written or "") if one.isdecimal())


@dataclass(slots=True)
class Records:
    """Everything that the account holds. `now` is epoch seconds, given by whoever asks."""

    agents: Sequence[SimulatedAgent]
    contacts: Sequence[SimulatedContact]
    users: dict[int, dict[str, Any]] = field(default_factory=dict)
    organizations: dict[int, str] = field(default_factory=dict)
    tickets: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    made_by_key: dict[str, tuple[Any, int]] = field(default_factory=dict)
    displayed: list[tuple[float, int, str, int]] = field(default_factory=list)
    indexed_at: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = dict.fromkeys(one.company for one in self.contacts if one.company)
        self.organizations = dict(enumerate(names, FIRST_ORGANIZATION))
        for agent in self.agents:
            number = number_of(agent.id)
            self.users[number] = _user(number, agent.name, role="agent", email=agent.crm_user)
        for contact in self.contacts:
            number = number_of(contact.id)
            self.users[number] = self._end_user(number, contact)

    def _end_user(self, number: int, contact: SimulatedContact) -> dict[str, Any]:
        company = next((key for key, name in self.organizations.items() if name == contact.company), None)
        custom = {name.replace(" ", "_"): value for name, value in (contact.details or {}).items()}
        first, *others = contact.phones or ("",)
        return _user(
            number, contact.name, phone=first, organization_id=company,
            user_fields={MOBILE: others[0] if others else None, **custom},
        )  # fmt: skip

    def search(self, query: str, now: float) -> list[dict[str, Any]]:
        """The users that fit every term, as far as the index knows them."""
        terms = [(found[1], found[2] or found[3]) for found in TERM.finditer(query)]
        known = (user for number, user in self.users.items() if self.indexed_at.get(number, 0.0) <= now)
        return [user for user in known if all(_fits(user, name, wanted) for name, wanted in terms)]

    def add_user(self, fields: Mapping[str, Any], now: float, delay: float) -> dict[str, Any]:
        """A new user, found by searches when the index has caught up."""
        number = FIRST_USER + len(self.users)
        self.users[number] = _user(number, fields["name"], phone=fields.get("phone"))
        self.indexed_at[number] = now + delay
        return self.users[number]

    def add_ticket(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A new ticket with its first comment."""
        number = FIRST_TICKET + len(self.tickets)
        kept = {name: value for name, value in fields.items() if name != "comment"}
        self.tickets[number] = {"id": number, **kept}
        self.comments[number] = [dict(fields["comment"])]
        return self.tickets[number]

    def change_ticket(self, number: int, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The ticket with these fields, and one more comment where there is one in them."""
        self.tickets[number] |= {name: value for name, value in fields.items() if name != "comment"}
        if "comment" in fields:
            self.comments[number].append(dict(fields["comment"]))
        return self.tickets[number]

    def display(self, at: float, agent: int, kind: str, number: int) -> bool:
        """Whether there is such an agent and record; then it is shown."""
        there = self.users if kind == "users" else self.tickets
        if self.users.get(agent, {}).get("role") != "agent" or number not in there:
            return False
        self.displayed.append((at, agent, kind, number))
        return True

    def shown(self) -> list[ShownPopup]:
        """The popups. A display has room for two ids, so neither ivrid nor popup is known."""
        return [
            ShownPopup(at, self._agent(agent), str(self.users.get(number, {}).get("phone") or ""))
            for at, agent, _, number in self.displayed
        ]

    def logged(self) -> list[LoggedCall]:
        """The tickets."""
        return [
            LoggedCall(str(number), self._agent(ticket.get("assignee_id")), "", "", str(ticket.get("requester_id", "")))
            for number, ticket in self.tickets.items()
        ]

    def _agent(self, number: Any) -> str:
        return str(self.users.get(number, {}).get("email") or "")


def _user(number: int, name: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": number, "result_type": "user", "name": name, "email": None, "phone": None, "shared_phone_number": None,
        "role": "end-user", "organization_id": None, "suspended": False, "user_fields": {}, **fields,
    }  # fmt: skip


def _fits(user: Mapping[str, Any], name: str, wanted: str) -> bool:
    """Whether a user fits one term of a search. Phone numbers are compared by their digits; `*` is anything."""
    if name == "type":
        return wanted == "user"
    if name in ("role", "email"):
        return str(user.get(name) or "").casefold() == wanted.casefold()
    value = digits(user.get(name) or user["user_fields"].get(name))
    return bool(value) and (value.endswith(wanted[1:]) if wanted.startswith("*") else value == wanted)


@dataclass(slots=True)
class Tokens:
    """Its OAuth: one pair at a time. A refresh gives a new pair and kills the one before, access token and all."""

    client: tuple[str, str]
    refresh: str
    access: str = ""
    ends: float = 0.0
    count: int = 0

    def renew(self, fields: Mapping[str, Any], now: float, life: float) -> dict[str, Any] | None:
        """The new pair; None where client or refresh token is wrong or dead."""
        client = (fields.get("client_id"), fields.get("client_secret"))
        if fields.get("grant_type") != "refresh_token" or client != self.client:
            return None
        if fields.get("refresh_token") != self.refresh:
            return None
        self.count += 1
        stem = zlib.crc32(f"{self.refresh}{self.count}".encode())
        self.access, self.refresh, self.ends = f"access-{stem:08x}-{self.count}", f"refresh-{stem:08x}", now + life
        return {
            "access_token": self.access, "refresh_token": self.refresh, "token_type": "bearer", "scope": "read write",
            "expires_in": int(life), "refresh_token_expires_in": 2_592_000,
        }  # fmt: skip

    def takes(self, authorization: str, now: float) -> bool:
        """Whether a request with this header is let in."""
        return bool(self.access) and authorization == f"Bearer {self.access}" and now < self.ends
