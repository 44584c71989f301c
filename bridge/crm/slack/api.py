"""Slack's Web API for one account."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.core.errors import SearchFailed
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.session import Session
from bridge.crm.slack import wire
from bridge.crm.slack.account import Account

EVENT_TYPE = "popbridge_call"
NEWEST = "15"
"""How many messages are looked through for one whose answer was lost."""


@dataclass(frozen=True, slots=True)
class Api:
    """One account's way to its API. Every method raises as `wire.read`, and `SearchFailed` where Slack says no."""

    account: Account
    session: Session

    @property
    def _token(self) -> Secret:
        return self.account.bot_token or Secret("")

    async def _read(self, request: Request, repeatable: bool) -> tuple[str, Mapping[str, Any]]:
        return wire.read(await self.session.send(request, repeatable), self.session.now)

    async def user(self, email: str) -> str | None:
        """The id of the user with this e-mail address; None where nobody has it, or no longer."""
        asked = wire.ask(self.account.api, self._token, "users.lookupByEmail", {"email": email})
        error, found = await self._read(asked, True)
        if error in wire.NOBODY:
            return None
        _refuse(error, found)
        user = wire.inner(found, "user")
        return wire.text(user, "id") or None if user.get("deleted") is not True else None

    async def direct_channel(self, user: str) -> str:
        """The channel of direct messages with a user."""
        asked = wire.call(self.account.api, self._token, "conversations.open", {"users": user})
        error, found = await self._read(asked, True)
        _refuse(error, found)
        return wire.text(wire.inner(found, "channel"), "id")

    async def write(self, method: str, fields: Mapping[str, object]) -> tuple[str, Mapping[str, Any]]:
        """The error ("": none) and the answer of a method that writes a message."""
        return await self._read(wire.call(self.account.api, self._token, method, fields), False)

    async def written(self, channel: str, delivery_id: str) -> str | None:
        """Where the message of this delivery stands among the newest of its channel; None where it is not, or the app
        may not read there."""
        fields = {"channel": channel, "limit": NEWEST, "include_all_metadata": "true"}
        asked = wire.ask(self.account.api, self._token, "conversations.history", fields)
        error, found = await self._read(asked, True)
        messages = found.get("messages") if not error else None
        for one in messages if isinstance(messages, list) else ():
            metadata = wire.inner(one, "metadata") if isinstance(one, dict) else {}
            if wire.text(wire.inner(metadata, "event_payload"), "delivery") == delivery_id:
                return wire.place({"channel": channel, "ts": one.get("ts")})
        return None

    async def who_am_i(self) -> Reply:
        """The answer to whose token it is, with the rights that it has in its headers."""
        return await self.session.send(wire.ask(self.account.api, self._token, "auth.test", {}), True)


def _refuse(error: str, found: Mapping[str, Any]) -> None:
    if error:
        raise SearchFailed(wire.refusal(error, found))
