"""Notes and preferences: what an agent writes is not lost, and what they choose holds everywhere."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.desk import Desks, card, live
from tests.stage import until

pytestmark = pytest.mark.anyio


async def test_a_draft_saves_itself_and_survives_a_reload(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk()
    await desks.click()
    await card(page).get_by_label("Note").fill("Wants a quote")
    await card(page).get_by_label("Outcome of the call").select_option("call-back")
    await expect(card(page).locator(".note-told")).to_have_text("Draft saved")
    await page.reload()
    await expect(card(page).get_by_label("Note")).to_have_value("Wants a quote")
    await expect(card(page).get_by_label("Outcome of the call")).to_have_value("call-back")


async def test_a_draft_is_saved_even_when_the_page_goes_at_once(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk()
    popup_id = (await desks.click())["popup"]["popup_id"]
    await card(page).get_by_label("Note").fill("Wants a quote")
    token = {"Authorization": f"Bearer {await desks.token()}"}
    await page.goto("about:blank")

    async def saved() -> bool:
        return (await desks.stage.get(f"/desktop/notes/{popup_id}", token)).json()["text"] == "Wants a quote"

    await until(saved)


async def test_a_sent_note_reaches_the_crm(desks: Desks) -> None:
    page = await desks.open()
    ivrid = desks.stage.talk()
    await desks.click()
    await card(page).get_by_label("Note").fill("Wants a quote")
    await card(page).get_by_role("button", name="Send to the CRM").click()
    await expect(card(page).locator(".note-told")).to_contain_text("Sent at")

    async def noted() -> list[Any]:
        return [each.event for each in desks.stage.crm.accepted() if each.event["type"] == "call.note"]

    (note,) = await until(noted)
    assert (note["data"]["text"], note["data"]["ivrid"]) == ("Wants a quote", ivrid)


async def test_a_new_popup_takes_nothing_from_somebody_who_writes(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await card(page).get_by_label("Note").press_sequentially("Wants a ")
    desks.stage.phone.clear("SIPDana1")
    desks.stage.talk(name="Amir Haddad")
    await desks.click()
    await expect(card(page).locator(".caller")).to_have_text("Amir Haddad")
    await page.keyboard.type("quote")
    writing = page.locator("article.card", has_text="Ruth Levi")
    await expect(writing.get_by_label("Note")).to_have_value("Wants a quote")
    await expect(writing.get_by_label("Note")).to_be_focused()


async def test_preferences_hold_on_every_page_of_the_agent(desks: Desks) -> None:
    here, there = await desks.open(), await desks.open()
    await here.get_by_role("button", name="Settings").click()
    await here.get_by_label("Colours").select_option("dark")
    await expect(there.locator("html")).to_have_attribute("data-theme", "dark")
    await here.get_by_label("Language").select_option("he")
    await expect(there.locator("html")).to_have_attribute("dir", "rtl")
    await expect(there.locator("#line")).to_have_text("מחובר")
    await there.reload()
    await live(there)
    await expect(there.locator("html")).to_have_attribute("lang", "he")


async def test_fields_of_the_call_can_be_left_out(desks: Desks) -> None:
    page = await desks.open()
    stage = desks.stage
    ivrid = stage.talk()
    call = stage.phone.call(ivrid, "SIPDana1")
    stage.phone._put(
        type(call)(
            **{
                **{name: getattr(call, name) for name in call.__slots__},
                "customdata": {"city": "Haifa", "plan": "Gold"},
            }
        )
    )
    await desks.click()
    await expect(card(page).locator(".details")).to_contain_text("Haifa")
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_label("city").uncheck()
    await page.keyboard.press("Escape")
    await expect(card(page).locator(".details")).not_to_contain_text("Haifa")
    await expect(card(page).locator(".details")).to_contain_text("Gold")


async def test_sound_is_off_until_it_is_chosen(desks: Desks) -> None:
    page = await desks.open()
    toggle = page.locator("#toggle-sound")
    await expect(toggle).to_have_attribute("aria-pressed", "false")
    await toggle.click()
    await expect(toggle).to_have_attribute("aria-pressed", "true")
    await expect(toggle).to_have_accessible_name("Sound is on")
