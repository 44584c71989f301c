"""Whether popbridge's user in Salesforce has what it needs, and no more requests are used than there are."""

import re

from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import Reason, reason
from bridge.crm.salesforce import queries, wire
from bridge.crm.salesforce.api import Api

PLENTY = 0.8
USAGE = re.compile(r"api-usage=(\d{1,12})/(\d{1,12})")
FIXES = {
    "salesforce.session": Reason("salesforce.fix-user"),
    "salesforce.no-api": Reason("salesforce.fix-api"),
    "salesforce.no-right": Reason("salesforce.fix-permission"),
    "salesforce.not-there": Reason("salesforce.fix-not-there"),
    "salesforce.redirected": Reason("salesforce.fix-domain"),
    "salesforce.unreadable": Reason("salesforce.fix-domain"),
}


async def probe(api: Api, what: str) -> list[Finding]:
    """One finding for each thing that is needed. Nothing is written, and nobody is shown anything."""
    found = [await _can_read(api, what, name) for name in (*api.account.search_in, "User")]
    if api.account.event is not None:
        found.append(await _can_write(api, what, api.account.event, Reason("salesforce.found-event")))
    if api.account.log_calls:
        found.append(await _can_write(api, what, "Task", Reason("salesforce.found-logs")))
    return [*found, *await _usage(api, what)]


async def _can_read(api: Api, what: str, name: str) -> Finding:
    fields = queries.fields(api.account, name) if name in queries.PHONES else ["Id", "Username", "Email"]
    try:
        await api.rows(queries.any_one(fields, name))
    except SearchFailed as failed:
        return _failed(what, name, failed)
    return worded(what, Grade.OK, reason("found-may-read", what=name))


async def _can_write(api: Api, what: str, name: str, told: Reason) -> Finding:
    try:
        answer = await api.get(f"{wire.DATA}/sobjects/{name}/")
    except SearchFailed as failed:
        return _failed(what, name, failed)
    about = answer.get("objectDescribe") if isinstance(answer, dict) else None
    if isinstance(about, dict) and about.get("createable") is True:
        return worded(what, Grade.OK, told)
    return worded(what, Grade.FAIL, reason("salesforce.found-creates-not", name=name), FIXES["salesforce.no-right"])


async def _usage(api: Api, what: str) -> list[Finding]:
    """How many of the day's requests are used up, by the header that every answer has."""
    reply = await api.send("GET", queries.any_one(["Id"], "User"))
    told = USAGE.search(reply.headers.get("sforce-limit-info", ""))
    used, most = (int(told[1]), int(told[2])) if told else (0, 0)
    if not most or used < PLENTY * most:
        return []
    used_up = reason("salesforce.found-usage", used=used, most=most)
    return [worded(what, Grade.WARN, used_up, Reason("salesforce.fix-usage"))]


def _failed(what: str, name: str, failed: SearchFailed) -> Finding:
    told = reason("found-about", what=name, reason=failed.reason)
    return worded(what, Grade.FAIL, told, FIXES.get(failed.reason.code, Reason("fix-readme")))
