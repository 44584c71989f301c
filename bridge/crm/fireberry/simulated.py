"""A simulated Fireberry's records and its query language; pure."""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.crm.fireberry.wire import TYPES
from bridge.crm.simulation import LoggedCall, ShownPopup, SimulatedAgent, SimulatedContact

OWN_ID = re.compile(r"[A-Za-z0-9-]{1,40}")
TOKEN = re.compile(r"\s*(?:'([^']*)'|(!=|=|[\w-]+)|([()]))")
OPERATORS = {"=", "!=", "start-with", "end-with", "not-start-with", "not-end-with"}
PRIMARY = {1: "accountid", 2: "contactid", 9: "crmuserid", 10: "taskid", 100: "calllogid"}
FIELDS = {
    1: {"accountid", "accountname", "telephone1", "ownername", "ownerid"},
    2: {
        "contactid", "fullname", "firstname", "lastname", "accountname", "ownername", "ownerid", "mobilephone1",
        "mobilephone2", "telephone1", "pcflastorder",
    },
    9: {"crmuserid", "fullname", "emailaddress1"},
    10: {"taskid", "subject", "description", "ownerid", "objectid", "objecttypecode"},
    100: {
        "calllogid", "ivruniqueid", "callerid", "callerext", "targetid", "targetext", "type", "status", "duration",
        "dialtime", "queuename", "recordurl", "ownerid", "contactid", "accountid",
    },
}  # fmt: skip
NEEDED = {1: "accountname", 2: "lastname", 10: "subject", 100: "ivruniqueid"}
CODES = {"type": {1, 2}, "status": {1, 2, 3, 4, 5, 7}}
KEPT_OUT = {"ownername", "fullname"}
"""Fields that are made from others: nobody writes them."""
POPUP = re.compile(r"popbridge (\S+)")

Row = dict[str, Any]
Answer = tuple[int, Any]


def id_of(known: str) -> str:
    """An id, for one that may be any text."""
    return known if OWN_ID.fullmatch(known) else f"{zlib.crc32(known.encode()):08x}-0000-4000-8000-000000000000"


class Wrong(Exception):
    """A query or record that Fireberry answers 400 to."""


@dataclass(slots=True)
class Org:
    """Everything that it holds. `hidden` are ids that the token's user may not see."""

    agents: Sequence[SimulatedAgent]
    contacts: Sequence[SimulatedContact]
    rows: dict[int, dict[str, Row]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    shown: list[ShownPopup] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = {number: {} for number in FIELDS}
        for agent in self.agents:
            number = id_of(agent.id)
            self.rows[9][number] = {"crmuserid": number, "fullname": agent.name, "emailaddress1": agent.crm_user}
        for contact in self.contacts:
            self.rows[2][id_of(contact.id)] = _contact(contact)

    def query(self, asked: Mapping[str, Any]) -> Answer:
        """The records that fit."""
        number, names = asked.get("objecttype"), [one for one in str(asked.get("fields", "")).split(",") if one]
        if number not in self.rows or set(names) - FIELDS[number]:
            return 400, {"Message": "Invalid Object Name"}
        try:
            found = [row for row in self._seen(number) if fits(str(asked.get("query", "")), row, FIELDS[number])]
        except Wrong:
            return 400, {"Message": "Invalid Query"}
        most = min(int(asked.get("page_size", 50)), 500)
        told = [{name: row.get(name) for name in (names or FIELDS[number])} for row in found[:most]]
        data = {"PrimaryKey": PRIMARY[number], "Page_Size": most, "Data": told}
        return 200, {"success": True, "data": data, "message": ""}

    def _seen(self, number: int) -> list[Row]:
        return [row for key, row in reversed(self.rows[number].items()) if key not in self.hidden]

    def make(self, number: int, fields: Row, at: float) -> Answer:
        """A new record."""
        if self._is_wrong(number, fields) or not fields.get(NEEDED.get(number, "")):
            return 400, {"Message": "Invalid Field"}
        made = f"{len(self.rows[number]) + 1:08d}-{number:04d}-4000-8000-000000000000"
        whole = " ".join(str(fields[name]) for name in ("firstname", "lastname") if name in fields)
        self.rows[number][made] = {"fullname": whole, **fields, PRIMARY[number]: made}
        if number == TYPES["Task"]:
            popup_id = "".join(POPUP.findall(fields.get("description", "")))
            number_shown = str(fields["subject"]).rsplit(" ", 2)[-2]
            self.shown.append(ShownPopup(at, self.email(fields["ownerid"]), number_shown, "", popup_id))
        return 200, {"success": True, "data": {"Record": {PRIMARY[number]: made, **fields}}, "message": ""}

    def change(self, number: int, key: str, fields: Row) -> Answer:
        """A changed record. That of a call has to be told the call's id again."""
        if key not in self.rows[number]:
            return 404, {"Message": "Not Found"}
        if self._is_wrong(number, fields) or (number == TYPES["CallLog"] and not fields.get("ivruniqueid")):
            return 400, {"Message": "Invalid Field"}
        self.rows[number][key] |= fields
        return 200, {"success": True, "data": {"Record": fields}, "message": ""}

    def record(self, number: int, key: str) -> Answer:
        """One record."""
        if key not in self.rows[number]:
            return 404, {"Message": "Not Found"}
        return 200, {"success": True, "data": {"Record": self.rows[number][key]}, "message": ""}

    def _is_wrong(self, number: int, fields: Row) -> bool:
        codes = any(name in CODES and value not in CODES[name] for name, value in fields.items())
        return bool(set(fields) - (FIELDS[number] - KEPT_OUT)) or (number == TYPES["CallLog"] and codes)

    def logged(self) -> list[LoggedCall]:
        """The call log."""
        return [
            LoggedCall(
                key, self.email(one.get("ownerid", "")), str(one.get("callerid", "")), str(one["ivruniqueid"]),
                one.get("contactid") or one.get("accountid") or "",
            )
            for key, one in self.rows[100].items()
        ]  # fmt: skip

    def email(self, number: str) -> str:
        """The address of a user."""
        return str(self.rows[9].get(number, {}).get("emailaddress1", ""))


def _contact(contact: SimulatedContact) -> Row:
    first, *others = (*contact.phones, "")
    details = {f"pcf{name.replace(' ', '')}": value for name, value in (contact.details or {}).items()}
    return {
        "contactid": id_of(contact.id), "fullname": contact.name, "accountname": contact.company,
        "ownername": contact.owner, "mobilephone1": first, "telephone1": others[0] if others else None, **details,
    }  # fmt: skip


def fits(query: str, row: Mapping[str, Any], names: set[str]) -> bool:
    """Whether a record fits a query. Raises `Wrong`."""
    left = list(_tokens(query))
    if not left:
        return True
    held = _all(left, row, names)
    if left:
        raise Wrong
    return held


def _tokens(query: str) -> list[tuple[str, str]]:
    at, found = 0, []
    while query[at:].strip():
        token = TOKEN.match(query, at)
        if token is None:
            raise Wrong
        at = token.end()
        kind = "text" if token[1] is not None else "word" if token[2] else "mark"
        found.append((kind, token[1] if token[1] is not None else token[2] or token[3]))
    return found


def _all(left: list[tuple[str, str]], row: Mapping[str, Any], names: set[str]) -> bool:
    held = _one(left, row, names)
    while left and left[0] in (("word", "AND"), ("word", "OR")):
        _, which = left.pop(0)
        other = _one(left, row, names)
        held = (held and other) if which == "AND" else (held or other)
    return held


def _one(left: list[tuple[str, str]], row: Mapping[str, Any], names: set[str]) -> bool:
    if left[:1] == [("mark", "(")]:
        left.pop(0)
        held = _all(left, row, names)
        if left[:1] != [("mark", ")")]:
            raise Wrong
        left.pop(0)
        return held
    if [kind for kind, _ in left[:3]] != ["word", "word", "text"]:
        raise Wrong
    (_, name), (_, how), (_, wanted) = left[:3]
    del left[:3]
    if name not in names or how not in OPERATORS:
        raise Wrong
    return _compared(str(row.get(name) or ""), how, wanted)


def _compared(value: str, how: str, wanted: str) -> bool:
    plain = how.removeprefix("not-")
    if plain in ("=", "!="):
        return (value.casefold() == wanted.casefold()) is (how == "=")
    held = value.startswith(wanted) if plain == "start-with" else value.endswith(wanted)
    return held is (plain == how)
