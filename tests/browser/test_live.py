"""The live page in a real browser: calls appear and go by themselves, and the page is fit for everybody."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from bridge.core.http_types import Secret
from bridge.core.model import Caller
from tests.browser.desk import SHIFTS, Desks, open_desks, violations
from tests.browser.test_console import token
from tests.stage import DANA, open_stage

pytestmark = pytest.mark.anyio
NARROW = {"width": 360, "height": 740}


@pytest.fixture
async def desks(tmp_path: Path, redis_url: Secret, browser: Browser) -> AsyncIterator[Desks]:
    """As everywhere, but phone systems are asked more often."""
    extra = {"POPBRIDGE_CONSOLE__REFRESH_SECONDS": "0.3"}
    async with open_stage(tmp_path, redis_url, extra=extra) as stage, open_desks(stage, browser) as opened:
        yield opened


async def live(desks: Desks, **options: Any) -> Page:
    """The live page, signed in, with its stream."""
    page = await desks.blank(await desks.new_profile(**options))
    await page.add_init_script(f"({SHIFTS})()")
    await page.goto(f"{desks.stage.bridge_url}/console/live#token={await token(desks)}")
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
    await expect(rows(page)).to_have_count(3)
    return page


def rows(page: Page) -> Locator:
    return page.locator(".floor tbody tr")


def row(page: Page, name: str) -> Locator:
    return rows(page).filter(has_text=name)


async def test_a_call_appears_counts_and_goes_by_itself(desks: Desks) -> None:
    page = await live(desks)
    await expect(row(page, "Dana Cohen")).to_contain_text("Free")
    await expect(row(page, "Gone")).to_contain_text("State unknown")
    await page.evaluate("window.kept = document.querySelector('.floor tbody tr')")
    ivrid = desks.stage.talk(name="Ruth Levi")
    for words in ("Talking", "Ruth Levi", "0722776772", "Sales line", "logged in"):
        await expect(row(page, "Dana Cohen")).to_contain_text(words)
    await expect(row(page, "Dana Cohen").locator("[data-since]")).to_have_text(re.compile(r"0:0[1-9]"))
    desks.stage.phone.hold(ivrid, "SIPDana1")
    await expect(row(page, "Dana Cohen")).to_contain_text("On hold")
    await page.get_by_role("button", name="On a call").click()
    await expect(page.locator(".floor tbody tr:visible")).to_have_count(1)
    await page.get_by_role("searchbox").fill("nobody of this name")
    await expect(page.locator("#nobody")).to_be_visible()
    await page.get_by_role("searchbox").fill("ruth")
    await expect(row(page, "Dana Cohen")).to_be_visible()
    desks.stage.phone.clear("SIPDana1")
    await expect(row(page, "Dana Cohen")).to_be_hidden()
    assert await page.evaluate("window.kept.isConnected"), "rows are changed, not made anew"


async def test_an_open_desktop_page_and_a_waiting_caller_are_seen(desks: Desks) -> None:
    page = await live(desks)
    desks.stage.phone.wait("1", Caller("0527654399", name="Rivka"), datetime.now(UTC))
    queue = page.locator(".queue", has_text="0527654399")
    await expect(queue.locator(".figure")).to_have_text("1")
    await desks.open(DANA)
    await expect(row(page, "Dana Cohen").locator(".at-page")).to_contain_text("open", timeout=15_000)


async def test_it_fits_everybody_and_nothing_jumps(desks: Desks) -> None:
    desks.stage.talk(name="רות לוי")
    page = await live(desks, locale="he-IL", color_scheme="light", viewport={"width": 1280, "height": 900})
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await expect(row(page, "Dana Cohen")).to_contain_text("רות לוי")
    assert sum(await page.evaluate("window.shifts")) < 0.05
    assert await violations(page) == []
    await page.emulate_media(color_scheme="dark")
    assert await violations(page) == []
    await page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert re.findall(r"console\.[\w.-]+", await page.locator("body").inner_text()) == []


async def test_signed_out_nothing_is_left_on_the_page(desks: Desks) -> None:
    desks.expected += ["401"]
    desks.stage.talk(name="Ruth Levi")
    page = await live(desks)
    await expect(row(page, "Dana Cohen")).to_contain_text("Ruth Levi")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Sign in to the console")).to_be_visible()
    await expect(page.locator("body")).not_to_contain_text("Ruth")
