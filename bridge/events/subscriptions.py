"""Keeping the subscriptions that a phone system's events come by: by the one process that listens to it, from its start
on, and before they run out. Those that were stopped or removed are made again.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote, urlsplit

from bridge.calls.phone_system import PhoneSystem
from bridge.core.errors import PbxError
from bridge.core.model import Pop
from bridge.core.reasons import Reason, reason
from bridge.egress.allowed_addresses import is_this_machine
from bridge.pbx.contract import Subscribed
from bridge.services import Services

log = logging.getLogger(__name__)

CHECK_SECONDS = 300.0
SOON_SECONDS = (5.0, 15.0, 60.0)
"""When some are missing: soon, because the web door may still be starting; then not more often than limits allow."""


async def keep(services: Services, system: PhoneSystem, told: Callable[[Subscribed], None]) -> None:
    """For ever; `told` is told how they stand."""
    found, failures = Subscribed(), 0
    while True:
        found = await _kept(services, system, found)
        told(found)
        failures = failures + 1 if found.missing or found.problem else 0
        if found.made or found.renewed:
            log.info("%s: %d subscriptions made, %d renewed", system.name, found.made, found.renewed)
        if found.problem is not None and failures in (1, len(SOON_SECONDS)):
            log.warning("%s: subscriptions to its events are missing: %s", system.name, found.problem.code)
        await asyncio.sleep(_wait(found, failures))


def _wait(found: Subscribed, failures: int) -> float:
    if not failures:
        return CHECK_SECONDS
    return SOON_SECONDS[-1] if found.made else SOON_SECONDS[min(failures, len(SOON_SECONDS)) - 1]


async def _kept(services: Services, system: PhoneSystem, before: Subscribed) -> Subscribed:
    extensions = wanted(services, system.name)
    if (problem := _unreachable(services, system)) is not None:
        return Subscribed(0, len(extensions), problem=problem)
    try:
        return await system.subscribe(address(services, system.name), extensions)
    except PbxError as error:
        missing = len(extensions) - before.in_force
        return replace(before, missing=max(0, missing), made=0, renewed=0, problem=error.reason)


def address(services: Services, pbx: str) -> str:
    """Where the events of a phone system come to."""
    return f"{services.settings.server.public_url}/events/{quote(pbx, safe='')}"


def wanted(services: Services, pbx: str) -> frozenset[str]:
    """The extensions of the agents who want popups without a click, or may come to want them."""
    may_choose = services.settings.desktop.agents_choose_pop
    agents = services.agents.directory().agents.values()
    waiting = [agent for agent in agents if may_choose or agent.pop is not Pop.BUTTON]
    return frozenset(line.extension for agent in waiting for line in agent.extensions if line.pbx == pbx)


def _unreachable(services: Services, system: PhoneSystem) -> Reason | None:
    """Why no phone system elsewhere can reach us."""
    here = urlsplit(services.settings.server.public_url).hostname or ""
    there = urlsplit(system.account.base_url).hostname or ""
    return reason("subscriptions-public-url") if is_this_machine(here) and not is_this_machine(there) else None
