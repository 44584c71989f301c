"""Whether popbridge's user in Odoo has what it needs: what the doctor and the console's test show."""

from collections.abc import Iterable

from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import Reason, reason
from bridge.core.session import Session
from bridge.crm.odoo import wire
from bridge.crm.odoo.api import Api
from bridge.crm.odoo.contacts import PHONE_FIELDS

NOBODY = 999_999
"""A user's id that is nobody's: a toast for them is shown nowhere, and tells whether one would be allowed."""
FIXES = {
    "odoo.unreadable": Reason("odoo.fix-address"),
    "odoo.unknown-database": Reason("odoo.fix-database"),
    "odoo.login-refused": Reason("odoo.fix-key"),
    "odoo.no-right": Reason("odoo.fix-groups"),
    "odoo.toast-refused": Reason("odoo.fix-toast-right"),
    "odoo.no-toasts": Reason("odoo.fix-toast-module"),
    "odoo.no-model": Reason("odoo.fix-module"),
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
    found = [worded(what, Grade.OK, reason("odoo.found-version", version=str(version)[:40]))]
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
        return worded(what, Grade.WARN, reason("odoo.found-as-typed", model=model), Reason("odoo.fix-phone-validation"))
    return worded(what, Grade.OK, reason("odoo.found-search", model=model))


async def _may_toast(api: Api, what: str) -> Finding:
    try:
        await api.call("res.users", "notify_info", [NOBODY], message="x")
    except SearchFailed as failed:
        code = {"odoo.refused": "odoo.toast-refused", "odoo.no-method": "odoo.no-toasts"}.get(failed.reason.code)
        if code:
            return worded(what, Grade.FAIL, Reason(code, failed.reason.params), FIXES[code])
        if failed.reason.code != "odoo.gone":
            return _failed(what, failed)
    return worded(what, Grade.OK, Reason("odoo.found-toasts"))


async def _has_email(api: Api, what: str) -> Finding:
    own = await api.find("res.users", [["id", "=", await api.uid()]], ["id", "name", "login", "email"])
    if own and wire.text(own[0].get("email")):
        return worded(what, Grade.OK, Reason("odoo.found-email"))
    return worded(what, Grade.FAIL, Reason("odoo.found-no-email"), Reason("odoo.fix-email"))


def _failed(what: str, failed: SearchFailed) -> Finding:
    return worded(what, Grade.FAIL, failed.reason, FIXES.get(failed.reason.code, Reason("odoo.fix-log")))
