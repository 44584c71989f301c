"""`/openapi.json` and `/docs`: every route that programs may use, from the nouns that are written and read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from bridge import __version__
from bridge.audit import export
from bridge.audit.asking import FILTERS, LIMIT, MOST
from bridge.audit.query import FIELDS
from bridge.core.json_codec import schema_of
from bridge.core.model import Answer, Call, Delivery, Popup
from bridge.store.desktop.notes import Draft
from bridge.store.desktop.stream import Preferences
from bridge.web.api.schemas import (
    ACK,
    CLICK,
    LOOSE,
    NOTE,
    OPTIONAL_NUMBER,
    OPTIONAL_TEXT,
    PRESS,
    PROBLEM,
    TEXT,
    listed,
    model,
)

SCHEMAS = "#/components/schemas/"
NOUNS = (Answer, Popup, Call, Delivery, Preferences, Draft)
PAGING = {"limit": f"items on a page, 1 to {MOST} ({LIMIT})", "cursor": "the next_cursor of an earlier page"}
WHEN = "ISO 8601, or how long ago: 90s, 10m, 6h, 7d"
AUDIT_FILTERS = {name: WHEN if name in ("since", "until") else f"only this {name}" for name in FILTERS}
ID = {**TEXT, "minLength": 1}

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked. `who`: all, button, agent, token (agent or supervisor), supervisor or admin.

    `answers` has a schema for each good status (None: no body; texts: not JSON, but of these media types), `problems`
    the statuses of problem+json beside those that go with `who`.
    """

    method: str
    path: str
    does: str
    who: str
    answers: Mapping[int, Schema | tuple[str, ...] | None]
    problems: tuple[int, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    takes: Schema | None = None


OF_WHO = {
    "all": (),
    "button": (401, 503),
    "agent": (401, 503),
    "token": (401, 503),
    "supervisor": (401, 403, 503),
    "admin": (401, 403, 503),
}
SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "`popbridge token create --role …`"},
    "clickToken": {"type": "http", "scheme": "bearer", "description": "`click_token` of the CRM's settings"},
    "standardWebhooks": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "Standard Webhooks: webhook-id, webhook-timestamp and webhook-signature",
    },
}


@cache
def operations() -> tuple[Operation, ...]:
    """Everything that can be asked."""
    return (
        Operation("post", "/clicks/{crm}", "The button was pressed: whose call is it?", "button",
                  {200: model("Answer")},
                  (400, 404, 413, 415, 429), takes=CLICK),
        Operation("get", "/clicks/{crm}", "The same for buttons that can only open a link.", "button",
                  {200: model("Answer")}, (400, 404, 429),
                  dict.fromkeys(("agent", "extension", "ivrid"), "as in the body of POST") | {"token": "click_token"}),
        Operation("get", "/api/clicks", "Clicks, refused ones too, newest first.", "token", {200: listed(LOOSE)},
                  (400, 429), {"agent": "the CRM's name of the agent", "crm": "only of this CRM"}
                  | {"since": WHEN, "until": WHEN} | PAGING),
        Operation("get", "/api/clicks/{click_id}", "One click's whole story.", "token", {200: LOOSE}, (404, 429)),
        Operation("get", "/api/popups/{popup_id}", "A popup with its deliveries.", "token",
                  {200: model("Popup")}, (404,)),
        Operation("get", "/api/deliveries", "Deliveries, newest first.", "supervisor", {200: listed(model("Delivery"))},
                  (400,), {"state": "pending, delivered, failed or expired", "target": "only to this one"} | PAGING),
        Operation("post", "/api/deliveries/{delivery_id}/retry", "Send a failed or expired one again.", "supervisor",
                  {202: model("Delivery")}, (404, 409)),
        Operation("get", "/api/calls/{ivrid}", "The cached call.", "token", {200: model("Call")}, (404,),
                  {"pbx": "on this phone system", "extension": "on this extension"}),
        Operation("get", "/api/pbx/{pbx}/extensions", "The extensions now, with their calls.", "supervisor",
                  {200: listed(LOOSE)}, (404, 502), {"extension": "only this one"}),
        Operation("get", "/api/pbx/{pbx}/queues", "The queues now, with their waiting callers.", "supervisor",
                  {200: listed(LOOSE)}, (404, 502), {"queue": "only this one"}),
        Operation("get", "/api/audit", "Lookups, newest first. Reading is audited itself.", "supervisor",
                  {200: listed(model("AuditLine"))}, (400, 429), AUDIT_FILTERS | PAGING),
        Operation("get", "/api/audit/export", "All lookups that match, as a file.", "supervisor",
                  {200: tuple(export.MEDIA_TYPES.values())}, (400, 429), AUDIT_FILTERS | {"format": "csv or jsonl"}),
        Operation("get", "/api/audit/acts", "Who read, erased and forgot.", "admin",
                  {200: listed(LOOSE)}, (400, 429), PAGING),
        Operation("post", "/desktop/session", "A link's token for a session.", "agent", {201: LOOSE}),
        Operation("delete", "/desktop/session", "Sign out.", "agent", {204: None}),
        Operation("get", "/desktop/events", "What happens, as it happens (server-sent events).", "agent",
                  {200: ("text/event-stream",)}, (429,)),
        Operation("post", "/desktop/ack", "The page has a popup, or it was seen or dismissed.", "agent", {204: None},
                  (400, 404, 413), takes=ACK),
        Operation("post", "/desktop/press", "The button again, or another call.", "agent", {200: model("Answer")},
                  (400, 404, 413, 429), takes=PRESS),
        Operation("get", "/desktop/notes/{popup_id}", "The draft of a note.", "agent", {200: model("Draft")}, (404,)),
        Operation("put", "/desktop/notes/{popup_id}", "Save the draft.", "agent",
                  {204: None}, (400, 404, 413), takes=NOTE),
        Operation("post", "/desktop/notes/{popup_id}", "Send the note to the CRM.", "agent", {202: LOOSE},
                  (400, 404, 409, 413), takes=NOTE),
        Operation("get", "/desktop/preferences", "How the agent wants the page.", "agent", {200: model("Preferences")}),
        Operation("put", "/desktop/preferences", "Change that; keys left out stay.", "agent",
                  {200: model("Preferences")},
                  (400, 413), takes=LOOSE),
        Operation("get", "/console/session", "Whose token this is.", "supervisor", {200: LOOSE}),
        Operation("get", "/livez", "The process lives.", "all", {200: LOOSE}),
        Operation("get", "/readyz", "Clicks can be accepted.", "all", {200: LOOSE, 503: LOOSE}),
        Operation("get", "/version", "Which version this is.", "all", {200: LOOSE}),
        Operation("get", "/metrics", "What was counted, for Prometheus.", "all", {200: ("text/plain",)}),
    )  # fmt: skip


@cache
def document() -> Mapping[str, Any]:
    """The whole of it."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations():
        paths.setdefault(operation.path, {})[operation.method] = _told(operation)
    about = "A button press in the CRM becomes the caller's popup."
    return {
        "openapi": "3.1.0",
        "info": {"title": "popbridge", "version": __version__, "description": about},
        "paths": paths,
        "components": {"schemas": dict(_schemas()), "securitySchemes": SCHEMES},
    }


def _schemas() -> Iterator[tuple[str, Any]]:
    for noun in NOUNS:
        schema = schema_of(noun, SCHEMAS)
        yield from schema.pop("$defs", {}).items()
        yield noun.__name__, schema
    line = {name: OPTIONAL_NUMBER if name in ("pbx_ms", "total_ms") else OPTIONAL_TEXT for name in FIELDS}
    yield "AuditLine", {"type": "object", "properties": line, "required": list(FIELDS)}
    yield "Problem", PROBLEM


def _told(operation: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {
        "summary": operation.does,
        "operationId": f"{operation.method}{operation.path.replace('/', '_').replace('{', '').replace('}', '')}",
        "security": _security(operation.who),
        "parameters": [*_in_path(operation.path), *_in_query(operation.query)],
        "responses": {str(status): _answer(schema) for status, schema in operation.answers.items()},
    }
    limited = {429} if operation.method == "get" and operation.who not in ("all", "button") else set()
    for status in sorted({*operation.problems, *OF_WHO[operation.who], *limited}):
        told["responses"].setdefault(str(status), _problem())
    if operation.takes is not None:
        told["requestBody"] = {"required": False, "content": {"application/json": {"schema": operation.takes}}}
    return told


def _security(who: str) -> list[dict[str, list[str]]]:
    names = {"all": (), "button": ("clickToken", "standardWebhooks")}.get(who, ("token",))
    return [{name: []} for name in names]


def _in_path(path: str) -> Iterator[dict[str, Any]]:
    for part in path.split("/"):
        if part.startswith("{"):
            yield {"name": part.strip("{}"), "in": "path", "required": True, "schema": ID}


def _in_query(query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for name, meaning in query.items():
        yield {"name": name, "in": "query", "description": meaning, "schema": TEXT}


def _answer(schema: Schema | tuple[str, ...] | None) -> dict[str, Any]:
    if schema is None:
        return {"description": "Done."}
    if isinstance(schema, tuple):
        return {"description": "As asked.", "content": {media_type: {"schema": TEXT} for media_type in schema}}
    return {"description": "As asked.", "content": {"application/json": {"schema": schema}}}


def _problem() -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": f"{SCHEMAS}Problem"}}}
    return {"description": "Refused, with a stable reason.", "content": content}


async def described(_: Request) -> Response:
    """`GET /openapi.json`."""
    return JSONResponse(document())


async def reference(request: Request) -> Response:
    """`GET /docs`: the same for people, loading nothing from elsewhere."""
    page = request.app.state.pages.get_template("docs.html")
    return HTMLResponse(page.render(operations=operations(), document=document(), version=__version__))
