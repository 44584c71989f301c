"""A CRM on a dry run: whoever looks at what it does sees that nothing was sent."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.core.http_types import Secret
from bridge.store import keys
from bridge.store.tokens import Role
from tests.stage import DANA, TOKEN, Stage, open_stage
from tests.web.desk import ask

pytestmark = pytest.mark.anyio

SAID = "dry run: nothing is sent"


@pytest.fixture
async def stage(tmp_path: Path, redis_url: Secret) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, redis_url, extra={"POPBRIDGE_CRM__ACME__DRY_RUN": "true"}) as ready:
        yield ready


async def test_the_answer_and_its_popup_are_marked(stage: Stage) -> None:
    stage.talk()
    given = (await stage.click()).json()
    assert (given["outcome"], given["dry_run"], given["popup"]["dry_run"]) == ("found", True, True)
    assert given["why"] == given["popup"]["why"] == f"talking now; the only call; {SAID}"
    assert given["reason"] == given["popup"]["reason"]
    assert await stage.redis.zcard(keys.DUE) == 0


@pytest.mark.parametrize(
    "fields", [{"agent": DANA}, {"agent": "nobody"}, {"extension": "none"}, {"agent": DANA, "ivrid": "9"}]
)
async def test_so_are_answers_without_a_popup(stage: Stage, fields: dict[str, str]) -> None:
    if "ivrid" in fields:
        stage.talk()
    given = (await stage.click(fields)).json()
    assert (given["popup"], given["dry_run"]) == (None, True)
    assert given["why"].endswith(SAID)


async def test_a_repeat_is_marked_too(stage: Stage) -> None:
    stage.talk()
    await stage.click(message_id="msg_1")
    again = (await stage.click(message_id="msg_1")).json()
    assert (again["duplicate"], again["dry_run"]) == (True, True)


async def test_the_log_entry_says_so(stage: Stage) -> None:
    stage.talk()
    await stage.click()
    (entry,) = (await stage.get("/api/audit", await stage.token(Role.SUPERVISOR))).json()["items"]
    assert entry["why"].endswith(SAID)
    assert entry["reason"]["also"][-1]["code"] == "dry-run"


async def test_the_story_of_the_click_says_so(stage: Stage) -> None:
    stage.talk()
    click_id = (await stage.click()).json()["click_id"]
    story = (await stage.get(f"/api/clicks/{click_id}", await stage.token(Role.SUPERVISOR))).json()
    assert story["answer"]["dry_run"]
    assert story["deliveries"] == []


async def test_the_page_of_a_link_says_so(stage: Stage) -> None:
    stage.talk()
    headers = {"Accept": "text/html", "Accept-Language": "he"}
    link = f"{stage.bridge_url}/clicks/acme"
    page = await stage.http.get(link, params={"agent": DANA, "token": TOKEN.reveal()}, headers=headers)
    assert '<span class="chip chip-dry-run">הרצת ניסיון</span>' in page.text
    assert "הרצת ניסיון: שום דבר לא נשלח" in page.text


async def test_looking_up_from_the_page_is_a_dry_run_too(stage: Stage) -> None:
    stage.talk()
    given = (await ask(stage, "POST", "press", await stage.token(Role.AGENT, DANA), {})).json()
    assert given["popup"]["dry_run"]


async def test_what_is_sent_is_never_marked(tmp_path: Path, redis_url: Secret) -> None:
    (tmp_path / "real").mkdir()
    async with open_stage(tmp_path / "real", redis_url) as stage:
        stage.talk()
        given = await stage.click()
        assert "dry" not in given.text


async def test_calls_are_not_written_into_the_crms_history(tmp_path: Path, redis_url: Secret) -> None:
    (tmp_path / "logging").mkdir()
    extra = {"POPBRIDGE_CRM__DESK__DRY_RUN": "true", "POPBRIDGE_CRM__DESK__LOG_CALLS": "true"}
    async with open_stage(tmp_path / "logging", redis_url, extra=extra, crms={"desk": "espocrm"}) as stage:
        assert stage.services.settings.crm["desk"].log_calls
        assert not stage.services.logs_calls("desk")
