"""`/openapi.json` and `/docs`: every operation described, from the nouns that programs read and write."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from bridge import __version__
from bridge.core.delivery import Delivery
from bridge.core.json_codec import schema_of
from bridge.core.model import Answer, Call, Popup
from bridge.store.desktop.notes import Draft
from bridge.store.desktop.preferences import Preferences
from bridge.web.api import examples
from bridge.web.api.operations import Operation, Schema, all_operations
from bridge.web.api.schemas import PROBLEM, SCHEMAS, TEXT, delivery_end, listed_click, log_entry

NOUNS = (Answer, Popup, Call, Delivery, Preferences, Draft)
ID = {**TEXT, "minLength": 1}
OF_WHO = {
    "all": (),
    "button": (401, 503),
    "agent": (401, 403, 503),
    "token": (401, 403, 503),
    "supervisor": (401, 403, 503),
    "admin": (401, 403, 503),
}
SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "`popbridge token create --role …`"},
    "clickToken": {"type": "http", "scheme": "bearer", "description": "`click_token` in the CRM's settings"},
    "standardWebhooks": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "Standard Webhooks: webhook-id, webhook-timestamp and webhook-signature",
    },
}


@cache
def document() -> Mapping[str, Any]:
    """The OpenAPI document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in all_operations():
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    about = "A click on the CRM's button shows the caller's popup."
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
    yield from (("DeliveryEnd", delivery_end()), ("LogEntry", log_entry()), ("ListedClick", listed_click()))
    yield "Problem", PROBLEM


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": f"{operation.method}{operation.path.replace('/', '_').replace('{', '').replace('}', '')}",
        "security": _security(operation.who),
        "parameters": [*_in_path(operation.path), *_in_query(operation.query)],
        "responses": {str(status): _answer(schema) for status, schema in operation.answers.items()},
    }
    limited = {429} if operation.method == "get" and operation.who not in ("all", "button") else set()
    for status in sorted({*operation.problems, *OF_WHO[operation.who], *limited}):
        described["responses"].setdefault(str(status), _problem())
    if operation.takes is not None:
        described["requestBody"] = {"required": False, "content": {"application/json": {"schema": operation.takes}}}
    return described


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
        return {"description": "Success.", "content": {media_type: {"schema": TEXT} for media_type in schema}}
    return {"description": "Success.", "content": {"application/json": {"schema": schema}}}


def _problem() -> dict[str, Any]:
    content = {"application/problem+json": {"schema": {"$ref": f"{SCHEMAS}Problem"}}}
    return {"description": "Refused, with a stable reason.", "content": content}


async def described(_: Request) -> Response:
    """`GET /openapi.json`."""
    return JSONResponse(document())


async def reference(request: Request) -> Response:
    """`GET /docs`: the same for people; loads nothing from other sites."""
    page, operations = request.app.state.pages.get_template("docs.html"), all_operations()
    schemas = document()["components"]["schemas"]
    shown = {"curls": [examples.curl(one) for one in operations]}
    shown["answers"] = [examples.answer(one, schemas) for one in operations]
    return HTMLResponse(page.render(operations=operations, document=document(), version=__version__, **shown))
