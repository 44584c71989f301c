"""Which way requests go out: directly, or through the proxy; and whose certificates are trusted."""

import os
from collections.abc import Mapping

from bridge.core.errors import RequestFailed
from bridge.core.finding import Finding, Grade
from bridge.services import Services

CONNECT_SECONDS = 3.0
UNUSED = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
TRUSTED = ("SSL_CERT_FILE", "SSL_CERT_DIR")
FIX = "check [outgoing] proxy: curl -v -x it https://the-address from this machine"


async def of_ways(services: Services, environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """The way of each account's requests, and whether the proxy answers."""
    ways = _ways(services)
    told = "; ".join(f"{', '.join(names)} {way}" for way, names in ways.items()) or "nobody is asked"
    found = [Finding("outgoing", Grade.OK, f"{told}{_trusted(services, environ)}")]
    proxy = services.settings.outgoing.proxy
    if proxy is None and (unused := [name for name in UNUSED if environ.get(name)]):
        message = f"{unused[0]} of the environment is not used: requests go directly"
        return [Finding("outgoing", Grade.OK, f"{message}; [outgoing] proxy is"), *found]
    return [*found, *await _of_proxy(services)] if proxy is not None else found


def _ways(services: Services) -> dict[str, list[str]]:
    settings, ways = services.settings, dict[str, list[str]]()
    accounts = {f"pbx {name}": one for name, one in settings.pbx.items()} | {
        f"crm {name}": one for name, one in settings.crm.items()
    }
    for name, account in accounts.items():
        places = {services.client.way_to(url) for url in account.addresses()}
        for place in sorted(places):
            ways.setdefault(f"through the proxy {place}" if place else "directly", []).append(name)
    return ways


def _trusted(services: Services, environ: Mapping[str, str]) -> str:
    names = [name for name in TRUSTED if environ.get(name)]
    also = [f"[outgoing] ca_file {services.settings.outgoing.ca_file}"] if services.settings.outgoing.ca_file else []
    return f"; trusted certificates: {', '.join(names) or 'the system'}{''.join(f' and {one}' for one in also)}"


async def _of_proxy(services: Services) -> list[Finding]:
    try:
        ms = await services.client.reach_proxy(CONNECT_SECONDS)
    except RequestFailed as error:
        return [Finding("outgoing", Grade.FAIL, str(error), FIX)]
    return [Finding("outgoing", Grade.OK, f"the proxy takes connections, {ms:.0f} ms")]
