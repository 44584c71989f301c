"""Clicks whose agent the CRM has to be asked for, and the answer as a page in the CRM's frame; for every make."""

from pathlib import Path
from typing import Any

import pytest

from bridge.core.http_types import Secret
from bridge.crm.contract import NamesSenders
from tests.stage import Stage
from tests.web.test_every_crm import KNOWN, able, behave, office, pressed

pytestmark = pytest.mark.anyio
asked_for = pytest.mark.parametrize("kind", able(NamesSenders))
BROWSER = {"accept": "text/html,*/*", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}


async def posted(stage: Stage, **headers: str) -> Any:
    """The press, with more headers."""
    stage.http.headers.update(headers)
    return await stage.press("sales", "press-1")


@asked_for
async def test_the_agent_is_who_the_crm_says(tmp_path: Path, redis_url: Secret, kind: str) -> None:
    async with office(tmp_path, redis_url, kind) as stage:
        stage.talk(number=KNOWN)
        assert (await pressed(stage))["outcome"] == "found"


@asked_for
async def test_while_the_crm_does_not_say_it_nothing_is_accepted(tmp_path: Path, redis_url: Secret, kind: str) -> None:
    async with office(tmp_path, redis_url, kind) as stage:
        stage.talk(number=KNOWN)
        behave(stage, kind, "down")
        refused = await stage.press("sales", "press-1")
        assert (refused.status_code, refused.json()["reason"]) == (503, "unavailable")
        assert refused.headers["retry-after"]
        behave(stage, kind, "ok")
        assert (await pressed(stage))["outcome"] == "found"


@asked_for
async def test_a_browser_that_posts_is_answered_with_a_page_for_the_crms_frame(
    tmp_path: Path, redis_url: Secret, kind: str
) -> None:
    async with office(tmp_path, redis_url, kind, origins=["https://portal.example.com"]) as stage:
        stage.talk(number=KNOWN)
        page = await posted(stage, **BROWSER)
        assert page.headers["content-type"].startswith("text/html")
        assert page.headers["content-security-policy"].endswith("frame-ancestors https://portal.example.com")


@asked_for
async def test_a_program_that_takes_html_is_answered_in_json(tmp_path: Path, redis_url: Secret, kind: str) -> None:
    async with office(tmp_path, redis_url, kind) as stage:
        stage.talk(number=KNOWN)
        assert (await posted(stage, accept="text/html, */*; q=.2")).json()["outcome"] == "found"
