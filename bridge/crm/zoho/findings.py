"""Whether popbridge's client has the scopes and its user the rights that are needed."""

from collections.abc import Iterable

from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Grade
from bridge.core.reasons import say
from bridge.crm.zoho import coql
from bridge.crm.zoho.api import Api

FIXES = {
    "zoho.token": "set base_url to your data centre; make a new grant code and exchange it",
    "zoho.scope": "make a new grant code with all scopes that the README lists, and exchange it",
    "zoho.no-right": "give the user who made the grant code a role and profile that may read it",
    "zoho.not-there": "see the fields in details, phone_fields and search_in: are they called so in Setup, API names?",
    "zoho.unreadable": "see base_url and api_url",
}


async def probe(api: Api, what: str) -> list[Finding]:
    """One finding for each thing that is needed. Nothing is written, and nobody is shown anything."""
    account = api.account
    found = [await _can_read(api, what, module, coql.fields(account, module)) for module in account.search_in]
    if account.log_calls:
        names = ["Subject", *([account.key_field] if account.key_field else [])]
        found.append(await _can_read(api, what, "Calls", names))
    found.append(await _knows_users(api, what))
    if account.takes_popups:
        untried = "PhoneBridge cannot be tried without calling somebody: only a popup shows whether it works"
        found.append(Finding(what, Grade.OK, untried))
    return found


async def _can_read(api: Api, what: str, module: str, names: Iterable[str]) -> Finding:
    try:
        await api.query(coql.any_one(names, module))
    except SearchFailed as failed:
        return _failed(what, module, failed)
    return Finding(what, Grade.OK, f"may read {module}")


async def _knows_users(api: Api, what: str) -> Finding:
    try:
        users = await api.users()
    except SearchFailed as failed:
        return _failed(what, "users", failed)
    return Finding(what, Grade.OK, f"knows {len(users)} active users")


def _failed(what: str, name: str, failed: SearchFailed) -> Finding:
    return Finding(what, Grade.FAIL, f"{name}: {say(failed.reason)}", FIXES.get(failed.reason.code, "see the README"))
