"""What `/openapi.json` says is so: every route is described, and the running bridge answers as described."""

import asyncio
import html
import json
import secrets
import shlex
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.routing import Mount, Route

from bridge.store.tokens import Role
from bridge.web.api import examples, openapi
from bridge.web.api.operations import all_operations
from bridge.web.app import ROUTES
from tests.stage import DANA, TOKEN, Stage

pytestmark = pytest.mark.anyio

FOR_PEOPLE = {
    "/",
    "/signin/oidc",
    "/signin/callback",
    "/signin/ways",
    "/signin/window",
    "/desktop",
    "/console",
    "/console/{page}",
    "/docs",
    "/docs/connect",
    "/docs/connect/{kind}",
    "/openapi.json",
    "/button.js",
    "/answer.js",
    "/static/frame.js",
    "/static/lang/languages.json",
    "/static/lang/{code}.json",
}
UNDOCUMENTED = {"/api/audit/acts", "/clicks/{crm}/"}
"""Old names and spellings that work, too."""
EXAMPLES = 12
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]


def served() -> Iterator[tuple[str, str]]:
    for route in ROUTES:
        if isinstance(route, Mount) or route.path in FOR_PEOPLE | UNDOCUMENTED:
            continue
        assert isinstance(route, Route)
        path = route.path.replace(":path", "").rstrip("/")  # with a slash behind it is the same
        yield from ((method.lower(), path) for method in (route.methods or {"GET"}) - {"HEAD", "OPTIONS"})


def test_every_route_is_described_and_no_other() -> None:
    assert sorted(set(served())) == sorted((one.method, one.path) for one in all_operations())


async def test_the_pages_are_there(stage: Stage) -> None:
    described = (await stage.get("/openapi.json")).json()
    assert described["openapi"] == "3.1.0"
    page = await stage.get("/docs")
    assert page.status_code == 200
    assert "src=" not in page.text
    assert [one.path for one in all_operations() if one.path not in page.text] == []


async def test_an_export_is_described_in_both_its_forms(stage: Stage) -> None:
    described = (await stage.get("/openapi.json")).json()["paths"]["/api/audit/export"]["get"]["responses"]["200"]
    header = await stage.token(Role.SUPERVISOR)
    sent = [await stage.get(f"/api/audit/export?format={form}", header) for form in ("csv", "jsonl")]
    assert [one.headers["content-type"].partition(";")[0] for one in sent] == ["text/csv", "application/jsonl"]
    assert set(described["content"]) == {"text/csv", "application/jsonl"}


async def test_the_bridge_answers_as_it_is_described(stage: Stage) -> None:
    stage.talk()
    await stage.click()
    tokens = {
        "button": {"Authorization": f"Bearer {TOKEN.reveal()}"},
        "agent": await stage.token(Role.AGENT, DANA),
        "token": await stage.token(Role.AGENT, DANA),
        "supervisor": await stage.token(Role.SUPERVISOR),
        "admin": await stage.token(Role.ADMIN),
        "all": {},
    }
    await asyncio.to_thread(ask_everything, stage.bridge_url, tokens)


def ask_everything(address: str, tokens: dict[str, dict[str, str]]) -> None:
    """SharedQueries made up from the description, good ones and bad ones, to every operation that answers at once."""
    who = {(one.method, one.path): one.who for one in all_operations()}
    schema = schemathesis.openapi.from_dict(dict(openapi.document()))
    wrong: list[str] = []
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path in ("/desktop/events", "/console/live/events"):
            continue  # it does not end
        headers = tokens[who[operation.method, operation.path]]
        try:
            ask(operation, address, headers)
        except Exception as error:
            wrong.append(f"{operation.method} {operation.path}: {error}")
    assert not wrong, "\n\n".join(wrong)


def ask(operation: Any, address: str, headers: dict[str, str]) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    def run(case: Any) -> None:
        case.headers = {**(case.headers or {}), **headers, "Idempotency-Key": secrets.token_hex(4)}
        case.call_and_validate(base_url=address, checks=CHECKS, timeout=10)

    run()


async def test_each_operation_has_a_curl_and_an_answer_of_its_shape(stage: Stage) -> None:
    schemas = openapi.document()["components"]["schemas"]
    page = html.unescape((await stage.get("/docs")).text)
    for operation in all_operations():
        assert examples.curl(operation) in page
        schema = next(iter(operation.answers.values()))
        if isinstance(schema, dict):
            told = json.loads(examples.answer(operation, schemas))
            validator = jsonschema.Draft202012Validator({**schema, "components": {"schemas": schemas}})
            assert list(validator.iter_errors(told)) == [], operation.path
            assert told or operation.path.startswith("/events/"), f"{operation.path}: add it to example_values.LOOSE"


def test_a_curl_is_a_command_that_a_shell_reads() -> None:
    (click,) = (one for one in all_operations() if (one.method, one.path) == ("post", "/clicks/{crm}"))
    words = shlex.split(examples.curl(click))
    assert words[:4] == ["curl", "-X", "POST", "https://popbridge.example.com/clicks/acme"]
    assert json.loads(words[-1])["agent"] == "dana@acme.example"
