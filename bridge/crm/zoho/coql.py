"""Questions in Zoho's query language, COQL, and how values are escaped in it; pure.

Conditions are put together in pairs, and a query has at least one. What `phone=` of the search API compares is not
documented; `in` and `like` are: the text as it was typed.
"""

from collections.abc import Iterable

from bridge.crm import spellings
from bridge.crm.contract import SearchNumber
from bridge.crm.zoho.account import Account

MOST_RECORDS = 10
PHONES = {"Contacts": ("Phone", "Mobile"), "Leads": ("Phone", "Mobile"), "Accounts": ("Phone",)}
NAME = {"Contacts": "Full_Name", "Leads": "Full_Name", "Accounts": "Account_Name"}
COMPANY = {"Contacts": "Account_Name.Account_Name", "Leads": "Company", "Accounts": "Account_Name"}


def literal(value: str) -> str:
    """A text of a query that means nothing but itself."""
    kept = "".join(one if one.isprintable() else " " for one in value)
    escaped = kept.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def by_number(account: Account, module: str, number: SearchNumber) -> str:
    """The records of a module that may have the number: in any of its usual spellings, or as bare digits that end as
    the national and the E.164 form do."""
    listed = ", ".join(literal(one) for one in spellings.usual(number))
    ends = literal(f"%{spellings.endings(number)[0]}")
    fits = [f"({name} {how})" for name in phones(account, module) for how in (f"in ({listed})", f"like {ends}")]
    return select(fields(account, module), module, _either(fits), MOST_RECORDS + 1)


def phones(account: Account, module: str) -> list[str]:
    """The fields for numbers of a module."""
    own = account.phone_fields if module == "Contacts" else ()
    return list(dict.fromkeys([*PHONES[module], *own]))


def fields(account: Account, module: str) -> list[str]:
    """The fields that a card needs."""
    own = account.details.values() if module == "Contacts" else ()
    return list(dict.fromkeys([NAME[module], COMPANY[module], "Owner", *phones(account, module), *own]))


def by_id(account: Account, module: str, record_id: str) -> str:
    """One record."""
    return select(fields(account, module), module, f"id = {literal(record_id)}", 1)


def any_one(names: Iterable[str], module: str) -> str:
    """Any record of a module: whether it may be read."""
    return select(names, module, "id is not null", 1)


def call(field: str, value: str) -> str:
    """The call with this key, in a field of its own or at the end of its subject."""
    fits = f"{field} like {literal(f'%{value}')}" if field == "Subject" else f"{field} = {literal(value)}"
    return select(["Subject"], "Calls", fits, 1)


def select(names: Iterable[str], module: str, fits: str, most: int) -> str:
    """A query. Values in it went through `literal`."""
    return f"select {', '.join(['id', *names])} from {module} where {fits} limit {most}"  # noqa: S608


def _either(fits: list[str]) -> str:
    together = fits[0]
    for one in fits[1:]:
        together = f"({together} or {one})"
    return together
