"""Odoo's JSON-RPC: requests out, answers in; pure.

Every answer has HTTP status 200, errors too; a method that gives nothing back leaves `result` out. `/jsonrpc` is there
up to Odoo 21; the newer `/json/2` answers an HTML page with status 200 where it does not exist (18 and before).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge.core.errors import SearchFailed
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.json_codec import json_text
from bridge.core.reasons import Reason
from bridge.crm.replies import object_in

LONGEST_MESSAGE = 200
NAMES = {
    "AccessDenied": "odoo.login-refused",
    "AccessError": "odoo.no-right",
    "MissingError": "odoo.gone",
    "UserError": "odoo.refused",
    "ValidationError": "odoo.refused",
    "RedirectWarning": "odoo.refused",
    "AttributeError": "odoo.no-method",
    "KeyError": "odoo.no-model",
    "ValueError": "odoo.refused",
}
"""What an exception of Odoo's means to us, by the last part of its name."""
PASSING = ("odoo.unreadable", "odoo.broken", "http-429", "http-503")
"""What may be over at the next attempt."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the API is, and who asks."""

    url: str
    database: str
    username: str
    key: Secret

    def login(self) -> Request:
        """Asks for the id of our user; false where the login is wrong."""
        return self._call("common", "login", [self.database, self.username, self.key.reveal()])

    def version(self) -> Request:
        """Asks which Odoo it is; anybody may."""
        return self._call("common", "version", [])

    def execute(self, uid: int, model: str, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Request:
        """Calls a method of a model, as our user."""
        told = [self.database, uid, self.key.reveal(), model, method, list(args), dict(kwargs)]
        return self._call("object", "execute_kw", told)

    def _call(self, service: str, method: str, args: list[Any]) -> Request:
        params = {"service": service, "method": method, "args": args}
        body = json_text({"jsonrpc": "2.0", "method": "call", "id": 1, "params": params})
        return Request("POST", f"{self.url}/jsonrpc", {"Content-Type": "application/json"}, body.encode())


def result(reply: Reply) -> Any:
    """What the method gave back; None where it gives nothing. Raises `SearchFailed` for every error."""
    if not 200 <= reply.status < 300:
        raise SearchFailed(Reason(f"http-{reply.status}"))
    answer = object_in(reply)
    if answer is None or answer.get("jsonrpc") != "2.0":
        raise SearchFailed(Reason("odoo.unreadable"))
    if answer.get("error") is not None:
        raise SearchFailed(failure(answer["error"]))
    return answer.get("result")


def failure(error: Any) -> Reason:
    """What an error says. Its `debug` is left out: it has paths and values of the server's."""
    data = error.get("data") if isinstance(error, dict) else None
    told = data if isinstance(data, dict) else {}
    name, message = str(told.get("name", "")), str(told.get("message", ""))
    if name.endswith("OperationalError") and "does not exist" in message:
        return Reason("odoo.unknown-database")
    code = NAMES.get(name.rpartition(".")[2], "odoo.broken")
    lines = message.strip().splitlines() or [name or "?"]
    return Reason(code, {"told": lines[0][:LONGEST_MESSAGE]})


def rows(value: Any) -> list[dict[str, Any]]:
    """A result as a list of records. Raises `SearchFailed`."""
    if not isinstance(value, list):
        raise SearchFailed(Reason("odoo.unreadable"))
    return [one for one in value if isinstance(one, dict) and is_id(one.get("id"))]


def made(value: Any) -> int:
    """A result as the id of what was made: alone, or in a list. Raises `SearchFailed`."""
    only = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not is_id(only):
        raise SearchFailed(Reason("odoo.unreadable"))
    return int(only)


def is_id(value: Any) -> bool:
    """Whether it is a record's id."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def text(value: Any) -> str:
    """A field as text: false is empty, a relation is the name of its record."""
    if value is False or value is None or isinstance(value, dict):
        return ""
    if isinstance(value, list):
        return str(value[1]) if len(value) == 2 and isinstance(value[1], str) else str(len(value))
    return str(value)
