"""A Fireberry as the bridge sees one: its limits, its moods. Made from documentation; for tests and the demo."""

import asyncio
import hashlib
import json
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Request, Secret
from bridge.crm.fireberry.simulated import Answer, Org, id_of
from bridge.crm.fireberry.wire import TYPES
from bridge.crm.simulation import LoggedCall, Press, ShownPopup, SimulatedAgent, SimulatedContact, SimulatedCrm

RECORD = re.compile(r"/api/record/(\d+|calllog)(?:/([\w-]+))?")
DAY = 86_400


@dataclass(slots=True)
class Faults:
    """Misbehaviours, to be switched while it runs. `status` other than 200 is what every request is then answered.
    `lose`: so many answers to come are lost after the work was done. `says_no`: 200 with `success` false inside."""

    status: int = 200
    retry_after: int | None = None
    slow_seconds: float = 0.0
    lose: int = 0
    says_no: bool = False
    page: bool = False


@dataclass(slots=True)
class FireberrySimulator:
    """The API of one organization. `per_minute` and `per_day` count every request, failed ones too; the day begins at
    midnight in UTC."""

    org: Org
    token: Secret
    faults: Faults = field(default_factory=Faults)
    clock: Callable[[], float] = time.time
    per_minute: int = 100
    per_day: int = 10_000
    requests: deque[float] = field(default_factory=deque)

    def app(self) -> Starlette:
        """Everything below `api_url`."""
        return Starlette(routes=[Route("/{path:path}", self._take, methods=["GET", "POST", "PUT"])])

    def shown(self) -> Sequence[ShownPopup]:
        """The tasks."""
        return self.org.shown

    def logged(self) -> Sequence[LoggedCall]:
        """The call log."""
        return self.org.logged()

    async def _take(self, request: WebRequest) -> Response:
        await asyncio.sleep(self.faults.slow_seconds)
        body = await request.body()
        status, value = self._answer(request, f"/{request.path_params['path']}", body)
        if self.faults.lose:
            self.faults.lose -= 1
            raise RuntimeError("the answer is lost")
        if self.faults.page:
            return Response("<!DOCTYPE html><title>Fireberry</title>", media_type="text/html")
        waits = {"Retry-After": str(self.faults.retry_after)} if self.faults.retry_after is not None else {}
        return JSONResponse(value, status, waits) if value is not None else Response(status_code=status, headers=waits)

    def _answer(self, request: WebRequest, path: str, body: bytes) -> Answer:
        if self._is_over_the_limit(self.clock()):
            return 429, None
        if not self.token.matches(request.headers.get("tokenid", "")):
            return 401, None
        if self.faults.status != 200:
            return self.faults.status, None
        if self.faults.says_no:
            return 200, {"success": False, "data": None, "message": "simulated"}
        return self._done(request.method, path, body)

    def _is_over_the_limit(self, now: float) -> bool:
        midnight = now - now % DAY
        while self.requests and self.requests[0] < midnight:
            self.requests.popleft()
        self.requests.append(now)
        return len(self.requests) > self.per_day or sum(at > now - 60 for at in self.requests) > self.per_minute

    def _done(self, method: str, path: str, body: bytes) -> Answer:
        if path == "/api/query":
            return self.org.query(json.loads(body))
        found = RECORD.fullmatch(path)
        number = TYPES["CallLog"] if found and found[1] == "calllog" else int(found[1]) if found else 0
        if found is None or number not in self.org.rows:
            return 404, {"Message": "Invalid Object Name"}
        if method == "GET":
            return self.org.record(number, found[2] or "")
        if method == "PUT":
            return self.org.change(number, found[2] or "", json.loads(body))
        return self.org.make(number, json.loads(body), self.clock())


def derived(secret: Secret, use: str) -> Secret:
    """A secret for this use, made from the one secret of a simulated account."""
    return Secret(hashlib.sha256(f"{use} {secret.reveal()}".encode()).hexdigest())


def _section(url: str, secret: Secret) -> dict[str, object]:
    token, click = (derived(secret, use).reveal() for use in ("token", "click"))
    own = {"popup": "task", "details": {"last order": "pcflastorder"}}
    return {"token": token, "click_token": click, "base_url": url, "api_url": url, **own}


def _build(
    _url: str, secret: Secret, agents: Sequence[SimulatedAgent], contacts: Sequence[SimulatedContact]
) -> FireberrySimulator:
    return FireberrySimulator(Org(agents, contacts), derived(secret, "token"))


def _press(bridge_url: str, crm: str, secret: Secret, press: Press) -> Request:
    """The link that the button opens."""
    told = {"token": derived(secret, "click").reveal(), "agent": press.agent.crm_user}
    if press.record is not None:
        told |= {"recordid": id_of(press.record.id), "objecttype": "2"}
    return Request("GET", f"{bridge_url}/clicks/{crm}?{urlencode(told)}", {"Accept": "application/json"})


SIMULATED = SimulatedCrm(
    path="/fireberry",
    section=_section,
    build=_build,
    press=_press,
    moods={"ok": Faults(), "slow": Faults(slow_seconds=1.2), "down": Faults(status=503), "refuses": Faults(status=403)},
)
