"""The composition root: settings in, a `Kit` of everything that the lines need out. Nothing happens at import."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from bridge import crm, pbx
from bridge.agents.agents_file import AgentsFile
from bridge.agents.sources import Roster
from bridge.audit.archive import Archive
from bridge.audit.database import mistake_in
from bridge.calls.live_calls import Lookup
from bridge.clicks.choose import Labels
from bridge.config import loader
from bridge.config.models import Settings
from bridge.core.clock import Clock
from bridge.core.errors import SettingsError
from bridge.core.http_types import Secret
from bridge.egress.allowed_addresses import Reach, named_by
from bridge.egress.client import Exchange, open_exchange
from bridge.egress.target_limits import Targets
from bridge.store.client import TextRedis, open_async, open_sync
from bridge.store.jobs import Jobs
from bridge.store.scripts import Scripts

HOLD_MARGIN_SECONDS = 3.0
LEASE_MARGIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Kit:
    """What the lines work with, for as long as the process runs."""

    settings: Settings
    redis: TextRedis
    scripts: Scripts
    jobs: Jobs
    exchange: Exchange
    lookup: Lookup
    agents: Roster
    labels: Labels
    targets: Targets
    archive: Archive
    clock: Clock

    @property
    def hold_seconds(self) -> float:
        """How long one click may take at most; after that a repeat of it is answered anew."""
        slowest = max((account.timeout_seconds for account in self.settings.pbx.values()), default=0.0)
        return slowest + HOLD_MARGIN_SECONDS

    @property
    def lease(self) -> timedelta:
        """How long one try of a delivery may take at most; after that another worker may try it."""
        asked = max((account.timeout_seconds for account in self.settings.pbx.values()), default=0.0)
        pushed = max((account.push_timeout_seconds for account in self.settings.crm.values()), default=0.0)
        return timedelta(seconds=asked + pushed + LEASE_MARGIN_SECONDS)


def load_settings(
    option: str | None, environ: Mapping[str, str] = os.environ, also: loader.AlsoRead | None = None
) -> Settings:
    """The settings from the file named by option, environment or default. Raises `SettingsError`."""
    pbx_kinds = {kind: adapter.account for kind, adapter in pbx.kinds().items()}
    crm_kinds = {kind: adapter.account for kind, adapter in crm.kinds().items()}
    file = loader.settings_file(option, environ)
    settings = loader.load(file, environ, pbx_kinds, crm_kinds, also)
    wrong = mistake_in(settings.audit.url) if settings.audit.url else None
    if wrong:
        raise SettingsError([f"{file}: audit.url: {wrong}"])
    return settings


@asynccontextmanager
async def open_kit(settings: Settings, redis_url: Secret, clock: Clock | None = None) -> AsyncIterator[Kit]:
    """A `Kit` for as long as the block lasts. Opens no connection before it is needed."""
    redis, queue_connection = open_async(redis_url), open_sync(redis_url)
    try:
        async with _kit(settings, redis, Jobs(queue_connection), clock or Clock()) as kit:
            yield kit
    finally:
        await redis.aclose()
        queue_connection.close()


@asynccontextmanager
async def renewed(kit: Kit, settings: Settings) -> AsyncIterator[Kit]:
    """A `Kit` of other settings on the same Redis, for as long as the block lasts and `kit` is open."""
    async with _kit(settings, kit.redis, kit.jobs, kit.clock) as new:
        yield new


@asynccontextmanager
async def _kit(settings: Settings, redis: TextRedis, jobs: Jobs, clock: Clock) -> AsyncIterator[Kit]:
    archive = Archive(settings.audit.url or Secret("sqlite://"))
    file = AgentsFile(settings.agents.file, set(settings.crm), set(settings.pbx))
    labels = Labels(settings.dids, {name: account.region for name, account in settings.pbx.items()})
    reach = Reach([*settings.server.private_networks, *named_by(settings.addresses())])
    async with open_exchange(reach) as exchange:
        lookup = Lookup(settings.pbx, exchange, clock)
        try:
            yield Kit(
                settings=settings,
                redis=redis,
                scripts=Scripts(redis),
                jobs=jobs,
                exchange=exchange,
                lookup=lookup,
                agents=Roster(file, settings.pbx, lookup),
                labels=labels,
                targets=Targets(settings.crm, clock.ticks),
                archive=archive,
                clock=clock,
            )
        finally:
            archive.close()
