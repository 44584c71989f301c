"""A call rings for several agents: who is not quick enough sees who was, and the card goes by itself."""

from datetime import UTC, datetime

import pytest
from playwright.async_api import expect

from bridge.core.model import Caller
from tests.browser.desk import Desks, card
from tests.stage import CALLER, DANA, OMER

pytestmark = pytest.mark.anyio


def ring(desks: Desks) -> str:
    to = ["SIPDana1", "SIPOmer1"]
    return desks.stage.phone.incoming(to, Caller(CALLER, name="Ruth Levi"), datetime.now(UTC), "")


async def test_the_others_card_says_who_answered_and_leaves_by_itself(desks: Desks) -> None:
    hers, his = await desks.open(), await desks.open(OMER, locale="he-IL")
    ivrid = ring(desks)
    await desks.click(DANA)
    await desks.click(OMER)
    await expect(card(hers).locator(".chip-state")).to_have_text("Ringing")
    desks.stage.phone.answer(ivrid, "SIPOmer1", datetime.now(UTC))
    await expect(card(hers).locator(".condition")).to_have_text("Answered by \u2068עומר לוי\u2069")
    await expect(hers.locator("#spoken")).to_contain_text("Answered by")
    await expect(hers.locator("article.card")).to_have_count(0)
    await expect(hers.locator("#earlier-list")).to_contain_text("Answered by")
    await expect(card(his).locator(".caller")).to_have_text("Ruth Levi")
    await expect(hers.locator("#notice")).to_be_visible()
    await hers.locator(".earlier-card").click()
    await expect(card(hers).locator(".caller")).to_have_text("Ruth Levi")


async def test_a_note_that_is_being_written_keeps_its_card(desks: Desks) -> None:
    hers = await desks.open()
    ivrid = ring(desks)
    await desks.click()
    await card(hers).get_by_label("Note").fill("calls back tomo")
    desks.stage.phone.answer(ivrid, "SIPOmer1", datetime.now(UTC))
    await expect(hers.locator("#earlier-list")).to_be_empty()
    await expect(card(hers).locator(".condition")).to_contain_text("Answered by")
    await hers.wait_for_function("() => document.querySelector('.earlier-card') || !document.title.includes('Ruth')")
    await expect(card(hers).get_by_label("Note")).to_have_value("calls back tomo")
    await expect(card(hers).get_by_label("Note")).to_be_focused()


async def test_it_is_told_in_hebrew(desks: Desks) -> None:
    page = await desks.open(locale="he-IL")
    ivrid = ring(desks)
    await desks.click()
    await expect(card(page)).to_be_visible()
    desks.stage.phone.answer(ivrid, "SIPOmer1", datetime.now(UTC))
    await expect(card(page).locator(".condition")).to_have_text("נענתה על ידי \u2068עומר לוי\u2069")
