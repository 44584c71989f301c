"""A workflow of Teams as a small app: it takes cards, within its limits, for one channel. Not for real customers."""

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Secret
from bridge.crm.simulation import LoggedCall, ShownPopup, SimulatedAgent, SimulatedContact, SimulatedCrm
from bridge.crm.teams.wire import CARD, FAILED

NUMBER = re.compile(r"[+0-9][0-9 ()-]{2,}")
PATH = "/workflows/invented/triggers/manual/paths/invoke"
LARGEST, PER_SECOND = 28 * 1024, 4
PARTS = {"RichTextBlock", "TextRun", "Action.OpenUrl", "AdaptiveCard"}


@dataclass(slots=True)
class Faults:
    """Misbehaviours. `status` other than 202 answers everything; `failed_in_200` is the text of a 200 that is none."""

    status: int = 202
    slow_seconds: float = 0.0
    failed_in_200: str = ""
    lost_answers: int = 0


@dataclass(frozen=True, slots=True)
class Posted:
    """One card, and for whom."""

    at: float
    recipient: str
    card: Mapping[str, Any]


@dataclass(slots=True)
class TeamsSimulator:
    """One workflow that posts into one channel."""

    signature: str
    clock: Callable[[], float] = time.time
    faults: Faults = field(default_factory=Faults)
    posted: list[Posted] = field(default_factory=list)

    def app(self) -> Starlette:
        """The workflow's address; mount it where `webhook_url` points."""
        return Starlette(routes=[Route(PATH, self._take, methods=["POST"])])

    def shown(self) -> list[ShownPopup]:
        """Every card of a popup."""
        return [_shown(one) for one in self.posted if "popbridge-pop_" in one.card["body"][0]["id"]]

    def logged(self) -> list[LoggedCall]:
        """None: it keeps no history of calls."""
        return []

    async def _take(self, request: WebRequest) -> Response:
        body = await request.body()
        await asyncio.sleep(self.faults.slow_seconds)
        if self.faults.status != 202:
            return Response(status_code=self.faults.status)
        if self.faults.failed_in_200:
            return PlainTextResponse(f"{FAILED.decode()} with error: {self.faults.failed_in_200}")
        if request.query_params.get("sig") != self.signature:
            return _no(401, "DirectApiAuthorizationRequired")
        now = self.clock()
        if len([one for one in self.posted if now - one.at < 1]) >= PER_SECOND:
            return Response(status_code=429, headers={"Retry-After": "2"})
        if len(body) > LARGEST:
            return _no(413, "RequestEntityTooLarge")
        found = _message(body)
        if found is None:
            return _no(400, "TriggerInputSchemaMismatch")
        self.posted.append(Posted(now, str(found.get("recipient", "")), found["attachments"][0]["content"]))
        if self.faults.lost_answers:
            self.faults.lost_answers -= 1
            return Response(status_code=504)
        return Response(status_code=202)


def _no(status: int, code: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": "invented"}}, status)


def _message(body: bytes) -> Mapping[str, Any] | None:
    """The message, where it is one with a card that Teams shows."""
    try:
        message = json.loads(body)
        (attachment,) = message["attachments"]
        card = attachment["content"]
        is_card = attachment["contentType"] == CARD and card["type"] == "AdaptiveCard" and card["body"]
    except (ValueError, KeyError, TypeError):
        return None
    return message if message.get("type") == "message" and is_card and {*_types(card)} <= PARTS else None


def _types(value: object) -> Iterator[str]:
    """The types of all elements of a card."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict) and "type" in value:
        yield str(value["type"])
    for one in inner:
        yield from _types(one)


def _shown(posted: Posted) -> ShownPopup:
    title = posted.card["body"][0]
    found = NUMBER.search(title["inlines"][0]["text"])
    popup_id = title["id"].removeprefix("popbridge-")
    return ShownPopup(posted.at, posted.recipient, found[0].strip() if found else "", popup_id=popup_id)


def _signature(secret: Secret) -> str:
    return hashlib.sha256(f"workflow {secret.reveal()}".encode()).hexdigest()[:43]


def _section(url: str, secret: Secret) -> dict[str, object]:
    version = "api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0"
    return {"webhook_url": f"{url}{PATH}?{version}&sig={_signature(secret)}"}


def _build(
    _url: str, secret: Secret, _agents: Sequence[SimulatedAgent], _contacts: Sequence[SimulatedContact]
) -> TeamsSimulator:
    return TeamsSimulator(_signature(secret))


SIMULATED = SimulatedCrm(
    path="/teams",
    section=_section,
    build=_build,
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=1.2),
        "down": Faults(status=503),
        "refuses": Faults(status=404),
    },
)
