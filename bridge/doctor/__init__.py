"""`popbridge doctor`: tests every dependency and prints the fix.

The output contains no secret, caller's number or complete address, so that all of it can go into a ticket.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from pathlib import Path

from bridge.core.finding import Finding
from bridge.doctor import access, inside, listening, outgoing, outside, signon
from bridge.services import Services


async def examine(services: Services, private: Sequence[Path]) -> list[Finding]:
    """Test everything at once; findings in the order of a click's path. `private`: the files that contain secrets."""
    settings = services.settings
    tests: list[Awaitable[list[Finding]]] = [
        asyncio.to_thread(inside.of_settings, private),
        inside.of_agents(services),
        access.of_tokens(services),
        signon.of_signin(services),
        inside.of_redis(services),
        inside.of_workers(services),
        inside.of_audit(services),
        outside.of_public_url(services),
        outgoing.of_ways(services),
        *(outside.of_pbx(system) for system in services.lookup.systems.values()),
        *(listening.of_listener(services, system) for system in services.lookup.systems.values()),
        *(outside.of_rows(services, system) for system in services.lookup.systems.values()),
        *(outside.of_crm(services, name, account) for name, account in settings.crm.items()),
        outside.of_buttons(services),
    ]
    return [finding for findings in await asyncio.gather(*tests) for finding in findings]
