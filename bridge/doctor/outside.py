"""What lies outside: the bridge's own address, phone systems, CRMs and their buttons."""

import asyncio
from datetime import datetime
from ipaddress import ip_network
from urllib.parse import urlsplit

from redis.exceptions import RedisError

from bridge import crm
from bridge.calls.live_calls import PhoneSystem
from bridge.config.models import CrmAccount, Settings
from bridge.core.clock import new_id
from bridge.core.errors import ExchangeFailed, PbxError
from bridge.core.http_types import Reply, Request
from bridge.doctor.finding import Finding, Grade
from bridge.egress.allowed_addresses import Reach
from bridge.egress.client import open_exchange
from bridge.services import Kit
from bridge.store import keys

ASK_SECONDS = 5.0
MAX_REPLY_BYTES = 64 * 1024
EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))
"""Where public_url may lead: within a network it is often an address of that network."""
CREDENTIALS = "check its credentials and base_url in the settings, and that this machine is on its allow-list"
MENDS = {
    "pbx-refused": CREDENTIALS,
    "pbx-unreachable": "curl -v its base_url from this machine: is it right, and is a firewall between?",
    "pbx-unintelligible": "check base_url and kind: is it that vendor's API which answers there?",
}


async def of_public_url(kit: Kit) -> list[Finding]:
    """Whether the bridge answers where CRMs and browsers look for it."""
    url = kit.settings.server.public_url
    start = (
        "systemctl start popbridge-web nginx; where they run: does the proxy lead there, is [server] public_url right?"
    )
    another = "[server] public_url must be the address of the proxy that leads to popbridge: curl -v it"
    async with open_exchange(Reach(EVERYWHERE)) as exchange:
        try:
            reply = await exchange.send(Request("GET", f"{url}/livez"), ASK_SECONDS, MAX_REPLY_BYTES)
        except ExchangeFailed as error:
            mend = "renew the proxy's certificate" if error.cause == "untrusted-certificate" else start
            return [Finding("public_url", Grade.FAIL, str(error), mend)]
    if reply.status != 200:
        mend = start if reply.status in (502, 503, 504) else another
        return [Finding("public_url", Grade.FAIL, f"answers {reply.status} to /livez", mend)]
    return [Finding("public_url", Grade.OK, f"the bridge answers there in {reply.ms:.0f} ms")]


async def of_pbx(system: PhoneSystem) -> list[Finding]:
    """One real list of calls."""
    what, started = f"pbx {system.name}", asyncio.get_running_loop().time()
    try:
        listing = await system.snapshot(None)
    except PbxError as error:
        return [Finding(what, Grade.FAIL, f"{error.outcome}: {error}", MENDS[error.outcome])]
    ms = (asyncio.get_running_loop().time() - started) * 1000
    calls = sum(len(each) for each in listing.extensions.values())
    told = f"{len(listing.extensions)} extensions listed, {calls} live calls, {ms:.0f} ms"
    if not listing.extensions and listing.empty_hint:
        return [Finding(what, Grade.WARN, f"{told}, {listing.empty_hint}", CREDENTIALS)]
    if listing.unreadable:
        mend = "popbridge lookup EXTENSION shows one; please report it with the vendor's answer"
        return [Finding(what, Grade.WARN, f"{told}; {len(listing.unreadable)} cannot be read", mend)]
    return [Finding(what, Grade.OK, told)]


async def of_crm(kit: Kit, name: str, account: CrmAccount) -> list[Finding]:
    """A signed test event, as a popup would be pushed."""
    what = f"crm {name}"
    if not account.takes_popups:
        return [Finding(what, Grade.OK, "takes no popups; agents see them on the desktop page")]
    try:
        reply = await push_test(kit, account)
    except ExchangeFailed as error:
        mend = "curl -v its popup_url from this machine: is it right, and is a firewall between?"
        if error.cause == "address-refused":
            mend = "where that is meant to be so, name its network in [server] private_networks"
        return [Finding(what, Grade.FAIL, str(error), mend)]
    return [judged(what, reply)]


async def push_test(kit: Kit, account: CrmAccount) -> Reply:
    """The CRM's reply to a signed event of type `call.test`. Raises `ExchangeFailed`."""
    now = kit.clock.now()
    request = crm.find(account.kind).write_test(account, new_id("tst", now), now)
    return await kit.exchange.send(request, account.push_timeout_seconds, MAX_REPLY_BYTES)


def judged(what: str, reply: Reply) -> Finding:
    """What a CRM's reply to a test means."""
    told = f"answered {reply.status} to a signed test event in {reply.ms:.0f} ms"
    if 200 <= reply.status < 300:
        return Finding(what, Grade.OK, told)
    if reply.status in (401, 403):
        return Finding(what, Grade.FAIL, told, "popup_secrets must be the same here and there; compare the clocks too")
    if 300 <= reply.status < 400:
        return Finding(what, Grade.FAIL, told, "redirects are not followed: set popup_url to where it leads")
    if reply.status < 500:
        return Finding(what, Grade.WARN, told, "popups get the same answer unless it only refuses the type call.test")
    return Finding(what, Grade.FAIL, told, "its own log should say why")


async def of_buttons(kit: Kit) -> list[Finding]:
    """When each secret that proves clicks was last used: one never used is a button not wired yet, or an old secret."""
    try:
        used = await kit.redis.hgetall(keys.PROOFS)
    except (RedisError, OSError):
        return []
    return [
        _button(kit.settings, name, key, used.get(f"{name} {fingerprint}"), kit.clock.now())
        for name, account in kit.settings.crm.items()
        for fingerprint, key in account.proofs()
    ]


def _button(settings: Settings, name: str, key: str, at: str | None, now: datetime) -> Finding:
    what = f"button {name}"
    if at is None:
        host = urlsplit(settings.server.public_url).netloc
        mend = f"point the CRM's button at /clicks/{name} on {host}; remove a secret that is no longer used"
        return Finding(what, Grade.WARN, f"{key} has proven no click yet", mend)
    minutes = (now - datetime.fromisoformat(at)).total_seconds() / 60
    return Finding(what, Grade.OK, f"{key} last proved a click {_ago(minutes)} ago")


def _ago(minutes: float) -> str:
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"
