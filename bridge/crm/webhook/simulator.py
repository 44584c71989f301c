"""A CRM as the bridge sees one: it takes popups, proves who sent them, and has a button. Not for real customers."""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.core.delivery import Event
from bridge.core.errors import BadSignature
from bridge.core.http_types import Request, Secret
from bridge.crm.simulation import (
    LoggedCall,
    Press,
    SentNote,
    ShownPopup,
    SimulatedAgent,
    SimulatedContact,
    SimulatedCrm,
)
from bridge.crm.webhook import signature


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs. `status` other than 200 is what every popup is then answered."""

    status: int = 200
    retry_after: int | None = None
    location: str | None = None
    slow_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Received:
    """One event as it arrived. `at` is the fake's clock; `status` what it was answered; `event` is None unless the
    signature is right and the body is a JSON object."""

    at: float
    status: int
    webhook_id: str
    headers: Mapping[str, str]
    event: Mapping[str, Any] | None

    @property
    def popup(self) -> Mapping[str, Any]:
        """The popup inside, empty when there is none."""
        return self._data(Event.POPUP)

    @property
    def note(self) -> Mapping[str, Any]:
        """The agent's note inside, empty when there is none."""
        return self._data(Event.NOTE)

    def _data(self, kind: Event) -> Mapping[str, Any]:
        data = self.event.get("data") if self.event is not None and self.event.get("type") == kind else None
        return data if isinstance(data, dict) else {}


@dataclass(slots=True)
class WebhookSimulator:
    """Takes popups at `/popups`, signed with any of `secrets`, and keeps what came, the refused ones too."""

    secrets: Sequence[Secret]
    faults: Faults = field(default_factory=Faults)
    clock: Callable[[], float] = time.time
    received: list[Received] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> Starlette:
        """The CRM's web side; mount it where `popup_url` points."""
        return Starlette(routes=[Route("/popups", self._take, methods=["POST"])])

    def accepted(self, click_id: str | None = None) -> list[Received]:
        """The events that were taken (2xx), in order; of one click the popups, if it is named."""
        taken = [each for each in self.received if each.event is not None and 200 <= each.status < 300]
        return [each for each in taken if click_id is None or each.popup.get("click_id") == click_id]

    def shown(self) -> list[ShownPopup]:
        """Every popup that was taken."""
        return [_shown(each) for each in self.accepted() if each.popup]

    def logged(self) -> list[LoggedCall]:
        """The ends of calls that were told: what a CRM would keep as its history."""
        ended = (each for each in self.accepted() if each.event and each.event.get("type") == Event.ENDED)
        return [_logged(each.webhook_id, each.event["data"]) for each in ended if each.event]

    def notes(self) -> list[SentNote]:
        """Every note that was taken."""
        return [
            SentNote(each.at, each.note["agent"]["crm_user"], each.note["text"], each.note["ivrid"])
            for each in self.accepted()
            if each.note
        ]

    async def wait_for(self, click_id: str, seconds: float) -> Received:
        """The first popup of this click that was taken. Raises `TimeoutError` when none comes in time."""
        async with asyncio.timeout(seconds):
            while not (taken := self.accepted(click_id)):
                self._news.clear()
                await self._news.wait()
            return taken[0]

    async def _take(self, request: WebRequest) -> Response:
        body = await request.body()
        await asyncio.sleep(self.faults.slow_seconds)
        event = self._event(request.headers, body)
        status = 401 if event is None else self.faults.status
        webhook_id = request.headers.get("webhook-id", "")
        self.received.append(Received(self.clock(), status, webhook_id, dict(request.headers), event))
        self._news.set()
        waits = status in (429, 503) and self.faults.retry_after is not None
        headers = {"Retry-After": str(self.faults.retry_after)} if waits else {}
        if self.faults.location is not None:
            headers["Location"] = self.faults.location
        return JSONResponse({"taken": status == 200}, status, headers)

    def _event(self, headers: Mapping[str, str], body: bytes) -> Mapping[str, Any] | None:
        """What the body says, once its sender is proven."""
        try:
            signature.verify(self.secrets, headers, body, self.clock())
            event = json.loads(body)
        except (BadSignature, ValueError, RecursionError):
            return None
        return event if isinstance(event, dict) else None


def signed_click(
    bridge_url: str, crm: str, secret: Secret, fields: Mapping[str, object], message_id: str, now: float
) -> Request:
    """The click that the CRM's button sends: signed at `now`; the same `message_id` makes it the same click."""
    body = json.dumps(fields, ensure_ascii=False).encode()
    signed = signature.headers([secret], message_id, int(now), body)
    return Request("POST", f"{bridge_url}/clicks/{crm}", {"Content-Type": "application/json", **signed}, body)


def _shown(received: Received) -> ShownPopup:
    popup = received.popup
    call = popup["call"]
    return ShownPopup(
        received.at, popup["agent"]["crm_user"], call["caller"]["number"], call["ivrid"], popup["popup_id"]
    )


def _logged(ref: str, ended: Mapping[str, Any]) -> LoggedCall:
    return LoggedCall(
        ref,
        ended["agent"]["crm_user"],
        ended["caller"]["number"],
        ended["ivrid"],
        outcome=ended["outcome"],
        talk_seconds=ended["talk_seconds"],
    )


def _derived(secret: Secret, use: str) -> Secret:
    """A signing key for this use, made from the one secret of a simulated account."""
    key = hashlib.sha256(f"{use} {secret.reveal()}".encode()).digest()
    return Secret("whsec_" + base64.b64encode(key).decode())


def _section(url: str, secret: Secret) -> dict[str, object]:
    return {
        "click_secrets": [_derived(secret, "click").reveal()],
        "click_token": hashlib.sha256(f"token {secret.reveal()}".encode()).hexdigest()[:32],
        "popup_url": f"{url}/popups",
        "popup_secrets": [_derived(secret, "popup").reveal()],
    }


def _build(
    _url: str, secret: Secret, _agents: Sequence[SimulatedAgent], _contacts: Sequence[SimulatedContact]
) -> WebhookSimulator:
    return WebhookSimulator([_derived(secret, "popup")])


def _press(bridge_url: str, crm: str, secret: Secret, press: Press) -> Request:
    fields = {"agent": press.agent.crm_user, **({"record": _record(press)} if press.record else {})}
    return signed_click(bridge_url, crm, _derived(secret, "click"), fields, press.press_id, press.at.timestamp())


def _record(press: Press) -> dict[str, object]:
    """The record whose page is open: it names itself, with its numbers as proof."""
    known = press.record
    assert known is not None  # noqa: S101 - for the type checker: the caller has looked
    told = {"type": "contact", "id": known.id, "name": known.name, "company": known.company, "url": press.record_url}
    return {**told, "details": dict(known.details or {}), "phones": list(known.phones)}


SIMULATED = SimulatedCrm(
    path="/crm",
    section=_section,
    build=_build,
    press=_press,
    moods={"ok": Faults(), "slow": Faults(slow_seconds=1.2), "down": Faults(status=503), "refuses": Faults(status=403)},
)
