"""New Make's API as a small app: popups, a search by number, a button. Not for real customers.

FILL IN: answer exactly as the vendor's API does: limits, refusals, errors inside a 200, tokens that expire.
"""

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Request, Secret
from bridge.crm.simulation import LoggedCall, Press, ShownPopup, SimulatedAgent, SimulatedContact, SimulatedCrm

COMPARED_DIGITS = 7
"""It finds every number that ends alike, as many CRMs do."""


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs. `status` other than 200 is what everything is answered."""

    status: int = 200
    slow_seconds: float = 0.0


@dataclass(slots=True)
class NewMakeSimulator:
    """One CRM."""

    key: Secret
    contacts: Sequence[SimulatedContact]
    faults: Faults = field(default_factory=Faults)
    clock: Callable[[], float] = time.time
    popups: dict[str, ShownPopup] = field(default_factory=dict)

    def app(self) -> Starlette:
        """The API; mount it where `base_url` points."""
        routes = [
            Route("/me", self._me),
            Route("/popups/{delivery_id}", self._show, methods=["PUT"]),
            Route("/contacts", self._search),
        ]
        return Starlette(routes=routes)

    def shown(self) -> list[ShownPopup]:
        """Every popup that was shown."""
        return list(self.popups.values())

    def logged(self) -> list[LoggedCall]:
        """None: it keeps no history."""
        return []

    async def _me(self, request: WebRequest) -> Response:
        return await self._refusal(request) or JSONResponse({"name": "popbridge"})

    async def _show(self, request: WebRequest) -> Response:
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        told = json.loads(await request.body())
        popup = ShownPopup(self.clock(), told["agent"], told["number"], told["ivrid"], told["popup_id"])
        self.popups[request.path_params["delivery_id"]] = popup
        return JSONResponse({"shown": True})

    async def _search(self, request: WebRequest) -> Response:
        end = _digits(request.query_params.get("phone", ""))[-COMPARED_DIGITS:]
        found = [one for one in self.contacts if any(_digits(phone).endswith(end) for phone in one.phones)]
        rows = [_row(one) for one in found[: int(request.query_params.get("limit", "50"))]]
        return await self._refusal(request) or JSONResponse({"contacts": rows})

    async def _refusal(self, request: WebRequest) -> Response | None:
        await asyncio.sleep(self.faults.slow_seconds)
        if self.faults.status != 200:
            return JSONResponse({}, self.faults.status)
        offered = request.headers.get("authorization", "").removeprefix("Bearer ")
        return None if self.key.matches(offered) else JSONResponse({}, 401)


def _digits(phone: str) -> str:
    return re.sub(r"\D", "", phone)


def _row(contact: SimulatedContact) -> Mapping[str, object]:
    return {"id": contact.id, "name": contact.name, "phones": list(contact.phones), "company": contact.company}


def _derived(secret: Secret, use: str) -> Secret:
    """A secret for this use, made from the one secret of a simulated account."""
    return Secret(hashlib.sha256(f"{use} {secret.reveal()}".encode()).hexdigest()[:40])


def _section(url: str, secret: Secret) -> dict[str, object]:
    key, token = (_derived(secret, use).reveal() for use in ("api", "click"))
    return {"base_url": url, "api_key": key, "click_token": token}


def _build(
    _url: str, secret: Secret, _agents: Sequence[SimulatedAgent], contacts: Sequence[SimulatedContact]
) -> NewMakeSimulator:
    return NewMakeSimulator(_derived(secret, "api"), contacts)


def _press(bridge_url: str, crm: str, secret: Secret, press: Press) -> Request:
    """The click that its button sends."""
    told: dict[str, object] = {"agent": press.agent.crm_user}
    if press.record is not None:
        told["record"] = {"type": "contact", "id": press.record.id}
    headers = {
        "Authorization": f"Bearer {_derived(secret, 'click').reveal()}",
        "Content-Type": "application/json",
        "Idempotency-Key": press.press_id,
    }
    return Request("POST", f"{bridge_url}/clicks/{crm}", headers, json.dumps(told, ensure_ascii=False).encode())


SIMULATED = SimulatedCrm(
    path="/newmake",
    section=_section,
    build=_build,
    press=_press,
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=1.2),
        "down": Faults(status=503),
        "refuses": Faults(status=403),
    },
)
