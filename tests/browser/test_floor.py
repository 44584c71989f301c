"""Two agents at their pages, with popups by themselves: a ring group, a transfer, missed calls, the list of the day."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from bridge.core.http_types import Secret
from bridge.core.model import Caller
from tests.browser.album import FOLDER, NORMAL, WIDE, Album
from tests.browser.desk import SHIFTS, Desks, card, live, open_desks, shifts, violations
from tests.stage import CALLER, DANA, DID, OMER, open_stage

pytestmark = pytest.mark.anyio
POLLED = {"events": "poll", "poll_seconds": 0.2}
STILL = "() => Promise.all(document.getAnimations().map((each) => each.finished))"
"""Waits until nothing glides any more."""
QUICK = {"POPBRIDGE_DESKTOP__REFRESH_SECONDS": "0.5", "POPBRIDGE_DESKTOP__ENDED_CARD_SECONDS": "2"}


@pytest.fixture
async def floor(tmp_path: Path, redis_url: Secret, browser: Browser) -> AsyncIterator[Desks]:
    pops = {DANA: "ringing", OMER: "ringing"}
    opened = open_stage(tmp_path, redis_url, pops=pops, main_keys=POLLED, extra=QUICK)
    async with opened as stage, open_desks(stage, browser) as desks:
        yield desks


def ring(desks: Desks, *to: str, number: str = CALLER, name: str = "Ruth Levi") -> str:
    return desks.stage.phone.incoming(to, Caller(number, name=name), datetime.now(UTC), DID)


async def test_a_ring_group_pops_on_both_and_goes_where_nobody_answered(floor: Desks) -> None:
    hers, his = await floor.open(), await floor.open(OMER)
    ivrid = ring(floor, "SIPDana1", "SIPOmer1")
    for page in (hers, his):
        await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
        await expect(card(page)).to_have_attribute("data-state", "ringing")
    floor.stage.phone.answer(ivrid, "SIPOmer1", datetime.now(UTC))
    await expect(card(his)).to_have_attribute("data-state", "talking")
    await expect(card(hers).locator(".condition")).to_contain_text("עומר לוי")
    await expect(hers.locator("article.card")).to_have_count(0)
    await expect(hers.locator("#earlier-list li")).to_contain_text("Answered by")
    await expect(hers.locator("#shift-missed")).to_have_text("Missed (0)")
    await expect(his.locator("article.card")).to_have_count(1)


async def test_a_call_that_is_passed_on_brings_number_contact_and_notes(floor: Desks) -> None:
    hers, his = await floor.open(), await floor.open(OMER)
    first = ring(floor, "SIPDana1")
    floor.stage.phone.answer(first, "SIPDana1", datetime.now(UTC))
    await expect(card(hers)).to_have_attribute("data-state", "talking")
    await card(hers).get_by_label("Note").fill("Wants a quote for 40 seats")
    await card(hers).get_by_label("Outcome of the call").select_option("passed-on")
    await card(hers).get_by_label("Note").press("Control+Enter")
    await expect(card(hers).get_by_label("Note")).to_have_value("")
    moved = floor.stage.phone.transfer(first, "SIPDana1", "SIPOmer1", datetime.now(UTC))
    passed = card(his).locator(".passed-on")
    await expect(passed.locator("h3")).to_have_text("Passed on by \u2068Dana Cohen\u2069")
    await expect(passed).to_contain_text("Wants a quote for 40 seats")
    floor.stage.phone.answer(moved, "SIPOmer1", datetime.now(UTC))
    await expect(card(his)).to_have_attribute("data-state", "talking")
    await card(his).locator(".fold summary").click()
    await expect(card(his).locator(".fold")).to_contain_text(first)
    await hers.keyboard.press("Escape")
    await hers.locator("#earlier-list button", has_text="Ruth Levi").click()
    await card(hers).get_by_label("Note").fill("And a demo")
    await card(hers).get_by_label("Note").press("Control+Enter")
    await expect(passed).to_contain_text("And a demo")
    assert await violations(his) == []


async def test_missed_calls_are_listed_with_whom_to_call_back(floor: Desks) -> None:
    page = await floor.open()
    for _ in range(2):
        ivrid = ring(floor, "SIPDana1")
        await expect(card(page)).to_have_attribute("data-state", "ringing")
        floor.stage.phone.hang_up(ivrid)
        await expect(page.locator("article.card")).to_have_count(0)
    await expect(page.locator("#shift-missed")).to_have_text("Missed (1)")
    await page.locator("#shift-missed").click()
    missed = page.locator("#earlier-list li")
    await expect(missed).to_have_count(1)
    await expect(missed).to_contain_text("Missed ×2")
    await expect(missed).to_contain_text("Ruth Levi")
    await expect(missed.get_by_role("link")).to_have_attribute("href", "tel:+972722776772")
    assert await violations(page) == []
    floor.stage.phone.outgoing("SIPDana1", Caller(CALLER), datetime.now(UTC))
    await expect(card(page)).to_have_attribute("data-state", "dialing")
    await expect(missed).to_have_count(0)
    await expect(page.locator("#shift-missed")).to_have_text("Missed (0)")
    await expect(page.locator("#shift-empty")).to_have_text("No calls to show.")


async def test_the_list_is_there_in_a_fresh_window_and_is_searched(floor: Desks) -> None:
    page = await floor.open()
    for number, name in (("0522340002", "Amir Haddad"), (CALLER, "Ruth Levi")):
        ivrid = ring(floor, "SIPDana1", number=number, name=name)
        floor.stage.phone.answer(ivrid, "SIPDana1", datetime.now(UTC))
        await expect(card(page).locator(".caller")).to_have_text(name)
        await expect(card(page)).to_have_attribute("data-state", "talking")
        floor.stage.phone.hang_up(ivrid)
        await expect(page.locator("article.card")).to_have_count(0)
    fresh = await floor.open()
    found = fresh.locator("#earlier-list li")
    await expect(found).to_have_count(2)
    await fresh.get_by_label("Search by name or number").fill("amir")
    await expect(found).to_have_count(1)
    await fresh.get_by_label("Search by name or number").fill("0722")
    await expect(found).to_contain_text("Ruth Levi")
    await found.get_by_role("button").click()
    await expect(card(fresh).locator(".caller")).to_have_text("Ruth Levi")
    await expect(card(fresh)).to_have_attribute("data-state", "ended")
    await expect(card(fresh).locator(".previous")).to_have_count(0)
    ring(floor, "SIPDana1", number="0522340002", name="Amir Haddad")
    await expect(card(page).locator(".previous")).to_have_text(re.compile(r"Previous call: \d\d:\d\d"))


async def note_begun(floor: Desks, page: Page) -> Locator:
    """The note of a call that ended while it was being written."""
    first = ring(floor, "SIPDana1", number="0522340002", name="Amir Haddad")
    floor.stage.phone.answer(first, "SIPDana1", datetime.now(UTC))
    note = card(page).get_by_label("Note")
    await note.press_sequentially("Wants a ")
    floor.stage.phone.hang_up(first)
    await expect(card(page)).to_have_attribute("data-state", "ended")
    return note


async def test_a_note_that_is_being_written_stays_where_it_is_and_the_newest_call_is_below(floor: Desks) -> None:
    page = await floor.open(viewport=NORMAL)
    note = await note_begun(floor, page)
    await page.evaluate(SHIFTS)
    before = await note.bounding_box()
    ring(floor, "SIPDana1")
    newest = page.locator(".card:not(.card-held)")
    await expect(newest.locator(".caller")).to_have_text("Ruth Levi")
    await expect(newest.locator(".caller")).to_be_in_viewport()
    assert await note.bounding_box() == before
    assert await shifts(page) == []
    await page.keyboard.type("quote")
    await expect(note).to_be_focused()
    await expect(note).to_have_value("Wants a quote")
    header = {"Authorization": f"Bearer {await floor.token()}"}
    for language in ("he", "en"):
        wanted = {"language": language}
        await page.request.put(f"{floor.stage.bridge_url}/desktop/preferences", headers=header, data=wanted)
        await expect(page.locator("html")).to_have_attribute("lang", language)
        await expect(page.locator(".card-held")).to_have_count(1)
    await newest.get_by_label("Note").click()
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    await expect(card(page).get_by_label("Note")).to_be_focused()
    small = page.locator(".card-compact")
    await expect(small.get_by_label("Note")).to_have_value("Wants a quote")
    await small.get_by_role("button", name="Send to the CRM").click()
    await expect(small).to_have_count(0)
    await expect(page.locator("#earlier-list")).to_contain_text("note sent")


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
async def test_where_there_is_no_room_below_a_note_a_bar_names_the_newest_call(floor: Desks, motion: Any) -> None:
    page = await floor.open(viewport={"width": 360, "height": 420}, reduced_motion=motion)
    note = await note_begun(floor, page)
    await page.evaluate(STILL)
    await page.evaluate(SHIFTS)
    before = await note.bounding_box()
    ring(floor, "SIPDana1")
    bar = page.get_by_role("button", name="Ruth Levi Show")
    await expect(bar).to_be_visible()
    assert await note.bounding_box() == before
    assert before is not None
    over = await bar.bounding_box()
    assert over is not None
    assert over["y"] + over["height"] < before["y"] or over["y"] > before["y"] + before["height"]
    await page.evaluate(STILL)
    assert await violations(page) == []
    await page.keyboard.type("quote")
    await expect(note).to_have_value("Wants a quote")
    assert await shifts(page) == []
    await bar.click()
    await expect(bar).to_be_hidden()
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    await expect(card(page).locator(".caller")).to_be_in_viewport()
    await expect(page.locator(".card-compact").get_by_label("Note")).to_have_value("Wants a quote")


async def test_the_newest_call_is_first_and_a_draft_glides_below_it_in_small(floor: Desks) -> None:
    page = await floor.open(viewport=NORMAL, reduced_motion="no-preference")
    first = ring(floor, "SIPDana1", number="0522340002", name="Amir Haddad")
    floor.stage.phone.answer(first, "SIPDana1", datetime.now(UTC))
    await card(page).get_by_label("Note").fill("Wants a quote")
    await page.locator("#main").focus()
    floor.stage.phone.hang_up(first)
    await expect(card(page)).to_have_attribute("data-state", "ended")
    await page.evaluate(STILL)
    await page.evaluate(SHIFTS)
    ring(floor, "SIPDana1")
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    await expect(page.locator(".card-compact").get_by_label("Note")).to_have_value("Wants a quote")
    assert await shifts(page) == []


async def test_pressing_again_renews_the_card_and_keeps_its_note(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk(name="Ruth Levi")
    for _ in range(4):
        await desks.click()
    await expect(page.locator("article.card")).to_have_count(1)
    await card(page).get_by_label("Note").fill("Wants a quote")
    await expect(card(page).locator(".note-status")).to_have_text("Draft saved")
    popup_id = (await desks.click())["popup"]["popup_id"]
    await expect(card(page)).to_have_attribute("data-popup", popup_id)
    await expect(page.locator("article.card, #earlier-list li")).to_have_count(1)
    await desks.is_taken(popup_id)
    fresh = await desks.open()
    await live(fresh)
    await expect(card(fresh).get_by_label("Note")).to_have_value("Wants a quote")


async def test_pictures_of_the_floor(floor: Desks) -> None:
    """A call that was passed on, missed calls, and notes that wait, in var/screenshots."""
    page = await floor.open(viewport=NORMAL, color_scheme="light", device_scale_factor=1)
    album = Album(page, floor.stage.bridge_url, await floor.token())
    his = await floor.open(OMER)
    for number, name in ((CALLER, "Ruth Levi"), (CALLER, "Ruth Levi"), ("0522340002", "רות כהן")):
        ivrid = ring(floor, "SIPDana1", number=number, name=name)
        await expect(card(page)).to_have_attribute("data-state", "ringing")
        floor.stage.phone.hang_up(ivrid)
        await expect(page.locator("article.card")).to_have_count(0)
    await expect(page.locator("#shift-missed")).to_have_text("Missed (2)")
    first = ring(floor, "SIPOmer1", number="0543450003", name="Amir Haddad")
    floor.stage.phone.answer(first, "SIPOmer1", datetime.now(UTC))
    await card(his).get_by_label("Note").fill("Wants a quote for 40 seats; has the old contract.")
    await card(his).get_by_label("Note").press("Control+Enter")
    await expect(card(his).get_by_label("Note")).to_have_value("")
    moved = floor.stage.phone.transfer(first, "SIPOmer1", "SIPDana1", datetime.now(UTC))
    floor.stage.phone.answer(moved, "SIPDana1", datetime.now(UTC))
    await expect(card(page).locator(".passed-on")).to_contain_text("40 seats")
    await expect(card(page)).to_have_attribute("data-state", "talking")
    await album.take("passed-on")
    await album.take_in_hebrew("passed-on")
    await page.set_viewport_size(WIDE)  # type: ignore[arg-type]
    await page.screenshot(path=FOLDER / "floor-wide.png")
    await page.set_viewport_size({"width": 360, "height": 800})
    await card(page).locator(".fold summary").click()
    await page.screenshot(path=FOLDER / "passed-on-details-360.png", full_page=True)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
