"""A simulated Salesforce's records, and what its API answers about them; pure."""

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.crm.salesforce import simulated_language as language
from bridge.crm.salesforce.popups import LENGTHS
from bridge.crm.salesforce.simulated_language import Wrong
from bridge.crm.simulation import LoggedCall, ShownPopup, SimulatedAgent, SimulatedContact

OWN_ID = re.compile(r"[A-Za-z0-9]{1,18}")
WRITABLE = {
    "Contact": {"FirstName", "LastName", "Phone"},
    "Task": {
        "Subject", "Description", "Status", "CallType", "CallDurationInSeconds", "CallDisposition", "CallObject",
        "OwnerId", "TaskSubtype", "ActivityDate", "WhoId", "WhatId",
    },
}  # fmt: skip
NEEDED = {"Contact": "LastName", "Task": "Subject"}
PICKED = {
    "Status": {"Not Started", "In Progress", "Completed"},
    "CallType": {"Internal", "Inbound", "Outbound"},
    "TaskSubtype": {"Call", "Task"},
}
"""What Salesforce takes in fields that are lists."""
PATH = re.compile(r"/services/data/v\d\d\.0/(query|search|sobjects/\w+)/?(\w*)")
FIRST = {"Contact": "003", "Task": "00T", "User": "005"}

Answer = tuple[int, Any]


def id_of(kind: str, known: str) -> str:
    """An id as Salesforce has them, for one that may be any text."""
    return known if OWN_ID.fullmatch(known) else f"{FIRST[kind]}{zlib.crc32(known.encode()):012d}AAA"


def refused(status: int, code: str) -> Answer:
    """An error, as Salesforce writes them."""
    return status, [{"message": "simulated", "errorCode": code}]


@dataclass(slots=True)
class Org:
    """Everything that it holds. `words_only`: phone numbers are indexed as words only, not as digits too."""

    agents: Sequence[SimulatedAgent]
    contacts: Sequence[SimulatedContact]
    event: str
    words_only: bool = False
    rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    published: list[tuple[float, dict[str, str]]] = field(default_factory=list)
    indexed_at: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows = {"Contact": {}, "Lead": {}, "Account": {}, "Task": {}, "User": {}}
        for agent in self.agents:
            self._add("User", id_of("User", agent.id), _user(agent))
        for contact in self.contacts:
            self._add("Contact", id_of("Contact", contact.id), _contact(contact))

    def _add(self, kind: str, number: str, row: Mapping[str, Any]) -> str:
        self.rows[kind][number] = {"attributes": {"type": kind}, "Id": number, **row}
        return number

    def answer(self, method: str, path: str, query: str, body: bytes, now: float, delay: float) -> Answer:
        """What a request is answered that was let in."""
        found = PATH.fullmatch(path)
        if found is None:
            return refused(404, "NOT_FOUND")
        try:
            if found[1] == "search":
                return 200, {"searchRecords": self._searched(query, now)}
            if found[1] == "query":
                return 200, self._queried(query)
            return self._object(method, found[1].removeprefix("sobjects/"), found[2], body, now, delay)
        except Wrong as wrong:
            return refused(400, wrong.code)

    def _searched(self, sosl: str, now: float) -> list[dict[str, Any]]:
        terms, objects = language.search(sosl)
        found = []
        for wanted in objects:
            rows = [row for row in self._rows(wanted.name) if self.indexed_at.get(row["Id"], 0.0) <= now]
            fitting = [row for row in rows if any(self._has(row, term) for term in terms)]
            found += [_picked(row, wanted.fields) for row in fitting[: wanted.most]]
        return found

    def _has(self, row: Mapping[str, Any], term: str) -> bool:
        for name in ("Phone", "MobilePhone"):
            phone = str(row.get(name) or "")
            digits = "".join(language.words(phone))
            if language.has_phrase(phone, term) or (not self.words_only and "".join(language.words(term)) == digits):
                return bool(phone)
        return False

    def _queried(self, soql: str) -> dict[str, Any]:
        asked = language.query(soql)
        rows = [row for row in self._rows(asked.wanted.name) if asked.fits(row)][: asked.wanted.most]
        records = [_picked(row, asked.wanted.fields) for row in rows]
        return {"totalSize": len(records), "done": True, "records": records}

    def _rows(self, name: str) -> list[dict[str, Any]]:
        if name not in self.rows:
            raise Wrong("INVALID_TYPE")
        return list(self.rows[name].values())

    def _object(self, method: str, name: str, number: str, body: bytes, now: float, delay: float) -> Answer:
        if name != self.event and name not in self.rows:
            return refused(404, "NOT_FOUND")
        if method == "GET":
            return 200, {"objectDescribe": {"name": name, "createable": True}, "recentItems": []}
        fields = json.loads(body)
        if name == self.event:
            return self._publish(fields, now)
        self._check(name, fields, is_new=method == "POST")
        if method == "PATCH" and number not in self.rows[name]:
            return refused(404, "NOT_FOUND")
        if method == "PATCH":
            self.rows[name][number] |= fields
            return 204, None
        made = self._add(name, f"{FIRST[name]}{len(self.rows[name]):012d}AAA", {**_empty(name), **fields})
        self.indexed_at[made] = now + delay
        return 201, {"id": made, "success": True, "errors": []}

    def _check(self, name: str, fields: Mapping[str, Any], is_new: bool) -> None:
        if set(fields) - WRITABLE.get(name, set()):
            raise Wrong("INVALID_FIELD")
        if is_new and not fields.get(NEEDED[name]):
            raise Wrong("REQUIRED_FIELD_MISSING")
        if any(value not in PICKED[key] for key, value in fields.items() if key in PICKED):
            raise Wrong("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
        owner = fields.get("OwnerId")
        if owner is not None and owner not in self.rows["User"]:
            raise Wrong("INVALID_CROSS_REFERENCE_KEY")

    def _publish(self, fields: Mapping[str, str], at: float) -> Answer:
        if set(fields) - set(LENGTHS):
            raise Wrong("INVALID_FIELD")
        if any(len(value) > LENGTHS[name] for name, value in fields.items()):
            raise Wrong("STRING_TOO_LONG")
        self.published.append((at, dict(fields)))
        errors = [{"statusCode": "OPERATION_ENQUEUED", "message": "simulated", "fields": []}]
        return 201, {"id": f"e01{len(self.published):012d}AAA", "success": True, "errors": errors}

    def shown(self) -> list[ShownPopup]:
        """What agents with the component were shown: a repeat of a popup is none."""
        new = {
            fields["Popup_Id__c"]: (at, fields)
            for at, fields in reversed(self.published)
            if fields["Kind__c"] == "popup"
        }
        return [
            ShownPopup(at, self._email(told["Agent_Id__c"]), told.get("Caller__c", ""), told["Ivrid__c"], popup_id)
            for popup_id, (at, told) in reversed(new.items())
        ]

    def logged(self) -> list[LoggedCall]:
        """The tasks."""
        return [
            LoggedCall(
                number, self._email(task["OwnerId"]), "", str(task["CallObject"]).rpartition(" ")[2],
                task.get("WhoId") or task.get("WhatId") or "",
            )
            for number, task in self.rows["Task"].items()
        ]  # fmt: skip

    def _email(self, number: str) -> str:
        return str(self.rows["User"].get(number, {}).get("Email", ""))


def _user(agent: SimulatedAgent) -> dict[str, Any]:
    return {"Name": agent.name, "Username": f"{agent.crm_user}.org", "Email": agent.crm_user, "IsActive": "true"}


def _contact(contact: SimulatedContact) -> dict[str, Any]:
    first, *others = (*contact.phones, "")
    details = {f"{name.title().replace(' ', '_')}__c": value for name, value in (contact.details or {}).items()}
    return {
        **_empty("Contact"), "Name": contact.name, "Account": {"Name": contact.company} if contact.company else None,
        "Owner": {"Name": contact.owner}, "Phone": first, "MobilePhone": others[0] if others else None, **details,
    }  # fmt: skip


def _empty(name: str) -> dict[str, Any]:
    if name == "Task":
        return {"CallObject": None, "OwnerId": None, "Description": None}
    phones = ("Phone", "MobilePhone", "HomePhone", "OtherPhone")
    return {**dict.fromkeys(phones), "Name": None, "Account": None, "Owner": None, "Last_Order__c": None}


def _picked(row: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """The fields that were asked for, relations with what stands in them. Raises `Wrong`."""
    names = [name.partition(".")[0] for name in fields]
    if any(name not in row for name in names):
        raise Wrong("INVALID_FIELD")
    return {"attributes": row["attributes"], **{name: row[name] for name in names}}
