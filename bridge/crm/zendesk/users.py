"""Users of Zendesk's: how they are searched for, and what a contact or an agent among them is; pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from bridge.core.phone_numbers import digits_of, plain, spellings
from bridge.crm.contract import FoundRecord
from bridge.crm.zendesk.account import Account
from bridge.crm.zendesk.wire import LONGEST_TEXT, id_of, page, text

EMAIL = re.compile(r"[^\s\"\\<>()*:,;]{1,64}@[^\s\"\\<>()*:,;@]{1,255}")
USER, AGENT_ROLES = "user", ("agent", "admin")
PAGE_SIZE, MOST_PHONES = 11, 20
"""One more than a card lists; more numbers than anybody has."""


def search(query: str) -> str:
    """The path that searches everything."""
    return f"/api/v2/search.json?{urlencode({'query': query, 'per_page': PAGE_SIZE}, quote_via=quote)}"


def user_search(query: str) -> str:
    """The path that searches users, agents among them."""
    return f"/api/v2/users/search.json?{urlencode({'query': query}, quote_via=quote)}"


def number_queries(account: Account, public: str) -> list[str]:
    """The searches for an E.164 number: its national significant number with `*` in front matches every spelling that
    Zendesk may have of it, for it keeps digits only. Custom fields are searched one by one."""
    digits = min(digits_of(public, ["ZZ"]), default=public.lstrip("+"))
    return [f"type:user role:end-user {name}:*{digits}" for name in ("phone", *account.phone_fields)]


def has_number(user: FoundRecord, public: str) -> bool:
    """Whether one of its phones is this E.164 number, in any spelling of the number's own country."""
    known = spellings(public, ["ZZ"])
    return any(plain(phone) in known for phone in user.phones)


def record(account: Account, user: Mapping[str, Any], companies: Mapping[str, str]) -> FoundRecord | None:
    """A user as a contact; None for what has no id."""
    number = id_of(user)
    if number is None:
        return None
    fields = user.get("user_fields")
    custom: Mapping[str, Any] = fields if isinstance(fields, dict) else {}
    phones = [text(user, "phone"), *(text(custom, name) for name in account.phone_fields)]
    shown = {label: _shown(custom, name) or _shown(user, name) for label, name in account.details.items()}
    return FoundRecord(
        type=USER,
        id=number,
        name=text(user, "name"),
        phones=tuple(phone for phone in phones if phone)[:MOST_PHONES],
        company=companies.get(id_of(user, "organization_id") or "", ""),
        url=page(account.base_url, USER, number),
        details={label: value for label, value in shown.items() if value},
    )


def _shown(item: Mapping[str, Any], name: str) -> str:
    """A field for the card: custom fields are numbers and yes or no, too."""
    value = item.get(name)
    return str(value)[:LONGEST_TEXT] if isinstance(value, int | float) else text(item, name)


def organizations(users: Iterable[Mapping[str, Any]]) -> str | None:
    """The path that names the organizations of these users; None where they have none."""
    ids = dict.fromkeys(id_of(user, "organization_id") for user in users)
    wanted = [number for number in ids if number]
    return f"/api/v2/organizations/show_many.json?ids={','.join(wanted)}" if wanted else None


def agent_in(users: Iterable[Mapping[str, Any]], email: str) -> str | None:
    """The id of the agent with exactly this address."""
    for user in users:
        is_agent = user.get("role") in AGENT_ROLES and user.get("suspended") is not True
        if is_agent and text(user, "email").casefold() == email.casefold():
            return id_of(user)
    return None
