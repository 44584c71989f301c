"""`popbridge doctor`: asks everything that must work, and tells of each how it is and the command that mends it.

Nothing here holds a secret, a caller's number or a whole address, so that all of it can go into a ticket.
"""

import asyncio
import stat
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from bridge import crm
from bridge.clock import new_id
from bridge.errors import ArchiveUnfit, ExchangeFailed, PbxError
from bridge.lookup import PhoneSystem
from bridge.messages import Reply, Request
from bridge.settings import CrmAccount, Settings
from bridge.store import deliveries, durability, keys, workers
from bridge.wiring import Kit

LATE = timedelta(seconds=10)
ASK_SECONDS = 5.0
MAX_REPLY_BYTES = 64 * 1024
UNARCHIVED = 1000
MENDS = {
    "pbx-refused": "check its credentials in the settings, and that this machine's address is on its allow-list",
    "pbx-unreachable": "curl -v its base_url from this machine: is it right, and is a firewall between?",
    "pbx-unintelligible": "check base_url and kind: is it that vendor's API which answers there?",
}


class Grade(StrEnum):
    """How something is: well, worth knowing, or broken."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was asked: how it is, in words, and what mends it ("": nothing to mend)."""

    what: str
    grade: Grade
    told: str
    mend: str = ""

    def __str__(self) -> str:
        """For a terminal."""
        told = f"{self.grade:<4}  {self.what}: {self.told}"
        return f"{told}\n      mend: {self.mend}" if self.mend else told


async def examine(kit: Kit, file: Path) -> list[Finding]:
    """Everything, asked at the same time; in the order of a click's way."""
    settings = kit.settings
    asked: list[Awaitable[list[Finding]]] = [
        _settings(file),
        _agents(kit),
        _redis(kit),
        _workers(kit),
        _audit(kit),
        _public_url(kit),
        *(_pbx(system) for system in kit.lookup.systems.values()),
        *(_crm(kit, name, account) for name, account in settings.crm.items()),
        _buttons(kit),
    ]
    return [finding for findings in await asyncio.gather(*asked) for finding in findings]


def worst(findings: Iterable[Finding]) -> Grade:
    """OK when all is well, else the worst of them."""
    grades = {finding.grade for finding in findings}
    return Grade.FAIL if Grade.FAIL in grades else Grade.WARN if Grade.WARN in grades else Grade.OK


async def _settings(file: Path) -> list[Finding]:
    if await asyncio.to_thread(file.is_file) and (await asyncio.to_thread(file.stat)).st_mode & stat.S_IROTH:
        told = "everybody on this machine can read the settings and the secrets in them"
        return [Finding("settings", Grade.WARN, told, f"chmod o-rwx {file.name}")]
    return [Finding("settings", Grade.OK, "read, and not world-readable")]


async def _agents(kit: Kit) -> list[Finding]:
    directory, wrong = kit.agents.directory(), len(kit.agents.mistakes)
    if wrong:
        told = f"{wrong} mistakes in the file of agents; the rows of before still serve"
        return [Finding("agents", Grade.FAIL, told, "popbridge check")]
    if not directory.agents:
        return [Finding("agents", Grade.WARN, "there is no agent", "write rows into [agents] file; popbridge check")]
    return [Finding("agents", Grade.OK, f"{len(directory.agents)} agents")]


async def _redis(kit: Kit) -> list[Finding]:
    try:
        wrong = await durability.findings(kit.redis, kit.clock.now())
    except (RedisError, OSError) as error:
        told = f"it cannot be reached ({type(error).__name__})"
        return [Finding("redis", Grade.FAIL, told, "is [redis] url right, and is the server running?")]
    grades = {True: Grade.FAIL, False: Grade.WARN}
    found = [Finding("redis", grades[one.fatal], one.what, one.mend.removeprefix("mend: ")) for one in wrong]
    return found or [Finding("redis", Grade.OK, "answers, keeps what it took, and its clock agrees")]


async def _workers(kit: Kit) -> list[Finding]:
    now = kit.clock.now()
    try:
        alive = await workers.alive(kit.redis, now)
        late = await kit.redis.zcount(keys.DUE, "-inf", deliveries.milliseconds(now - LATE))
    except (RedisError, OSError):
        return [Finding("workers", Grade.FAIL, "unknown while redis is away", "mend redis first")]
    if not alive:
        told = "no worker runs: popups wait"
        return [Finding("workers", Grade.FAIL, told, "popbridge worker (or popbridge up, which runs one)")]
    found = [Finding("workers", Grade.OK, f"{len(alive)} alive, {sum(one.in_flight for one in alive)} jobs in flight")]
    if late:
        told = f"{late} deliveries are due since more than {LATE.seconds} s"
        found.append(Finding("workers", Grade.WARN, told, "start more: popbridge worker"))
    return found


async def _audit(kit: Kit) -> list[Finding]:
    try:
        await asyncio.to_thread(kit.archive.works)
    except ArchiveUnfit as error:
        return [Finding("audit", Grade.FAIL, str(error), "run that version of popbridge")]
    except SQLAlchemyError as error:
        told = f"the archive's database cannot be used ({type(error).__name__})"
        return [Finding("audit", Grade.FAIL, told, "check [audit] url, its rights and its disk")]
    try:
        waiting, aside = await kit.redis.xlen(keys.AUDIT), await kit.redis.xlen(keys.AUDIT_ASIDE)
    except (RedisError, OSError):
        return [Finding("audit", Grade.WARN, "the archive answers; what waits for it is unknown", "mend redis first")]
    found = [Finding("audit", Grade.OK, f"the archive answers, {waiting} lines wait for it")]
    if waiting > UNARCHIVED:
        told = f"{waiting} lines wait to be archived"
        found.append(Finding("audit", Grade.WARN, told, "is a worker running? its log tells what stops it"))
    if aside:
        told = f"{aside} entries were put aside because they are no audit lines"
        found.append(Finding("audit", Grade.WARN, told, f"redis-cli XRANGE {keys.AUDIT_ASIDE} - +"))
    return found


async def _public_url(kit: Kit) -> list[Finding]:
    url = kit.settings.server.public_url
    mend = "is `popbridge serve` running, and does the proxy lead to it? see [server] public_url"
    try:
        reply = await kit.exchange.send(Request("GET", f"{url}/livez"), ASK_SECONDS, MAX_REPLY_BYTES)
    except ExchangeFailed as error:
        return [Finding("public_url", Grade.FAIL, str(error), mend)]
    if reply.status != 200:
        return [Finding("public_url", Grade.FAIL, f"answers {reply.status} to /livez", mend)]
    return [Finding("public_url", Grade.OK, f"the bridge answers there in {reply.ms:.0f} ms")]


async def _pbx(system: PhoneSystem) -> list[Finding]:
    what, started = f"pbx {system.name}", asyncio.get_running_loop().time()
    try:
        listing = await system.snapshot(None)
    except PbxError as error:
        return [Finding(what, Grade.FAIL, f"{error.outcome}: {error}", MENDS[error.outcome])]
    ms = (asyncio.get_running_loop().time() - started) * 1000
    calls = sum(len(each) for each in listing.extensions.values())
    told = f"{len(listing.extensions)} extensions listed, {calls} live calls, {ms:.0f} ms"
    if not listing.extensions and listing.empty_hint:
        return [Finding(what, Grade.WARN, f"{told}, {listing.empty_hint}", MENDS["pbx-refused"])]
    if listing.unreadable:
        mend = "popbridge lookup EXTENSION shows one; please report it with the vendor's answer"
        return [Finding(what, Grade.WARN, f"{told}; {len(listing.unreadable)} cannot be read", mend)]
    return [Finding(what, Grade.OK, told)]


async def _crm(kit: Kit, name: str, account: CrmAccount) -> list[Finding]:
    """A signed test event, as a popup would be pushed."""
    what = f"crm {name}"
    if not account.takes_popups:
        return [Finding(what, Grade.OK, "takes no popups; agents see them on the desktop page")]
    try:
        reply = await push_test(kit, account)
    except ExchangeFailed as error:
        return [Finding(what, Grade.FAIL, str(error), "check popup_url; curl -v it from this machine")]
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


async def _buttons(kit: Kit) -> list[Finding]:
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
