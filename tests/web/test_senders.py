"""Clicks as real senders send them: each is answered as a well-behaved one would be."""

import asyncio
import base64
import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from bridge.crm import clicks
from bridge.store.calls import popups
from bridge.store.tokens import Role
from tests.stage import DANA, TOKEN, Stage, open_stage

BEARER = {"authorization": f"Bearer {TOKEN.reveal()}"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
NBSP, RLM, ZWSP, BOM = (
    "\N{NO-BREAK SPACE}",
    "\N{RIGHT-TO-LEFT MARK}",
    "\N{ZERO WIDTH SPACE}",
    "\N{ZERO WIDTH NO-BREAK SPACE}",
)


async def send(
    stage: Stage, body: bytes | str | object, headers: Mapping[str, str] | None = None, path: str = "/clicks/acme"
) -> Any:
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    return await stage.http.post(
        f"{stage.bridge_url}{path}", content=content, headers=BEARER | JSON | dict(headers or {})
    )


async def found(stage: Stage, *arguments: Any, **more: Any) -> Mapping[str, Any]:
    answer = await send(stage, *arguments, **more)
    assert (answer.status_code, answer.json().get("outcome")) == (200, "found"), answer.text
    click: Mapping[str, Any] = (await popups.story(stage.redis, answer.json()["click_id"]) or {})["click"]
    return click


@pytest.fixture
async def stage(tmp_path: Any, redis_url: Any) -> Any:
    async with open_stage(tmp_path, redis_url) as opened:
        opened.talk()
        yield opened


@pytest.mark.anyio
@pytest.mark.parametrize(
    "agent",
    [
        f"{DANA}\n",
        f"{DANA}\r\n",
        f"\t{DANA}",
        f"{DANA}{NBSP}",
        f"{RLM}{DANA}{RLM}",
        f"{DANA}{ZWSP}",
        f"{BOM}{DANA}",
        f" {DANA} ",
    ],
    ids=repr,
)
async def test_what_nobody_sees_at_the_ends_of_a_name_is_trimmed(stage: Stage, agent: str) -> None:
    assert (await found(stage, {"agent": agent}))["agent"] == DANA


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("record", "kept"),
    [
        ("", None), (None, None), ([], None), ("null", None), ('{"id": 42}', {"id": 42}), ({"id": 42}, {"id": 42}),
        (" ", None), ("undefined", None), ({}, {}),
    ],
)  # fmt: skip
async def test_a_record_is_an_object_however_it_is_written(stage: Stage, record: Any, kept: Any) -> None:
    assert (await found(stage, {"agent": DANA, "record": record}))["record"] == kept


@pytest.mark.anyio
async def test_numbers_are_texts_and_a_list_of_one_is_its_item(stage: Stage) -> None:
    assert (await send(stage, {"agent": 42})).json()["outcome"] == "unknown-agent"
    assert (await send(stage, {"extension": 101.0})).json()["popup"] is None
    assert (await found(stage, [{"agent": DANA}]))["agent"] == DANA
    several = await send(stage, [{"agent": DANA}, {"agent": DANA}])
    assert (several.status_code, "one click at a time" in several.json()["detail"]) == (400, True)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "body",
    [
        f"agent={quote(DANA)}&record[type]=contact&record[id]=42",
        f"data[agent]={quote(DANA)}&data[record][type]=contact&data[record][id]=42",
        f"agent={quote(DANA)}&record={quote(json.dumps({'type': 'contact', 'id': '42'}))}",
    ],
)
async def test_nested_forms_are_read(stage: Stage, body: str) -> None:
    assert (await found(stage, body, FORM))["record"] == {"type": "contact", "id": "42"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (f"agent[]={quote(DANA)}", FORM),
        (f"agent%5B0%5D={quote(DANA)}", FORM),
        (json.dumps({"agent": DANA}), FORM),  # as `curl -d` sends it
        (f'\ufeff{{"agent": "{DANA}"}}'.encode(), {"content-type": "text/plain"}),
        (json.dumps({"agent": DANA}), {"content-type": "*/*"}),
        (f'{{"agent": "{DANA}"}}'.encode("utf-16"), JSON),
        (f'{{"agent": "{DANA}"}}\0', JSON),
        (json.dumps({"agent": DANA}), {"content-encoding": "utf-8"}),
        (zlib.compress(json.dumps({"agent": DANA}).encode())[2:-4], {"content-encoding": "deflate"}),
    ],
    ids=repr,
)
async def test_what_else_is_no_reason_to_refuse_a_click(stage: Stage, body: Any, headers: Any) -> None:
    assert (await found(stage, body, headers))["agent"] == DANA


@pytest.mark.anyio
@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999", "9" * 5000, '"two\nlines\tin a template"'])
async def test_a_field_that_nobody_asked_for_spoils_nothing(stage: Stage, value: str) -> None:
    assert (await found(stage, f'{{"note": {value}, "agent": "{DANA}"}}'))["agent"] == DANA
    in_record = await send(stage, f'{{"agent": "{DANA}", "record": {{"amount": {value}}}}}')
    assert in_record.status_code == (200 if value.startswith('"') else 400)


@pytest.mark.anyio
@pytest.mark.parametrize("charset", ["hex", "rot13", "idna", "punycode", "undefined", "Unicode_Escape", "x-none"])
async def test_a_charset_that_is_none_is_read_as_utf_8(stage: Stage, charset: str) -> None:
    hebrew = f'{{"agent": "{DANA}", "record": {{"name": "דנה"}}}}'
    click = await found(stage, hebrew, {"content-type": f"application/json; charset={charset}"})
    assert click["record"] == {"name": "דנה"}
    part = f'--b\r\nContent-Disposition: form-data; name="agent"\r\nContent-Type: text/plain; charset={charset}\r\n\r\n'
    assert await found(stage, f"{part}{DANA}\r\n--b--\r\n", {"content-type": "multipart/form-data; boundary=b"})


@pytest.mark.anyio
async def test_letters_of_any_alphabet_come_through_each_kind_of_form(stage: Stage) -> None:
    record = quote('{"name": "דנה"}', encoding="windows-1255")
    click = await found(
        stage, f"agent={quote(DANA)}&record={record}", {"content-type": f"{FORM['content-type']}; charset=windows-1255"}
    )
    assert click["record"] == {"name": "דנה"}
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("agent", DANA), ("record", '{"name": "דנה"}'))
    )
    click = await found(stage, f"{parts}--b--\r\n", {"content-type": "multipart/form-data; boundary=b"})
    assert click["record"] == {"name": "דנה"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    "head",
    [
        f'Content-Disposition: form-data; odd={"(" * 3000}; name="agent"',
        f'Content-Disposition: form-data; name="agent"\r\nContent-Type: text/plain; odd={"(" * 3000}',
        f'Content-Disposition: form-data; name="agent"; {"odd=b;" * 8000}',
        "Content-Disposition: form-data;\r\n name=agent",
        'content-disposition:form-data;name="agent"\r\ncontent-transfer-encoding: 8bit',
    ],
    ids=["brackets", "brackets in the type", "parameters", "folded", "close"],
)
async def test_a_part_of_a_form_is_read_however_odd_its_head_is(stage: Stage, head: str) -> None:
    others = '--b\r\n\r\nno name\r\n--b\r\nContent-Disposition: form-data; name="note"\r\n\r\n--bb\r\n'
    body = f"{others}--b \r\n{head}\r\n\r\n{DANA}\r\n--b--\r\nafter"
    assert (await found(stage, body, {"content-type": "multipart/form-data; boundary=b"}))["agent"] == DANA
    quoted = {"content-type": f'multipart/form-data; odd={"(" * 3000}; boundary="b"'}
    assert (await found(stage, body.encode(), quoted))["agent"] == DANA


@pytest.mark.anyio
async def test_a_part_is_taken_out_of_its_transfer_encoding(stage: Stage) -> None:
    head = 'Content-Disposition: form-data; name="agent"\r\nContent-Transfer-Encoding: '
    for encoding, text in (
        ("base64", base64.b64encode(DANA.encode()).decode()),
        ("quoted-printable", DANA.replace("@", "=40")),
        ("base64", DANA),  # it says so, and is not
    ):
        body = f"--b\r\n{head}{encoding}\r\n\r\n{text}\r\n--b--\r\n"
        assert (await found(stage, body, {"content-type": "multipart/form-data; boundary=b"}))["agent"] == DANA


@pytest.mark.anyio
async def test_a_body_is_read_in_the_charset_that_it_declares(stage: Stage) -> None:
    hebrew = json.dumps({"agent": DANA, "record": {"name": "דנה"}}, ensure_ascii=False).encode("windows-1255")
    click = await found(stage, hebrew, {"content-type": "application/json; charset=windows-1255"})
    assert click["record"] == {"name": "דנה"}
    ignored = f'{{"agent": "{DANA}", "note": "'.encode() + b"\xe3\xf0\xe4" + b'"}'
    assert (await found(stage, ignored))["agent"] == DANA


@pytest.mark.anyio
@pytest.mark.parametrize(
    "content_type",
    ["", "application/json, application/json", "text/plain;charset=UTF-8", "application/vnd.api+json", "text/json"],
)
async def test_a_json_body_is_read_whatever_it_is_called(stage: Stage, content_type: str) -> None:
    assert (await found(stage, {"agent": DANA}, {"content-type": content_type}))["agent"] == DANA


@pytest.mark.anyio
async def test_a_form_without_a_type_a_multipart_form_and_a_packed_body_are_read(stage: Stage) -> None:
    assert (await found(stage, f"agent={quote(DANA)}", {"content-type": ""}))["agent"] == DANA
    parts = f'--x\r\nContent-Disposition: form-data; name="agent"\r\n\r\n{DANA}\r\n--x--\r\n'
    assert (await found(stage, parts, {"content-type": "multipart/form-data; boundary=x"}))["agent"] == DANA
    packed = gzip.compress(json.dumps({"agent": DANA}).encode())
    assert (await found(stage, packed, {"content-encoding": "gzip"}))["agent"] == DANA
    bomb = gzip.compress(b" " * 10_000_000)
    assert (await send(stage, bomb, {"content-encoding": "gzip"})).status_code == 400


@pytest.mark.anyio
async def test_a_body_of_another_type_is_refused_with_what_came(stage: Stage) -> None:
    refused = await send(stage, b"<click/>", {"content-type": "text/xml"})
    assert (refused.status_code, "'text/xml'" in refused.json()["detail"]) == (415, True)


@pytest.mark.anyio
@pytest.mark.parametrize("place", ["query", "form", "json", "basic", "x-api-key"])
async def test_a_token_is_a_proof_wherever_its_sender_can_put_it(stage: Stage, place: str) -> None:
    token, address = TOKEN.reveal(), f"{stage.bridge_url}/clicks/acme"
    basic = "Basic " + base64.b64encode(f"popbridge:{token}".encode()).decode()
    request: Mapping[str, Any] = {
        "query": {"url": f"{address}?token={token}", "json": {"agent": DANA}},
        "form": {"url": address, "data": {"agent": DANA, "token": token}},
        "json": {"url": address, "json": {"agent": DANA, "token": token}},
        "basic": {"url": address, "json": {"agent": DANA}, "headers": {"authorization": basic}},
        "x-api-key": {"url": address, "json": {"agent": DANA}, "headers": {"x-api-key": token}},
    }[place]
    answer = await stage.http.post(**request)
    assert (answer.status_code, answer.json().get("outcome")) == (200, "found"), answer.text
    wrong = json.loads(json.dumps(request).replace(token, f"{token}x")) if place != "basic" else None
    if wrong is not None:
        assert (await stage.http.post(**wrong)).status_code == 401


def test_names_of_the_senders_own_are_found_where_the_settings_say() -> None:
    sent = {"user": {"email": DANA}, "a.b": "101", "object": {"id": 7}}
    paths = {"agent": "user.email", "extension": "a.b", "record": "object", "ivrid": "call.id"}
    asked = clicks.asked(clicks.mapped(sent, paths), None, "")
    assert (asked.agent, asked.extension, asked.ivrid, asked.record) == (DANA, "101", None, {"id": 7})


@pytest.mark.anyio
@pytest.mark.parametrize(
    "path",
    ["/clicks/acme/", "//clicks/acme", "/clicks//acme", "/clicks/acme//", "///clicks/acme/", "/clicks/acme%20",
     "/clicks/%E2%80%8Facme", "/clicks/%61cme"],
)  # fmt: skip
async def test_slashes_and_invisible_marks_make_no_other_address(stage: Stage, path: str) -> None:
    assert (await found(stage, {"agent": DANA}, path=path))["agent"] == DANA


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/clicks", "/clicks/", "/clicks/acme/popup", "//clicks//typo", "/clicks/a%00b"])
async def test_an_address_of_no_crm_is_404_and_listed(stage: Stage, path: str) -> None:
    assert (await send(stage, {"agent": DANA}, path=path)).json()["reason"] == "unknown-crm"
    listed = (await stage.get("/api/clicks", await stage.token(Role.SUPERVISOR))).json()["items"]
    assert [one["reason"] for one in listed if one["outcome"] == "refused"] == ["unknown-crm"], listed


@pytest.mark.anyio
async def test_handshakes_are_answered_and_no_click(stage: Stage) -> None:
    address = f"{stage.bridge_url}/clicks/acme"
    challenge = await stage.http.post(address, json={"challenge": "3eZbrw"})
    assert (challenge.status_code, challenge.json()) == (200, {"challenge": "3eZbrw"})
    graph = await stage.http.post(f"{address}?validationToken=Validation%3A+42", content=b"")
    assert (graph.text, graph.headers["content-type"]) == ("Validation: 42", "text/plain; charset=utf-8")
    hub = await stage.http.get(f"{address}?hub.mode=subscribe&hub.challenge=99")
    assert hub.text == "99"
    assert (await stage.http.post(address)).status_code == 200
    assert (await stage.http.head(address)).status_code == 200
    assert (await stage.http.options(address)).status_code == 204
    assert await stage.redis.xlen("popbridge:audit") == 0
    both = await stage.http.post(address, json={"challenge": "x", "agent": DANA})
    assert both.status_code == 401, "a click is no challenge"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-purpose": "prefetch;prerender"}, 503), ({"purpose": "prefetch"}, 503), ({"x-moz": "prefetch"}, 503),
        ({"user-agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}, 503),
        ({"user-agent": "WhatsApp/2.23"}, 503), ({"user-agent": "Mozilla/5.0 (X11; Linux) Firefox/130"}, 200),
    ],
)  # fmt: skip
async def test_a_link_that_nobody_opened_is_no_click(stage: Stage, headers: dict[str, str], status: int) -> None:
    link = f"{stage.bridge_url}/clicks/acme?agent={DANA}&token={TOKEN.reveal()}"
    answer = await stage.http.get(link, headers=headers)
    assert answer.status_code == status
    assert await stage.redis.xlen("popbridge:audit") == (1 if status == 200 else 0)


async def raw(stage: Stage, request: bytes, seconds: float = 15.0) -> bytes:
    """What the bridge answers to these bytes, until it closes or has nothing to say for a while."""
    address = urlsplit(stage.bridge_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(request)
        async with asyncio.timeout(seconds):
            return await reader.readuntil(b"\r\n\r\n") + await reader.read(65536)
    except asyncio.IncompleteReadError as error:
        return error.partial
    finally:
        writer.close()


@pytest.mark.anyio
@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
async def test_a_java_client_that_offers_http2_is_answered_as_any_other(
    tmp_path: Any, redis_url: Any, chunked: bool
) -> None:
    body = json.dumps({"agent": DANA}).encode()
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    head = (
        b"POST /clicks/acme HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nHost: x\r\nHTTP2-Settings: AAEAAEAA\r\n"
        b"Upgrade: h2c\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\n%s\r\n\r\n"
        % (TOKEN.reveal().encode(), length)
    )
    async with open_stage(tmp_path, redis_url) as stage:
        stage.talk()
        answer = await raw(stage, head + sent)
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
        assert b'"found"' in answer


@pytest.mark.anyio
@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 120 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 200_000,
        b"GET /" + b"x" * 70_000,
    ],
    ids=["lines", "value", "endless value", "endless address"],
)
async def test_an_endless_head_is_refused(tmp_path: Any, redis_url: Any, head: bytes) -> None:
    async with open_stage(tmp_path, redis_url) as stage:
        assert (await raw(stage, head)).startswith(b"HTTP/1.1 431")
        assert (await raw(stage, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).startswith(
            b"HTTP/1.1 200"
        )


CHUNKED = b"POST /clicks/acme HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "beside",
    [b"0\r\n" + b"A: b\r\n" * 50_000, b"0\r\nA: " + b"x" * 300_000, b"1;" + b"x" * 300_000],
    ids=["trailers", "endless trailer", "endless extension"],
)
async def test_what_stands_endlessly_beside_a_body_is_refused(stage: Stage, beside: bytes) -> None:
    assert (await raw(stage, CHUNKED + beside)).startswith(b"HTTP/1.1 431")
    assert (await raw(stage, CHUNKED.replace(b"POST /clicks/acme", b"GET /livez") + beside)).startswith(b"HTTP/1.1 ")


@pytest.mark.anyio
async def test_a_body_in_many_small_chunks_is_read_whole(stage: Stage) -> None:
    body = json.dumps({"agent": DANA, "record": {"id": "x" * 30_000}}).encode()
    proven = CHUNKED.replace(b"Host: x", b"Authorization: Bearer %s" % TOKEN.reveal().encode())
    chunks = b"".join(b"1;a=b\r\n%c\r\n" % byte for byte in body)
    assert b'"found"' in await raw(stage, proven + chunks + b"0\r\nA: b\r\n\r\n")


@pytest.mark.anyio
async def test_a_head_whose_lines_end_without_a_return_is_refused_at_once(stage: Stage) -> None:
    assert (await raw(stage, b"GET /livez HTTP/1.1\nHost: x\n\n")).startswith(b"HTTP/1.1 400")
