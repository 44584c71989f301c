"""Whether this Redis is durable: checked at every start; each problem comes with its fix."""

import logging
from dataclasses import dataclass
from datetime import datetime

from bridge.config.models import Settings
from bridge.core.clock import Clock
from bridge.core.errors import RedisUnfit
from bridge.core.http_types import Secret
from bridge.core.reasons import Reason, reason
from bridge.store import installation, keys, replication
from bridge.store.client import TextRedis, open_async

log = logging.getLogger(__name__)

OLDEST = (7, 0)
SKEW_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Weakness:
    """What of this Redis may lose popups, and the fix. `fatal`: the bridge cannot use it at all. `waited_for`: with
    `strict_durability` clicks wait for what is missing, so it is no reason not to start."""

    reason: Reason
    advice: Reason
    fatal: bool = False
    waited_for: bool = False

    def __str__(self) -> str:
        return f"{self.reason}; fix: {self.advice}"


async def findings(redis: TextRedis, now: datetime) -> list[Weakness]:
    """The problems; none when all is well. That a server hides its configuration is a problem too."""
    info = await redis.info("server")
    found = [*_version(info), *_cluster(info), *await _clock(redis, now)]
    try:
        config = await redis.config_get("*")
    except Exception:
        return [*found, Weakness(Reason("found-redis-hidden"), Reason("fix-redis-hidden"))]
    return [*found, *_persistence(config), *_eviction(config), *await _replication(redis, config)]


async def try_write(redis: TextRedis) -> None:
    """Write something. Raises redis-py's `ResponseError` where Redis responds but refuses writes: memory or disk is
    full, or it is a replica."""
    await redis.set(keys.TRIED, "1", px=1000)


def _version(info: dict[str, object]) -> list[Weakness]:
    text = str(info.get("valkey_version") or info.get("redis_version") or "0")
    version = tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())
    if version >= OLDEST:
        return []
    return [Weakness(reason("found-redis-old", version=text), Reason("fix-redis-old"), fatal=True)]


def _cluster(info: dict[str, object]) -> list[Weakness]:
    """INFO reports it, even on servers that hide their configuration, as most managed clusters do."""
    if "cluster" not in (info.get("redis_mode"), info.get("server_mode")):  # Redis's name for it, and Valkey's
        return []
    return [Weakness(Reason("found-redis-cluster"), Reason("fix-redis-cluster"), fatal=True)]


def _persistence(config: dict[str, str]) -> list[Weakness]:
    if config.get("appendonly") != "yes":
        return [Weakness(Reason("found-redis-no-appendonly"), _set("appendonly yes"))]
    if config.get("appendfsync") == "no":
        return [Weakness(Reason("found-redis-no-fsync"), _set("appendfsync everysec"))]
    return []


def _eviction(config: dict[str, str]) -> list[Weakness]:
    policy = config.get("maxmemory-policy", "noeviction")
    if policy == "noeviction":
        return []
    return [Weakness(reason("found-redis-evicts", policy=policy), _set("maxmemory-policy noeviction"))]


def _set(setting: str) -> Reason:
    return reason("fix-redis-set", setting=setting)


async def _replication(redis: TextRedis, config: dict[str, str]) -> list[Weakness]:
    """Whether a fail-over may lose what was accepted."""
    known = await replication.to_promote(redis)
    if known is None:
        return []
    if not known:
        return [Weakness(Reason("found-redis-no-replica"), Reason("fix-redis-no-replica"), waited_for=True)]
    found = []
    if config.get("min-replicas-to-write", "0") == "0":
        found.append(Weakness(Reason("found-redis-lags"), Reason("fix-redis-lags"), waited_for=True))
    if (there := await replication.connected(redis)) < known:
        away = reason("found-redis-replicas-away", away=known - there, known=known)
        found.append(Weakness(away, Reason("fix-redis-replicas-away"), waited_for=True))
    return found


async def _clock(redis: TextRedis, now: datetime) -> list[Weakness]:
    seconds, micros = await redis.time()
    skew = abs(seconds + micros / 1e6 - now.timestamp())
    if skew <= SKEW_SECONDS:
        return []
    return [Weakness(reason("found-redis-clock", seconds=round(skew)), Reason("fix-redis-clock"))]


async def check(settings: Settings, redis_url: Secret) -> None:
    """Log what Redis may lose, and join its installation. Raises `RedisUnfit` where the bridge must not start, and
    redis-py's errors."""
    redis, now = open_async(redis_url, settings.redis.prefix), Clock().now()
    strict = settings.redis.strict_durability
    try:
        found = await findings(redis, now)
        wrong = [finding for finding in found if finding.fatal or (strict and not finding.waited_for)]
        if wrong:
            raise RedisUnfit([(one.reason, one.advice) for one in wrong])
        await installation.join(redis, settings, now)
    finally:
        await redis.aclose()
    for finding in found:
        log.warning("redis: %s", finding)
