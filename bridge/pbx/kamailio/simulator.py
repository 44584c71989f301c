"""Kamailio's JSON-RPC as a small app over a switchboard, with its refusals and faults. Not for real calls.

It answers as a real 5.6 did: a call that has ended stays in the list for 5.5 s, errors have HTTP 403, 404 or 500 and a
JSON body, a question that is no JSON closes the connection, and one name in another encoding makes the whole no UTF-8.
"""

import asyncio
import json
import time
from base64 import b64encode
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Secret
from bridge.pbx.kamailio import exchange
from bridge.pbx.simulation import SLOW_SECONDS, SimulatedPbx
from bridge.pbx.switchboard import Switchboard

GHOST_SECONDS = 5.5
"""How long an ended call is still listed."""
SERVER = {"Server": "kamailio (5.6.3 (x86_64/linux))"}
BROKEN_NAME = b"\xe3\xf0\xe4"
"""A name in Windows-1255."""


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs; as it is made, none. They may be combined."""

    slow_seconds: float = 0.0
    down: Literal["", "503", "closed"] = ""
    refused: Literal["", "method", "rights", "users"] = ""
    html_page: bool = False
    broken_bytes: bool = False
    cut_to: int = 0


@dataclass
class KamailioSimulator:
    """One proxy. It remembers the calls that it listed, to list them as ended for a while."""

    switchboard: Switchboard
    username: str
    password: str
    faults: Faults
    _listed: dict[str, dict[str, Any]] = field(default_factory=dict)
    _ended: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict)

    def app(self) -> Starlette:
        """The API; mount it where `base_url` points."""
        return Starlette(routes=[Route("/RPC", self._rpc, methods=["POST"])])

    async def _rpc(self, request: Request) -> Response:
        await asyncio.sleep(self.faults.slow_seconds)
        if self.faults.down == "closed":
            raise RuntimeError("the connection breaks")
        if self.faults.down == "503":
            return PlainTextResponse("", 503)
        proof = b64encode(f"{self.username}:{self.password}".encode()).decode()
        if not compare_digest(request.headers.get("authorization", "").encode(), f"Basic {proof}".encode()):
            return PlainTextResponse("", 401)
        if self.faults.html_page:
            return HTMLResponse("<html><body>It works!</body></html>")
        return self._answer(await request.body())

    def _answer(self, body: bytes) -> Response:
        try:
            method = json.loads(body)["method"]
        except (ValueError, KeyError, TypeError):
            raise RuntimeError("the connection is closed without a word") from None
        if self.faults.refused == "method":
            return _error(500, "Method Not Found")
        if self.faults.refused == "rights" or (self.faults.refused == "users" and method == "ul.dump"):
            return PlainTextResponse("", 403)
        match method:
            case "dlg.list":
                return self._written(self._dialogs())
            case "ul.dump":
                return self._written(exchange.registered(self.switchboard))
        return PlainTextResponse("", 403)

    def _dialogs(self) -> list[dict[str, Any]]:
        """What there is, and what has ended a moment ago."""
        live, now = exchange.dialogs(self.switchboard), time.monotonic()
        gone = {key: row for key, row in self._listed.items() if key not in live}
        self._ended |= {key: (now, exchange.ended(row, int(time.time()))) for key, row in gone.items()}
        self._ended = {key: held for key, held in self._ended.items() if held[0] > now - GHOST_SECONDS}
        self._listed = live
        return [*live.values(), *(row for _, row in self._ended.values())]

    def _written(self, result: object) -> Response:
        """JSON with tabs, as Kamailio writes it; bytes of names as they came."""
        text = json.dumps({"jsonrpc": "2.0", "result": result, "id": 1}, ensure_ascii=False, indent="\t")
        body = text.encode("utf-8", "replace")
        if self.faults.broken_bytes:
            body = body.replace(b'"cname": "\\"', b'"cname": "\\"' + BROKEN_NAME + b" ")
        return Response(body[: self.faults.cut_to or None], 200, SERVER, "application/json")


def _error(status: int, message: str) -> Response:
    body = {"jsonrpc": "2.0", "error": {"code": status, "message": message}, "id": 1}
    return Response(json.dumps(body, indent="\t"), status, SERVER, "application/json")


USER = "popbridge"


def _section(url: str, secret: Secret) -> dict[str, object]:
    keys = {"base_url": url, "username": USER, "password": secret.reveal(), "domains": [exchange.DOMAIN]}
    return {**keys, "region": "IL"}


def _build(board: Switchboard, secret: Secret) -> KamailioSimulator:
    return KamailioSimulator(board, USER, secret.reveal(), Faults())


SIMULATED = SimulatedPbx(
    path="/kamailio",
    section=_section,
    build=_build,
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=SLOW_SECONDS),
        "down": Faults(down="503"),
        "refuses": Faults(refused="rights"),
    },
    not_told="Kamailio tells neither hold nor recordings nor from where a call was transferred.",
)
