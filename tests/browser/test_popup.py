"""A popup on the screen: from the click to the card, and what becomes of it."""

import pytest
from playwright.async_api import expect

from tests.browser.desk import Desks, card
from tests.stage import CALLER

pytestmark = pytest.mark.anyio


async def test_a_click_shows_the_caller(desks: Desks) -> None:
    page = await desks.open()
    await expect(page.locator("#notice")).to_be_visible()
    assert "token" not in page.url
    desks.stage.talk(name="Ruth Levi")
    answer = await desks.click()
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    await expect(card(page)).to_have_attribute("data-state", "talking")
    await expect(card(page)).to_contain_text(CALLER)
    await expect(card(page)).to_contain_text("Sales line")
    await expect(page).to_have_title(f"Talking, Ruth Levi, {CALLER}, Sales line · popbridge")
    await desks.is_taken(answer["popup"]["popup_id"])
