"""The records of a simulated Odoo, and how its domains find them; pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.crm.simulation import SimulatedAgent, SimulatedContact

Row = dict[str, Any]
PUNCTUATION = re.compile(r"[\s\\./()\-]")
NUMBER = re.compile(r"\+?\d[\d-]{5,}")
MARKED = re.compile(r"(ivrid|popup)=([^\s)<]+)")
DETAILS = {"last order": "x_last_order"}
OURS, FIRST_AGENT, FIRST_CONTACT, FIRST_COMPANY = 7, 100, 1000, 500
FIELDS = ("phone_mobile_search", "phone_sanitized", "phone", "mobile")
MESSAGE_MODELS = ("res.partner", "crm.lead")
OWN_RECORDS = 300
"""Where the ids of the agents' own contact records begin."""


@dataclass(slots=True)
class Faults:
    """Misbehaviours. `status` other than 200 is what every request is answered, `error` an exception's name inside a
    200; `lose` answers are lost after the work is done; `page`: HTML instead of JSON, with 200. `denied` models may not
    be read; without `admin` nobody else gets a toast, without `email` nobody may post; `no_fields` are not there."""

    status: int = 200
    retry_after: int | None = None
    slow_seconds: float = 0.0
    error: str = ""
    lose: int = 0
    page: bool = False
    denied: tuple[str, ...] = ()
    no_fields: tuple[str, ...] = ()
    admin: bool = True
    email: bool = True
    toasts: bool = True


class Refused(Exception):
    """Answered with an error of this name."""

    def __init__(self, name: str, message: str) -> None:
        self.name, self.message = name, message


def number_of(given: str, first: int, at: int) -> int:
    """Ids are numbers: the given one where it is one."""
    return int(given) if given.isdecimal() else first + at


def users(agents: Sequence[SimulatedAgent]) -> list[Row]:
    """Our own user, and one for each agent."""
    return [
        _user(OURS, "popbridge", "popbridge", "popbridge@acme.example", OWN_RECORDS - 1),
        *(
            _user(number_of(agent.id, FIRST_AGENT, at), agent.name, agent.crm_user, agent.crm_user, OWN_RECORDS + at)
            for at, agent in enumerate(agents)
        ),
    ]


def _user(user_id: int, name: str, login: str, email: str, partner: int) -> Row:
    return {"id": user_id, "name": name, "login": login, "email": email, "partner_id": [partner, name]}


def partners(contacts: Sequence[SimulatedContact], has_library: bool) -> list[Row]:
    """The contacts; a second number is their mobile."""
    return [
        {
            "id": number_of(one.id, FIRST_CONTACT, at),
            "name": one.name,
            "phone": one.phones[0] if one.phones else False,
            "mobile": one.phones[1] if len(one.phones) > 1 else False,
            "phone_sanitized": _sanitized(one.phones) if has_library else False,
            "parent_id": [FIRST_COMPANY + at, one.company] if one.company else False,
            "user_id": [FIRST_AGENT, one.owner] if one.owner else False,
            "x_last_order": False,
            **{DETAILS.get(label, label): value for label, value in (one.details or {}).items()},
        }
        for at, one in enumerate(contacts)
    ]


def _sanitized(phones: Sequence[str]) -> str | bool:
    """The library reads international numbers only, where a contact has no country."""
    plain = [PUNCTUATION.sub("", phone) for phone in phones]
    return next((phone for phone in plain if phone.startswith("+")), False)


def found(rows: Sequence[Row], domain: Sequence[Any]) -> list[Row]:
    """The rows that meet a domain: terms after bars are alternatives, other terms must all be met."""
    rest = list(domain)
    tests: list[Callable[[Row], bool]] = []
    while rest:
        tests.append(_next(rest))
    return [row for row in rows if all(test(row) for test in tests)]


def _next(rest: list[Any]) -> Callable[[Row], bool]:
    term = rest.pop(0)
    if term == "|":
        left, right = _next(rest), _next(rest)
        return lambda row: left(row) or right(row)
    field, operator, value = term
    return lambda row: _meets(row, field, operator, value)


def _meets(row: Row, field: str, operator: str, value: Any) -> bool:
    if field == "phone_mobile_search":
        if len(value) < 3:
            raise Refused("odoo.exceptions.UserError", "Please enter at least 3 characters.")
        return any(_same(PUNCTUATION.sub("", row.get(name) or ""), value) for name in ("phone", "mobile"))
    if field not in row:
        raise Refused("builtins.ValueError", f"Invalid field {field}")
    held = row[field][0] if isinstance(row[field], list) else row[field]
    if operator == "ilike":
        return str(value).casefold() in str(held).casefold()
    return bool(held == value)


def _same(held: str, value: str) -> bool:
    """`+` and `00` are alike; national and international are not."""
    wanted = PUNCTUATION.sub("", value)
    digits = wanted.removeprefix("+") if wanted.startswith("+") else wanted.removeprefix("00")
    return held in (f"+{digits}", f"00{digits}") if digits != wanted else held == wanted


def marks(text: str) -> dict[str, str]:
    """`ivrid=…` and `popup=…` in a text."""
    return dict(MARKED.findall(text))


def number_in(texts: Iterable[str]) -> str:
    """The first number in the texts."""
    return next((told[0] for text in texts if (told := NUMBER.search(text))), "")


def chosen(row: Mapping[str, Any], fields: Sequence[str]) -> Row:
    """A row with the fields that were asked for. Raises `Refused` for one that is not there."""
    for name in fields:
        if name not in row:
            raise Refused("builtins.ValueError", f"Invalid field '{name}'")
    return {name: row[name] for name in ("id", *fields)}
