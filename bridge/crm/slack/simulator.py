"""Slack as a small app: its Web API, as far as messages need it, and one incoming webhook. Not for real customers."""

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Secret
from bridge.crm.simulation import LoggedCall, ShownPopup, SimulatedAgent, SimulatedContact, SimulatedCrm
from bridge.crm.slack.findings import FOR_AGENTS
from bridge.crm.slack.simulated import Message, Refused, Workspace

NUMBER = re.compile(r"[+0-9][0-9 ()-]{2,}")
READS = ("users.lookupByEmail", "conversations.history", "auth.test")
HOOK_CHANNEL = "C0POPBRIDGE"
HOOK_STATUS = {"ratelimited": 429, "invalid_token": 403, "channel_not_found": 404, "channel_is_archived": 410}


@dataclass(slots=True)
class Faults:
    """Misbehaviours. `status` other than 200 answers everything; `error` is a refusal inside a 200; as many
    `lost_answers` of messages that were written come as a server error; `scopes` are the app's rights."""

    status: int = 200
    slow_seconds: float = 0.0
    error: str = ""
    lost_answers: int = 0
    scopes: tuple[str, ...] = ("chat:write", *FOR_AGENTS, "im:history")


@dataclass(slots=True)
class SlackSimulator:
    """One workspace with one app in it."""

    token: Secret
    hook: str
    workspace: Workspace
    faults: Faults = field(default_factory=Faults)

    def app(self) -> Starlette:
        """The API; mount it where `api_url` points."""
        hook = Route("/services/{hook}", self._webhook, methods=["POST"])
        return Starlette(routes=[hook, Route("/{method}", self._call, methods=["GET", "POST"])])

    def shown(self) -> list[ShownPopup]:
        """Every message of a popup, as it is now."""
        return [self._shown(one) for one in self.workspace.messages if not one.thread]

    def logged(self) -> list[LoggedCall]:
        """None: it keeps no history of calls."""
        return []

    def written(self, popup_id: str) -> list[Mapping[str, Any]]:
        """What the messages of a popup say now."""
        return [one.content for one in self.workspace.messages if one.payload.get("popup") == popup_id]

    def _shown(self, message: Message) -> ShownPopup:
        found = NUMBER.search(message.content["text"])
        agent = self.workspace.agent_of(message.channel)
        return ShownPopup(
            message.at, agent, found[0].strip() if found else "", popup_id=message.payload.get("popup", "")
        )

    async def _call(self, request: WebRequest) -> Response:
        body = await request.body()
        await asyncio.sleep(self.faults.slow_seconds)
        if self.faults.status != 200:
            return self._failing()
        if not self.token.matches(request.headers.get("authorization", "").removeprefix("Bearer ")):
            return _no("invalid_auth")
        method = request.path_params["method"]
        told = _fields(request.headers.get("content-type", ""), body, method)
        if told is None:
            return _no("invalid_arguments")
        try:
            answer = self._answer(method, told)
        except Refused as refused:
            return _no(str(refused))
        if method == "chat.postMessage" and self.faults.lost_answers:
            self.faults.lost_answers -= 1
            return JSONResponse({"ok": False, "error": "internal_error"}, 500)
        return JSONResponse({"ok": True, **answer}, headers={"X-OAuth-Scopes": ",".join(self.faults.scopes)})

    def _failing(self) -> Response:
        limited = self.faults.status == 429
        error = {"ok": False, "error": "ratelimited" if limited else "service_unavailable"}
        return JSONResponse(error, self.faults.status, {"Retry-After": "1"} if limited else None)

    def _answer(self, method: str, told: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.faults.error:
            raise Refused(self.faults.error)
        if needed := NEEDED.get(method):
            self._may(needed)
        match method:
            case "auth.test":
                return {"user_id": "U0POPBRIDGE", "bot_id": "B0POPBRIDGE"}
            case "users.lookupByEmail":
                return {"user": {"id": self.workspace.user(told.get("email")), "deleted": False}}
            case "conversations.open":
                return {"channel": {"id": self.workspace.open(told.get("users"))}}
            case "conversations.history":
                return self._history(told)
            case "chat.postMessage" | "chat.update":
                write = self.workspace.post if method == "chat.postMessage" else self.workspace.update
                made = write(told)
                return {"channel": made.channel, "ts": made.ts}
        raise Refused("unknown_method")

    def _history(self, told: Mapping[str, Any]) -> Mapping[str, Any]:
        here = [one for one in self.workspace.messages if one.channel == told.get("channel") and not one.thread]
        with_metadata = told.get("include_all_metadata") == "true"
        found = [
            {"ts": one.ts, **({"metadata": one.content.get("metadata")} if with_metadata else {})}
            for one in reversed(here[-int(told.get("limit", 100)) :])
        ]
        return {"messages": found}

    def _may(self, scope: str) -> None:
        if scope not in self.faults.scopes:
            raise Refused("missing_scope")

    async def _webhook(self, request: WebRequest) -> Response:
        """An incoming webhook answers by its status, with a word as text."""
        body = await request.body()
        await asyncio.sleep(self.faults.slow_seconds)
        if self.faults.status != 200 or self.faults.error:
            return _word(self.faults.error or "rollup_error", self.faults.status)
        if request.path_params["hook"] != self.hook:
            return _word("no_service", 404)
        told = _fields(request.headers.get("content-type", ""), body, "")
        if told is None:
            return _word("invalid_payload", 400)
        try:
            self.workspace.post({**told, "channel": HOOK_CHANNEL})
        except Refused as refused:
            return _word(str(refused), 400)
        return PlainTextResponse("ok")


NEEDED = {
    "users.lookupByEmail": "users:read.email",
    "conversations.open": "im:write",
    "conversations.history": "im:history",
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
}


def _fields(content_type: str, body: bytes, method: str) -> dict[str, Any] | None:
    """The arguments; methods that read take no JSON."""
    if content_type.startswith("application/json") and method not in READS:
        try:
            told = json.loads(body)
        except ValueError:
            return None
        return told if isinstance(told, dict) else None
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _no(error: str) -> Response:
    if error == "ratelimited":
        return JSONResponse({"ok": False, "error": error}, 429, {"Retry-After": "1"})
    return JSONResponse({"ok": False, "error": error, **({"needed": "?"} if error == "missing_scope" else {})})


def _word(word: str, status: int) -> Response:
    status = HOOK_STATUS.get(word, 400 if status == 200 else status)
    return PlainTextResponse(word, status, {"Retry-After": "1"} if status == 429 else None)


def _derived(secret: Secret, use: str) -> str:
    return hashlib.sha256(f"{use} {secret.reveal()}".encode()).hexdigest()[:40]


def section_of_webhook(url: str, secret: Secret) -> dict[str, object]:
    """The keys that lead a bridge to a simulated incoming webhook."""
    return {"webhook_url": f"{url}/services/{_derived(secret, 'hook')}"}


def _section(url: str, secret: Secret) -> dict[str, object]:
    return {"api_url": url, "bot_token": f"xoxb-{_derived(secret, 'bot')}"}


def _build(
    _url: str, secret: Secret, agents: Sequence[SimulatedAgent], _contacts: Sequence[SimulatedContact]
) -> SlackSimulator:
    clock: Callable[[], float] = time.time
    token = Secret(f"xoxb-{_derived(secret, 'bot')}")
    return SlackSimulator(token, _derived(secret, "hook"), Workspace(agents, clock))


SIMULATED = SimulatedCrm(
    path="/slack",
    section=_section,
    build=_build,
    moods={
        "ok": Faults(),
        "slow": Faults(slow_seconds=1.2),
        "down": Faults(status=503),
        "refuses": Faults(error="account_inactive"),
    },
)
