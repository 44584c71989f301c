"""Open pages follow the directory: when an agent's row is gone, their pages are told why and end at once."""

import asyncio
from collections.abc import Collection

from bridge.services import Services
from bridge.web.desktop import open_pages
from bridge.web.desktop.hub import Desk, Hub

LOOK_SECONDS = 0.5
"""Between two looks at whether the agents' file has changed, which cost a question to the file system."""


async def follow(hub: Hub, services: Services) -> None:
    """Look for ever; pages are gone through only after a change."""
    seen = None
    while True:
        directory = services.agents.directory()
        if directory is not seen and services.agents.is_complete:
            seen = directory
            end_those_without_a_row(hub.desks, services)
            hub.hurry.set()
        await asyncio.sleep(LOOK_SECONDS)


def end_those_without_a_row(desks: Collection[Desk], services: Services) -> None:
    """Tell every page of an agent who is not in the directory, and end it."""
    directory = services.agents.directory()
    for desk in [*desks]:
        if directory.agent(desk.agent.crm, desk.agent.crm_user) is None:
            for page in [*desk.pages]:
                page.end(open_pages.NO_ROW)
