"""What is the bridge's own: settings, agents, Redis, workers, audit."""

import asyncio
import shlex
import stat
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from redis.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from sqlalchemy.exc import SQLAlchemyError

from bridge.audit.database import why_not
from bridge.core.errors import ArchiveUnfit
from bridge.core.finding import Finding, Grade
from bridge.services import Services
from bridge.store import durability, jobs, keys, workers
from bridge.store.deliveries import records

LATE = timedelta(seconds=10)
UNARCHIVED = 1000
ELSEWHERE = "elsewhere: popbridge worker"
_RIGHTS = "the user and password in [redis] url must be Redis's, with all rights; then restart popbridge"
REDIS_FIXES: dict[type[Exception], str] = {
    AuthenticationError: _RIGHTS,
    NoPermissionError: _RIGHTS,
    OutOfMemoryError: "redis-cli CONFIG SET maxmemory 0 && redis-cli CONFIG REWRITE, or more memory than it has now",
    ReadOnlyError: "[redis] url must lead to the primary, not to a replica; or redis+sentinel://…",
    ResponseError: "df -h: is its disk full? redis-cli INFO persistence says what it could not write",
    Exception: "systemctl start redis-server; where it runs already: is [redis] url its address?",
}


def of_settings(private: Sequence[Path]) -> list[Finding]:
    """Whether everybody on this machine can read what is secret."""
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


async def of_agents(services: Services) -> list[Finding]:
    """The directory: are there agents, and is their file without problems?"""
    directory, wrong = services.agents.directory(), len(services.agents.problems)
    if wrong:
        told = f"{wrong} problems in the file of agents; the rows of before still serve"
        return [Finding("agents", Grade.FAIL, told, "popbridge check")]
    if not directory.agents:
        return [Finding("agents", Grade.WARN, "there is no agent", "write rows into [agents] file; popbridge check")]
    return [Finding("agents", Grade.OK, f"{len(directory.agents)} agents")]


async def of_redis(services: Services) -> list[Finding]:
    """Whether it answers, takes what it is given, and keeps it."""
    try:
        wrong = await durability.findings(services.redis, services.clock.now())
        await durability.try_write(services.redis)
    except ResponseError as error:
        told = f"it takes no writes ({type(error).__name__}): clicks are answered 503"
        return [Finding("redis", Grade.FAIL, told, _fix_of_redis(error))]
    except (RedisError, OSError) as error:
        told = f"it cannot be reached ({type(error).__name__})"
        return [Finding("redis", Grade.FAIL, told, _fix_of_redis(error))]
    grades = {True: Grade.FAIL, False: Grade.WARN}
    found = [Finding("redis", grades[one.fatal], one.what, one.fix) for one in wrong]
    return found or [Finding("redis", Grade.OK, "answers, keeps what it took, and its clock agrees")]


def _fix_of_redis(error: Exception) -> str:
    kinds = (kind for kind in REDIS_FIXES if isinstance(error, kind))
    return REDIS_FIXES[next(kinds, Exception)]


async def of_workers(services: Services) -> list[Finding]:
    """Whether somebody pushes popups, and in time."""
    now = services.clock.now()
    try:
        alive, silent = await workers.heard(services.redis, now)
        late = await services.redis.zcount(keys.DUE, "-inf", records.milliseconds(now - LATE))
        suspended = await jobs.are_suspended(services.redis)
    except (RedisError, OSError):
        return [Finding("workers", Grade.FAIL, "unknown while redis is away", "fix redis first")]
    if suspended:
        return [Finding("workers", Grade.FAIL, "held up by 'rq suspend': popups wait", "rq resume --url REDIS_URL")]
    if not alive:
        told = "no worker runs: popups wait"
        fix = f"systemctl start popbridge-worker@1; {ELSEWHERE}"
        return [Finding("workers", Grade.FAIL, told, fix)]
    found = [Finding("workers", Grade.OK, f"{len(alive)} alive, {sum(one.in_flight for one in alive)} jobs in flight")]
    if silent:
        told = f"{len(silent)} died or hung in the last {workers.FORGOTTEN_SECONDS / 60:.0f} min"
        found.append(Finding("workers", Grade.WARN, told, "journalctl -u 'popbridge-worker@*' -n 30 says why"))
    if late:
        told = f"{late} deliveries are due since more than {LATE.seconds} s"
        found.append(Finding("workers", Grade.WARN, told, f"systemctl enable --now popbridge-worker@3; {ELSEWHERE}"))
    return found


async def of_audit(services: Services) -> list[Finding]:
    """The archive's database, and what waits for it."""
    try:
        await asyncio.to_thread(services.archive.works)
    except ArchiveUnfit as error:
        fix = "ln -sfn /opt/popbridge-VERSION /opt/popbridge; restart; or restore the backup of before the upgrade"
        return [Finding("audit", Grade.FAIL, str(error), fix)]
    except SQLAlchemyError as error:
        told = f"the archive's database cannot be used ({why_not(error)})"
        start = "" if services.archive.is_sqlite else "systemctl start postgresql; where it runs already: "
        return [Finding("audit", Grade.FAIL, told, f"{start}check [audit] url, its rights and its disk")]
    try:
        waiting, aside = await services.redis.xlen(keys.AUDIT), await services.redis.xlen(keys.AUDIT_ASIDE)
    except (RedisError, OSError):
        return [Finding("audit", Grade.WARN, "the archive answers; what waits for it is unknown", "fix redis first")]
    found = [Finding("audit", Grade.OK, f"the archive answers, {waiting} lines wait for it")]
    if waiting > UNARCHIVED:
        told = f"{waiting} lines wait to be archived"
        found.append(Finding("audit", Grade.WARN, told, "is a worker running? its log tells what stops it"))
    if aside:
        told = f"{aside} entries were put aside because they are no audit lines"
        found.append(Finding("audit", Grade.WARN, told, f"redis-cli XRANGE {keys.AUDIT_ASIDE} - +"))
    return found
