"""Requests to Bitrix24's API for one account: one method, or several in a batch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.core.errors import SearchFailed
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.session import Session
from bridge.crm.bitrix24 import wire
from bridge.crm.bitrix24.account import Account

JSON = {"Content-Type": "application/json", "Accept": "application/json"}
RESETS = "operating reset"
READS = frozenset({"batch", "profile", "scope", "user.get", "user.current", "crm.timeline.comment.list"})
"""Methods that may be sent twice without harm; a batch of ours only reads."""
Command = tuple[str, Mapping[str, Any]]
"""A method and its parameters."""


@dataclass(frozen=True, slots=True)
class Api:
    """One account's way to its API."""

    account: Account
    session: Session

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a method. Raises as `wire.read`."""
        reply = await self._authorized(method, params)
        value = wire.read(reply, self._resets_at(method), self.session.now)
        moment = wire.resets_at(value)
        if moment is not None:
            self.session.local[f"{RESETS} {method}"] = moment
        return value["result"]

    async def call_as(self, user_token: Secret, method: str) -> Any:
        """The result of a method for a user of the portal whose own token we were given."""
        reply = await self._send(f"{self.account.api}/rest/{method}", method, {"auth": user_token.reveal()})
        return wire.read(reply, None, self.session.now)["result"]

    async def batch(self, commands: Mapping[str, Command]) -> dict[str, Any]:
        """The results of several methods, by name, in one request. Those that we have no right to are left out, as
        long as there is another."""
        written = {name: f"{method}?{wire.query(params)}" for name, (method, params) in commands.items()}
        told = wire.inside(await self.call("batch", halt=0, cmd=written))
        found, refused = wire.inside(told.get("result")), wire.inside(told.get("result_error"))
        failures = [
            wire.failure(wire.inside(one), 200, self._resets_at("batch"), self.session.now) for one in refused.values()
        ]
        for failed in failures:
            if not _is_missing_right(failed) or len(failures) == len(commands):
                raise failed
        return found

    async def _authorized(self, method: str, params: Mapping[str, Any]) -> Reply:
        """The reply; a token that has expired is replaced, once. Other refusals must not lead to a new token: Bitrix24
        may block applications that renew theirs needlessly."""
        url = f"{self.account.rest}/{method}"
        if not self.account.has_application:
            return await self._send(url, method, params)
        token = await self.session.token()
        reply = await self._send(url, method, {**params, "auth": token.reveal()})
        if not wire.is_expired(reply):
            return reply
        token = await self.session.token(refused=token)
        return await self._send(url, method, {**params, "auth": token.reveal()})

    async def _send(self, url: str, method: str, params: Mapping[str, Any]) -> Reply:
        body = json.dumps(params, ensure_ascii=False).encode("utf-8", "replace")
        return await self.session.send(Request("POST", url, JSON, body), method in READS)

    def _resets_at(self, method: str) -> float | None:
        moment: float | None = self.session.local.get(f"{RESETS} {method}")
        return moment


def _is_missing_right(failed: Exception) -> bool:
    return isinstance(failed, SearchFailed) and failed.reason.code == "bitrix24.no-right"
