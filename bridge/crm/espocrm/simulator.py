"""An EspoCRM as its API users and agents see it: records, searches, rights, refusals. Not for real customers."""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import Response
from starlette.routing import Route

from bridge.core.http_types import Request, Secret
from bridge.crm.espocrm import simulated
from bridge.crm.espocrm.simulated import DETAILS, PERSON, Record, Refused, marked, number
from bridge.crm.simulation import LoggedCall, Press, ShownPopup, SimulatedAgent, SimulatedContact, SimulatedCrm


@dataclass(slots=True)
class Faults:
    """Misbehaviours. `status` other than 200 is what every request is answered; `denied` are rights that are missing,
    such as `Lead.read`; `lose` answers are lost after the work is done; `page`: HTML instead of JSON, with 200."""

    status: int = 200
    retry_after: int | None = None
    slow_seconds: float = 0.0
    denied: tuple[str, ...] = ()
    lose: int = 0
    page: bool = False


@dataclass(slots=True)
class EspocrmSimulator:
    """Its records by type, in the order in which they were made."""

    key: Secret
    agents: Sequence[SimulatedAgent]
    contacts: Sequence[SimulatedContact]
    faults: Faults = field(default_factory=Faults)
    clock: Callable[[], float] = time.time
    records: dict[str, list[Record]] = field(default_factory=dict)
    popups: list[ShownPopup] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.records = {scope: [] for scope in ("User", PERSON, "Lead", "Account", "Call", "Note")}
        self.records["User"] += [simulated.user(agent) for agent in self.agents]
        self.records[PERSON] += [simulated.contact(one) for one in self.contacts]

    def app(self) -> Starlette:
        """Its API; mount it where `base_url` points."""
        return Starlette(routes=[Route("/api/v1/{path:path}", self._answer, methods=["GET", "POST", "PUT"])])

    def shown(self) -> list[ShownPopup]:
        """Every call that an agent was reminded of, and every note."""
        return list(self.popups)

    def logged(self) -> list[LoggedCall]:
        """Its Call records."""
        return [
            LoggedCall(
                one["id"],
                self._name_of(one.get("assignedUserId")),
                number(one["name"]),
                marked(one).get("ivrid", ""),
                next(iter(one.get("contactsIds") or []), ""),
            )
            for one in self.records["Call"]
        ]

    def _name_of(self, user_id: object) -> str:
        return next((agent.crm_user for agent in self.agents if agent.id == user_id), "")

    async def _answer(self, request: WebRequest) -> Response:
        body = await request.body()
        await asyncio.sleep(self.faults.slow_seconds)
        try:
            told = self._done(request, body)
        except Refused as refused:
            headers = {"X-Status-Reason": refused.reason}
            if self.faults.retry_after is not None:
                headers["Retry-After"] = str(self.faults.retry_after)
            return Response(refused.body, refused.status, headers, "application/json")
        if self.faults.lose and request.method != "GET":
            self.faults.lose -= 1
            raise RuntimeError("the answer is lost")
        if self.faults.page:
            return Response("<!DOCTYPE html><title>EspoCRM</title>", media_type="text/html")
        return Response(json.dumps(told, ensure_ascii=False), media_type="application/json")

    def _done(self, request: WebRequest, body: bytes) -> Any:
        if not self.key.matches(request.headers.get("x-api-key", "")):
            raise Refused(401, "")
        if self.faults.status != 200:
            raise Refused(self.faults.status, "No create access.")
        scope, _, record_id = request.path_params["path"].partition("/")
        if request.method == "GET":
            return self._read(request, scope, record_id)
        return self._write(scope, record_id, json.loads(body), request.headers)

    def _read(self, request: WebRequest, scope: str, record_id: str) -> Any:
        if (scope, record_id) == ("App", "user"):
            return {
                "user": {"userName": "popbridge", "type": "api"},
                "acl": simulated.rights(self.records, self.faults.denied),
            }
        self._allow(f"{scope}.read", "No read access.")
        if record_id:
            return dict(self._find(scope, record_id))
        query = request.query_params
        wanted = list(simulated.conditions(query.multi_items()))
        hits = [one for one in self.records.get(scope, []) if all(simulated.meets(one, *each) for each in wanted)]
        most = int(query.get("maxSize", "20"))
        if most > 200:
            raise Refused(403, "Max size exceeded.")
        fields = {"id", "name", *query.get("select", "").split(","), "type", "isActive"} - {"phoneNumberData"}
        chosen = [{name: value for name, value in one.items() if name in fields} for one in hits[:most]]
        return {"total": len(hits), "list": chosen}

    def _find(self, scope: str, record_id: str) -> Record:
        for one in self.records.get(scope, []):
            if one["id"] == record_id:
                return one
        raise Refused(404, "Record does not exist.")

    def _allow(self, right: str, reason: str) -> None:
        scope = right.partition(".")[0]
        if right in self.faults.denied or (scope not in self.records):
            raise Refused(403, reason)

    def _write(self, scope: str, record_id: str, body: Record, headers: Mapping[str, str]) -> Record:
        if record_id:
            self._allow(f"{scope}.edit", "No edit access.")
            record = self._find(scope, record_id)
            simulated.check(scope, {**record, **body}, self.agents)
            record.update(body)
            return dict(record)
        permitted = scope == "Note" and body.get("targetType") == "users" and "message" not in self.faults.denied
        if not permitted:
            self._allow(f"{scope}.create", "No create access.")
            if scope == "Note":
                raise Refused(403, "No create access.")
        simulated.check(scope, body, self.agents)
        record = {"id": f"6b{len(self.records[scope]):015x}", "deleted": False, **body}
        if scope == PERSON:
            record = simulated.person(record, self.records[PERSON], headers)
        self.records[scope].append(record)
        self._show(scope, record)
        return dict(record)

    def _show(self, scope: str, record: Record) -> None:
        """A planned call reminds its agent, a note counts at their bell."""
        agents = record.get("usersIds") or []
        text = str(record.get("name") or record.get("post") or "")
        if scope in ("Call", "Note") and record.get("status", "Planned") == "Planned":
            marks = marked(record)
            told = (number(text), marks.get("ivrid", ""), marks.get("popup", ""))
            self.popups += [ShownPopup(self.clock(), self._name_of(agent), *told) for agent in agents]


def _derived(secret: Secret, use: str) -> Secret:
    return Secret(hashlib.sha256(f"{use} {secret.reveal()}".encode()).hexdigest()[:32])


def _section(url: str, secret: Secret) -> dict[str, object]:
    token, key = (_derived(secret, use).reveal() for use in ("click", "api"))
    return {"base_url": url, "api_key": key, "click_token": token, "details": DETAILS}


def _build(
    _url: str, secret: Secret, agents: Sequence[SimulatedAgent], contacts: Sequence[SimulatedContact]
) -> EspocrmSimulator:
    return EspocrmSimulator(_derived(secret, "api"), agents, contacts)


def _press(bridge_url: str, crm: str, secret: Secret, press: Press) -> Request:
    """What the script of `button_files` sends."""
    record = press.record
    page = {"type": PERSON, "id": record.id, "url": f"https://crm.example/#Contact/view/{record.id}"} if record else {}
    body = {"agent": press.agent.crm_user, **({"record": page} if page else {})}
    headers = {
        "Authorization": f"Bearer {_derived(secret, 'click').reveal()}",
        "Content-Type": "application/json",
    }
    return Request("POST", f"{bridge_url}/clicks/{crm}", headers, json.dumps(body, ensure_ascii=False).encode())


SIMULATED = SimulatedCrm(
    path="/espocrm",
    section=_section,
    build=_build,
    press=_press,
    moods={"ok": Faults(), "slow": Faults(slow_seconds=1.2), "down": Faults(status=503), "refuses": Faults(status=403)},
)
