"""An Odoo as its API users see it: JSON-RPC, with errors inside a 200. Not for real customers."""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import Response
from starlette.routing import Route

from bridge.core.http_types import Request, Secret
from bridge.crm.odoo.simulated import (
    DETAILS,
    FIRST_CONTACT,
    OURS,
    Faults,
    Refused,
    marks,
    number_in,
    number_of,
)
from bridge.crm.odoo.simulated_database import Database
from bridge.crm.simulation import LoggedCall, Press, ShownPopup, SimulatedAgent, SimulatedContact, SimulatedCrm

DATABASE, USERNAME = "odoo", "popbridge"


@dataclass(slots=True)
class OdooSimulator:
    """Its API over a database in memory. Without `has_library` it reads no number into E.164."""

    key: Secret
    agents: Sequence[SimulatedAgent]
    contacts: Sequence[SimulatedContact]
    has_library: bool = True
    version: str = "18.0-20250702"
    faults: Faults = field(default_factory=Faults)
    clock: Callable[[], float] = time.time
    database: Database = field(init=False)

    def __post_init__(self) -> None:
        self.database = Database(self.agents, self.contacts, self.clock, self.faults, self.has_library)

    def app(self) -> Starlette:
        """Its API; mount it where `base_url` points."""
        return Starlette(routes=[Route("/jsonrpc", self._answer, methods=["POST"])])

    def shown(self) -> list[ShownPopup]:
        """Every toast and every activity."""
        return list(self.database.popups)

    def logged(self) -> list[LoggedCall]:
        """The messages about calls."""
        return [self._logged(one["id"], one["body"], one["res_id"]) for one in self.database.records["mail.message"]]

    def _logged(self, message_id: int, body: str, record_id: int) -> LoggedCall:
        agent = next((one.crm_user for one in self.agents if f", {one.name}" in body), "")
        return LoggedCall(str(message_id), agent, number_in([body]), marks(body).get("ivrid", ""), str(record_id))

    async def _answer(self, request: WebRequest) -> Response:
        asked = json.loads(await request.body())
        await asyncio.sleep(self.faults.slow_seconds)
        if self.faults.status != 200:
            waits = self.faults.retry_after is not None
            headers = {"Retry-After": str(self.faults.retry_after)} if waits else {}
            return Response("", self.faults.status, headers)
        if self.faults.page:
            return Response("<!DOCTYPE html><title>Odoo</title>", media_type="text/html")
        answer = {"jsonrpc": "2.0", "id": asked.get("id"), **self._told(asked["params"])}
        if self.faults.lose and _has_written(asked["params"]):
            self.faults.lose -= 1
            raise RuntimeError("the answer is lost")
        return Response(json.dumps(answer, ensure_ascii=False), media_type="application/json")

    def _told(self, params: dict[str, Any]) -> dict[str, Any]:
        """The result, left out where there is none, or the error."""
        try:
            result = self._done(**params)
        except Refused as refused:
            data = {"name": refused.name, "debug": "Traceback", "message": refused.message, "arguments": []}
            return {"error": {"code": 200, "message": "Odoo Server Error", "data": data}}
        return {} if result is None else {"result": result}

    def _done(self, service: str, method: str, args: list[Any]) -> Any:
        if method == "version":
            return {"server_version": self.version, "protocol_version": 1}
        if self.faults.error:
            raise Refused(self.faults.error, "You are not allowed to access this.")
        if args[0] != DATABASE:
            raise Refused("psycopg2.OperationalError", f'connection failed: database "{args[0]}" does not exist')
        proven = isinstance(args[2], str) and self.key.matches(args[2])
        if method == "login":
            return OURS if proven and args[1] == USERNAME else False
        if not proven or args[1] != OURS:
            raise Refused("odoo.exceptions.AccessDenied", "Access Denied")
        return self.database.execute(args[3], args[4], args[5], args[6])


def _has_written(params: dict[str, Any]) -> bool:
    return params["method"] == "execute_kw" and params["args"][4] not in ("search_read", "fields_get")


def _derived(secret: Secret, use: str) -> Secret:
    return Secret(hashlib.sha256(f"{use} {secret.reveal()}".encode()).hexdigest()[:40])


def _section(url: str, secret: Secret) -> dict[str, object]:
    token, key = (_derived(secret, use).reveal() for use in ("click", "api"))
    own = {"base_url": url, "database": DATABASE, "username": USERNAME, "api_key": key}
    return {**own, "click_token": token, "details": DETAILS}


def _build(
    _url: str, secret: Secret, agents: Sequence[SimulatedAgent], contacts: Sequence[SimulatedContact]
) -> OdooSimulator:
    return OdooSimulator(_derived(secret, "api"), agents, contacts)


def _press(bridge_url: str, crm: str, secret: Secret, press: Press) -> Request:
    """The link that the server action of `button_files` opens."""
    told = {"token": _derived(secret, "click").reveal(), "agent": press.agent.crm_user}
    if press.record is not None:
        told |= {"_model": "res.partner", "_id": str(number_of(press.record.id, FIRST_CONTACT, 0))}
    return Request("GET", f"{bridge_url}/clicks/{crm}?{urlencode(told)}", {"Accept": "application/json"})


SIMULATED = SimulatedCrm(
    path="/odoo",
    section=_section,
    build=_build,
    press=_press,
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=1.2),
        "down": Faults(status=503),
        "refuses": Faults(error="odoo.exceptions.AccessError"),
    },
)
