"""The composition root: settings in, a `Services` of everything that the lines need out. Nothing happens at import."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Self

from bridge.agents.agents_file import AgentsFile
from bridge.agents.sources import AgentSources
from bridge.audit.archive import Archive
from bridge.calls.ahead import Ahead
from bridge.calls.labels import Labels
from bridge.calls.live_calls import Lookup
from bridge.config.models import CrmAccount, Section, Settings, secrets_of
from bridge.contacts.search import Contacts
from bridge.core import background
from bridge.core.clock import Clock
from bridge.core.delivery import Event
from bridge.core.http_types import Secret
from bridge.core.tokens import RateLimit
from bridge.crm import registry as crm_makes
from bridge.crm.contract import ChangesPopups, Delivers, LogsCalls
from bridge.egress.allowed_addresses import Reach
from bridge.egress.client import EgressClient, open_client
from bridge.egress.proxy import Proxy
from bridge.egress.reachable import reach_of, trusting
from bridge.egress.session import AccountSession
from bridge.egress.target_limits import Targets
from bridge.pbx import registry as pbx_makes
from bridge.signin.provider import Provider
from bridge.signin.single_sign_on import SingleSignOn
from bridge.store.accounts import AccountStore
from bridge.store.client import TextRedis, open_async, open_sync
from bridge.store.jobs import Jobs
from bridge.store.replication import Replicas
from bridge.store.scripts import Scripts
from bridge.store.shared_clock import SharedClock
from bridge.store.signins import SignInStore

HOLD_MARGIN_SECONDS = 3.0
LEASE_MARGIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Services:
    """What the lines work with, for as long as the process runs."""

    settings: Settings
    redis: TextRedis
    scripts: Scripts
    jobs: Jobs
    client: EgressClient
    lookup: Lookup
    ahead: Ahead
    agents: AgentSources
    labels: Labels
    targets: Targets
    archive: Archive
    clock: Clock
    shared_clock: SharedClock
    crm_sessions: Mapping[str, AccountSession]
    contacts: Contacts
    signon: SingleSignOn | None
    """With `[signin.oidc]`."""
    replicas: Replicas | None
    """With `strict_durability`: who must have a click before it is answered."""

    def with_redis(self, redis: TextRedis) -> Self:
        """The same, over other connections to the same Redis."""
        return replace(self, redis=redis, scripts=Scripts(redis))

    def takes_popups(self, target: str) -> bool:
        """Whether popups can be sent to the CRM of that name."""
        account = self.settings.crm.get(target)
        return account is not None and account.takes_popups and crm_makes.can(account.kind, Delivers)

    def takes_notes(self, target: str) -> bool:
        """Whether agents' notes can be sent to the CRM of that name."""
        account = self.settings.crm.get(target)
        return account is not None and account.takes_notes and crm_makes.can(account.kind, Delivers)

    def changes_popups(self, target: str) -> bool:
        """Whether the CRM of that name is sent its popups again when it is known who is calling."""
        account = self.settings.crm.get(target)
        adapter: Any = crm_makes.find(account.kind) if account is not None else None
        return isinstance(adapter, ChangesPopups) and adapter.changes_popups(account)

    def logs_calls(self, crm: str) -> bool:
        """Whether calls are written into this CRM's history."""
        account = self.settings.crm.get(crm)
        if account is None or account.dry_run:
            return False
        return account.log_calls and crm_makes.can(account.kind, LogsCalls)

    def takes_event(self, crm: str, event: Event) -> bool:
        """Whether this CRM is told of such an event: it asks for it, or keeps a history of how calls ended."""
        account = self.settings.crm.get(crm)
        if account is None:
            return False
        if event is Event.ENDED and self.logs_calls(crm):
            return True
        return str(event) in account.events and self.takes_popups(crm)

    def has_events(self, pbx: str) -> bool:
        """Whether this phone system is listened to."""
        account = self.settings.pbx.get(pbx)
        return account is not None and account.events != "off"

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


@asynccontextmanager
async def open_services(settings: Settings, redis_url: Secret, clock: Clock | None = None) -> AsyncIterator[Services]:
    """A `Services` for as long as the block lasts. Without a `clock` its time is Redis'; no other connection is opened
    before it is needed."""
    prefix, shared = settings.redis.prefix, SharedClock()
    redis, queue_connection = open_async(redis_url, prefix), open_sync(redis_url, prefix)
    comparing: list[asyncio.Task[None]] = []
    try:
        if clock is None:
            await shared.first(redis)
            comparing.append(asyncio.create_task(shared.keep(redis)))
        async with _services(settings, redis, Jobs(queue_connection), clock or shared.clock, shared) as services:
            yield services
    finally:
        await background.end(*comparing)
        await redis.aclose()
        queue_connection.close()


@asynccontextmanager
async def connections_for_pages(settings: Settings, redis_url: Secret) -> AsyncIterator[TextRedis]:
    """Connections of the pages' and the API's own: however many of them there are, they use up none of the clicks'."""
    redis = open_async(redis_url, settings.redis.prefix)
    try:
        yield redis
    finally:
        await redis.aclose()


@asynccontextmanager
async def renewed(services: Services, settings: Settings) -> AsyncIterator[Services]:
    """A `Services` of other settings on the same Redis, for as long as the block lasts and `services` is open."""
    async with _services(settings, services.redis, services.jobs, services.clock, services.shared_clock) as new:
        yield new


@asynccontextmanager
async def _services(
    settings: Settings, redis: TextRedis, jobs: Jobs, clock: Clock, shared: SharedClock
) -> AsyncIterator[Services]:
    archive = Archive(settings.audit.url or Secret("sqlite://"))
    file = AgentsFile(settings.agents.file, set(settings.crm), set(settings.pbx))
    labels = Labels(settings.dids, {name: account.region for name, account in settings.pbx.items()})
    async with client_of(settings, reach_of(settings)) as client:
        sessions = partial(_session, client, redis, clock)
        lookup = Lookup(
            settings.pbx, lambda name, it: sessions("pbx", name, pbx_makes.find(it.kind), it, it.timeout_seconds), clock
        )
        crm_sessions = {
            name: sessions("crm", name, crm_makes.find(it.kind), it, it.push_timeout_seconds, _own_limit(it))
            for name, it in settings.crm.items()
        }
        try:
            yield Services(
                settings=settings,
                redis=redis,
                scripts=Scripts(redis),
                jobs=jobs,
                client=client,
                lookup=lookup,
                ahead=Ahead(lookup, clock.ticks),
                agents=AgentSources(file, settings.pbx, lookup),
                labels=labels,
                targets=Targets(settings.crm, clock.ticks),
                archive=archive,
                clock=clock,
                shared_clock=shared,
                crm_sessions=crm_sessions,
                contacts=Contacts(redis, settings.crm, crm_sessions, clock),
                signon=_signon(settings, client, redis, clock),
                replicas=Replicas(redis, clock.ticks) if settings.redis.strict_durability else None,
            )
        finally:
            archive.close()


@asynccontextmanager
async def client_of(settings: Settings, reach: Reach) -> AsyncIterator[EgressClient]:
    """The way out that the settings say, to what is in `reach`."""
    outgoing = settings.outgoing
    proxy = Proxy(outgoing.proxy, outgoing.no_proxy) if outgoing.proxy else None
    async with open_client(reach, proxy=proxy, context=trusting(outgoing.ca_file)) as client:
        yield client


def _signon(settings: Settings, client: EgressClient, redis: TextRedis, clock: Clock) -> SingleSignOn | None:
    oidc = settings.signin.oidc
    if oidc is None:
        return None
    store = SignInStore(redis, oidc.issuer, oidc.client_id, oidc.client_secret)
    return SingleSignOn(settings, oidc, Provider(client, oidc, clock), store, clock)


def _session(
    client: EgressClient,
    redis: TextRedis,
    clock: Clock,
    group: str,
    name: str,
    adapter: object,
    account: Section,
    seconds: float,
    limit: RateLimit | None = None,
) -> AccountSession:
    memory = AccountStore(redis, f"{group}:{name}", list(secrets_of(account)), str(getattr(account, "kind", "")))
    return AccountSession(name, adapter, account, client, memory, clock.now, seconds, limit)


def _own_limit(account: CrmAccount) -> RateLimit | None:
    return RateLimit(account.pushes_per_second) if account.pushes_per_second else None
