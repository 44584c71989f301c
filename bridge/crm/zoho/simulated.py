"""A simulated Zoho CRM's records, and what its API answers about them; pure."""

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from bridge.crm.simulation import LoggedCall, ShownPopup, SimulatedAgent, SimulatedContact
from bridge.crm.zoho import simulated_coql as coql

RECORD = re.compile(r"/crm/v8/(Contacts|Calls|Notes)(?:/(\d+))?(/Notes)?")
WRITABLE = {
    "Contacts": {"First_Name", "Last_Name", "Phone"},
    "Calls": {
        "Subject", "Call_Type", "Call_Start_Time", "Call_Duration", "Call_Result", "Owner", "Description", "Who_Id",
        "What_Id", "$se_module", "Popbridge_Key",
    },
    "Notes": {"Note_Title", "Note_Content", "Parent_Id"},
}  # fmt: skip
NEEDED = {
    "Contacts": ("Last_Name",),
    "Calls": ("Subject", "Call_Type", "Call_Start_Time", "Call_Duration"),
    "Notes": ("Note_Content", "Parent_Id"),
}
SHAPES = {
    "Call_Type": re.compile(r"Inbound|Outbound|Missed"),
    "Call_Duration": re.compile(r"\d\d+:\d\d"),
    "Call_Start_Time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"),
}
"""What Zoho takes in these fields."""
KEY = re.compile(r"Call id: (\S+)")

Answer = tuple[int, Any]


def number_of(known: str) -> str:
    """An id as Zoho has them, for one that may be any text."""
    return known if known.isdecimal() else str(4_876_876_000_000_000_000 + zlib.crc32(known.encode()))


def refused(status: int, code: str, **details: str) -> Answer:
    """An error of the whole request, as Zoho writes them."""
    return status, {"code": code, "details": details, "message": "simulated", "status": "error"}


def written(status: int, code: str, **details: Any) -> Answer:
    """What is told of one record: made or changed, or why not."""
    told = "success" if code == "SUCCESS" else "error"
    return status, {"data": [{"code": code, "details": details, "message": "simulated", "status": told}]}


@dataclass(slots=True)
class Org:
    """Everything that the organization holds. `unique_phone`: only one contact may have a number."""

    agents: Sequence[SimulatedAgent]
    contacts: Sequence[SimulatedContact]
    unique_phone: bool = False
    rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    reported: list[tuple[float, dict[str, str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = {"Contacts": {}, "Leads": {}, "Accounts": {}, "Calls": {}, "Notes": {}}
        for contact in self.contacts:
            number = number_of(contact.id)
            self.rows["Contacts"][number] = _contact(number, contact)

    def users(self, query: Mapping[str, str]) -> Answer:
        """A page of the active users."""
        most, page = int(query.get("per_page", "200")), int(query.get("page", "1"))
        found = [
            {"id": number_of(one.id), "full_name": one.name, "email": one.crm_user, "status": "active"}
            for one in self.agents
        ]
        shown = found[most * (page - 1) : most * page]
        return 200, {"users": shown, "info": {"more_records": len(found) > most * page, "page": page}}

    def queried(self, body: bytes) -> Answer:
        """What a query finds: 204 without a body where that is nothing."""
        try:
            asked = coql.query(json.loads(body)["select_query"])
            if asked.module not in self.rows:
                return refused(400, "INVALID_QUERY", reason="module")
            fitting = [row for row in self.rows[asked.module].values() if asked.fits(row)]
            names = [*asked.fields]
            found = [{name: row[name] for name in names} for row in fitting[: asked.most]]
        except (coql.Wrong, KeyError):
            return refused(400, "INVALID_QUERY", reason="syntax")
        info = {"count": len(found), "more_records": len(fitting) > asked.most}
        return (200, {"data": found, "info": info}) if found else (204, None)

    def record(self, method: str, path: str, body: bytes) -> Answer:
        """A record that is made, changed, or asked for its notes."""
        found = RECORD.fullmatch(path)
        if found is None:
            return refused(404, "INVALID_URL_PATTERN")
        module, number = found[1], found[2]
        if method == "GET":
            notes = [one for one in self.rows["Notes"].values() if one["Parent_Id"]["id"] == number]
            return (200, {"data": notes}) if notes else (204, None)
        fields = json.loads(body)["data"][0]
        wrong = self._wrong(module, fields, is_new=method == "POST")
        if wrong is not None:
            return written(400, "INVALID_DATA", api_name=wrong)
        if method == "PUT" and number not in self.rows[module]:
            return written(400, "INVALID_DATA", api_name="id")
        if method == "PUT":
            self.rows[module][number] |= fields
            return written(200, "SUCCESS", id=number)
        return self._made(module, fields)

    def _made(self, module: str, fields: Mapping[str, Any]) -> Answer:
        twin = next((one for one in self.rows[module].values() if self.unique_phone and _is_twin(one, fields)), None)
        if twin is not None:
            return written(400, "DUPLICATE_DATA", api_name="Phone", id=twin["id"])
        number = str(9_000_000_000_000_000_000 + sum(map(len, self.rows.values())))
        empty = _empty(number) if module == "Contacts" else {"id": number}
        whole = " ".join(str(fields[name]) for name in ("First_Name", "Last_Name") if name in fields)
        self.rows[module][number] = {**empty, "Full_Name": whole, **fields}
        return written(201, "SUCCESS", id=number)

    def _wrong(self, module: str, fields: Mapping[str, Any], is_new: bool) -> str | None:
        """The field because of which a record is refused."""
        missing = (name for name in NEEDED[module] if is_new and not fields.get(name))
        unknown = (name for name in fields if name not in WRITABLE[module])
        misshapen = (name for name, shape in SHAPES.items() if name in fields and not shape.fullmatch(fields[name]))
        retyped = (name for name in fields if not is_new and name == "Call_Type")
        return next((name for names in (missing, unknown, misshapen, retyped) for name in names), None)

    def notified(self, body: bytes, at: float) -> Answer:
        """One state of a call, from PhoneBridge."""
        told = dict(parse_qsl(body.decode()))
        if any(not told.get(name) for name in ("type", "state", "id", "from", "to")):
            return refused(400, "REQUIRED_PARAM_MISSING")
        if told["type"] not in ("received", "dialed") or not told["from"].removeprefix("+").isdigit():
            return refused(400, "SC_BAD_REQUEST")
        if told["state"] == "missed" and not told.get("start_time"):
            return refused(400, "REQUIRED_PARAM_MISSING")
        self.reported.append((at, told))
        return 200, {"status": "success"}

    def shown(self) -> list[ShownPopup]:
        """The popups: one for each call and agent, as it rings."""
        first = {
            (told["id"], told["zohouser"]): (at, told)
            for at, told in reversed(self.reported)
            if told["state"] == "ringing"
        }
        return [
            ShownPopup(at, self._email(agent), told["from"], call_id)
            for (call_id, agent), (at, told) in reversed(first.items())
        ]

    def logged(self) -> list[LoggedCall]:
        """The calls."""
        return [
            LoggedCall(
                number, self._email(call["Owner"]["id"]), "", "".join(KEY.findall(call["Description"])),
                (call.get("Who_Id") or call.get("What_Id") or {"id": ""})["id"],
            )
            for number, call in self.rows["Calls"].items()
        ]  # fmt: skip

    def _email(self, number: str) -> str:
        return next((one.crm_user for one in self.agents if number_of(one.id) == number), "")


def _is_twin(row: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    return bool(row.get("Phone")) and row.get("Phone") == fields.get("Phone")


def _contact(number: str, contact: SimulatedContact) -> dict[str, Any]:
    first, *others = (*contact.phones, "")
    details = {name.title().replace(" ", "_"): value for name, value in (contact.details or {}).items()}
    company = contact.company or None
    return {
        **_empty(number), "Full_Name": contact.name, "Account_Name.Account_Name": company, "Phone": first,
        "Mobile": others[0] if others else None, **details,
    }  # fmt: skip


def _empty(number: str) -> dict[str, Any]:
    names = ("Full_Name", "Account_Name.Account_Name", "Owner", "Phone", "Mobile", "Last_Order")
    return {"id": number, **dict.fromkeys(names)}
