"""What lies outside: the bridge's own address, phone systems, CRMs and their buttons."""

import asyncio
from datetime import datetime
from ipaddress import ip_network
from urllib.parse import urlsplit

from redis.exceptions import RedisError

from bridge.calls.live_calls import PhoneSystem
from bridge.config.models import CrmAccount, Settings
from bridge.core.errors import PbxError, RateLimited, RequestFailed, SearchFailed, TokenRefused
from bridge.core.finding import Finding, Grade
from bridge.core.http_types import Request
from bridge.core.reasons import say
from bridge.crm import registry
from bridge.crm.contract import Probes
from bridge.egress.allowed_addresses import Reach
from bridge.egress.client import open_client
from bridge.services import Services
from bridge.store import keys

ASK_SECONDS = 5.0
MAX_REPLY_BYTES = 64 * 1024
UNREACHABLE = "curl -v its address from this machine: is it right, and is a firewall between?"
EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))
"""Where public_url may lead: within a network it is often an address of that network."""
CREDENTIALS = "check its credentials and base_url in the settings, and that this machine is on its allow-list"
FIXES = {
    "pbx-refused": CREDENTIALS,
    "pbx-unreachable": "curl -v its base_url from this machine: is it right, and is a firewall between?",
    "pbx-unintelligible": "check base_url and kind: is it that vendor's API which answers there?",
}


async def of_public_url(services: Services) -> list[Finding]:
    """Whether the bridge answers where CRMs and browsers look for it."""
    url = services.settings.server.public_url
    start = (
        "systemctl start popbridge-web nginx; where they run: does the proxy lead there, is [server] public_url right?"
    )
    another = "[server] public_url must be the address of the proxy that leads to popbridge: curl -v it"
    async with open_client(Reach(EVERYWHERE)) as client:
        try:
            reply = await client.send(Request("GET", f"{url}/livez"), ASK_SECONDS, MAX_REPLY_BYTES)
        except RequestFailed as error:
            fix = "renew the proxy's certificate" if error.cause == "untrusted-certificate" else start
            return [Finding("public_url", Grade.FAIL, str(error), fix)]
    if reply.status != 200:
        fix = start if reply.status in (502, 503, 504) else another
        return [Finding("public_url", Grade.FAIL, f"answers {reply.status} to /livez", fix)]
    return [Finding("public_url", Grade.OK, f"the bridge answers there in {reply.ms:.0f} ms")]


async def of_pbx(system: PhoneSystem) -> list[Finding]:
    """One real list of calls."""
    what, started = f"pbx {system.name}", asyncio.get_running_loop().time()
    try:
        listing = await system.snapshot(None)
        more = await system.probe()
    except PbxError as error:
        return [Finding(what, Grade.FAIL, f"{error.outcome}: {error}", FIXES[error.outcome]), *await _probed(system)]
    ms = (asyncio.get_running_loop().time() - started) * 1000
    calls = sum(len(each) for each in listing.extensions.values())
    told = f"{len(listing.extensions)} extensions listed, {calls} live calls, {ms:.0f} ms"
    if not listing.extensions and listing.empty_hint:
        return [Finding(what, Grade.WARN, f"{told}; {say(listing.empty_hint)}", CREDENTIALS)]
    if listing.unreadable:
        fix = "popbridge lookup EXTENSION shows one; please report it with the vendor's answer"
        return [Finding(what, Grade.WARN, f"{told}; {len(listing.unreadable)} cannot be read", fix)]
    return [Finding(what, Grade.OK, told), *more]


async def _probed(system: PhoneSystem) -> list[Finding]:
    """What the make itself finds wrong, where its list of calls failed: often the cause of it."""
    try:
        return [finding for finding in await system.probe() if finding.grade is not Grade.OK]
    except PbxError:
        return []


async def of_crm(services: Services, name: str, account: CrmAccount) -> list[Finding]:
    """A signed test event, as a popup would be pushed."""
    what = f"crm {name}"
    if not services.takes_popups(name):
        return [Finding(what, Grade.OK, "takes no popups; agents see them on the desktop page")]
    adapter = registry.find(account.kind)
    if not isinstance(adapter, Probes):
        return [
            Finding(what, Grade.OK, f"{adapter.title} offers no test: popbridge clicks shows what becomes of popups")
        ]
    try:
        async with asyncio.timeout(account.push_timeout_seconds):
            return await adapter.probe(account, services.crm_sessions[name])
    except TimeoutError:
        return [Finding(what, Grade.FAIL, f"no answer within {account.push_timeout_seconds:g} s", UNREACHABLE)]
    except (RateLimited, TokenRefused, SearchFailed) as error:
        return [Finding(what, Grade.FAIL, str(error), "check its credentials in the settings")]
    except RequestFailed as error:
        fix = UNREACHABLE
        if error.cause == "address-refused":
            fix = "where that is meant to be so, name its network in [server] private_networks"
        return [Finding(what, Grade.FAIL, str(error), fix)]


async def of_buttons(services: Services) -> list[Finding]:
    """When each secret that proves clicks was last used: one never used is a button not wired yet, or an old secret."""
    try:
        used = await services.redis.hgetall(keys.PROOFS)
    except (RedisError, OSError):
        return []
    return [
        _button(services.settings, name, key, used.get(f"{name} {fingerprint}"), services.clock.now())
        for name, account in services.settings.crm.items()
        for fingerprint, key in account.proofs()
    ]


def _button(settings: Settings, name: str, key: str, at: str | None, now: datetime) -> Finding:
    what = f"button {name}"
    if at is None:
        host = urlsplit(settings.server.public_url).netloc
        fix = f"point the CRM's button at /clicks/{name} on {host}; remove a secret that is no longer used"
        return Finding(what, Grade.WARN, f"{key} has proven no click yet", fix)
    minutes = (now - datetime.fromisoformat(at)).total_seconds() / 60
    return Finding(what, Grade.OK, f"{key} last proved a click {_ago(minutes)} ago")


def _ago(minutes: float) -> str:
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"
