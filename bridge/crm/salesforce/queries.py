"""Questions in Salesforce's two languages, SOSL and SOQL, and how values are escaped in them; pure."""

import re
from collections.abc import Iterable
from urllib.parse import quote

from bridge.crm.contract import SearchNumber
from bridge.crm.salesforce.account import Account
from bridge.crm.salesforce.wire import DATA

RESERVED = re.compile(r"""[?&|!{}\[\]()^~*:\\"'+\-]""")
"""What means something in the terms of a SOSL search."""
USER_ID = re.compile(r"005[A-Za-z0-9]{12}([A-Za-z0-9]{3})?")
MOST_RECORDS = 10
PHONES = {
    "Contact": ("Phone", "MobilePhone", "HomePhone", "OtherPhone"),
    "Lead": ("Phone", "MobilePhone"),
    "Account": ("Phone",),
}
COMPANY = {"Contact": "Account.Name", "Lead": "Company"}
CONDITION = {"Lead": " WHERE IsConverted = false"}
"""A converted lead is found as the contact that it has become."""


def term(words: str) -> str:
    """A phrase of a SOSL search that means nothing but itself."""
    kept = "".join(one if one.isprintable() else " " for one in words)
    escaped = RESERVED.sub(lambda found: f"\\{found[0]}", kept)
    return f'"{escaped}"'


def literal(value: str) -> str:
    """A text of a SOQL query that means nothing but itself."""
    kept = "".join(one if one.isprintable() else " " for one in value)
    escaped = kept.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def by_number(account: Account, number: SearchNumber) -> str:
    """The path of the one search for all objects: every spelling of the number, for it is not documented how phone
    fields are cut into words, and no search may begin with a wildcard."""
    spellings = dict.fromkeys((*number.formats, number.e164, number.with_zeros, number.national))
    terms = " OR ".join(term(one) for one in spellings)
    objects = ", ".join(_returning(account, name) for name in account.search_in)
    return f"{DATA}/search/?q={quote(f'FIND {{{terms}}} IN PHONE FIELDS RETURNING {objects}', safe='')}"


def _returning(account: Account, name: str) -> str:
    return f"{name}({', '.join(fields(account, name))}{CONDITION.get(name, '')} LIMIT {MOST_RECORDS + 1})"


def fields(account: Account, name: str) -> list[str]:
    """The fields that a card needs of an object's record."""
    own = (*account.phone_fields, *account.details.values()) if name == "Contact" else ()
    company = [COMPANY[name]] if name in COMPANY else []
    return list(dict.fromkeys(["Id", "Name", *company, "Owner.Name", *PHONES[name], *own]))


def by_id(account: Account, record_id: str) -> str:
    """The path of one contact, which no search finds yet."""
    return select(fields(account, "Contact"), "Contact", f"WHERE Id = {literal(record_id)}")


def agent(crm_user: str) -> str:
    """The path of the active users with this login, e-mail address or id."""
    value = literal(crm_user)
    names = ["Username", "Email", *(["Id"] if USER_ID.fullmatch(crm_user) else [])]
    fits = " OR ".join(f"{name} = {value}" for name in names)
    return select(["Id", "Username", "Email"], "User", f"WHERE IsActive = true AND ({fits}) LIMIT 5")


def task(key: str, agent_id: str) -> str:
    """The path of the task that was made for a call of an agent."""
    where = f"WHERE CallObject = {literal(key)} AND OwnerId = {literal(agent_id)} LIMIT 1"
    return select(["Id"], "Task", where)


def description(task_id: str) -> str:
    """The path of what stands in a task."""
    return select(["Id", "Description"], "Task", f"WHERE Id = {literal(task_id)}")


def any_one(names: Iterable[str], name: str) -> str:
    """The path of any record of an object: whether it may be read."""
    return select(names, name, "LIMIT 1")


def select(names: Iterable[str], name: str, rest: str) -> str:
    """The path of a query. Values in it went through `literal`."""
    soql = f"SELECT {', '.join(names)} FROM {name} {rest}"  # noqa: S608
    return f"{DATA}/query/?q={quote(soql, safe='')}"
