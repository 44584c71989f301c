"""Where a try may lead: public addresses, the networks that the settings name, and exactly the servers in them."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from bridge.config.models import CrmAccount, PbxAccount, Settings
from bridge.egress.allowed_addresses import Reach
from bridge.egress.reachable import reach_of

PORTS = {"http": 80, "https": 443}


def for_tries(settings: Settings, account: PbxAccount | CrmAccount) -> Reach:
    """The settings' own reach only where the draft leads where an account of the same kind leads already: an
    administrator of the console must not be able to ask other programs on this machine, or others in its network."""
    accounts: list[PbxAccount | CrmAccount] = [*settings.pbx.values(), *settings.crm.values()]
    if any(_places(account) == _places(one) for one in accounts):
        return reach_of(settings)
    return Reach(settings.server.private_networks)


def _places(account: PbxAccount | CrmAccount) -> tuple[object, ...]:
    """Every place that an account leads to: its servers, and ports that have keys of their own."""
    ports = sorted((key, str(value)) for key, value in dict(account).items() if key.endswith("_port"))
    return account.kind, sorted(_servers(account.addresses())), ports


def _servers(addresses: Iterable[str]) -> list[tuple[str, int]]:
    """Host and port of each."""
    parts = [urlsplit(address if "://" in address else f"//{address}") for address in addresses]
    return [(part.hostname or "", part.port or PORTS.get(part.scheme, 0)) for part in parts]
