"""Which addresses the bridge may dial: public ones, and those that whoever runs it has named. Pure.

The addresses of the settings are the only targets, but a name in them is resolved by somebody else's server, who must
not be able to lead a signed popup into the network behind the bridge.
"""

import re
import unicodedata
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NEVER = frozenset(map(ip_network, (
    "169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32",
)))  # fmt: skip
"""Link-local addresses and the places where clouds hand out a machine's credentials."""
RESERVED = frozenset(map(ip_network, (
    "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "224.0.0.0/4",
    "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2002::/16", "3fff::/20", "5f00::/16",
    "fec0::/10", "ff00::/8",
)))  # fmt: skip
"""Of no use to anybody outside; some of these Python calls global."""
NEVER_NAMES = frozenset(
    {
        "metadata", "metadata.google.internal", "metadata.goog", "metadata.azure.internal", "metadata.packet.net",
        "metadata.tencentyun.com", "instance-data", "instance-data.ec2.internal",
    }
)  # fmt: skip
"""What clouds call those places."""
TRANSLATED = tuple(map(ip_network, ["::/96", "::ffff:0:0:0/96", "64:ff9b::/96"]))
"""IPv6 addresses whose last 32 bits are an IPv4 address."""
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))
"""But for what is never allowed."""


NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.I)


def address_in(host: str) -> Address | None:
    """The address that a host is, in any way the resolver reads one: `10.1`, `0x7f000001`, `127.0.0.1.`; None where it
    is a name."""
    text = unicodedata.normalize("NFKC", host).replace("。", ".").strip("[]").removesuffix(".").partition("%")[0]
    try:
        return ip_address(text)
    except ValueError:
        return _loosely(text)


def _loosely(text: str) -> IPv4Address | None:
    """As `inet_aton` reads it: up to four numbers, decimal, octal or hexadecimal; the last fills what is left."""
    parts = text.split(".")
    if len(parts) > 4 or not all(NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        numbers = [_number(part) for part in parts]
        *first, last = numbers
        if any(number > 255 for number in first) or last >= 256 ** (4 - len(first)):
            return None
        return IPv4Address(sum(number << (24 - 8 * at) for at, number in enumerate(first)) + last)
    except ValueError:
        return None


def _number(part: str) -> int:
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8) if part.startswith("0") else int(part)


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine, whatever a resolver or a proxy would make of it."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = address_in(host)
    return address is not None and any(_inner(address) in network for network in LOOPBACK)


class Reach:
    """What may be dialled: public addresses and the networks named here."""

    def __init__(self, named: Iterable[Network] = LOOPBACK) -> None:
        self._named = tuple(named)

    def allows(self, text: str) -> bool:
        """Whether a connection to this address may be made."""
        address = _inner(ip_address(text.partition("%")[0]))
        if any(each in network for network in NEVER for each in (address, _translated(address))):
            return False
        return any(address in network for network in self._named) or _is_public(address)

    def refuses(self, host: str) -> bool:
        """Whether a host can be known to be refused without asking what its name leads to."""
        address = address_in(host)
        if address is not None:
            return not self.allows(str(address))
        return unicodedata.normalize("NFKC", host).replace("。", ".").removesuffix(".").lower() in NEVER_NAMES


def _inner(address: Address) -> Address:
    """An IPv4 address written as IPv6 is that IPv4 address."""
    return getattr(address, "ipv4_mapped", None) or address


def _translated(address: Address) -> Address:
    """What a gateway between the two kinds of networks would make of it; itself where none would."""
    if isinstance(address, IPv6Address) and any(address in network for network in TRANSLATED):
        return IPv4Address(int(address) % 2**32)
    return getattr(address, "sixtofour", None) or address


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
