"""Everything outside: the bridge's public address, phone systems, CRMs and their buttons."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from redis.exceptions import RedisError

from bridge.calls.phone_system import PhoneSystem
from bridge.config.models import CrmAccount, Settings
from bridge.core.errors import PbxError, RateLimited, RequestFailed, SearchFailed, TokenRefused
from bridge.core.finding import Finding, Grade, worded
from bridge.core.http_types import Request
from bridge.core.reasons import Reason, reason
from bridge.core.session import Session
from bridge.crm import registry
from bridge.crm.contract import Probes
from bridge.doctor.patient import Patient
from bridge.egress.allowed_addresses import EVERYWHERE, Reach
from bridge.egress.client import open_client
from bridge.egress.reachable import trusting
from bridge.observability.service_manager import starting
from bridge.pbx.contract import Listing
from bridge.services import Services
from bridge.store import keys

ASK_SECONDS = 5.0
MAX_REPLY_BYTES = 64 * 1024
UNREACHABLE = Reason("fix-address")
CREDENTIALS = Reason("fix-credentials")
NAMED = 5
"""Extensions that a message names."""
FIXES = {
    "pbx-refused": CREDENTIALS,
    "pbx-unreachable": Reason("fix-base-url"),
    "pbx-unintelligible": Reason("fix-kind"),
}


async def of_public_url(services: Services) -> list[Finding]:
    """Whether the bridge responds at the address that CRMs and browsers use."""
    url = services.settings.server.public_url
    start = reason("fix-public-url", start=starting("popbridge-web nginx", Reason("fix-start-web")))
    trusted = trusting(services.settings.outgoing.ca_file)
    reach = Reach(EVERYWHERE)  # in a private network it is often a private address
    async with open_client(reach, context=trusted) as client:
        try:
            reply = await client.send(Request("GET", f"{url}/livez"), ASK_SECONDS, MAX_REPLY_BYTES)
        except RequestFailed as error:
            fix = Reason("fix-certificate") if error.cause == "untrusted-certificate" else start
            return [worded("public_url", Grade.FAIL, error.reason, fix)]
    if reply.status != 200:
        fix = start if reply.status in (502, 503, 504) else Reason("fix-other-server")
        return [worded("public_url", Grade.FAIL, reason("found-livez", status=reply.status), fix)]
    return [worded("public_url", Grade.OK, reason("found-responds", ms=round(reply.ms)))]


async def of_pbx(system: PhoneSystem) -> list[Finding]:
    """A real list of calls, and what the make itself tests."""
    return (await tested(system))[0]


async def tested(system: PhoneSystem) -> tuple[list[Finding], Listing | None]:
    """As `of_pbx`, and the list of calls; None where there was none."""
    what, started = f"pbx {system.name}", asyncio.get_running_loop().time()
    try:
        listing = await system.snapshot(None)
        more = await system.probe()
    except PbxError as error:
        why = reason("found-outcome", outcome=str(error.outcome), reason=error.reason)
        failed = worded(what, Grade.FAIL, why, FIXES[error.outcome])
        return [failed, *await _probed(system)], None
    ms = (asyncio.get_running_loop().time() - started) * 1000
    return _of_listing(what, listing, ms, more, system.adapter.lists_idle), listing


def _of_listing(what: str, listing: Listing, ms: float, more: list[Finding], lists_idle: bool) -> list[Finding]:
    """An account whose list should have every extension and has none is of no use: no click will find a call."""
    calls = sum(len(each) for each in listing.extensions.values())
    parts = (reason("found-extensions", count=len(listing.extensions)), reason("found-calls", count=calls))
    told = reason("found-list", parts=parts, ms=round(ms))
    if not listing.extensions and (listing.empty_hint or lists_idle):
        told = replace(told, also=(listing.empty_hint,) if listing.empty_hint else ())
        return [worded(what, Grade.FAIL if lists_idle else Grade.WARN, told, CREDENTIALS), *more]
    if listing.unreadable:
        told = replace(told, also=(reason("found-unreadable", count=len(listing.unreadable)),))
        return [worded(what, Grade.WARN, told, Reason("fix-unreadable")), *more]
    return [worded(what, Grade.OK, told), *more]


async def of_rows(services: Services, system: PhoneSystem) -> list[Finding]:
    """Whether the phone system has the extensions of agents; nothing where it does not tell."""
    try:
        names = await system.extension_names()
    except PbxError:
        return []  # told by the phone system's own test
    rows = services.agents.directory().agents.values()
    given = {one.extension for agent in rows for one in agent.extensions if one.pbx == system.name}
    missing = sorted(given - names) if names else []
    if not missing:
        return []
    what, by_look = f"agents on {system.name}", {_look(name): name for name in names or ()}
    meant = [
        reason("found-meant", name=repr(name), near=repr(by_look[_look(name)]))
        for name in missing
        if _look(name) in by_look
    ]
    some = _some(meant or [repr(name) for name in missing])
    told = reason("found-rows-missing", missing=len(missing), rows=len(given), names=some)
    return [worded(what, Grade.WARN, told, Reason("fix-rows")) if meant else worded(what, Grade.OK, told)]


def _look(extension: str) -> str:
    """What spreadsheets and typing leave of an extension: `0101`, `101.0`, `'101` look like `101`."""
    return re.sub(r"[.,]0+$|\W", "", extension.casefold()).lstrip("0")


def _some(names: Sequence[Reason | str]) -> list[Reason | str]:
    return [*names[:NAMED], "…"] if len(names) > NAMED else list(names)


async def _probed(system: PhoneSystem) -> list[Finding]:
    """What the make itself finds wrong when its list of calls failed: often the cause."""
    try:
        return [finding for finding in await system.probe() if finding.grade is not Grade.OK]
    except PbxError:
        return []


async def of_crm(services: Services, name: str, account: CrmAccount) -> list[Finding]:
    """A test event, sent as a popup would be."""
    what = f"crm {name}"
    if not services.takes_popups(name):
        return [worded(what, Grade.OK, Reason("found-no-popups"))]
    return await probed_crm(name, account, services.crm_sessions[name])


async def probed_crm(name: str, account: CrmAccount, session: Session) -> list[Finding]:
    """What the make itself tests, within the account's time limit."""
    what, adapter = f"crm {name}", registry.find(account.kind)
    if not isinstance(adapter, Probes):
        return [worded(what, Grade.OK, reason("found-no-test", make=adapter.title))]
    try:
        async with asyncio.timeout(account.push_timeout_seconds):
            return await adapter.probe(account, Patient(session))
    except TimeoutError:
        return [worded(what, Grade.FAIL, reason("found-late", seconds=account.push_timeout_seconds), UNREACHABLE)]
    except RateLimited as error:
        return [worded(what, Grade.WARN, error.reason, Reason("fix-later"))]
    except (TokenRefused, SearchFailed) as error:
        return [worded(what, Grade.FAIL, error.reason, Reason("fix-crm-credentials"))]
    except RequestFailed as error:
        advice = Reason("fix-private-network") if error.cause == "address-refused" else UNREACHABLE
        return [worded(what, Grade.FAIL, error.reason, advice)]


async def of_buttons(services: Services) -> list[Finding]:
    """When each secret last authenticated a click: one never used is a button not set up yet, or an old secret."""
    try:
        used = await services.redis.hgetall(keys.PROOFS)
    except (RedisError, OSError):
        return []
    now, settings = services.clock.now(), services.settings
    found = []
    for name, account in settings.crm.items():
        at = {key: used.get(f"{name} {fingerprint}") for fingerprint, key in account.proofs()}
        found += [_button(settings, name, key, at[key], now, any(at.values())) for key in at]
    return found


def _button(settings: Settings, name: str, key: str, at: str | None, now: datetime, works: bool) -> Finding:
    what = f"button {name}"
    if at is None and works:
        return worded(what, Grade.OK, reason("found-button-other", key=key))
    if at is None:
        host = urlsplit(settings.server.public_url).netloc
        return worded(
            what, Grade.WARN, reason("found-button-unused", key=key), reason("fix-button", crm=name, host=host)
        )
    minutes = (now - datetime.fromisoformat(at)).total_seconds() / 60
    return worded(what, Grade.OK, reason("found-button", key=key, ago=_ago(minutes)))


def _ago(minutes: float) -> Reason:
    if minutes < 120:
        return reason("ago-minutes", count=round(minutes))
    if minutes < 48 * 60:
        return reason("ago-hours", count=round(minutes / 60))
    return reason("ago-days", count=round(minutes / 1440))
