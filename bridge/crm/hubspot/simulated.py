"""A simulated HubSpot's records: contacts, companies, calls, owners, and a search with an index that lags. Pure."""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.crm.simulation import LoggedCall, ShownPopup, SimulatedAgent, SimulatedContact

FIRST_COMPANY, FIRST_CONTACT, FIRST_CALL = 301, 97001, 40001
DIALLING_CODES = ("972", "1", "33", "36", "44", "49")
MARK = re.compile(r"popbridge[0-9a-f]{24}")
Item = dict[str, Any]


class Refused(Exception):
    """Answered with an error of this category."""

    def __init__(self, status: int, category: str) -> None:
        self.status, self.category = status, category


def number_of(agent_or_contact: str) -> int:
    """An id as HubSpot has them, for one that may be any text."""
    return (
        int(agent_or_contact) if agent_or_contact.isdecimal() else 800_000_000 + zlib.crc32(agent_or_contact.encode())
    )


def calculated(written: object) -> str:
    """A number as it is indexed: digits, without country code and leading zeros."""
    digits = re.sub(r"\D", "", str(written or ""))
    if "+" in str(written) or digits.startswith(DIALLING_CODES[0]):
        code = next((one for one in DIALLING_CODES if digits.startswith(one)), "")
        digits = digits[len(code) :]
    return digits.lstrip("0")


@dataclass(slots=True)
class Records:
    """Everything that the account holds. `now` is epoch seconds, given by whoever asks."""

    agents: Sequence[SimulatedAgent]
    contacts: Sequence[SimulatedContact]
    items: dict[str, dict[int, Item]] = field(default_factory=dict)
    owners: dict[int, Item] = field(default_factory=dict)
    joined: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    shown_at: list[tuple[float, int]] = field(default_factory=list)
    indexed_at: dict[tuple[str, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.items = {"contacts": {}, "companies": {}, "calls": {}}
        for agent in self.agents:
            first, _, last = agent.name.rpartition(" ")
            number = number_of(agent.id)
            told = {"id": str(number), "userId": number + 500, "email": agent.crm_user, "archived": False}
            self.owners[number] = {**told, "firstName": first, "lastName": last}
        for one in self.contacts:
            self.items["contacts"][number_of(one.id)] = self._contact(one)

    def _contact(self, one: SimulatedContact) -> Item:
        first, _, last = one.name.rpartition(" ")
        phone, mobile = [*one.phones, None, None][:2]
        owner = next(
            (key for key, told in self.owners.items() if f"{told['firstName']} {told['lastName']}" == one.owner), ""
        )
        custom = {name.replace(" ", "_"): value for name, value in (one.details or {}).items()}
        told = {
            "firstname": first,
            "lastname": last,
            "company": one.company or None,
            "phone": phone,
            "mobilephone": mobile,
        }
        return {**told, "hubspot_owner_id": str(owner) or None, **custom}

    def search(self, kind: str, groups: Sequence[Mapping[str, Any]], now: float) -> list[int]:
        """The ids of objects that meet any of the groups, as far as the index knows them."""
        if len(groups) > 5:
            raise Refused(400, "VALIDATION_ERROR")
        known = [number for number in self.items[kind] if self.indexed_at.get((kind, number), 0.0) <= now]
        return [number for number in known if any(self._meets(self.items[kind][number], one) for one in groups)]

    def _meets(self, item: Item, group: Mapping[str, Any]) -> bool:
        return all(_fits(item, one) for one in group["filters"])

    def add(self, kind: str, properties: Mapping[str, Any], now: float, delay: float) -> int:
        """A new object, found by searches when the index has caught up."""
        first = FIRST_CALL if kind == "calls" else FIRST_CONTACT
        number = first + len(self.items[kind])
        self.items[kind][number] = dict(properties)
        self.indexed_at[kind, number] = now + delay
        if kind == "calls":
            self.shown_at.append((now, number))
        return number

    def shown(self) -> list[ShownPopup]:
        """The calls, as their owners see them."""
        calls = ((at, self.items["calls"][number]) for at, number in self.shown_at)
        return [ShownPopup(at, self._agent(one), str(one.get("hs_call_from_number", ""))) for at, one in calls]

    def logged(self) -> list[LoggedCall]:
        """The calls."""
        return [
            LoggedCall(
                str(number), self._agent(one), str(one.get("hs_call_from_number", "")), "",
                next((to for kind, to in self.joined.get(number, ()) if kind == "contacts"), ""),
            )
            for number, one in self.items["calls"].items()
        ]  # fmt: skip

    def _agent(self, call: Item) -> str:
        return str(self.owners.get(int(call.get("hubspot_owner_id") or 0), {}).get("email", ""))


def _fits(item: Item, one: Mapping[str, Any]) -> bool:
    name, how, wanted = one["propertyName"], one["operator"], str(one["value"])
    sources = {
        "hs_searchable_calculated_phone_number": "phone",
        "hs_searchable_calculated_mobile_number": "mobilephone",
    }
    held = calculated(item.get(sources[name])) if name in sources else str(item.get(name) or "")
    if how == "EQ":
        return bool(held) and held == wanted
    if how != "CONTAINS_TOKEN":
        raise Refused(400, "VALIDATION_ERROR")
    pattern = re.compile(re.escape(wanted).replace(r"\*", ".*"))
    return any(pattern.fullmatch(word) for word in re.split(r"[\s<>&;]+", held) if word)


@dataclass(slots=True)
class Tokens:
    """Its OAuth: access tokens that expire, and a refresh token that stays."""

    client: tuple[str, str]
    refresh: str
    access: str = ""
    ends: float = 0.0
    count: int = 0

    def renew(self, fields: Mapping[str, Any], now: float, life: float) -> Item | None:
        """A new access token; None where client or refresh token is wrong."""
        offered = (fields.get("client_id"), fields.get("client_secret"))
        if offered != self.client or fields.get("refresh_token") != self.refresh:
            return None
        self.count += 1
        self.access, self.ends = f"access{zlib.crc32(self.refresh.encode()):08x}{self.count}", now + life
        return {
            "token_type": "bearer",
            "refresh_token": self.refresh,
            "access_token": self.access,
            "expires_in": int(life),
        }
