"""The bridge's own parts: settings, agents, Redis, workers, audit log."""

import shlex
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from bridge.audit.database import why_not
from bridge.audit.migrations import NEWER
from bridge.core.errors import ArchiveUnfit, RedisUnfit
from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import Reason, reason
from bridge.observability.service_manager import log_of, starting
from bridge.services import Services
from bridge.store import durability, foreign, installation, jobs, keys, trouble, workers
from bridge.store.deliveries import records
from bridge.store.names import Names
from bridge.store.shared_clock import NOTICED_SECONDS

LATE = timedelta(seconds=10)
UNARCHIVED = 1000
REDIS_FIRST = Reason("fix-redis-first")
CHECK = Reason("fix-check")


def of_settings(private: Sequence[Path]) -> list[Finding]:
    """Whether every user of this machine can read secrets."""
    if open_files := [file for file in private if _is_open(file)]:
        told = reason("found-readable", files=[file.name for file in open_files])
        return [worded("settings", Grade.WARN, told, reason("fix-readable", files=shlex.join(map(str, open_files))))]
    return [worded("settings", Grade.OK, Reason("found-settings"))]


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
        return [worded("agents", Grade.FAIL, reason("found-agents-wrong", count=wrong), CHECK)]
    if not directory.agents:
        return [worded("agents", Grade.WARN, Reason("found-no-agents"), Reason("fix-no-agents"))]
    agents = reason("found-agents", count=len(directory.agents))
    if directory.warnings:
        first = directory.warnings[0]
        first = replace(first, params={**first.params, "source": Path(str(first.params["source"])).name})
        doubtful = reason("found-agents-doubtful", count=len(directory.warnings), first=first)
        return [worded("agents", Grade.WARN, replace(agents, also=(doubtful,)), Reason("fix-agents-doubtful"))]
    return [worded("agents", Grade.OK, agents)]


async def of_redis(services: Services) -> list[Finding]:
    """Whether it responds, accepts writes, and is durable."""
    try:
        wrong = await durability.findings(services.redis, datetime.now(UTC))
        await durability.try_write(services.redis)
        await installation.require(services.redis, services.settings)
    except RedisUnfit as error:
        return [worded("redis", Grade.FAIL, why, fix) for why, fix in error.problems]
    except (RedisError, OSError) as error:
        found = trouble.of(error)
        place = trouble.place_in(error) or Reason("found-redis-it")
        fails = reason("found-redis-trouble", place=place, reason=found.reason)
        return [worded("redis", Grade.FAIL, fails, found.advice)]
    grades = {True: Grade.FAIL, False: Grade.WARN}
    told = [worded("redis", grades[one.fatal], one.reason, one.advice) for one in wrong]
    return told or [worded("redis", Grade.OK, Reason("found-redis"))]


async def of_workers(services: Services) -> list[Finding]:
    """Whether workers deliver popups, and in time."""
    now, names = services.clock.now(), Names(services.settings.redis.prefix)
    try:
        alive, silent = await workers.statuses(services.redis, now)
        late = await services.redis.zcount(keys.DUE, "-inf", records.milliseconds(now - LATE))
        suspended = await jobs.are_suspended(services.redis)
        others = await foreign.workers(services.redis)
    except (RedisError, OSError):
        return [worded("workers", Grade.FAIL, Reason("found-unknown"), REDIS_FIRST)]
    if suspended:
        return [worded("workers", Grade.FAIL, Reason("found-suspended"), reason("fix-suspended", rq=names.rq))]
    strangers = list(_strangers(others))
    if not alive:
        fix = starting("popbridge-worker@1", Reason("fix-start-worker"))
        return [worded("workers", Grade.FAIL, Reason("found-no-worker"), fix), *strangers]
    told = reason("found-workers", alive=len(alive), jobs=sum(one.in_flight for one in alive))
    found = [worded("workers", Grade.OK, told)]
    if silent:
        told = reason("found-silent-workers", count=len(silent), minutes=round(workers.FORGOTTEN_SECONDS / 60))
        found.append(worded("workers", Grade.WARN, told, reason("fix-see-log", log=log_of("popbridge-worker@*"))))
    if late:
        fix = starting("popbridge-worker@3", Reason("fix-one-more-worker"))
        found.append(worded("workers", Grade.WARN, reason("found-overdue", count=late, seconds=LATE.seconds), fix))
    return [*found, *strangers, *(_clock_of(one) for one in alive if abs(one.ahead) >= NOTICED_SECONDS)]


def _strangers(others: Sequence[foreign.Foreigner]) -> Iterator[Finding]:
    if others:
        fix = reason("fix-foreign", pid=others[0].pid, machine=others[0].machine)
        yield worded("workers", Grade.FAIL, reason("found-foreign", workers=foreign.named(others)), fix)


def _clock_of(worker: workers.Status) -> Finding:
    machine = worker.machine or "?"
    told = reason("found-worker-clock", machine=machine, seconds=f"{worker.ahead:+.0f}")
    return worded("workers", Grade.WARN, told, reason("fix-worker-clock", machine=machine))


async def of_audit(services: Services) -> list[Finding]:
    """The archive's database, and the log entries that wait for it."""
    try:
        await services.archive.ask(services.archive.works)
    except ArchiveUnfit:
        return [worded("audit", Grade.FAIL, NEWER, Reason("fix-archive-newer"))]
    except SQLAlchemyError as error:
        told, fix = reason("found-archive-fails", cause=why_not(error)), Reason("fix-archive")
        if not services.archive.is_sqlite:
            fix = reason("fix-archive-server", start=starting("postgresql", Reason("fix-start-database")))
        return [worded("audit", Grade.FAIL, told, fix)]
    try:
        waiting, aside = await services.redis.xlen(keys.AUDIT), await services.redis.xlen(keys.AUDIT_ASIDE)
    except (RedisError, OSError):
        return [worded("audit", Grade.WARN, Reason("found-archive-unknown"), REDIS_FIRST)]
    found = [worded("audit", Grade.OK, reason("found-archive", count=waiting))]
    if waiting > UNARCHIVED:
        found.append(worded("audit", Grade.WARN, reason("found-unarchived", count=waiting), Reason("fix-unarchived")))
    if aside:
        key = Names(services.settings.redis.prefix).of(keys.AUDIT_ASIDE)
        found.append(worded("audit", Grade.WARN, reason("found-aside", count=aside), reason("fix-aside", key=key)))
    return found
