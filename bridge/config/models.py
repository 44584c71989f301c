"""The settings: each section, its keys, their defaults and one line of help. `settings_reader` fills them in."""

import re
from collections.abc import Iterator, Mapping, Set
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator

from bridge.core import hide
from bridge.core.http_types import Secret
from bridge.core.model import DESKTOP
from bridge.core.text import trimmed

HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\*(\.[a-z0-9_-]+){2,}|\[[0-9a-f:.]+\]", re.I)

PLACEHOLDER = re.compile(
    r"(?:whsec_)?(?:(?-i:X[X\-_ ]{2,})|x{3,}(?:[\-_ ]x{3,})+|\*{3,}|\.{3,}|…|<[^<>]*>|\[[^\[\]]*\]|"
    r"\$?\{.*\}|change[-_ ]?(?:me|it|this).*|"
    r"(?:your|my|insert|enter|put)[-_ ].*(?:here|token|secret|code|key|password)|replace[-_ ]?(?:me|this|with).*|"
    r"(?:todo|tbd|fixme|placeholder)\b.*)",
    re.I,
)
"""What examples have where a secret belongs."""


def _secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    text = trimmed(value) if isinstance(value, str) else ""
    if not text:
        raise ValueError("must be a text that is not empty")
    if not text.isprintable():
        raise ValueError("must not have line ends, control characters or invisible marks in it")
    if PLACEHOLDER.fullmatch(text):
        raise ValueError("is an example's placeholder: put the real one here")
    return Secret(text)


def _web_address(value: str) -> str:
    return _exact_address(value).rstrip("/")


def _checked_address(value: str) -> None:
    if not value.isprintable() or " " in value:
        raise ValueError("must not have spaces, line ends or control characters in it")
    try:
        parts = urlsplit(value)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError("must be an http:// or https:// address")
    if "@" in urlsplit(value).netloc:
        raise ValueError("must not have a name or password in it: addresses are shown")


def _exact_address(value: str) -> str:
    """As written: with receivers such as Django's, a slash at the end is another address."""
    _checked_address(value)
    return value


def _redis_address(value: object) -> Secret:
    address = _secret(value)
    if not re.match(r"(redis|rediss|unix)://.|redis\+sentinel://[^/]+/[^/?]+(/\d+)?$", address.reveal()):
        raise ValueError("must be a redis://, rediss:// or unix:// address, or redis+sentinel://HOST:PORT,…/NAME/0")
    if not address.reveal().startswith("redis+sentinel"):
        try:
            assert urlsplit(address.reveal()).port != 0  # noqa: S101 - reading it is the check
        except (ValueError, AssertionError):
            raise ValueError("must have a number for a port") from None
    return address


def _database_address(value: object) -> Secret:
    address = _secret(value)
    if not re.match(r"[a-z0-9]+(\+[a-z0-9]+)?://", address.reveal()):
        raise ValueError("must be an address such as sqlite:///var/audit.db or postgresql+psycopg://user@host/db")
    return address


@cache
def _timezones() -> Set[str]:
    """The names there are; finding them takes 10 ms."""
    return available_timezones()


def _timezone(value: str) -> str:
    if value not in _timezones():
        raise ValueError("must be a time zone name such as Asia/Jerusalem or UTC")
    return value


def _region(value: str) -> str:
    if value not in SUPPORTED_REGIONS:
        raise ValueError("must be a two-letter country code such as IL or HU")
    return value


def _origins(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not _is_origin(value) or "*" in value:
            raise ValueError("each must be an origin as browsers send it, such as https://crm.example.com")
    return values


def _is_origin(value: str) -> bool:
    """Whether it is scheme, host and perhaps a port, and no more."""
    try:
        _checked_address(value)
    except ValueError:
        return False
    parts = urlsplit(value)
    return value == f"{parts.scheme}://{parts.netloc}".lower() and HOST.fullmatch(_host_of(value)) is not None


def _ancestors(values: tuple[str, ...]) -> tuple[str, ...]:
    """They go into a header: an origin each, one of them perhaps for all hosts below a domain, or the page's own."""
    found = tuple("'self'" if value.strip("'") == "self" else value for value in values)
    if not all(value == "'self'" or _is_origin(value) for value in found):
        raise ValueError("each must be an origin such as https://crm.example.com or https://*.example.com, or 'self'")
    return found


def _hosts(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not HOST.fullmatch(value):
            raise ValueError("each must be a host such as crm.example.com, or *.example.com for all below it")
    return tuple(value.lower() for value in values)


def _host_of(address: str) -> str:
    """As browsers say it."""
    host = urlsplit(address).hostname or ""
    return f"[{host}]" if ":" in host else host


def _networks(value: object) -> object:
    try:
        return tuple(ip_network(str(part).strip()) for part in (split_text(value) or ()))  # type: ignore[attr-defined]
    except ValueError:
        raise ValueError("must be networks such as 10.0.0.0/8 or fd00::/8") from None


def split_text(value: object) -> object:
    """An environment variable gives a list as text with commas, a file of secrets one per line."""
    return [part for each in re.split(r"[,\n]", value) if (part := trimmed(each))] if isinstance(value, str) else value


SecretText = Annotated[Secret, PlainValidator(_secret)]
Secrets = Annotated[tuple[SecretText, ...], BeforeValidator(split_text)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_networks)]


def _can_be_hidden(name: str) -> str:
    if not hide.is_name(name):
        also = ", ".join(hide.NAMES)
        raise ValueError(f"must be customdata.KEY, contact.details.LABEL (KEY or LABEL * for all), or one of: {also}")
    return name


Names = Annotated[tuple[str, ...], BeforeValidator(split_text)]
Hidden = Annotated[tuple[Annotated[str, AfterValidator(_can_be_hidden)], ...], BeforeValidator(split_text)]
Origins = Annotated[tuple[str, ...], BeforeValidator(split_text), AfterValidator(_origins)]
Ancestors = Annotated[tuple[str, ...], BeforeValidator(split_text), AfterValidator(_ancestors)]
Hosts = Annotated[tuple[str, ...], BeforeValidator(split_text), AfterValidator(_hosts)]
RedisAddress = Annotated[Secret, PlainValidator(_redis_address)]
DatabaseAddress = Annotated[Secret, PlainValidator(_database_address)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
ExactAddress = Annotated[str, AfterValidator(_exact_address)]
Timezone = Annotated[str, AfterValidator(_timezone)]
Region = Annotated[str, AfterValidator(_region)]


class Section(BaseModel):
    """One table of the settings: frozen, and a key it does not know is a problem."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _trim(cls, values: Any) -> Any:
        """Texts without what editors, shells and spreadsheets leave at their ends."""
        return _trimmed(values)


def _trimmed(value: Any) -> Any:
    if isinstance(value, str):
        return trimmed(value)
    if isinstance(value, dict):
        return {_trimmed(key): _trimmed(inner) for key, inner in value.items()}
    return [_trimmed(inner) for inner in value] if isinstance(value, list) else value


def secrets_of(section: Section) -> Iterator[Secret]:
    """Every secret in a section."""
    for value in dict(section).values():
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Secret):
                yield one


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
        200, ge=1, description="clicks that may wait in one process; more are answered 503 with Retry-After at once"
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
    strict_durability: bool = Field(False, description="refuse to start on a Redis that may lose what it accepted")


class Audit(Section):
    """`[audit]`: the archive of lookups."""

    url: DatabaseAddress | None = Field(None, description="SQLAlchemy address; left out: audit.db in data_dir")
    retention_days: int = Field(400, ge=1, description="days an audit line is kept")


class Agents(Section):
    """`[agents]`: who sits at which extension."""

    file: Path = Field(
        Path("agents.csv"),
        description="CSV: crm,crm_user,pbx,extension,name, perhaps pop,agent_id; re-read on change",
    )


class Desktop(Section):
    """`[desktop]`: the agents' page."""

    refresh_seconds: float = Field(3.0, ge=0, le=60, description="how often open cards follow their calls; 0: never")
    streams_per_agent: int = Field(
        50, ge=0, description="open pages of one agent in one process, whatever their tokens; more get 429; 0: no limit"
    )
    streams_per_address: int = Field(
        2000, ge=0, description="the same from one address; a proxy that is not trusted is one address; 0: no limit"
    )


class Log(Section):
    """`[log]`: the lines on standard error."""

    format: Literal["auto", "json", "text"] = Field("auto", description="json, text, or auto: text on a terminal alone")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug, info, warning or error")
    numbers: bool = Field(False, description="callers' numbers in full in the line of a click, which masks them else")


class PbxAccount(Section):
    """`[pbx.NAME]`: what every phone system has. Each vendor's folder adds its own keys."""

    kind: str = Field(description="the make of phone system")
    base_url: WebAddress = Field(description="where its API lives")
    timezone: Timezone = Field("UTC", description="its local time zone")
    region: Region = Field(description="country of numbers written without a country code")
    timeout_seconds: float = Field(2.0, gt=0, le=60, description="for one whole question, connect to last byte")
    fresh_seconds: float = Field(0.25, ge=0, le=5, description="an answer this young is used again")
    agents_for: Names = Field((), description="CRMs whose users are the e-mail addresses in its own directory")

    def addresses(self) -> Iterator[str]:
        """Where its API lives; a make that has more addresses adds them."""
        yield self.base_url


class CrmAccount(Section):
    """`[crm.NAME]`: what every CRM has. Each vendor's folder adds its own keys."""

    kind: str = Field(description="how this CRM sends clicks and takes popups")
    pbx: str | None = Field(None, description="where an extension named in a click is looked up")
    targets: Names | None = Field(None, description="who gets the popup; default: this CRM and desktop")
    popup_ttl_seconds: int = Field(120, ge=1, le=3600, description="a popup older than this is of no use: it expires")
    clicks_per_minute: int = Field(0, ge=0, description="more than this many are answered 429; 0: no limit")
    agent_clicks_per_minute: int = Field(
        120, ge=0, description="the same for each agent: a button that is stuck stops nobody else; 0: no limit"
    )
    push_timeout_seconds: float = Field(5.0, gt=0, le=20, description="for one whole push, connect to last byte")
    pushes_at_once: int = Field(16, ge=1, le=1000, description="pushes on their way at the same time, per worker")
    pushes_per_second: int = Field(0, ge=0, description="the CRM's own limit, kept by all workers together; 0: none")
    origins: Origins = Field((), description="pages whose buttons may send clicks by script: https://host, exactly")
    record_hosts: Hosts = Field(
        (), description="more hosts that links to its records may lead to: HOST, or *.HOST for all below it"
    )
    search: bool = Field(True, description="look up callers by number, where this CRM can be searched")
    search_formats: Names = Field(
        (), description="spellings to search for, where the CRM compares texts: e164, national, international, digits"
    )
    search_seconds: float = Field(1.5, gt=0, le=20, description="how long a search for the caller may take")
    cache_seconds: int = Field(3600, ge=0, le=86400, description="how long a contact that was found is used again")
    create_url: str | None = Field(
        None, description="page for a new contact, with {e164}, {national} and {name} to be filled in"
    )
    details: Mapping[str, str] = Field(
        {}, description='fields of a contact to show on the card, by label: "last contact" = "lastContactAt"'
    )
    hide: Hidden = Field(
        (), description='fields kept from cards and pushes: "customdata.KEY", "contact.details.LABEL", "caller.name", …'
    )
    log_calls: bool = Field(False, description="write each call into the CRM's history, where it keeps one")
    api_url: WebAddress | None = Field(None, description="where its API lives, if elsewhere than usual")
    recheck_seconds: float = Field(10.0, ge=0, description="before a push this late, ask if the call lasts; 0: never")

    @property
    def takes_popups(self) -> bool:
        """Whether popups can be pushed to this CRM."""
        return False

    dry_run: bool = Field(False, description="answer and audit clicks, but push nothing anywhere")

    def proofs(self) -> Iterator[tuple[str, str]]:
        """(fingerprint, key) of each secret by which a click is proven to come from this CRM."""
        return iter(())

    def addresses(self) -> Iterator[str]:
        """Where popups are pushed to."""
        return iter(())

    def hosts(self) -> list[str]:
        """Where links to its records may lead: `record_hosts`, and the hosts of its other addresses."""
        addresses = (*self.origins, *self.addresses(), *([self.create_url] if self.create_url else []))
        return sorted({*self.record_hosts, *(_host_of(address) for address in addresses)})

    def problems(self) -> Iterator[tuple[str, str]]:
        """(key, what is wrong) for rules that need more than one key of this section."""
        return iter(())


class Settings(Section):
    """Everything the program is told, checked."""

    data_dir: Path = Field(Path("var"), description="where the embedded Redis and the SQLite audit live")
    server: Server = Server()
    redis: Redis = Redis()
    audit: Audit = Audit()
    agents: Agents = Agents()
    desktop: Desktop = Desktop()
    log: Log = Log()
    pbx: Mapping[str, PbxAccount] = Field({}, description="phone systems")
    crm: Mapping[str, CrmAccount] = Field({}, description="CRMs")
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

    def pbx_of(self, crm: str) -> str:
        """The phone system on which an extension named by this CRM is looked up."""
        return self.crm[crm].pbx or next(iter(self.pbx))
