"""Which requests go out through a proxy; pure."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from urllib.parse import unquote, urlsplit

from bridge.core.http_types import Secret
from bridge.egress.allowed_addresses import address_in, is_this_machine

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """The proxy of the settings, and who is asked without it: hosts with all below them, addresses, networks, each
    perhaps with a port. This machine always is: a proxy would take its name for itself."""

    url: Secret
    no_proxy: Sequence[str] = ()

    @property
    def place(self) -> str:
        """Its host and port, without what it is told to let us through."""
        parts = urlsplit(self.url.reveal())
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{host}:{parts.port or PORTS.get(parts.scheme, 80)}"

    @property
    def address(self) -> str:
        """Its address, without user and password."""
        return f"{urlsplit(self.url.reveal()).scheme}://{self.place}"

    @property
    def headers(self) -> dict[str, str]:
        """What it wants to let us through. The HTTP library makes it the proxy's: `Proxy-Authorization`."""
        parts = urlsplit(self.url.reveal())
        if parts.username is None:
            return {}
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    def takes(self, url: str) -> bool:
        """Whether a request to this address goes through it."""
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").lower()
        port = parts.port or PORTS.get(parts.scheme, 0)
        return not is_this_machine(host) and not any(_is_in(host, port, entry) for entry in self.no_proxy)


def _is_in(host: str, port: int, entry: str) -> bool:
    try:
        network = ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        name, _, wanted = entry.lower().partition(":")
        domain = name.removeprefix("*").lstrip(".").rstrip(".")
        is_named = host == domain or host.endswith(f".{domain}")
        if not is_named and (address := address_in(host)) is not None:
            is_named = str(address) == domain
        return is_named and wanted in ("", str(port))
    address = address_in(host)
    return address is not None and address in network
