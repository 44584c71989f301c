"""The settings: each section, its keys, their defaults and one line of help. `loader` fills them in.

What a make needs for a section of its own is offered here too: one import for all of it.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from bridge.config.accounts import CrmAccount, PbxAccount
from bridge.config.addresses import (
    Ancestors,
    Bypasses,
    DatabaseAddress,
    ExactAddress,
    Networks,
    ProxyAddress,
    RedisAddress,
    WebAddress,
)
from bridge.config.rules import Rule
from bridge.config.section import Section, secrets_of
from bridge.config.signin import Oidc, Signin
from bridge.config.values import (
    Names,
    Prefix,
    Region,
    SecretLines,
    Secrets,
    SecretText,
    Supervisors,
    Timezone,
    split_text,
)
from bridge.core.delivery import DESKTOP

__all__ = [
    "Agents", "Audit", "Console", "CrmAccount", "Desktop", "ExactAddress", "Log", "Names", "Oidc",
    "Outgoing", "PbxAccount", "Redis", "Region", "SecretLines", "SecretText", "Secrets", "Section", "Server",
    "Settings", "Signin", "Timezone", "WebAddress", "secrets_of", "split_text",
]  # fmt: skip


class Server(Section):
    """`[server]`: where the bridge listens and how others reach it."""

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    public_url: WebAddress = Field("http://127.0.0.1:8080", description="how CRMs and browsers reach the bridge")
    trusted_proxies: Names = Field((), description="addresses of proxies whose X-Forwarded-For is believed")
    frame_ancestors: Ancestors = Field((), description="origins that may show the desktop page in a frame")
    keep_alive_seconds: int = Field(
        75, ge=1, le=3600, description="how long an idle connection is kept; proxies in front should give up sooner"
    )
    waiting_clicks: int = Field(
        200,
        ge=1,
        description="clicks that may wait in one process, fewer while it is late; others are answered 503 at once",
    )
    reads_per_minute: int = Field(
        30_000, ge=0, description="API and desktop reads from one address; more are answered 429; 0: no limit"
    )
    private_networks: Networks = Field(
        (), description="networks beside the public ones that names of phone systems and CRMs may lead to"
    )


class Redis(Section):
    """`[redis]`: the server that holds live state and jobs."""

    url: RedisAddress | None = Field(
        None, description="redis://…, rediss://…, unix://…, redis+sentinel://…; left out: its own server"
    )
    prefix: Prefix = Field(
        "popbridge", description="what all its keys begin with; another one for each installation on the same Redis"
    )
    strict_durability: bool = Field(
        False, description="refuse to start on a Redis that may lose what it accepted; wait for its replicas"
    )


class Outgoing(Section):
    """`[outgoing]`: how phone systems and CRMs are reached."""

    proxy: ProxyAddress | None = Field(
        None, description="http://[user:password@]HOST:PORT: requests go through it; HTTPS_PROXY is not used"
    )
    no_proxy: Bypasses = Field(
        (), description="asked without the proxy: hosts and all below them, addresses, networks; this machine always is"
    )
    ca_file: Path | None = Field(
        None, description="PEM file of certificate authorities that are trusted beside the system's"
    )


class Audit(Section):
    """`[audit]`: the archive of lookups."""

    url: DatabaseAddress | None = Field(None, description="SQLAlchemy address; left out: audit.db in data_dir")
    retention_days: int = Field(400, ge=1, description="days a log entry is kept")


class Agents(Section):
    """`[agents]`: who sits at which extension."""

    file: Path = Field(
        Path("agents.csv"),
        description="CSV: crm,crm_user,pbx,extension,name, perhaps pop,agent_id; re-read on change",
    )


class Desktop(Section):
    """`[desktop]`: the agents' page."""

    refresh_seconds: float = Field(3.0, ge=0, le=60, description="how often open cards follow their calls; 0: never")
    ended_card_seconds: int = Field(
        60, ge=0, le=3600, description="how long the card of an ended call stays; 0: until it is dismissed"
    )
    agents_choose_pop: bool = Field(False, description="agents choose on their page what makes a popup")
    streams_per_agent: int = Field(
        50, ge=0, description="open pages of one agent in one process, whatever their tokens; more get 429; 0: no limit"
    )
    streams_per_address: int = Field(
        2000, ge=0, description="the same from one address; a proxy that is not trusted is one address; 0: no limit"
    )


class Console(Section):
    """`[console]`: the pages of supervisors and administrators."""

    refresh_seconds: float = Field(
        3.0,
        ge=0,
        le=60,
        description="how often queues, and phone systems without events, are asked while somebody has "
        "the live page open, by one process for all; 0: never",
    )
    mask_numbers: Supervisors = Field(
        (),
        description="roles that see only the last two digits of callers' numbers, on every page, in the API and in "
        "exports: supervisor, admin",
    )
    streams_per_person: int = Field(10, ge=1, description="open live pages of one person in one process; more get 429")


class Log(Section):
    """`[log]`: the lines on standard error."""

    format: Literal["auto", "json", "text"] = Field("auto", description="json, text, or auto: text on a terminal alone")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug, info, warning or error")
    numbers: bool = Field(
        False, description="callers' numbers in full in the log line of a click; otherwise they are masked"
    )


class Settings(Section):
    """Everything the program is told, checked."""

    data_dir: Path = Field(Path("var"), description="where the embedded Redis and the SQLite audit log are")
    server: Server = Server()
    redis: Redis = Redis()
    outgoing: Outgoing = Outgoing()
    audit: Audit = Audit()
    agents: Agents = Agents()
    desktop: Desktop = Desktop()
    console: Console = Console()
    signin: Signin = Signin()
    log: Log = Log()
    pbx: Mapping[str, PbxAccount] = Field({}, description="phone systems")
    crm: Mapping[str, CrmAccount] = Field({}, description="CRMs")
    rules: tuple[Rule, ...] = Field(
        (), description="which calls pop, where to and under which label; the first that fits"
    )
    dids: Mapping[str, str] = Field({}, description="label shown for a number that callers dial")

    def targets_of(self, crm: str) -> tuple[str, ...]:
        """The targets of this CRM's popups; none while it only rehearses."""
        account = self.crm[crm]
        if account.dry_run:
            return ()
        if account.targets is not None:
            return account.targets
        return (crm, DESKTOP) if account.takes_popups else (DESKTOP,)

    def addresses(self) -> Iterator[str]:
        """Every address that the bridge may be told to ask or push to."""
        for phone_system in self.pbx.values():
            yield from phone_system.addresses()
        for account in self.crm.values():
            yield from account.addresses()
        if self.signin.oidc is not None:
            yield self.signin.oidc.issuer

    def day_of(self, crm: str, now: datetime) -> str:
        """The date, `2026-11-28`, where this CRM's phone system is; in UTC for a CRM that is not in the settings."""
        zone = self.pbx[self.pbx_of(crm)].timezone if crm in self.crm and self.pbx else "UTC"
        return now.astimezone(ZoneInfo(zone)).date().isoformat()

    def is_shared(self, pbx: str) -> bool:
        """Whether extensions of this phone system are looked up for several CRMs."""
        return sum(self.pbx_of(crm) == pbx for crm in self.crm) > 1

    def pbx_of(self, crm: str) -> str:
        """The phone system on which an extension named by this CRM is looked up."""
        return self.crm[crm].pbx or next(iter(self.pbx))
