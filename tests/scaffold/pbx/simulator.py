"""New Make's API as a small app over a switchboard, with misbehaviours. Not for real calls.

FILL IN: answer exactly as the vendor's API does, faults and limits included. The switchboard knows every call; write
here how the vendor shows it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Secret
from bridge.core.model import Call, Direction
from bridge.pbx.simulation import SLOW_SECONDS, SimulatedPbx
from bridge.pbx.switchboard import Switchboard

DIRECTIONS = {Direction.INCOMING: "in", Direction.OUTGOING: "out", Direction.INTERNAL: "internal"}


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs."""

    slow_seconds: float = 0.0
    down: bool = False
    refuses: bool = False


@dataclass(frozen=True, slots=True)
class NewMakeSimulator:
    """One phone system."""

    switchboard: Switchboard
    token: Secret
    faults: Faults

    def app(self) -> Starlette:
        """The API; mount it where `base_url` points."""
        return Starlette(routes=[Route("/calls", self._calls, methods=["GET"])])

    async def _calls(self, request: Request) -> Response:
        await asyncio.sleep(self.faults.slow_seconds)
        if self.faults.down:
            return JSONResponse({}, 503)
        if not self.token.matches(request.headers.get("authorization", "").removeprefix("Bearer ")):
            return JSONResponse({}, 401)
        if self.faults.refuses:
            return JSONResponse({"error": "not allowed"})
        asked = request.query_params.get("extension")
        codes = [code for code in self.switchboard.extensions if asked in (None, code)]
        return JSONResponse({"extensions": [{"extension": code, "calls": self._rows(code)} for code in codes]})

    def _rows(self, extension: str) -> list[Mapping[str, object]]:
        return [_row(call) for call in self.switchboard.calls(extension)]


def _row(call: Call) -> Mapping[str, object]:
    return {
        "id": call.ivrid,
        "state": str(call.state),
        "direction": DIRECTIONS.get(call.direction, ""),
        "number": call.caller.number,
        "name": call.caller.name,
        "did": call.did,
        "started_at": call.started_at.isoformat() if call.started_at else None,
        "answered_at": call.answered_at.isoformat() if call.answered_at else None,
    }


def _section(url: str, secret: Secret) -> dict[str, object]:
    return {"base_url": url, "api_token": secret.reveal(), "region": "IL"}


def _build(board: Switchboard, secret: Secret) -> NewMakeSimulator:
    return NewMakeSimulator(board, secret, Faults())


SIMULATED = SimulatedPbx(
    path="/newmake",
    section=_section,
    build=_build,
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=SLOW_SECONDS),
        "down": Faults(down=True),
        "refuses": Faults(refuses=True),
    },
)
