"""Buttons on CRMs' own pages: only origins that the settings name may send clicks by script."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.core.http_types import Secret
from tests.faults.proxy import redis_line
from tests.stage import DANA, TOKEN, Stage, open_stage

pytestmark = pytest.mark.anyio

OURS, THEIRS = "https://crm.acme.example", "https://evil.example"


@pytest.fixture
async def stage(tmp_path: Path, redis_url: Secret) -> AsyncIterator[Stage]:
    origins = {"POPBRIDGE_CRM__ACME__ORIGINS": f"{OURS},http://127.0.0.1:8000"}
    async with open_stage(tmp_path, redis_url, extra=origins) as ready:
        yield ready


async def test_a_browser_is_told_what_it_may_send(stage: Stage) -> None:
    asked = {
        "Origin": OURS,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = await stage.http.request("OPTIONS", f"{stage.bridge_url}/clicks/acme", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == OURS
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert {"authorization", "content-type"} <= set(answer.headers["access-control-allow-headers"].split(", "))
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [THEIRS, "null", "https://crm.acme.example:444", "http://crm.acme.example", f"{OURS}.evil.example", "*", ""],
)
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "GET"])
async def test_other_origins_may_read_nothing(stage: Stage, origin: str, method: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST", "Authorization": f"Bearer {TOKEN.reveal()}"}
    answer = await stage.http.request(method, f"{stage.bridge_url}/clicks/acme", headers=headers, json={"agent": DANA})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["vary"] == "Origin"


async def test_answers_and_refusals_can_be_read_by_the_page(stage: Stage) -> None:
    stage.talk()
    headers = {"Origin": OURS, "Authorization": f"Bearer {TOKEN.reveal()}"}
    for sent, status in ((headers, 200), ({"Origin": OURS, "Authorization": "Bearer wrong"}, 401)):
        answer = await stage.http.post(f"{stage.bridge_url}/clicks/acme", json={"agent": DANA}, headers=sent)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, OURS)


async def test_no_other_path_and_no_other_crm_answers_a_page_elsewhere(stage: Stage) -> None:
    headers = {"Origin": OURS, "Access-Control-Request-Method": "POST"}
    for path in ("/clicks/other", "/desktop/press", "/api/audit", "/desktop/events"):
        answer = await stage.http.request("OPTIONS", f"{stage.bridge_url}{path}", headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_every_refusal_can_be_read_by_the_page(tmp_path: Path, redis_url: Secret) -> None:
    """The button says it in words, also when Redis is away."""
    extra = {"POPBRIDGE_CRM__ACME__ORIGINS": OURS, "POPBRIDGE_CRM__ACME__CLICKS_PER_MINUTE": "1"}
    right, wrong = {"Authorization": f"Bearer {TOKEN.reveal()}"}, {"Authorization": "Bearer wrong"}
    other = {**right, "Content-Type": "text/xml"}
    refused: dict[str, str | None] = {}
    async with redis_line(redis_url) as (line, address), open_stage(tmp_path, address, extra=extra) as stage:

        async def send(headers: dict[str, str], content: bytes = b'{"agent": "dana@acme.example"}') -> None:
            told = {"Content-Type": "application/json", "Origin": OURS, **headers}
            answer = await stage.http.post(f"{stage.bridge_url}/clicks/acme", content=content, headers=told)
            if answer.status_code != 200:
                refused[answer.json()["reason"]] = answer.headers.get("access-control-allow-origin")
            assert answer.status_code not in (429, 503) or answer.headers["retry-after"]
            assert answer.headers["vary"] == "Origin"

        await send(right)
        await send(right)
        await send(wrong)
        await send(other)
        await send(right, b"{}")
        await send(right, b"x" * 70_000)
        line.down = True
        line.cut()
        await send(right)
        await send(wrong)
    assert refused == dict.fromkeys(
        ["too-many-clicks", "bad-signature", "unsupported-media-type", "malformed", "too-large", "unavailable"], OURS
    )
