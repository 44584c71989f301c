"""Popups without a click, on the screen."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from bridge.core.http_types import Secret
from bridge.core.model import Caller
from tests.browser.desk import card, open_desks
from tests.stage import CALLER, DANA, DID, OMER, open_stage, working

pytestmark = pytest.mark.anyio
POLLED = {"events": "poll", "poll_seconds": 0.2}
CHOOSE = {"POPBRIDGE_DESKTOP__AGENTS_CHOOSE_POP": "true"}


async def test_an_agent_chooses_what_makes_a_popup(tmp_path: Path, redis_url: Secret, browser: Browser) -> None:
    opened = open_stage(tmp_path, redis_url, pops={DANA: "button", OMER: "answer"}, main_keys=POLLED, extra=CHOOSE)
    async with opened as stage, working(stage), open_desks(stage, browser) as desks:
        page, told = await desks.open(), (await desks.open(OMER)).locator("#notice-text")
        await expect(page.locator("#notice-text")).to_contain_text("Click the button in your CRM")
        await expect(told).to_have_text(
            "When you answer a call, or yours is answered, the caller appears here by itself."
        )
        await page.locator("#open-settings").click()
        async with page.expect_response("**/desktop/preferences") as saved:
            await page.get_by_label("Show a popup").select_option(label="When a call rings")
        assert (await saved.value).status == 200
        await page.keyboard.press("Escape")
        await expect(page.locator("#notice-text")).to_contain_text("When your phone rings")
        stage.phone.incoming([stage.make.dana], Caller(CALLER, name="Ruth Levi"), datetime.now(UTC), DID)
        await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
        await expect(card(page)).to_have_attribute("data-state", "ringing")


async def test_who_may_not_choose_is_not_asked(tmp_path: Path, redis_url: Secret, browser: Browser) -> None:
    opened = open_stage(tmp_path, redis_url, pops={DANA: "ringing"})  # nobody listens: clicks alone make popups
    async with opened as stage, open_desks(stage, browser) as desks:
        page = await desks.open()
        await expect(page.locator("#notice-text")).to_contain_text("Click the button in your CRM")
        await page.locator("#open-settings").click()
        await expect(page.locator("#set-theme")).to_be_visible()
        await expect(page.locator("#set-pop")).to_be_hidden()
