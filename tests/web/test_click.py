"""The click over real HTTP: proof, reading, every outcome, repeats."""

import asyncio
import json
import secrets
import time
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis as AsyncRedis

from bridge.core.http_types import Secret
from bridge.core.model import Outcome
from bridge.crm.webhook import signature
from bridge.store import keys
from bridge.store.tokens import Role
from tests.stage import CALLER, CLICK_SECRET, DANA, OMER, TOKEN, Stage, open_stage, until

pytestmark = pytest.mark.anyio


async def audit(stage: Stage) -> list[dict[str, Any]]:
    found = await stage.get("/api/audit", await stage.token(Role.SUPERVISOR))
    assert found.status_code == 200
    items: list[dict[str, Any]] = found.json()["items"]
    return items


async def test_a_signed_click_is_answered_with_the_contracts_popup(stage: Stage) -> None:
    ivrid = stage.talk()
    record = {"type": "contact", "id": "42", "url": "https://crm.acme.example/contacts/42"}
    response = await stage.click({"agent": DANA, "record": record, "unknown": 1})
    assert response.status_code == 200
    answer = response.json()
    assert list(answer) == ["click_id", "outcome", "why", "popup", "served_from", "pbx_ms", "total_ms", "reason"]
    assert (answer["outcome"], answer["why"], answer["served_from"]) == ("found", "talking now; the only call", "pbx")
    popup = answer["popup"]
    assert popup["agent"] == {
        "crm": "acme",
        "crm_user": DANA,
        "name": "Dana Cohen",
        "pbx": "main",
        "extension": "SIPDana1",
    }
    assert popup["call"]["ivrid"] == ivrid
    assert popup["call"]["did_label"] == "Sales line"
    assert popup["call"]["caller"] == {"number": CALLER, "e164": "+972722776772", "name": "לקוח", "kind": "number"}
    assert popup["record"] == record
    assert popup["other_calls"] == []


async def test_every_outcome_over_real_http_with_its_log_entry(stage: Stage) -> None:
    faults = stage.pbx.faults
    seen: dict[str, str] = {}

    async def click(**fields: Any) -> None:
        response = await stage.click(fields or {"agent": DANA})
        assert response.status_code == 200
        answer = response.json()
        assert (answer["popup"] is not None) == (answer["outcome"] == "found")
        assert answer["why"]
        seen[answer["click_id"]] = answer["outcome"]

    await click()
    await click(agent="nobody@acme.example")
    await click(agent=DANA, extension="SIPOmer1")
    await click(agent="gone@acme.example")
    stage.talk()
    await click()
    await click(agent=DANA, ivrid="20990101nosuchcall")
    faults.address_refused = True
    await click()
    faults.address_refused, faults.internal_error = False, True
    await click()
    faults.internal_error, faults.down = False, "closed"
    await click()
    faults.down = "503"
    await click()
    faults.down, faults.slow_seconds = "", 3.5
    await click()
    faults.slow_seconds, faults.html_page = 0.0, True
    await click()
    assert list(seen.values()) == [
        "no-active-call",
        "unknown-agent",
        "unknown-extension",
        "unknown-extension",
        "found",
        "no-such-call",
        "pbx-refused",
        "pbx-refused",
        "pbx-unreachable",
        "pbx-unreachable",
        "pbx-unreachable",
        "pbx-unintelligible",
    ]
    assert set(seen.values()) == {str(outcome) for outcome in Outcome}
    lines = await audit(stage)
    assert {line["click_id"]: line["outcome"] for line in lines} == seen
    assert [line["click_id"] for line in reversed(lines)] == list(seen), "newest first"


async def test_a_wrong_code_says_that_the_code_may_be_wrong(stage: Stage) -> None:
    stage.talk()
    stage.pbx.faults.code_refused = True
    answer = (await stage.click()).json()
    assert answer["outcome"] == "unknown-extension"
    assert "account code is wrong" in answer["why"]


async def test_an_extension_alone_is_looked_up_and_its_agent_is_found(stage: Stage) -> None:
    stage.talk("SIPOmer1")
    answer = (await stage.click({"extension": "SIPOmer1"})).json()
    assert answer["outcome"] == "found"
    assert answer["popup"]["agent"]["crm_user"] == OMER
    assert (await stage.click({"extension": "sipomer1"})).json()["outcome"] == "unknown-extension"


async def test_every_way_a_proof_can_fail_has_one_answer(stage: Stage) -> None:
    body = json.dumps({"agent": DANA}).encode()
    now = int(time.time())

    def signed(message_id: str = "msg_1", at: int = now, secret: Secret = CLICK_SECRET) -> dict[str, str]:
        return signature.headers([secret], message_id, at, body)

    stranger = Secret("whsec_" + "U3RyYW5nZXJTdHJhbmdlclN0cmFuZ2VyMTIz")
    ways: list[dict[str, str]] = [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer " + TOKEN.reveal()[:-1]},
        {"authorization": "Basic " + TOKEN.reveal()},
        {**signed(secret=stranger)},
        {**signed(at=now - 301)},
        {**signed(at=now + 302)},
        {**signed(message_id="msg.1")},
        {**signed(), "webhook-id": "msg_2"},
        {**signed(), "webhook-timestamp": f"{now}.5"},
        {**signed(), "webhook-signature": "v1,"},
        {**signed(), "webhook-signature": "garbage"},
        {**signed(), "webhook-signature": ""},
        # a claim to a signature must hold, even beside a good token
        {**signed(secret=stranger), "authorization": f"Bearer {TOKEN.reveal()}"},
    ]
    answers = set()
    for headers in ways:
        response = await stage.http.post(
            f"{stage.bridge_url}/clicks/acme", content=body, headers={"content-type": "application/json", **headers}
        )
        assert response.status_code == 401, headers
        assert response.headers["content-type"] == "application/problem+json"
        answers.add(response.text)
    assert len(answers) == 1
    assert json.loads(answers.pop())["reason"] == "bad-signature"
    assert await audit(stage) == []


async def test_a_signed_message_cannot_be_cut_anew(stage: Stage) -> None:
    """Id, timestamp and body are joined by dots: the cut must not be movable."""
    now = int(time.time())
    body = f"{now}.{json.dumps({'agent': DANA})}".encode()
    good = signature.sign(CLICK_SECRET, "a", now, body)
    moved = {"webhook-id": f"a.{now}", "webhook-timestamp": str(now), "webhook-signature": good}
    response = await stage.http.post(
        f"{stage.bridge_url}/clicks/acme",
        content=json.dumps({"agent": DANA}),
        headers={**moved, "content-type": "application/json"},
    )
    assert response.status_code == 401


MALFORMED = [
    (b"", "application/json", 400),
    (b"{", "application/json", 400),
    (b"null", "application/json", 400),
    (b"[]", "application/json", 400),
    (b'"text"', "application/json", 400),
    (b"{}", "application/json", 400),
    (b'{"agent": ""}', "application/json", 400),
    (b'{"agent": true}', "application/json", 400),
    (b'{"agent": {"id": "x"}}', "application/json", 400),
    (b'{"agent": "a", "extension": ["1", "2"]}', "application/json", 400),
    (b'{"agent": "a", "ivrid": true}', "application/json", 400),
    (b'{"agent": "a", "record": "text"}', "application/json", 400),
    (b'{"agent": NaN}', "application/json", 400),
    (b'{"agent": "a\\u0000b"}', "application/json", 400),
    (b'{"agent": "' + b"x" * 400 + b'"}', "application/json", 400),
    (b"[" * 60000, "application/json", 400),
    (b'{"a":' * 10000 + b"1" + b"}" * 10000, "application/json", 400),
    (b'{"agent": "a"}', "text/html", 415),
    (b"agent", "", 400),
    (b"<agent>a</agent>", "application/xml", 415),
    (b"agent=%00", "application/x-www-form-urlencoded", 400),
    (b"agent=a&record=text", "application/x-www-form-urlencoded", 400),
    (b"&".join(b"a=1" for _ in range(200)), "application/x-www-form-urlencoded", 400),
    (b"{" + b" " * (64 * 1024) + b"}", "application/json", 413),
]


async def test_malformed_clicks_are_refused_and_leave_no_trace_but_a_counter_and_a_reason(stage: Stage) -> None:
    stage.talk()
    for body, content_type, status in MALFORMED:
        response = await stage.raw(body, content_type)
        assert response.status_code == status, body[:60]
        assert response.headers["content-type"] == "application/problem+json"
        assert set(response.json()) == {"type", "title", "status", "detail", "reason"}
    left = {key async for key in _keys(stage)}
    assert left == {keys.COUNTERS, keys.REFUSED}
    metrics = (await stage.get("/metrics")).text
    for reason, status in (("malformed", 400), ("unsupported-media-type", 415), ("too-large", 413)):
        times = len([1 for _, _, wanted in MALFORMED if wanted == status])
        assert f'popbridge_clicks_refused_total{{crm="acme",reason="{reason}"}} {times}.0' in metrics


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"agent": "%s", "ivrid": "\xff"}', "application/json"),
        (b"agent=%s&ivrid=%%ff", "application/x-www-form-urlencoded"),
    ],
)
async def test_a_byte_that_cannot_be_read_spoils_its_own_field_alone(
    stage: Stage, body: bytes, content_type: str
) -> None:
    stage.talk()
    found = (await stage.raw(body % DANA.encode(), content_type)).json()
    assert (found["outcome"], found["reason"]["code"]) == ("no-such-call", "no-such-call")
    assert found["reason"]["params"]["ivrid"] == "\ufffd"


async def _keys(stage: Stage) -> Any:
    for key in await stage.redis.eval("return redis.call('KEYS', 'popbridge:*')", 0):
        if not key.startswith(("popbridge:token", "popbridge:rate")):
            yield key


async def test_a_body_without_an_announced_length_is_limited_while_reading(stage: Stage) -> None:
    async def endless() -> Any:
        for _ in range(80):
            yield b" " * 1024

    response = await stage.http.post(
        f"{stage.bridge_url}/clicks/acme", content=endless(), headers={"content-type": "application/json"}
    )
    assert response.status_code == 413


async def test_the_largest_allowed_body_is_taken(stage: Stage) -> None:
    stage.talk()
    body = json.dumps({"agent": DANA}).encode()
    response = await stage.raw(body + b" " * (64 * 1024 - len(body)))
    assert response.json()["outcome"] == "found"


async def test_unknown_crm_and_wrong_methods(stage: Stage) -> None:
    response = await stage.click(crm="nobody")
    assert (response.status_code, response.json()["reason"]) == (404, "unknown-crm")
    for method in ("PUT", "DELETE"):
        refused = await stage.http.request(
            method, f"{stage.bridge_url}/clicks/acme?agent={DANA}&token={TOKEN.reveal()}"
        )
        assert refused.status_code == 405
    assert await audit(stage) == []


async def test_form_body_and_bearer_token(stage: Stage) -> None:
    stage.talk()
    response = await stage.http.post(
        f"{stage.bridge_url}/clicks/acme",
        data={"agent": DANA, "record": '{"type": "lead", "id": "7"}'},
        headers={"authorization": f"bearer {TOKEN.reveal()}"},
    )
    assert response.json()["popup"]["record"] == {"type": "lead", "id": "7"}


async def test_the_link_form_answers_a_person_with_a_page_and_a_program_with_json(stage: Stage) -> None:
    stage.talk(name="<script>alert(1)</script>")
    link = f"{stage.bridge_url}/clicks/acme"
    asked = {"agent": DANA, "token": TOKEN.reveal()}
    page = await stage.http.get(link, params=asked, headers={"accept": "text/html,*/*"})
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert CALLER in page.text.replace("-", "")
    assert "<script>alert" not in page.text
    assert TOKEN.reveal() not in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "unsafe" not in page.headers["content-security-policy"]
    old = {"accept": "application/xml,text/html;q=0.9,text/plain;q=0.8,*/*;q=0.5"}  # Android's browser up to 4.4
    assert (await stage.http.get(link, params=asked, headers=old)).headers["content-type"].startswith("text/html")
    for accept in ("*/*", "text/html;q=0", "text/html; q=0.000;level=1"):
        data = await stage.http.get(link, params=asked, headers={"accept": accept})
        assert data.json()["outcome"] == "found"
    refused = await stage.http.get(link, params={**asked, "token": "x"}, headers={"accept": "text/html"})
    assert refused.status_code == 401
    assert refused.headers["content-type"].startswith("text/html")
    nobody = await stage.http.get(link, params={"token": TOKEN.reveal()}, headers={"accept": "application/json"})
    assert (nobody.status_code, nobody.json()["reason"]) == (400, "malformed")


async def test_the_same_id_forty_times_at_once_is_one_click(stage: Stage) -> None:
    stage.talk()
    stage.pbx.faults.slow_seconds = 0.2
    responses = await asyncio.gather(*(stage.click(message_id="msg_same") for _ in range(40)))
    answers = [response.json() for response in responses]
    assert {response.status_code for response in responses} == {200}
    assert len([answer for answer in answers if "duplicate" not in answer]) == 1
    assert len({json.dumps({**answer, "duplicate": True}, sort_keys=True) for answer in answers}) == 1
    assert len(await audit(stage)) == 1
    popup = answers[0]["popup"]["popup_id"]
    shown = (await stage.get(f"/api/popups/{popup}", await stage.token(Role.SUPERVISOR))).json()
    assert sorted(delivery["target"] for delivery in shown["deliveries"]) == ["acme", "desktop"]


async def test_a_repeat_with_a_new_timestamp_gets_the_stored_answer(stage: Stage) -> None:
    ivrid = stage.talk()
    first = (await stage.click(message_id="msg_again")).json()
    stage.phone.hang_up(ivrid)
    again = (await stage.click(message_id="msg_again")).json()
    assert again == {**first, "duplicate": True}


async def test_the_phone_system_is_asked_while_redis_tells_whether_it_is_a_repeat(stage: Stage) -> None:
    stage.talk()
    questions = stage.services.lookup.systems["main"].questions

    async def asked() -> bool:
        return questions.asked == 1

    async with AsyncRedis.from_url(stage.redis_url.reveal()) as direct:
        await direct.client_pause(1500)
        click = asyncio.create_task(stage.click())
        await until(asked)
        assert not click.done()
        await direct.client_unpause()
    assert (await click).json()["outcome"] == "found"
    assert questions.asked == 1


async def test_a_repeat_that_this_process_has_seen_asks_nothing(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url, extra={"POPBRIDGE_PBX__MAIN__FRESH_SECONDS": "0"}) as stage:
        stage.talk()
        questions = stage.services.lookup.systems["main"].questions
        for _ in range(3):
            assert (await stage.click(message_id="msg_again")).json()["outcome"] == "found"
        assert questions.asked == 1
        assert "duplicate" not in (await stage.click(message_id="msg_other")).json()
        assert questions.asked == 2


async def test_idempotency_key_goes_with_the_token(stage: Stage) -> None:
    stage.talk()
    url, body = f"{stage.bridge_url}/clicks/acme", {"agent": DANA}
    headers = {"authorization": f"Bearer {TOKEN.reveal()}", "idempotency-key": secrets.token_hex(8)}
    first = (await stage.http.post(url, json=body, headers=headers)).json()
    again = (await stage.http.post(url, json=body, headers=headers)).json()
    assert again == {**first, "duplicate": True}
    headers.pop("idempotency-key")
    other = (await stage.http.post(url, json=body, headers=headers)).json()
    assert other["click_id"] != first["click_id"]
    assert "duplicate" not in other


async def test_failed_proofs_of_one_address_are_limited_and_good_ones_still_pass(stage: Stage) -> None:
    stage.talk()
    statuses = [401]
    while statuses[-1] == 401 and len(statuses) < 100:  # the minute may turn in between
        statuses.append((await stage.click(**{"webhook-signature": "v1,AAAA"})).status_code)
    assert statuses[-1] == 429
    assert (await stage.click()).status_code == 200
    refused = await stage.click(**{"webhook-signature": "v1,AAAA"})
    assert refused.json()["reason"] == "too-many-clicks"
    assert 1 <= int(refused.headers["retry-after"]) <= 60


async def test_clicks_per_minute_is_a_limit_of_the_crm(tmp_path: Path, redis_url: Secret) -> None:
    limited = {"POPBRIDGE_CRM__ACME__CLICKS_PER_MINUTE": "3"}
    async with open_stage(tmp_path, redis_url, extra=limited) as stage:
        statuses = [(await stage.click()).status_code for _ in range(8)]
        assert statuses[:3] == [200, 200, 200]
        assert 429 in statuses, "a new minute may begin once on the way, not twice"


async def test_a_sender_who_goes_away_or_never_finishes_is_no_traceback(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("bridge.web.body.BODY_SECONDS", 0.3)
    host, port = stage.bridge_url.removeprefix("http://").split(":")
    head = b"POST /clicks/acme HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head)
    assert (await reader.readline()).startswith(b"HTTP/1.1 400")
    writer.close()
    _, gone = await asyncio.open_connection(host, int(port))
    gone.write(head)
    await gone.drain()
    gone.close()
    assert (await stage.click()).status_code == 200
    assert "Traceback" not in caplog.text


async def test_a_crm_on_a_dry_run_is_answered_and_audited_and_nothing_is_delivered(
    tmp_path: Path, redis_url: Secret
) -> None:
    async with open_stage(tmp_path, redis_url, extra={"POPBRIDGE_CRM__ACME__DRY_RUN": "true"}) as stage:
        stage.talk()
        given = (await stage.click()).json()
        assert given["outcome"] == "found"
        shown = await stage.get(f"/api/popups/{given['popup']['popup_id']}", await stage.token(Role.SUPERVISOR))
        assert shown.json()["deliveries"] == []
        audit = (await stage.get("/api/audit", await stage.token(Role.SUPERVISOR))).json()["items"]
        assert [line["outcome"] for line in audit] == ["found"]
        assert await stage.redis.zcard(keys.DUE) == 0
