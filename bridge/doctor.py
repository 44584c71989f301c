"""`popbridge doctor`: asks everything that must work, and tells of each how it is and the command that mends it.

Nothing here holds a secret, a caller's number or a whole address, so that all of it can go into a ticket.
"""

import asyncio
import shlex
import stat
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from sqlalchemy.exc import SQLAlchemyError

from bridge import crm
from bridge.addresses import Reach
from bridge.audit.database import why_not
from bridge.clock import new_id
from bridge.errors import ArchiveUnfit, ExchangeFailed, PbxError
from bridge.exchange import open_exchange
from bridge.lookup import PhoneSystem
from bridge.messages import Reply, Request
from bridge.settings import CrmAccount, Settings
from bridge.store import deliveries, durability, jobs, keys, workers
from bridge.wiring import Kit

LATE = timedelta(seconds=10)
ASK_SECONDS = 5.0
MAX_REPLY_BYTES = 64 * 1024
UNARCHIVED = 1000
ELSEWHERE = "elsewhere: popbridge worker"
EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))
"""Where public_url may lead: within a network it is often an address of that network."""
CREDENTIALS = "check its credentials and base_url in the settings, and that this machine is on its allow-list"
MENDS = {
    "pbx-refused": CREDENTIALS,
    "pbx-unreachable": "curl -v its base_url from this machine: is it right, and is a firewall between?",
    "pbx-unintelligible": "check base_url and kind: is it that vendor's API which answers there?",
}


_RIGHTS = "the user and password in [redis] url must be Redis's, with all rights; then restart popbridge"
REDIS_MENDS: dict[type[Exception], str] = {
    AuthenticationError: _RIGHTS,
    NoPermissionError: _RIGHTS,
    OutOfMemoryError: "redis-cli CONFIG SET maxmemory 0 && redis-cli CONFIG REWRITE, or more memory than it has now",
    ReadOnlyError: "[redis] url must lead to the primary, not to a replica; or redis+sentinel://…",
    ResponseError: "df -h: is its disk full? redis-cli INFO persistence says what it could not write",
    Exception: "systemctl start redis-server; where it runs already: is [redis] url its address?",
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


async def examine(kit: Kit, private: Sequence[Path]) -> list[Finding]:
    """Everything, asked at the same time; in the order of a click's way. `private` are the files that hold secrets."""
    settings = kit.settings
    asked: list[Awaitable[list[Finding]]] = [
        asyncio.to_thread(_settings, private),
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


def _settings(private: Sequence[Path]) -> list[Finding]:
    if open_files := [file for file in private if _is_open(file)]:
        told = f"everybody on this machine can read {', '.join(file.name for file in open_files)}"
        return [Finding("settings", Grade.WARN, told, f"chmod o-rwx {shlex.join(map(str, open_files))}")]
    return [Finding("settings", Grade.OK, "read; they and their secrets are not world-readable")]


def _is_open(file: Path) -> bool:
    """Whether everybody may read it: it says so, and no folder on the way keeps others out."""
    try:
        whole = file.resolve(strict=True)
        ways = all(folder.stat().st_mode & stat.S_IXOTH for folder in whole.parents)
        return ways and bool(whole.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


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
        await durability.try_write(kit.redis)
    except ResponseError as error:
        told = f"it takes no writes ({type(error).__name__}): clicks are answered 503"
        return [Finding("redis", Grade.FAIL, told, _mend_of_redis(error))]
    except (RedisError, OSError) as error:
        told = f"it cannot be reached ({type(error).__name__})"
        return [Finding("redis", Grade.FAIL, told, _mend_of_redis(error))]
    grades = {True: Grade.FAIL, False: Grade.WARN}
    found = [Finding("redis", grades[one.fatal], one.what, one.mend) for one in wrong]
    return found or [Finding("redis", Grade.OK, "answers, keeps what it took, and its clock agrees")]


def _mend_of_redis(error: Exception) -> str:
    kinds = (kind for kind in REDIS_MENDS if isinstance(error, kind))
    return REDIS_MENDS[next(kinds, Exception)]


async def _workers(kit: Kit) -> list[Finding]:
    now = kit.clock.now()
    try:
        alive, silent = await workers.heard(kit.redis, now)
        late = await kit.redis.zcount(keys.DUE, "-inf", deliveries.milliseconds(now - LATE))
        suspended = await jobs.are_suspended(kit.redis)
    except (RedisError, OSError):
        return [Finding("workers", Grade.FAIL, "unknown while redis is away", "mend redis first")]
    if suspended:
        return [Finding("workers", Grade.FAIL, "held up by 'rq suspend': popups wait", "rq resume --url REDIS_URL")]
    if not alive:
        told = "no worker runs: popups wait"
        mend = f"systemctl start popbridge-worker@1; {ELSEWHERE}"
        return [Finding("workers", Grade.FAIL, told, mend)]
    found = [Finding("workers", Grade.OK, f"{len(alive)} alive, {sum(one.in_flight for one in alive)} jobs in flight")]
    if silent:
        told = f"{len(silent)} died or hung in the last {workers.FORGOTTEN_SECONDS / 60:.0f} min"
        found.append(Finding("workers", Grade.WARN, told, "journalctl -u 'popbridge-worker@*' -n 30 says why"))
    if late:
        told = f"{late} deliveries are due since more than {LATE.seconds} s"
        found.append(Finding("workers", Grade.WARN, told, f"systemctl enable --now popbridge-worker@3; {ELSEWHERE}"))
    return found


async def _audit(kit: Kit) -> list[Finding]:
    try:
        await asyncio.to_thread(kit.archive.works)
    except ArchiveUnfit as error:
        mend = "ln -sfn /opt/popbridge-VERSION /opt/popbridge; restart; or restore the backup of before the upgrade"
        return [Finding("audit", Grade.FAIL, str(error), mend)]
    except SQLAlchemyError as error:
        told = f"the archive's database cannot be used ({why_not(error)})"
        start = "" if kit.archive.is_sqlite else "systemctl start postgresql; where it runs already: "
        return [Finding("audit", Grade.FAIL, told, f"{start}check [audit] url, its rights and its disk")]
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
        return [Finding(what, Grade.WARN, f"{told}, {listing.empty_hint}", CREDENTIALS)]
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
