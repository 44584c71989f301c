"""The records of a simulated EspoCRM, how they are searched, and what is looked at before they are saved; pure."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from bridge.crm.simulation import SimulatedAgent, SimulatedContact

Record = dict[str, Any]
CONDITION = re.compile(r"where\[(\d+)\]\[(type|attribute|value)\]")
DETAILS = {"last order": "cLastOrder"}
NUMBER = re.compile(r"\+?\d[\d-]{5,}")
PERSON = "Contact"
PERMISSIONS = ("assignment", "user", "message")


class Refused(Exception):
    """Answered with an error status and its reason."""

    def __init__(self, status: int, reason: str, body: bytes = b"") -> None:
        self.status, self.reason, self.body = status, reason, body


def user(agent: SimulatedAgent) -> Record:
    """An agent as a user."""
    login = agent.crm_user.partition("@")[0]
    told = {"id": agent.id, "name": agent.name, "userName": login, "emailAddress": agent.crm_user}
    return {**told, "type": "regular", "isActive": True}


def contact(one: SimulatedContact) -> Record:
    """A contact with all its numbers."""
    extras = {DETAILS.get(label, label): value for label, value in (one.details or {}).items()}
    named = {"id": one.id, "name": one.name, "accountName": one.company, "assignedUserName": one.owner}
    return {**named, **phones(one.phones), **extras}


def phones(numbers: Sequence[str]) -> Record:
    """The fields of numbers."""
    rows = [{"phoneNumber": phone, "type": "Mobile", "primary": not at} for at, phone in enumerate(numbers)]
    return {"phoneNumber": next(iter(numbers), None), "phoneNumberData": rows}


def conditions(items: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """The conditions of a search, from its query."""
    found: dict[str, dict[str, str]] = {}
    for name, value in items:
        if told := CONDITION.fullmatch(name):
            found.setdefault(told[1], {})[told[2]] = value
    for one in found.values():
        yield one["type"], one["attribute"], one["value"]


def meets(record: Record, kind: str, attribute: str, value: str) -> bool:
    """Whether a record meets a condition."""
    return any(_compares(kind, one.casefold(), value.casefold()) for one in _values(record, attribute))


def _values(record: Record, attribute: str) -> list[str]:
    numbers = [row["phoneNumber"] for row in record.get("phoneNumberData", [])]
    if attribute == "phoneNumber":
        return numbers
    if attribute == "phoneNumberNumeric":
        return [re.sub(r"\D", "", one) for one in numbers]
    return [str(record.get(attribute) or "")]


def _compares(kind: str, held: str, value: str) -> bool:
    patterns = {"equals": None, "like": value, "startsWith": f"{value}%", "endsWith": f"%{value}"}
    if kind not in patterns:
        raise Refused(400, "Bad where.")
    pattern = patterns[kind]
    if pattern is None:
        return held == value
    return re.fullmatch(re.escape(pattern).replace("%", ".*").replace("_", "."), held, re.S) is not None


def check(scope: str, body: Record, agents: Sequence[SimulatedAgent]) -> None:
    """What EspoCRM looks at before it saves. Raises `Refused`."""
    failure = _invalid(scope, body)
    if failure is not None:
        told = "Field validation failure; entityType: {}, field: {}, type: {}."
        raise Refused(400, told.format(scope, *failure))
    if not set(body.get("usersIds") or []) <= {agent.id for agent in agents}:
        raise Refused(403, f"Can't relate with non-existing record. entity type: {scope}, link: users.")


def _invalid(scope: str, body: Record) -> tuple[str, str] | None:
    """The field that is wrong, and what is wrong with it."""
    name = str(body.get("name", ""))
    if scope == PERSON:
        valid = re.fullmatch(r"\+\d{7,15}", str(body.get("phoneNumber", "")))
        return None if valid else ("phoneNumber", "valid")
    if scope != "Call":
        return None
    missing = next((needed for needed in ("name", "dateStart", "dateEnd") if not body.get(needed)), None)
    if missing:
        return missing, "required"
    wrong = {
        ("dateEnd", "after"): body["dateEnd"] <= body["dateStart"],
        ("name", "pattern"): re.search("[<>=]", name) is not None,
        ("name", "maxLength"): len(name) > 255,
    }
    return next((failure for failure, is_so in wrong.items() if is_so), None)


def marked(record: Record) -> dict[str, str]:
    """The marks in a description: `ivrid=… did=… popup=…`."""
    words = str(record.get("description", "")).split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def number(text: str) -> str:
    """The first number in a text."""
    found = NUMBER.search(text)
    return found[0] if found else ""


def rights(scopes: Iterable[str], denied: Collection[str]) -> Record:
    """The rights of the API user, as `App/user` shows them."""
    actions = ("create", "read", "edit")
    table = {
        scope: {action: "no" if f"{scope}.{action}" in denied else "yes" for action in actions} for scope in scopes
    }
    return {"table": table, **{f"{name}Permission": "no" if name in denied else "all" for name in PERMISSIONS}}


def person(record: Record, people: Iterable[Record], headers: Mapping[str, str]) -> Record:
    """A new contact. Raises `Refused` where there is one of that name, unless that is not to be looked at."""
    name = " ".join(filter(None, (record.get("firstName"), record["lastName"])))
    twins = [one for one in people if one["name"] == name]
    if twins and "x-skip-duplicate-check" not in headers:
        raise Refused(409, "duplicate", json.dumps(twins).encode())
    return {**record, "name": name, **phones([record["phoneNumber"]])}
