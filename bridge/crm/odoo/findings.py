"""Whether popbridge's user in Odoo has what it needs: what the doctor and the console's test show."""

from collections.abc import Iterable

from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Grade
from bridge.core.reasons import Reason, say
from bridge.core.session import Session
from bridge.crm.odoo import wire
from bridge.crm.odoo.api import Api
from bridge.crm.odoo.contacts import PHONE_FIELDS

NOBODY = 999_999
"""A user's id that is nobody's: a toast for them is shown nowhere, and tells whether one would be allowed."""
FIXES = {
    "odoo.unreadable": "let base_url be the address of Odoo's start page; a proxy must let /jsonrpc through",
    "odoo.unknown-database": "set database to the name that the login page or the address shows",
    "odoo.login-refused": "as popbridge's user, Preferences > Account Security > New API Key; keys expire",
    "odoo.no-right": "give popbridge's user the groups that the README names",
    "odoo.toast-refused": 'give popbridge\'s user Administration: Access Rights, or set popup = "activity"',
    "odoo.no-toasts": 'install the module web_notify (OCA/web), or set popup = "activity"',
    "odoo.no-model": "leave it out of search_in, or install its module",
}


async def probe(api: Api, session: Session, models: Iterable[str], popup: str, writes: bool) -> list[Finding]:
    """One finding for each thing that is needed."""
    what = f"crm {session.name}"
    try:
        told = wire.result(await session.send(api.access.version(), True))
        await api.uid()
    except SearchFailed as failed:
        return [_failed(what, failed)]
    version = told.get("server_version") if isinstance(told, dict) else None
    found = [Finding(what, Grade.OK, f"Odoo {version}, logged in")]
    found += [await _may_search(api, what, model) for model in models]
    if popup == "toast":
        found.append(await _may_toast(api, what))
    if popup == "activity" or writes:
        found.append(await _has_email(api, what))
    return found


async def _may_search(api: Api, what: str, model: str) -> Finding:
    try:
        has = await api.call(model, "fields_get", list(PHONE_FIELDS), attributes=["string", "type", "searchable"])
        await api.find(model, [], ["id"], limit=1)
    except SearchFailed as failed:
        return _failed(what, failed)
    if not isinstance(has, dict) or "phone_mobile_search" not in has:
        missing = f"{model} can only be searched by numbers as they were typed"
        return Finding(what, Grade.WARN, missing, "install the module phone_validation (it comes with CRM and SMS)")
    return Finding(what, Grade.OK, f"may search {model} by number")


async def _may_toast(api: Api, what: str) -> Finding:
    try:
        await api.call("res.users", "notify_info", [NOBODY], message="x")
    except SearchFailed as failed:
        code = {"odoo.refused": "odoo.toast-refused", "odoo.no-method": "odoo.no-toasts"}.get(failed.reason.code)
        if code:
            return Finding(what, Grade.FAIL, say(Reason(code, failed.reason.params)), FIXES[code])
        if failed.reason.code != "odoo.gone":
            return _failed(what, failed)
    return Finding(what, Grade.OK, "may show toasts")


async def _has_email(api: Api, what: str) -> Finding:
    own = await api.find("res.users", [["id", "=", await api.uid()]], ["id", "name", "login", "email"])
    if own and wire.text(own[0].get("email")):
        return Finding(what, Grade.OK, "has an e-mail address, so it may post")
    fix = "give popbridge's user an e-mail address: Odoo lets nobody post without one"
    return Finding(what, Grade.FAIL, "has no e-mail address", fix)


def _failed(what: str, failed: SearchFailed) -> Finding:
    return Finding(what, Grade.FAIL, say(failed.reason), FIXES.get(failed.reason.code, "see Odoo's log"))
