"""Whether popbridge's token works and its user may read what is needed."""

from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import Reason, reason
from bridge.crm.fireberry import queries
from bridge.crm.fireberry.api import Api

FIXES = {
    "fireberry.token": Reason("fireberry.fix-token"),
    "fireberry.no-right": Reason("fireberry.fix-role"),
    "fireberry.invalid": Reason("fireberry.fix-fields"),
    "fireberry.unreadable": Reason("fireberry.fix-api"),
}


async def probe(api: Api, what: str) -> list[Finding]:
    """One finding for each thing that is needed; each is one of the day's requests. Nothing is written."""
    asked = {kind: ",".join(queries.fields(api.account, kind)) for kind in api.account.search_in}
    asked["User"] = queries.USER_FIELDS
    if api.account.log_calls:
        asked["CallLog"] = "calllogid,ivruniqueid,ownerid"
    if api.account.takes_popups:
        asked["Task"] = ""
    return [await _can_read(api, what, kind, names) for kind, names in asked.items()]


async def _can_read(api: Api, what: str, kind: str, names: str) -> Finding:
    try:
        rows = await api.query(queries.any_one(kind, names), kind)
    except SearchFailed as failed:
        told = reason("found-about", what=kind, reason=failed.reason)
        return worded(what, Grade.FAIL, told, FIXES.get(failed.reason.code, Reason("fix-readme")))
    if not rows and kind in (*queries.NAME, "User"):
        return worded(what, Grade.WARN, reason("fireberry.found-none", kind=kind), Reason("fireberry.fix-none"))
    return worded(what, Grade.OK, reason("found-may-read", what=kind))
