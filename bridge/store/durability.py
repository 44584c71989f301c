"""Whether this Redis is durable: checked at every start; each problem comes with its fix."""

import logging
from dataclasses import dataclass
from datetime import datetime

from bridge.config.models import Settings
from bridge.core.clock import Clock
from bridge.core.errors import RedisUnfit
from bridge.core.http_types import Secret
from bridge.store import installation, keys, replication
from bridge.store.client import TextRedis, open_async

log = logging.getLogger(__name__)

OLDEST = (7, 0)
SKEW_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of Redis that may lose popups. `fatal`: the bridge cannot use it at all. `waited_for`: with
    `strict_durability` clicks wait for what is missing, so it is no reason not to start."""

    what: str
    fix: str
    fatal: bool = False
    waited_for: bool = False

    def __str__(self) -> str:
        return f"{self.what}; fix: {self.fix}"


async def findings(redis: TextRedis, now: datetime) -> list[Finding]:
    """The problems; none when all is well. That a server hides its configuration is a problem too."""
    info = await redis.info("server")
    found = [*_version(info), *_cluster(info), *await _clock(redis, now)]
    try:
        config = await redis.config_get("*")
    except Exception:
        hidden = "Redis does not reveal its configuration (CONFIG GET is refused)"
        return [*found, Finding(hidden, "ask its operator to check appendonly and maxmemory-policy")]
    return [*found, *_persistence(config), *_eviction(config), *await _replication(redis, config)]


async def try_write(redis: TextRedis) -> None:
    """Write something. Raises redis-py's `ResponseError` where Redis responds but refuses writes: memory or disk is
    full, or it is a replica."""
    await redis.set(keys.TRIED, "1", px=1000)


def _version(info: dict[str, object]) -> list[Finding]:
    text = str(info.get("valkey_version") or info.get("redis_version") or "0")
    version = tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())
    if version >= OLDEST:
        return []
    return [Finding(f"Redis {text} is older than 7.0", "install Redis 7.0 or Valkey 7.2 or newer", fatal=True)]


def _cluster(info: dict[str, object]) -> list[Finding]:
    """INFO reports it, even on servers that hide their configuration, as most managed clusters do."""
    if "cluster" not in (info.get("redis_mode"), info.get("server_mode")):  # Redis's name for it, and Valkey's
        return []
    fix = "use a standalone Redis, or Sentinel: redis+sentinel://host:26379/NAME/0"
    return [
        Finding("this is a Redis Cluster, where one transaction cannot span all the keys it needs", fix, fatal=True)
    ]


def _persistence(config: dict[str, str]) -> list[Finding]:
    if config.get("appendonly") != "yes":
        lost = "appendonly is off: when Redis stops, accepted popups, their jobs and unarchived log entries are lost"
        return [Finding(lost, "redis-cli CONFIG SET appendonly yes && redis-cli CONFIG REWRITE")]
    if config.get("appendfsync") == "no":
        lost = "appendfsync is 'no': when the machine stops, up to half a minute of accepted popups is lost"
        return [Finding(lost, "redis-cli CONFIG SET appendfsync everysec && redis-cli CONFIG REWRITE")]
    return []


def _eviction(config: dict[str, str]) -> list[Finding]:
    policy = config.get("maxmemory-policy", "noeviction")
    if policy == "noeviction":
        return []
    lost = f"maxmemory-policy is '{policy}': when memory is short, jobs and waiting popups are evicted"
    return [Finding(lost, "redis-cli CONFIG SET maxmemory-policy noeviction && redis-cli CONFIG REWRITE")]


async def _replication(redis: TextRedis, config: dict[str, str]) -> list[Finding]:
    """Whether a fail-over may lose what was accepted."""
    known = await replication.to_promote(redis)
    if known is None:
        return []
    if not known:
        nobody = "Sentinel knows no replica to promote: when this Redis is lost, so is everything accepted"
        return [Finding(nobody, "add a replica: redis-cli -h REPLICA REPLICAOF PRIMARY 6379", waited_for=True)]
    found = []
    if config.get("min-replicas-to-write", "0") == "0":
        lost = "min-replicas-to-write is 0 under Sentinel: a fail-over loses what was accepted and no replica had yet"
        fix = "on each: redis-cli CONFIG SET min-replicas-to-write 1 && redis-cli CONFIG REWRITE; see strict_durability"
        found.append(Finding(lost, fix, waited_for=True))
    if (there := await replication.connected(redis)) < known:
        away = f"{known - there} of {known} replicas that Sentinel may promote are away and will lag"
        gone = "start them; if one is gone for good: redis-cli -p 26379 SENTINEL RESET NAME"
        found.append(Finding(away, gone, waited_for=True))
    return found


async def _clock(redis: TextRedis, now: datetime) -> list[Finding]:
    seconds, micros = await redis.time()
    skew = abs(seconds + micros / 1e6 - now.timestamp())
    if skew <= SKEW_SECONDS:
        return []
    return [Finding(f"the clocks of this machine and of Redis differ by {skew:.0f} s", "run NTP on both")]


async def check(settings: Settings, redis_url: Secret) -> None:
    """Log what Redis may lose, and join its installation. Raises `RedisUnfit` where the bridge must not start, and
    redis-py's errors."""
    redis, now = open_async(redis_url, settings.redis.prefix), Clock().now()
    strict = settings.redis.strict_durability
    try:
        found = await findings(redis, now)
        wrong = [finding for finding in found if finding.fatal or (strict and not finding.waited_for)]
        if wrong:
            raise RedisUnfit([str(finding) for finding in wrong])
        await installation.join(redis, settings, now)
    finally:
        await redis.aclose()
    for finding in found:
        log.warning("redis: %s", finding)
