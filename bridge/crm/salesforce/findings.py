"""Whether popbridge's user in Salesforce has what it needs, and no more requests are used than there are."""

import re

from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Grade
from bridge.core.reasons import say
from bridge.crm.salesforce import queries, wire
from bridge.crm.salesforce.api import Api

PLENTY = 0.8
USAGE = re.compile(r"api-usage=(\d{1,12})/(\d{1,12})")
FIXES = {
    "salesforce.session": "see the app's OAuth policies: its user must be active and pre-authorized",
    "salesforce.no-api": "give popbridge's user the permission API Enabled; some editions have no API",
    "salesforce.no-right": "add it to the permission set of popbridge's user, as the README lists",
    "salesforce.not-there": "add it to the permission set of popbridge's user; an event must be deployed first",
    "salesforce.redirected": "set base_url to My Domain, https://ACME.my.salesforce.com",
    "salesforce.unreadable": "set base_url to My Domain, https://ACME.my.salesforce.com",
}


async def probe(api: Api, what: str) -> list[Finding]:
    """One finding for each thing that is needed. Nothing is written, and nobody is shown anything."""
    found = [await _can_read(api, what, name) for name in (*api.account.search_in, "User")]
    if api.account.event is not None:
        found.append(await _can_write(api, what, api.account.event, "may publish the event"))
    if api.account.log_calls:
        found.append(await _can_write(api, what, "Task", "may log calls"))
    return [*found, *await _usage(api, what)]


async def _can_read(api: Api, what: str, name: str) -> Finding:
    fields = queries.fields(api.account, name) if name in queries.PHONES else ["Id", "Username", "Email"]
    try:
        await api.rows(queries.any_one(fields, name))
    except SearchFailed as failed:
        return _failed(what, name, failed)
    return Finding(what, Grade.OK, f"may read {name}")


async def _can_write(api: Api, what: str, name: str, message: str) -> Finding:
    try:
        told = await api.get(f"{wire.DATA}/sobjects/{name}/")
    except SearchFailed as failed:
        return _failed(what, name, failed)
    about = told.get("objectDescribe") if isinstance(told, dict) else None
    if isinstance(about, dict) and about.get("createable") is True:
        return Finding(what, Grade.OK, message)
    return Finding(what, Grade.FAIL, f"may not create {name}", FIXES["salesforce.no-right"])


async def _usage(api: Api, what: str) -> list[Finding]:
    """How many of the day's requests are used up, by the header that every answer has."""
    reply = await api.send("GET", queries.any_one(["Id"], "User"))
    told = USAGE.search(reply.headers.get("sforce-limit-info", ""))
    used, most = (int(told[1]), int(told[2])) if told else (0, 0)
    if not most or used < PLENTY * most:
        return []
    fix = "see Setup, Company Information, API Requests, Last 24 Hours: who else uses them?"
    return [Finding(what, Grade.WARN, f"{used} of the day's {most} API requests are used up", fix)]


def _failed(what: str, name: str, failed: SearchFailed) -> Finding:
    return Finding(what, Grade.FAIL, f"{name}: {say(failed.reason)}", FIXES.get(failed.reason.code, "see the README"))
