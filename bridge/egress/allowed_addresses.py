"""Which addresses the bridge may dial: public ones, and those that whoever runs it has named. Pure.

The addresses of the settings are the only targets, but a name in them is resolved by somebody else's server, who must
not be able to lead a signed popup into the network behind the bridge.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NEVER = frozenset(
    map(ip_network, ["169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "192.0.0.192/32"])
)
"""Link-local addresses and the places where clouds hand out a machine's credentials."""
RESERVED = frozenset(
    map(ip_network, ["0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "224.0.0.0/4"])
) | frozenset(
    map(ip_network, ["64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2002::/16", "3fff::/20", "5f00::/16", "ff00::/8"])
)
"""Of no use to anybody outside; some of these Python calls global."""
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class Reach:
    """What may be dialled: public addresses and the networks named here."""

    def __init__(self, named: Iterable[Network] = LOOPBACK) -> None:
        self._named = tuple(named)

    def allows(self, text: str) -> bool:
        """Whether a connection to this address may be made."""
        address = _inner(ip_address(text.partition("%")[0]))
        if any(address in network for network in NEVER):
            return False
        return any(address in network for network in self._named) or _is_public(address)


def _inner(address: Address) -> Address:
    """An IPv4 address written as IPv6 is that IPv4 address."""
    return getattr(address, "ipv4_mapped", None) or address


def _is_public(address: Address) -> bool:
    return address.is_global and not any(address in network for network in RESERVED)


def named_by(urls: Iterable[str]) -> list[Network]:
    """The networks that addresses in the settings name outright: `http://10.0.0.5/…` names 10.0.0.5."""
    found: list[Network] = []
    for url in urls:
        host = urlsplit(url).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            found += LOOPBACK
            continue
        try:
            found.append(ip_network(host))
        except ValueError:
            continue
    return found
