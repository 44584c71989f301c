"""Agents as Bitrix24's users: by e-mail address or id."""

from bridge.crm.bitrix24 import wire
from bridge.crm.bitrix24.api import Api

NOT_PEOPLE = ("email", "bot", "imconnector", "replica")


async def find(api: Api, crm_user: str) -> str | None:
    """The id of the one active user who is called so. Raises as `Api.call`."""
    name = "EMAIL" if "@" in crm_user else "ID"
    if name == "ID" and not wire.ID.fullmatch(crm_user):
        return None
    listed = wire.objects(await api.call("user.get", FILTER={name: crm_user, "ACTIVE": True}))
    ids = [
        wire.id_of(one.get("ID"))
        for one in listed
        if wire.text(one.get(name)).casefold() == crm_user.casefold()
        and one.get("ACTIVE") is not False
        and one.get("USER_TYPE") not in NOT_PEOPLE
    ]
    return ids[0] if len(ids) == 1 else None
