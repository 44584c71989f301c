"""The bridge's own parts: settings, agents, Redis, workers, audit log."""

import shlex
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from bridge.audit.database import why_not
from bridge.core.errors import ArchiveUnfit, RedisUnfit
from bridge.core.finding import Finding, Grade, counted
from bridge.observability.service_manager import log_of, starting
from bridge.services import Services
from bridge.store import durability, foreign, installation, jobs, keys, trouble, workers
from bridge.store.deliveries import records
from bridge.store.names import Names
from bridge.store.shared_clock import NOTICED_SECONDS

LATE = timedelta(seconds=10)
UNARCHIVED = 1000
WORKER = "popbridge worker"


def of_settings(private: Sequence[Path]) -> list[Finding]:
    """Whether every user of this machine can read secrets."""
    if open_files := [file for file in private if _is_open(file)]:
        message = f"every user of this machine can read {', '.join(file.name for file in open_files)}"
        return [Finding("settings", Grade.WARN, message, f"chmod o-rwx {shlex.join(map(str, open_files))}")]
    return [Finding("settings", Grade.OK, "valid; settings and secrets are not world-readable")]


def _is_open(file: Path) -> bool:
    """Whether it is world-readable, and so are all folders above it."""
    try:
        whole = file.resolve(strict=True)
        reachable = all(folder.stat().st_mode & stat.S_IXOTH for folder in whole.parents)
        return reachable and bool(whole.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


async def of_agents(services: Services) -> list[Finding]:
    """Whether there are agents, and their file has no errors."""
    directory, wrong = services.agents.directory(), len(services.agents.problems)
    if wrong:
        message = f"{counted(wrong, 'error')} in the agents' file; the previous version is still in use"
        return [Finding("agents", Grade.FAIL, message, "popbridge check")]
    if not directory.agents:
        fix = "add agents to the [agents] file; popbridge check"
        return [Finding("agents", Grade.WARN, "there are no agents", fix)]
    if directory.warnings:
        message = f"{counted(len(directory.agents), 'agent')}; {counted(len(directory.warnings), 'row')} may be wrong"
        first = directory.warnings[0].rpartition("/")[2]
        return [Finding("agents", Grade.WARN, f"{message}: {first}", "popbridge check lists them")]
    return [Finding("agents", Grade.OK, counted(len(directory.agents), "agent"))]


async def of_redis(services: Services) -> list[Finding]:
    """Whether it responds, accepts writes, and is durable."""
    try:
        wrong = await durability.findings(services.redis, datetime.now(UTC))
        await durability.try_write(services.redis)
        await installation.require(services.redis, services.settings)
    except RedisUnfit as error:
        what, _, fix = str(error).partition("; fix: ")
        return [Finding("redis", Grade.FAIL, what, fix)]
    except (RedisError, OSError) as error:
        found = trouble.of(error)
        place = trouble.place_in(error) or "it"
        return [Finding("redis", Grade.FAIL, f"{place} {found.what}, so clicks are answered 503", found.fix)]
    grades = {True: Grade.FAIL, False: Grade.WARN}
    told = [Finding("redis", grades[one.fatal], one.what, one.fix) for one in wrong]
    return told or [Finding("redis", Grade.OK, "responds, is durable, and its clock agrees")]


async def of_workers(services: Services) -> list[Finding]:
    """Whether workers deliver popups, and in time."""
    now, names = services.clock.now(), Names(services.settings.redis.prefix)
    try:
        alive, silent = await workers.statuses(services.redis, now)
        late = await services.redis.zcount(keys.DUE, "-inf", records.milliseconds(now - LATE))
        suspended = await jobs.are_suspended(services.redis)
        others = await foreign.workers(services.redis)
    except (RedisError, OSError):
        return [Finding("workers", Grade.FAIL, "unknown: Redis is unavailable", "fix redis first")]
    if suspended:
        fix = f"{names.rq} resume --url REDIS_URL"
        return [Finding("workers", Grade.FAIL, "suspended by 'rq suspend': popups wait", fix)]
    strangers = list(_strangers(others))
    if not alive:
        message = "no worker is running: popups wait"
        fix = starting("popbridge-worker@1", WORKER)
        return [Finding("workers", Grade.FAIL, message, fix), *strangers]
    found = [Finding("workers", Grade.OK, f"{len(alive)} alive, {sum(one.in_flight for one in alive)} jobs in flight")]
    if silent:
        message = f"{len(silent)} died or hung in the last {workers.FORGOTTEN_SECONDS / 60:.0f} min"
        found.append(Finding("workers", Grade.WARN, message, f"see {log_of('popbridge-worker@*')}"))
    if late:
        message = f"{late} deliveries are overdue by more than {LATE.seconds} s"
        found.append(Finding("workers", Grade.WARN, message, starting("popbridge-worker@3", f"one more: {WORKER}")))
    return [*found, *strangers, *(_clock_of(one) for one in alive if abs(one.ahead) >= NOTICED_SECONDS)]


def _strangers(others: Sequence[foreign.Foreigner]) -> Iterator[Finding]:
    if others:
        message = f"RQ workers that are not popbridge's take its jobs, so popups are late: {foreign.named(others)}"
        yield Finding("workers", Grade.FAIL, message, f"stop them: kill {others[0].pid} on {others[0].machine}")


def _clock_of(worker: workers.Status) -> Finding:
    machine = worker.machine or "a machine"
    message = f"the clock of {machine} is {worker.ahead:+.0f} s off from Redis'; popups are still delivered in time"
    return Finding("workers", Grade.WARN, message, f"run NTP on {machine}")


async def of_audit(services: Services) -> list[Finding]:
    """The archive's database, and the log entries that wait for it."""
    try:
        await services.archive.ask(services.archive.works)
    except ArchiveUnfit as error:
        fix = "ln -sfn /opt/popbridge-VERSION /opt/popbridge; restart; or restore the backup made before the upgrade"
        return [Finding("audit", Grade.FAIL, str(error), fix)]
    except SQLAlchemyError as error:
        message = f"the archive's database cannot be used ({why_not(error)})"
        start = starting("postgresql", "start its server") + "; if it is running, "
        start = "" if services.archive.is_sqlite else start
        return [Finding("audit", Grade.FAIL, message, f"{start}check [audit] url, its rights and its disk")]
    try:
        waiting, aside = await services.redis.xlen(keys.AUDIT), await services.redis.xlen(keys.AUDIT_ASIDE)
    except (RedisError, OSError):
        unknown = "the archive works; the number of waiting log entries is unknown"
        return [Finding("audit", Grade.WARN, unknown, "fix redis first")]
    found = [Finding("audit", Grade.OK, f"the archive works, {waiting} log entries wait to be archived")]
    if waiting > UNARCHIVED:
        message = f"{waiting} log entries wait to be archived"
        found.append(Finding("audit", Grade.WARN, message, "start a worker; if one is running, see its log"))
    if aside:
        names = Names(services.settings.redis.prefix)
        message = f"{aside} unreadable log entries were put aside"
        found.append(Finding("audit", Grade.WARN, message, f"redis-cli XRANGE {names.of(keys.AUDIT_ASIDE)} - +"))
    return found
