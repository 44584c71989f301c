"""Whether popbridge's client has the scopes and its user the rights that are needed."""

from collections.abc import Iterable

from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import Reason, reason
from bridge.crm.zoho import coql
from bridge.crm.zoho.api import Api

FIXES = {
    "zoho.token": Reason("zoho.fix-token"),
    "zoho.scope": Reason("zoho.fix-scope"),
    "zoho.no-right": Reason("zoho.fix-role"),
    "zoho.not-there": Reason("zoho.fix-fields"),
    "zoho.unreadable": Reason("zoho.fix-address"),
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
        found.append(worded(what, Grade.OK, Reason("zoho.found-untried")))
    return found


async def _can_read(api: Api, what: str, module: str, names: Iterable[str]) -> Finding:
    try:
        await api.query(coql.any_one(names, module))
    except SearchFailed as failed:
        return _failed(what, module, failed)
    return worded(what, Grade.OK, reason("found-may-read", what=module))


async def _knows_users(api: Api, what: str) -> Finding:
    try:
        users = await api.users()
    except SearchFailed as failed:
        return _failed(what, "users", failed)
    return worded(what, Grade.OK, reason("zoho.found-users", count=len(users)))


def _failed(what: str, name: str, failed: SearchFailed) -> Finding:
    told = reason("found-about", what=name, reason=failed.reason)
    return worded(what, Grade.FAIL, told, FIXES.get(failed.reason.code, Reason("fix-readme")))
