"""Whether popbridge's token works and its user may read what is needed."""

from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Grade
from bridge.core.reasons import say
from bridge.crm.fireberry import queries
from bridge.crm.fireberry.api import Api

FIXES = {
    "fireberry.token": "see the profile of popbridge's user, Account Security, API Access Token",
    "fireberry.no-right": "give popbridge's user a role that may read it",
    "fireberry.invalid": "see contact_phones, account_phones and details: are the fields called so in the API?",
    "fireberry.unreadable": "see api_url",
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
        fix = FIXES.get(failed.reason.code, "see the README")
        return Finding(what, Grade.FAIL, f"{kind}: {say(failed.reason)}", fix)
    if not rows and kind in (*queries.NAME, "User"):
        fix = "if there are some, give popbridge's user a role that sees all of them"
        return Finding(what, Grade.WARN, f"sees no {kind} at all", fix)
    return Finding(what, Grade.OK, f"may read {kind}")
