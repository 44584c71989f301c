"""A simulated Zendesk's answers to those who are let in, as its documentation gives them; pure."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.crm.zendesk.simulated import Records

NOT_FOUND = "RecordNotFound"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: what was asked, when (epoch seconds), and how far the search lags behind."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: float
    index_delay: float

    def fields(self, name: str) -> dict[str, Any] | None:
        """The object of that name in the body; None where there is none."""
        try:
            value = json.loads(self.body or b"{}").get(name)
        except (ValueError, AttributeError):
            return None
        return value if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a JSON value, or no body."""

    status: int = 200
    value: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def failed(status: int, error: str, **more: Any) -> Answer:
    """An error, as Zendesk writes them."""
    return Answer(status, {"error": error, "description": "simulated", **more})


def answer(records: Records, asked: Asked) -> Answer:
    """The answer; 404 for what is no request of the API."""
    for method, path, how in ROUTES:
        found = path.fullmatch(asked.path)
        if found and method == asked.method:
            return how(records, asked, *found.groups())
    return failed(404, "InvalidEndpoint")


def _search(records: Records, asked: Asked, name: str = "results") -> Answer:
    most = int(asked.query.get("per_page", "100"))
    users = records.search(asked.query.get("query", ""), asked.at)
    more = f"https://simulated.example{asked.path}?page=2" if len(users) > most else None
    return Answer(value={name: users[:most], "count": len(users), "next_page": more, "previous_page": None})


def _user_search(records: Records, asked: Asked) -> Answer:
    return _search(records, asked, "users")


def _me(records: Records, _asked: Asked) -> Answer:
    return Answer(value={"user": next(one for one in records.users.values() if one["role"] == "agent")})


def _user(records: Records, _asked: Asked, number: str) -> Answer:
    user = records.users.get(int(number))
    return Answer(value={"user": user}) if user else failed(404, NOT_FOUND)


def _add_user(records: Records, asked: Asked) -> Answer:
    user = asked.fields("user")
    if not user or not user.get("name"):
        details = {"name": [{"description": "Name: cannot be blank", "error": "BlankValue"}]}
        return failed(422, "RecordInvalid", details=details)
    return Answer(201, {"user": records.add_user(user, asked.at, asked.index_delay)})


def _organizations(records: Records, asked: Asked) -> Answer:
    wanted = asked.query.get("ids", "").split(",")
    found = [{"id": key, "name": name} for key, name in records.organizations.items() if str(key) in wanted]
    return Answer(value={"organizations": found, "count": len(found), "next_page": None})


def _display(records: Records, asked: Asked, agent: str, kind: str, number: str) -> Answer:
    return Answer() if records.display(asked.at, int(agent), kind, int(number)) else failed(404, NOT_FOUND)


def _tickets(records: Records, asked: Asked) -> Answer:
    key = asked.query.get("external_id")
    found = [one for one in records.tickets.values() if key is None or one.get("external_id") == key]
    return Answer(value={"tickets": found, "count": len(found), "next_page": None})


def _add_ticket(records: Records, asked: Asked) -> Answer:
    fields, key = asked.fields("ticket"), asked.headers.get("idempotency-key", "")
    if not fields or not fields.get("comment"):
        return failed(422, "RecordInvalid")
    body, number = records.made_by_key.get(key, (None, 0))
    if number and body != fields:
        return failed(400, "IdempotentRequestError")
    if number:
        return Answer(201, {"ticket": records.tickets[number]}, {"X-Idempotency-Lookup": "hit"})
    ticket = records.add_ticket(fields)
    if key:
        records.made_by_key[key] = (fields, ticket["id"])
    return Answer(201, {"ticket": ticket}, {"X-Idempotency-Lookup": "miss"})


def _change_ticket(records: Records, asked: Asked, number: str) -> Answer:
    if int(number) not in records.tickets:
        return failed(404, NOT_FOUND)
    return Answer(value={"ticket": records.change_ticket(int(number), asked.fields("ticket") or {})})


def _comments(records: Records, _asked: Asked, number: str) -> Answer:
    comments = records.comments.get(int(number))
    return Answer(value={"comments": comments[::-1]}) if comments is not None else failed(404, NOT_FOUND)


API = "/api/v2"
ROUTES: tuple[tuple[str, re.Pattern[str], Callable[..., Answer]], ...] = (
    ("GET", re.compile(rf"{API}/search\.json"), _search),
    ("GET", re.compile(rf"{API}/users/search\.json"), _user_search),
    ("GET", re.compile(rf"{API}/users/me\.json"), _me),
    ("GET", re.compile(rf"{API}/users/(\d+)\.json"), _user),
    ("POST", re.compile(rf"{API}/users\.json"), _add_user),
    ("GET", re.compile(rf"{API}/organizations/show_many\.json"), _organizations),
    ("POST", re.compile(rf"{API}/channels/voice/agents/(\d+)/(users|tickets)/(\d+)/display\.json"), _display),
    ("GET", re.compile(rf"{API}/tickets\.json"), _tickets),
    ("POST", re.compile(rf"{API}/tickets\.json"), _add_ticket),
    ("PUT", re.compile(rf"{API}/tickets/(\d+)\.json"), _change_ticket),
    ("GET", re.compile(rf"{API}/tickets/(\d+)/comments\.json"), _comments),
)
