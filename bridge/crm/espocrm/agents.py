"""Agents as EspoCRM's users: by e-mail address, user name or id."""

from typing import Any

from bridge.core.session import Session
from bridge.crm.espocrm import contacts, wire
from bridge.crm.espocrm.wire import Access

FIELDS = "id,userName,name"
NOT_PEOPLE = ("api", "portal", "system")


async def find(access: Access, session: Session, crm_user: str) -> str | None:
    """The id of the one active user who is called so. Raises `SearchFailed`."""
    for attribute in ("emailAddress", "userName") if "@" in crm_user else ("userName", "id"):
        ids = await _ids(access, session, attribute, crm_user)
        if ids:
            return ids[0] if len(ids) == 1 else None
    return None


async def _ids(access: Access, session: Session, attribute: str, value: str) -> list[str]:
    if attribute == "id" and not contacts.ID.fullmatch(value):
        return []
    path = wire.search("User", [("equals", attribute, value)], FIELDS)
    listed, _ = wire.records(await session.send(access.get(path), True))
    return [one["id"] for one in listed if _is_agent(one)]


def _is_agent(user: dict[str, Any]) -> bool:
    return user.get("isActive") is not False and user.get("type") not in NOT_PEOPLE
