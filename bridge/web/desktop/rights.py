"""Open pages follow the directory: when an agent's row is gone, their pages are told why and end at once."""

import asyncio
from collections.abc import Collection

from bridge.agents.directory import Directory
from bridge.services import Services
from bridge.web.desktop import open_pages
from bridge.web.desktop.hub import Desk, Hub

LOOK_SECONDS = 0.5
"""Between two looks at whether the agents' file has changed, which cost a question to the file system."""


async def follow(hub: Hub, services: Services) -> None:
    """Look for ever; pages are gone through only after a change."""
    seen = None
    while True:
        if hub.desks and (directory := services.agents.directory()) is not seen and services.agents.is_complete:
            seen = directory
            look_through(hub.desks, directory)
            hub.hurry.set()
        await asyncio.sleep(LOOK_SECONDS)


def look_through(desks: Collection[Desk], directory: Directory) -> None:
    """End the pages of every agent who is not in the directory, and tell them why. Where an agent is spelled otherwise
    now, their pages connect again, to hear under that name."""
    for desk in [*desks]:
        agent = directory.agent(desk.agent.crm, desk.agent.crm_user)
        if agent is None or agent.crm_user != desk.agent.crm_user:
            for page in [*desk.pages]:
                page.end(open_pages.BYE if agent else open_pages.NO_ROW)
