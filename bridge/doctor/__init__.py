"""`popbridge doctor`: asks everything that must work, and tells of each how it is and the command that mends it.

Nothing here holds a secret, a caller's number or a whole address, so that all of it can go into a ticket.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from pathlib import Path

from bridge.doctor import inside, outside
from bridge.doctor.finding import Finding
from bridge.services import Kit


async def examine(kit: Kit, private: Sequence[Path]) -> list[Finding]:
    """Everything, asked at the same time; in the order of a click's way. `private` are the files that hold secrets."""
    settings = kit.settings
    asked: list[Awaitable[list[Finding]]] = [
        asyncio.to_thread(inside.of_settings, private),
        inside.of_agents(kit),
        inside.of_redis(kit),
        inside.of_workers(kit),
        inside.of_audit(kit),
        outside.of_public_url(kit),
        *(outside.of_pbx(system) for system in kit.lookup.systems.values()),
        *(outside.of_crm(kit, name, account) for name, account in settings.crm.items()),
        outside.of_buttons(kit),
    ]
    return [finding for findings in await asyncio.gather(*asked) for finding in findings]
