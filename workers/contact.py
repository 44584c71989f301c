"""Job: find who is calling."""

from bridge.clicks.contact import find_contact
from workers import context


async def contact(popup_id: str) -> None:
    """Find the contact of one popup, keep it and tell the agent's pages."""
    await find_contact(popup_id, context.services())
