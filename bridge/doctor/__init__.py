"""`popbridge doctor`: asks everything that must work, and tells of each how it is and the command that mends it.

Nothing here holds a secret, a caller's number or a whole address, so that all of it can go into a ticket.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from pathlib import Path

from bridge.core.finding import Finding
from bridge.doctor import inside, outside
from bridge.services import Services


async def examine(services: Services, private: Sequence[Path]) -> list[Finding]:
    """Everything, asked at the same time; in the order of a click's way. `private` are the files that hold secrets."""
    settings = services.settings
    asked: list[Awaitable[list[Finding]]] = [
        asyncio.to_thread(inside.of_settings, private),
        inside.of_agents(services),
        inside.of_redis(services),
        inside.of_workers(services),
        inside.of_audit(services),
        outside.of_public_url(services),
        *(outside.of_pbx(system) for system in services.lookup.systems.values()),
        *(outside.of_crm(services, name, account) for name, account in settings.crm.items()),
        outside.of_buttons(services),
    ]
    return [finding for findings in await asyncio.gather(*asked) for finding in findings]
