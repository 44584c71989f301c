"""Requests to Fireberry's API for one account."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.core.errors import SearchFailed
from bridge.core.http_types import Reply, Request
from bridge.core.reasons import reason
from bridge.core.session import Session
from bridge.crm.fireberry import queries, wire
from bridge.crm.fireberry.account import Account


@dataclass(frozen=True, slots=True)
class Api:
    """One account's way to its API."""

    account: Account
    session: Session

    async def send(self, method: str, path: str, value: object = None) -> Reply:
        """The reply to a request with a JSON body, or none. The token is the user's own, and stays."""
        body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") if value is not None else b""
        told = {"Accept": "application/json", **({"Content-Type": "application/json"} if body else {})}
        headers = {**told, "tokenid": self.account.token.reveal()}
        request = Request(method, f"{self.account.api}/api{path}", headers, body)
        return await self.session.send(request, method in ("GET", "PUT") or path == "/query")

    async def query(self, asked: queries.Query, kind: str) -> list[dict[str, Any]]:
        """The records that a query finds. Raises as `wire.read`."""
        return wire.rows(wire.read(await self.send("POST", "/query", asked), self.session.now), kind)

    async def make(self, kind: str, path: str, fields: Mapping[str, object]) -> str:
        """The id of a new record. Raises as `wire.read`."""
        data = wire.read(await self.send("POST", path, fields), self.session.now)
        made = wire.id_in(wire.record(data), data, kind)
        if made is None:
            raise SearchFailed(reason("fireberry.unreadable"))
        return made

    async def change(self, path: str, fields: Mapping[str, object]) -> bool:
        """Whether the record was there and is changed. Raises as `wire.read`."""
        reply = await self.send("PUT", path, fields)
        if reply.status == 404:
            return False
        wire.read(reply, self.session.now)
        return True

    async def record(self, path: str) -> Mapping[str, Any]:
        """What stands in a record. Raises as `wire.read`."""
        return wire.record(wire.read(await self.send("GET", path), self.session.now))
