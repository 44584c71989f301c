"""A simulated Bitrix24's methods for those who are let in, as its documentation gives them; pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from bridge.crm.bitrix24.simulated import FIRST_COMMENT, Records, Row

NAME = re.compile(r"[^\[\]]+")
MOST_COMMANDS = 50
PHONE = re.compile(r"\+?[0-9]{3,20}")
SCOPES = {"telephony": "telephony", "crm": "crm", "im": "im", "user": "user_basic"}
"""Which right a method's first word needs."""


class Refused(Exception):
    """Answered with an error."""

    def __init__(self, status: int, error: str, description: str = "") -> None:
        self.status, self.error, self.description = status, error, description


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls a method: with which rights, as which user, by an application or a webhook, when (epoch seconds)."""

    scopes: frozenset[str]
    user: int
    by_webhook: bool
    at: float


def called(records: Records, caller: Caller, method: str, params: Mapping[str, Any]) -> Any:
    """The result of a method. Raises `Refused`."""
    if method == "batch":
        return _batch(records, caller, params)
    if method not in METHODS:
        raise Refused(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")
    needed = SCOPES.get(method.partition(".")[0])
    if needed is not None and needed not in caller.scopes:
        raise Refused(403, "insufficient_scope", "The request requires higher privileges")
    return METHODS[method](records, caller, params)


def _batch(records: Records, caller: Caller, params: Mapping[str, Any]) -> Any:
    commands = params.get("cmd") or {}
    if len(commands) > MOST_COMMANDS:
        raise Refused(400, "ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
    results: Row = {}
    errors: Row = {}
    for name, command in commands.items():
        method, _, query = command.partition("?")
        try:
            if method == "batch":
                raise Refused(405, "ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage")
            results[name] = called(records, caller, method, parsed(query))
        except Refused as refused:
            errors[name] = {"error": refused.error, "error_description": refused.description}
    return {"result": results or [], "result_error": errors or [], "result_total": [], "result_next": []}


def parsed(query: str) -> Row:
    """`filter[@ID][0]=7` as objects; what has numbers for names is a list."""
    found: Row = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        *path, last = NAME.findall(name)
        inner = found
        for step in path:
            inner = inner.setdefault(step, {})
        inner[last] = value
    return {name: _as_list(value) for name, value in found.items()}


def _as_list(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _as_list(one) for name, one in value.items()}
    return list(inner.values()) if all(name.isdecimal() for name in inner) else inner


def _duplicates(records: Records, _caller: Caller, params: Mapping[str, Any]) -> Any:
    if params.get("type") not in ("PHONE", "EMAIL"):
        raise Refused(400, "", "Communication type is not defined.")
    values, kind = list(params.get("values") or []), str(params.get("entity_type", ""))
    if not 0 < len(values) <= 20:
        raise Refused(400, "", "Values are not defined.")
    found = records.duplicates(kind, values)
    return {kind: found} if found else []


def _listed(records: Records, kind: str, params: Mapping[str, Any]) -> Any:
    given = params.get("filter") or params.get("FILTER") or {}
    found = [row for row in records.rows[kind].values() if all(_fits(row, *one) for one in given.items())]
    chosen = {"ID", *(params.get("select") or [])}
    rows = [row if kind == "USER" else {name: row.get(name) for name in chosen if name in row} for row in found]
    return rows[:50]


def _fits(row: Row, name: str, wanted: Any) -> bool:
    held = row.get(name.lstrip("@="))
    if name.startswith("@"):
        return held in [str(one) for one in wanted]
    return str(held).casefold() == str(wanted).casefold()


def _add_contact(records: Records, _caller: Caller, params: Mapping[str, Any]) -> Any:
    fields = params.get("fields")
    if not isinstance(fields, dict) or not (fields.get("NAME") or fields.get("LAST_NAME")):
        raise Refused(400, "", "At least one of the fields NAME, LAST_NAME has to be filled")
    return records.add_contact(fields)


def _user(records: Records, params: Mapping[str, Any]) -> int:
    user = params.get("USER_ID")
    if not isinstance(user, int) or user not in records.rows["USER"]:
        raise Refused(400, "ERROR_CORE", "User is not found or is not active")
    return user


def _register(records: Records, caller: Caller, params: Mapping[str, Any]) -> Any:
    if caller.by_webhook:
        raise Refused(403, "WRONG_AUTH_TYPE", "Current authorization type is denied for this method")
    _user(records, params)
    if params.get("TYPE") not in (1, 2, 3, 4, 5):
        raise Refused(400, "ERROR_CORE", "Unknown TYPE")
    if not PHONE.fullmatch(str(params.get("PHONE_NUMBER", ""))):
        raise Refused(400, "ERROR_CORE", "Unsupported phone number format")
    try:
        datetime.fromisoformat(params["CALL_START_DATE"])
    except (KeyError, ValueError, TypeError):
        raise Refused(400, "ERROR_CORE", "CALL_START_DATE should be in ISO 8601") from None
    call = records.register(params, caller.at)
    known = {"CRM_ENTITY_TYPE": call.get("CRM_ENTITY_TYPE"), "CRM_ENTITY_ID": call.get("CRM_ENTITY_ID")}
    return {"CALL_ID": call["CALL_ID"], "CRM_CREATED_LEAD": None, "CRM_CREATED_ENTITIES": [], **known}


def _show(records: Records, caller: Caller, params: Mapping[str, Any]) -> Any:
    call = records.calls.get(params.get("CALL_ID", ""))
    if call is None or call["FINISHED"]:
        return False
    for user in params.get("USER_ID") or []:
        call["SHOWN"].setdefault(user, caller.at)
    return True


def _finish(records: Records, caller: Caller, params: Mapping[str, Any]) -> Any:
    if caller.by_webhook:
        raise Refused(403, "WRONG_AUTH_TYPE", "Current authorization type is denied for this method")
    user = _user(records, params)
    call = records.calls.get(params.get("CALL_ID", ""))
    if call is None or call["FINISHED"]:
        raise Refused(400, "ERROR_CORE", "Call is not found. It should be registered first")
    call["FINISHED"] = {name: params.get(name) for name in ("DURATION", "STATUS_CODE")}
    return {"CALL_ID": call["CALL_ID"], "PORTAL_USER_ID": user, "CALL_DURATION": str(params.get("DURATION")), "ID": 1}


def _notify(records: Records, caller: Caller, params: Mapping[str, Any]) -> Any:
    user = _user(records, params)
    if not params.get("MESSAGE"):
        raise Refused(400, "MESSAGE_EMPTY", "Message can't be empty")
    counts = not caller.by_webhook or bool(params.get("CLIENT_ID"))
    return records.notify(user, params["MESSAGE"], str(params.get("TAG", "")) if counts else "", caller.at)


def _add_comment(records: Records, _caller: Caller, params: Mapping[str, Any]) -> Any:
    fields = params.get("fields") or {}
    if not fields.get("COMMENT") or fields.get("ENTITY_ID") not in records.rows[str(fields["ENTITY_TYPE"]).upper()]:
        raise Refused(400, "", "Access denied.")
    records.comments.append({"ID": str(FIRST_COMMENT + len(records.comments)), **fields})
    return int(records.comments[-1]["ID"])


def _comments(records: Records, _caller: Caller, params: Mapping[str, Any]) -> Any:
    wanted = params.get("filter") or {}
    return [one for one in records.comments[::-1] if all(one.get(name) == value for name, value in wanted.items())]


METHODS: Mapping[str, Callable[..., Any]] = {
    "profile": lambda _records, caller, _params: {"ID": str(caller.user), "ADMIN": True, "NAME": "popbridge"},
    "scope": lambda _records, caller, _params: sorted(caller.scopes),
    "user.current": lambda records, caller, _params: records.rows["USER"].get(caller.user, {}),
    "user.get": lambda records, _caller, params: _listed(records, "USER", params),
    "crm.duplicate.findbycomm": _duplicates,
    "crm.contact.list": lambda records, _caller, params: _listed(records, "CONTACT", params),
    "crm.company.list": lambda records, _caller, params: _listed(records, "COMPANY", params),
    "crm.lead.list": lambda records, _caller, params: _listed(records, "LEAD", params),
    "crm.contact.add": _add_contact,
    "crm.timeline.comment.add": _add_comment,
    "crm.timeline.comment.list": _comments,
    "telephony.externalCall.register": _register,
    "telephony.externalCall.show": _show,
    "telephony.externalCall.hide": lambda records, _caller, params: params.get("CALL_ID") in records.calls,
    "telephony.externalCall.finish": _finish,
    "im.notify.system.add": _notify,
}
