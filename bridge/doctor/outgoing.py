"""Which way requests go out: directly, or through the proxy; and whose certificates are trusted."""

import os
from collections.abc import Mapping
from dataclasses import replace

from bridge.core.errors import RequestFailed
from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import Reason, reason
from bridge.services import Services

CONNECT_SECONDS = 3.0
UNUSED = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
TRUSTED = ("SSL_CERT_FILE", "SSL_CERT_DIR")
FIX = Reason("fix-proxy")


async def of_ways(services: Services, environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """The way of each account's requests, and whether the proxy answers."""
    ways, nobody = _ways(services), Reason("found-way-nobody")
    told, *more = [*(_way(place, names) for place, names in ways.items())] or [nobody]
    found = [worded("outgoing", Grade.OK, replace(told, also=(*more, _trusted(services, environ))))]
    proxy = services.settings.outgoing.proxy
    if proxy is None and (unused := [name for name in UNUSED if environ.get(name)]):
        return [worded("outgoing", Grade.OK, reason("found-proxy-unused", variable=unused[0])), *found]
    return [*found, *await _of_proxy(services)] if proxy is not None else found


def _way(place: str, names: list[str]) -> Reason:
    if place:
        return reason("found-way-proxy", names=names, proxy=place)
    return reason("found-way-direct", names=names)


def _ways(services: Services) -> dict[str, list[str]]:
    """The accounts whose requests go through each proxy; "": directly."""
    settings, ways = services.settings, dict[str, list[str]]()
    accounts = {f"pbx {name}": one for name, one in settings.pbx.items()} | {
        f"crm {name}": one for name, one in settings.crm.items()
    }
    for name, account in accounts.items():
        places = {services.client.way_to(url) for url in account.addresses()}
        for place in sorted(places):
            ways.setdefault(place, []).append(name)
    return ways


def _trusted(services: Services, environ: Mapping[str, str]) -> Reason:
    names: list[Reason | str] = [name for name in TRUSTED if environ.get(name)]
    also = [f"[outgoing] ca_file {services.settings.outgoing.ca_file}"] if services.settings.outgoing.ca_file else []
    return reason("found-trusted", names=[*(names or [Reason("found-trusted-system")]), *also])


async def _of_proxy(services: Services) -> list[Finding]:
    try:
        ms = await services.client.reach_proxy(CONNECT_SECONDS)
    except RequestFailed as error:
        return [worded("outgoing", Grade.FAIL, error.reason, FIX)]
    return [worded("outgoing", Grade.OK, reason("found-proxy", ms=round(ms)))]
