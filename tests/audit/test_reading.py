"""Who may read the log, how often, and that each reading is a line of it."""

import base64
import json
from pathlib import Path

import pytest

from bridge.audit.verify import verify
from bridge.core.http_types import Secret
from bridge.store.tokens import Role
from bridge.web.api import audit
from tests.stage import CALLER, DANA, Stage, open_stage

pytestmark = pytest.mark.anyio


async def test_each_reading_is_an_entry(stage: Stage) -> None:
    stage.talk()
    click_id = (await stage.click({"agent": DANA})).json()["click_id"]
    supervisor, admin = await stage.token(Role.SUPERVISOR), await stage.token(Role.ADMIN)
    token_id = supervisor["Authorization"].split("_")[1]
    paths = (f"/api/audit?caller={CALLER}&outcome=found", "/api/audit/export?format=jsonl", f"/api/clicks/{click_id}")
    for path in paths:
        assert (await stage.get(path, supervisor)).status_code == 200
    told = (await stage.get("/api/audit/access-log", admin)).json()["items"]
    assert [act["what"] for act in told] == ["access-log", "story", "export", "list"]
    assert {act["who"] for act in told[1:]} == {f"supervisor {token_id}"}
    assert told[3]["filters"]["outcome"] == "found"
    assert told[1]["click_id"] == click_id
    assert CALLER not in json.dumps(told)
    assert verify(stage.services.archive).findings == []


async def test_what_is_refused_is_not_a_reading(stage: Stage) -> None:
    supervisor, admin = await stage.token(Role.SUPERVISOR), await stage.token(Role.ADMIN)
    for path in ("/api/audit?colour=red", "/api/audit?cursor=x", "/api/audit/export?format=x", "/api/audit?limit=0"):
        assert (await stage.get(path, supervisor)).status_code == 400
    assert [act["what"] for act in (await stage.get("/api/audit/access-log", admin)).json()["items"]] == ["access-log"]


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


WRONG = (
    *(f"{name}=a%00b" for name in ("crm", "crm_user", "caller", "did", "ivrid", "extension", "outcome", "since")),
    *(f"cursor={text}" for text in ("%00", "%D7%90", "a", cursor("9999-12-31T23:59:59-10:00 1"))),
    *(f"cursor={cursor(f'2026-01-01T00:00:00.000Z {seq}')}" for seq in ("", "x", "-1", 2**62)),
    *(f"{name}={text}" for name in ("since", "until") for text in (9 * "9" + "d", "9999-12-31T23:59:59-10:00")),
    "outcome=zzz",
    "outcome=FOUND",
    *(f"limit={text}" for text in ("0", "501", "-1", "1.5", "%D9%A3")),
)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_what_cannot_be_asked_is_a_clear_400(
    kind: str, tmp_path: Path, redis_url: Secret, request: pytest.FixtureRequest
) -> None:
    extra = {}
    if kind == "postgresql":
        extra["POPBRIDGE_AUDIT__URL"] = request.getfixturevalue("postgres").new_database().reveal()
    async with open_stage(tmp_path, redis_url, extra=extra) as stage:
        supervisor = await stage.token(Role.SUPERVISOR)
        for wrong in WRONG:
            answer = await stage.get(f"/api/audit?{wrong}", supervisor)
            assert (answer.status_code, answer.json()["reason"]) == (400, "malformed"), wrong
            assert wrong.partition("=")[0] in answer.json()["detail"]
        assert (await stage.get("/api/clicks?agent=a%00b", supervisor)).status_code == 400


async def test_acts_page_by_page(stage: Stage) -> None:
    admin = await stage.token(Role.ADMIN)
    for _ in range(5):
        await stage.get("/api/audit", admin)
    first = (await stage.get("/api/audit/access-log?limit=2", admin)).json()
    second = (await stage.get(f"/api/audit/access-log?limit=9&cursor={first['next_cursor']}", admin)).json()
    assert [act["what"] for act in first["items"]] == ["access-log", "list"]
    assert [act["what"] for act in second["items"]] == ["list"] * 4
    assert second["next_cursor"] is None


async def test_only_an_admin_reads_who_read(stage: Stage) -> None:
    for role, status in ((Role.SUPERVISOR, 403), (Role.ADMIN, 200)):
        assert (await stage.get("/api/audit/access-log", await stage.token(role))).status_code == status
    assert (await stage.get("/api/audit/access-log", await stage.token(Role.AGENT, DANA))).status_code == 403
    assert (await stage.get("/api/audit/access-log")).status_code == 401


async def test_one_token_cannot_read_without_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "EXPORTS_PER_MINUTE", 2)
    first, second = await stage.token(Role.SUPERVISOR), await stage.token(Role.SUPERVISOR)
    answers = [await stage.get("/api/audit/export", first) for _ in range(6)]  # a new minute may begin once meanwhile
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 2 <= len(refused) <= 4
    assert refused[0].json()["reason"] == "too-many"
    assert 0 < int(refused[0].headers["retry-after"]) <= 60
    assert (await stage.get("/api/audit/export", second)).status_code == 200
    assert (await stage.get("/api/audit", first)).status_code == 200
