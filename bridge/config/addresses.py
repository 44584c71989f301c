"""What an address in the settings may be: of the web, of Redis and the database, origins, hosts and networks."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, PlainValidator

from bridge.config.values import secret, split_text
from bridge.core.http_types import Secret
from bridge.core.reasons import reason

HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|\*(\.[a-z0-9_-]+){2,}|\[[0-9a-f:.]+\]", re.I)

BYPASS = re.compile(r"(\*?\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*(:[0-9]{1,5})?", re.I)


def _web_address(value: str) -> str:
    return _exact_address(value).rstrip("/")


def _checked_address(value: str) -> None:
    if not value.isprintable() or " " in value:
        raise ValueError(reason("value-address-spaces"))
    try:
        parts = urlsplit(value)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError(reason("value-address"))
    if "@" in urlsplit(value).netloc:
        raise ValueError(reason("value-address-password"))


def _exact_address(value: str) -> str:
    """As written: with receivers such as Django's, a slash at the end is another address."""
    _checked_address(value)
    return value


def _redis_address(value: object) -> Secret:
    address = secret(value)
    if not re.match(r"(redis|rediss|unix)://.|redis\+sentinel://[^/]+/[^/?]+(/\d+)?$", address.reveal()):
        raise ValueError("must be a redis://, rediss:// or unix:// address, or redis+sentinel://HOST:PORT,…/NAME/0")
    if not address.reveal().startswith("redis+sentinel"):
        try:
            is_number = urlsplit(address.reveal()).port != 0
        except ValueError:
            is_number = False
        if not is_number:
            raise ValueError("must have a number for a port")
    return address


def _proxy_address(value: object) -> Secret:
    address = secret(value)
    try:
        parts = urlsplit(address.reveal())
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be http://HOST:PORT or https://HOST:PORT, perhaps with user:password@ (no SOCKS)")
    return address


def _bypasses(values: tuple[str, ...]) -> tuple[str, ...]:
    if not all(BYPASS.fullmatch(value) or _is_network(value) for value in values):
        raise ValueError("each must be a host, .DOMAIN, an address or a network such as 10.0.0.0/8; '*' is no proxy")
    return values


def _is_network(value: str) -> bool:
    try:
        ip_network(value.strip("[]"), strict=False)
    except ValueError:
        return False
    return True


def _database_address(value: object) -> Secret:
    address = secret(value)
    if not re.match(r"[a-z0-9]+(\+[a-z0-9]+)?://", address.reveal()):
        raise ValueError("must be an address such as sqlite:///var/audit.db or postgresql+psycopg://user@host/db")
    return address


def _origins(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not _is_origin(value) or "*" in value:
            raise ValueError(reason("value-origins"))
    return values


def _is_origin(value: str) -> bool:
    """Whether it is scheme, host and perhaps a port, and no more."""
    try:
        _checked_address(value)
    except ValueError:
        return False
    parts = urlsplit(value)
    return value == f"{parts.scheme}://{parts.netloc}".lower() and HOST.fullmatch(host_of(value)) is not None


def _ancestors(values: tuple[str, ...]) -> tuple[str, ...]:
    """They go into a header: an origin each, one of them perhaps for all hosts below a domain, or the page's own."""
    found = tuple("'self'" if value.strip("'") == "self" else value for value in values)
    if not all(value == "'self'" or _is_origin(value) for value in found):
        raise ValueError("each must be an origin such as https://crm.example.com or https://*.example.com, or 'self'")
    return found


def _hosts(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not HOST.fullmatch(value):
            raise ValueError(reason("value-hosts"))
    return tuple(value.lower() for value in values)


def host_of(address: str) -> str:
    """The host in it, as browsers say it."""
    host = urlsplit(address).hostname or ""
    return f"[{host}]" if ":" in host else host


def _networks(value: object) -> object:
    try:
        return tuple(ip_network(str(part).strip()) for part in (split_text(value) or ()))  # type: ignore[attr-defined]
    except ValueError:
        raise ValueError("must be networks such as 10.0.0.0/8 or fd00::/8") from None


def named_networks(names: Iterable[str]) -> list[IPv4Network | IPv6Network]:
    """The networks of these names. Raises `ValueError`."""
    return [ip_network(name) for name in names]


Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_networks)]
Origins = Annotated[tuple[str, ...], BeforeValidator(split_text), AfterValidator(_origins)]
Ancestors = Annotated[tuple[str, ...], BeforeValidator(split_text), AfterValidator(_ancestors)]
Hosts = Annotated[tuple[str, ...], BeforeValidator(split_text), AfterValidator(_hosts)]
RedisAddress = Annotated[Secret, PlainValidator(_redis_address)]
ProxyAddress = Annotated[Secret, PlainValidator(_proxy_address)]
Bypasses = Annotated[tuple[str, ...], BeforeValidator(split_text), AfterValidator(_bypasses)]
DatabaseAddress = Annotated[Secret, PlainValidator(_database_address)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
ExactAddress = Annotated[str, AfterValidator(_exact_address)]
