"""Questions in Fireberry's query language; pure.

Values stand in single quotes, and no way is documented to write a quote in one. So what goes into a query is digits,
keys and addresses; a text with anything else in it is asked for by nobody.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bridge.crm import spellings
from bridge.crm.contract import SearchNumber
from bridge.crm.fireberry.account import Account
from bridge.crm.fireberry.wire import TYPES

PLAIN = re.compile(r"[A-Za-z0-9@._+() -]{1,255}")
MOST_RECORDS = 10
NAME = {"Contact": "fullname", "Account": "accountname"}
COMPANY = "accountname"
USER_FIELDS = ""
"""All of them: under which name users have their ids is not documented."""

Query = Mapping[str, Any]


def is_plain(value: str) -> bool:
    """Whether a text may stand in a query."""
    return PLAIN.fullmatch(value) is not None


def condition(field: str, operator: str, value: str) -> str:
    """One condition. Raises `ValueError` for what must not stand in a query."""
    if not is_plain(value):
        raise ValueError("not to be asked for")
    return f"({field} {operator} '{value}')"


def by_number(account: Account, kind: str, number: SearchNumber) -> Query:
    """The records that may have the number: in one of their fields, ending as the number does however it is typed."""
    ends = [one for one in spellings.endings(number) if is_plain(one)]
    fits = [condition(name, "end-with", end) for name in phones(account, kind) for end in ends]
    return select(kind, ",".join(fields(account, kind)), f"({' OR '.join(fits)})", MOST_RECORDS + 1)


def phones(account: Account, kind: str) -> tuple[str, ...]:
    """The phone fields of an object."""
    return account.contact_phones if kind == "Contact" else account.account_phones


def fields(account: Account, kind: str) -> list[str]:
    """The fields that a card needs."""
    own: Iterable[str] = account.details.values() if kind == "Contact" else ()
    key = "contactid" if kind == "Contact" else "accountid"
    return list(dict.fromkeys([key, NAME[kind], COMPANY, "ownername", *phones(account, kind), *own]))


def agent(crm_user: str) -> Query | None:
    """The users with this e-mail address; None where nobody can be called so."""
    if not is_plain(crm_user):
        return None
    return select("User", USER_FIELDS, condition("emailaddress1", "=", crm_user), 5)


def call(key: str, agent_id: str) -> Query:
    """The call log record of a call and agent."""
    fits = f"({condition('ivruniqueid', '=', key)} AND {condition('ownerid', '=', agent_id)})"
    return select("CallLog", "calllogid,ivruniqueid,ownerid", fits, 5)


def task(mark: str) -> Query:
    """The task with this mark at the end of its subject."""
    return select("Task", "", condition("subject", "end-with", mark), 5)


def any_one(kind: str, names: str) -> Query:
    """Any record of an object: whether it may be read."""
    return select(kind, names, "", 1)


def select(kind: str, names: str, fits: str, most: int) -> Query:
    """A query; the newest first."""
    return {
        "objecttype": TYPES[kind],
        "page_size": most,
        "page_number": 1,
        "fields": names,
        "query": fits,
        "sort_by": "modifiedon",
        "sort_type": "desc",
    }
