"""A simulated Bitrix24's records: users, contacts, companies, calls, notices, comments, tokens. Pure."""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.crm.simulation import LoggedCall, ShownPopup, SimulatedAgent, SimulatedContact

FIRST_COMPANY, FIRST_CONTACT, FIRST_COMMENT = 301, 97001, 1
REPEAT_SECONDS = 1800.0
"""How long the same call is given the same id."""
Row = dict[str, Any]


def number_of(agent_or_contact: str) -> int:
    """An id as Bitrix24 has them, for one that may be any text."""
    return (
        int(agent_or_contact) if agent_or_contact.isdecimal() else 800_000_000 + zlib.crc32(agent_or_contact.encode())
    )


def digits(written: object) -> str:
    """A phone number as the index of duplicates has it; what comes after `#` is an extension."""
    return re.sub(r"\D", "", str(written).partition("#")[0])


@dataclass(slots=True)
class Records:
    """Everything that the portal holds. `now` is epoch seconds, given by whoever asks."""

    agents: Sequence[SimulatedAgent]
    contacts: Sequence[SimulatedContact]
    rows: dict[str, dict[int, Row]] = field(default_factory=dict)
    calls: dict[str, Row] = field(default_factory=dict)
    notices: dict[tuple[int, str], Row] = field(default_factory=dict)
    comments: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = {"CONTACT": {}, "COMPANY": {}, "LEAD": {}, "USER": {}}
        for agent in self.agents:
            first, _, last = agent.name.rpartition(" ")
            told = {"NAME": first, "LAST_NAME": last, "EMAIL": agent.crm_user, "ACTIVE": True, "USER_TYPE": "employee"}
            self._add("USER", number_of(agent.id), told)
        names = dict.fromkeys(one.company for one in self.contacts if one.company)
        for number, name in enumerate(names, FIRST_COMPANY):
            self._add("COMPANY", number, {"TITLE": name})
        for one in self.contacts:
            self._add("CONTACT", number_of(one.id), self._contact(one))

    def _add(self, kind: str, number: int, fields: Mapping[str, Any]) -> None:
        self.rows[kind][number] = {"ID": str(number), **fields}

    def _contact(self, one: SimulatedContact) -> Row:
        first, _, last = one.name.rpartition(" ")
        company = next((key for key, row in self.rows["COMPANY"].items() if row["TITLE"] == one.company), None)
        owner = next((str(number_of(agent.id)) for agent in self.agents if agent.name == one.owner), None)
        phones = [{"ID": str(at), "VALUE_TYPE": "WORK", "VALUE": phone} for at, phone in enumerate(one.phones, 1)]
        custom = {f"UF_CRM_{name.upper().replace(' ', '_')}": value for name, value in (one.details or {}).items()}
        told = {"NAME": first, "LAST_NAME": last, "PHONE": phones, "ASSIGNED_BY_ID": owner}
        return {**told, "COMPANY_ID": str(company) if company else None, **custom}

    def duplicates(self, kind: str, values: Sequence[str]) -> list[int]:
        """The oldest twenty records of a type with one of these numbers."""
        wanted = {digits(value) for value in values}
        found = [
            number
            for number, row in self.rows[kind].items()
            if any(digits(phone["VALUE"]) in wanted for phone in row.get("PHONE") or [])
        ]
        return sorted(found)[:20]

    def add_contact(self, fields: Mapping[str, Any]) -> int:
        """A new contact."""
        number = FIRST_CONTACT + len(self.rows["CONTACT"])
        self._add("CONTACT", number, fields)
        return number

    def register(self, fields: Mapping[str, Any], now: float) -> Row:
        """The call: a new one, or that of the last half hour with the same number, type, user, line and own id."""
        same = tuple(
            fields.get(name) for name in ("PHONE_NUMBER", "TYPE", "USER_ID", "LINE_NUMBER", "EXTERNAL_CALL_ID")
        )
        for call in self.calls.values():
            if call["SAME"] == same and now - call["AT"] <= REPEAT_SECONDS and not call["FINISHED"]:
                return call
        call_id = f"externalCall.{zlib.crc32(repr(same).encode()):032x}.{int(now)}{len(self.calls)}"
        call = {"CALL_ID": call_id, "SAME": same, "AT": now, "FINISHED": None, "SHOWN": {}, **self._linked(fields)}
        self.calls[call_id] = call
        if fields.get("SHOW", 1):
            call["SHOWN"][int(fields["USER_ID"])] = now
        return call

    def _linked(self, fields: Mapping[str, Any]) -> Row:
        """The call with the record that it is about: told, or the oldest contact with the number."""
        found = self.duplicates("CONTACT", [fields["PHONE_NUMBER"]]) or self._nationally(fields["PHONE_NUMBER"])
        linked = {"CRM_ENTITY_TYPE": "CONTACT", "CRM_ENTITY_ID": found[0]} if found else {}
        return {**linked, **fields}

    def _nationally(self, number: str) -> list[int]:
        """How Bitrix24 finds a number that was typed otherwise is not documented; here the last nine digits do."""
        ending = digits(number)[-9:]
        return sorted(
            key
            for key, row in self.rows["CONTACT"].items()
            if any(digits(phone["VALUE"]).endswith(ending) for phone in row.get("PHONE") or [])
        )

    def notify(self, user: int, message: str, tag: str, now: float) -> int:
        """A notice; one with the same tag is replaced."""
        known = self.notices.get((user, tag))
        number = int(known["ID"]) if known else len(self.notices) + 1
        self.notices[user, tag or str(number)] = {"ID": number, "MESSAGE": message, "AT": known["AT"] if known else now}
        return number

    def shown(self) -> list[ShownPopup]:
        """The cards, and the notices."""
        cards = [
            ShownPopup(at, self._agent(user), str(call["PHONE_NUMBER"]), str(call.get("EXTERNAL_CALL_ID", "")))
            for call in self.calls.values()
            for user, at in call["SHOWN"].items()
        ]
        notices = [ShownPopup(one["AT"], self._agent(user), "") for (user, _), one in self.notices.items()]
        return sorted([*cards, *notices], key=lambda one: one.at)

    def logged(self) -> list[LoggedCall]:
        """The calls: those going on, too."""
        return [
            LoggedCall(
                call["CALL_ID"], self._agent(int(call["USER_ID"])), str(call["PHONE_NUMBER"]),
                str(call.get("EXTERNAL_CALL_ID", "")), str(call.get("CRM_ENTITY_ID", "")),
            )
            for call in self.calls.values()
        ]  # fmt: skip

    def _agent(self, number: int) -> str:
        return str(self.rows["USER"].get(number, {}).get("EMAIL", ""))


@dataclass(slots=True)
class Tokens:
    """Its OAuth: one pair at a time. A refresh gives a new pair and kills the refresh token before. `replaced` are the
    access tokens of earlier pairs, which are expired for whoever still sends one."""

    client: tuple[str, str]
    refresh: str
    access: str = ""
    ends: float = 0.0
    count: int = 0
    replaced: set[str] = field(default_factory=set)

    def renew(self, fields: Mapping[str, Any], now: float, life: float) -> Row | str:
        """The new pair, or the error."""
        if (fields.get("client_id"), fields.get("client_secret")) != self.client:
            return "invalid_client"
        if fields.get("grant_type") != "refresh_token" or fields.get("refresh_token") != self.refresh:
            return "invalid_grant"
        self.count += 1
        self.replaced.add(self.access)
        stem = zlib.crc32(f"{self.refresh}{self.count}".encode())
        self.access, self.refresh, self.ends = f"access{stem:08x}{self.count}", f"refresh{stem:08x}", now + life
        return {
            "access_token": self.access, "refresh_token": self.refresh, "expires": int(now + life),
            "expires_in": int(life), "domain": "oauth.bitrix.info", "scope": "crm,telephony", "status": "L",
            "member_id": "da45a03b265edd8787f8a258d793cc5d", "user_id": 1,
        }  # fmt: skip
