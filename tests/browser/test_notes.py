"""Notes and preferences: what an agent writes is not lost, and what they choose holds everywhere."""

from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.desk import Desks, card, live
from tests.stage import until

pytestmark = pytest.mark.anyio


async def test_a_draft_saves_itself_and_survives_a_reload(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk()
    await desks.click()
    await card(page).get_by_label("Note").fill("Wants a quote")
    await card(page).get_by_label("Outcome of the call").select_option("call-back")
    await expect(card(page).locator(".note-status")).to_have_text("Draft saved")
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
    await expect(card(page).locator(".note-status")).to_contain_text("Sent at")
    await expect(card(page).get_by_label("Note")).to_have_value("")
    await expect(card(page).locator(".note-sent")).to_contain_text("Wants a quote")

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
    await expect(page.locator("article.card .caller")).to_have_text(["Ruth Levi", "Amir Haddad"])
    await page.keyboard.type("quote")
    writing = page.locator("article.card", has_text="Ruth Levi")
    await expect(writing.get_by_label("Note")).to_have_value("Wants a quote")
    await expect(writing.get_by_label("Note")).to_be_focused()


async def test_preferences_hold_on_every_page_of_the_agent(desks: Desks) -> None:
    here, there = await desks.open(), await desks.open()
    await here.get_by_role("button", name="Settings").click()
    await here.get_by_label("Theme").select_option("dark")
    await expect(there.locator("html")).to_have_attribute("data-theme", "dark")
    await here.get_by_label("Language").select_option("he")
    await expect(there.locator("html")).to_have_attribute("dir", "rtl")
    await expect(there.locator("#connection")).to_have_text("מחובר")
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
    data = card(page).locator(".card-facts")
    await expect(data).not_to_contain_text("Haifa")
    await expect(card(page).locator(".fold")).to_contain_text("Haifa")
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_label("city").uncheck()
    await page.keyboard.press("Escape")
    await expect(data).to_contain_text("Gold")
    await expect(card(page)).not_to_contain_text("Haifa")


async def test_sound_is_off_until_it_is_chosen(desks: Desks) -> None:
    page = await desks.open()
    toggle = page.locator("#toggle-sound")
    await expect(toggle).to_have_attribute("aria-pressed", "false")
    await toggle.click()
    await expect(toggle).to_have_attribute("aria-pressed", "true")
    await expect(toggle).to_have_accessible_name("Sound is on")


async def test_what_is_written_while_a_note_is_sent_is_saved_and_it_is_sent_once(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk()
    popup_id = (await desks.click())["popup"]["popup_id"]
    posts = await held(page, f"/desktop/notes/{popup_id}", "POST")
    note = card(page).get_by_label("Note")
    await note.fill("Wants a quote")
    await note.press("Control+Enter")
    await note.press("Control+Enter")
    await note.press_sequentially(" today")
    await until(lambda: anything(posts))
    for route in posts:
        await route.continue_()
    await expect(card(page).locator(".note-status")).to_have_text("Draft saved")
    token = {"Authorization": f"Bearer {await desks.token()}"}
    kept = (await desks.stage.get(f"/desktop/notes/{popup_id}", token)).json()
    assert (kept["text"], len(posts)) == ("Wants a quote today", 1)


async def test_a_draft_that_is_being_saved_does_not_come_back_after_the_note_was_sent(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk()
    popup_id = (await desks.click())["popup"]["popup_id"]
    saves = await held(page, f"/desktop/notes/{popup_id}", "PUT")
    note = card(page).get_by_label("Note")
    await note.fill("Wants a quote")
    await until(lambda: anything(saves))
    await note.press("Control+Enter")
    await expect(card(page).locator(".note-status")).to_contain_text("Sending")
    for route in saves:
        await route.continue_()
    await expect(card(page).locator(".note-status")).to_contain_text("Sent at")
    await page.reload()
    await expect(card(page).locator(".note-sent")).to_contain_text("Wants a quote")
    await expect(card(page).get_by_label("Note")).to_have_value("")


async def test_a_note_whose_answer_was_lost_is_sent_once(desks: Desks) -> None:
    desks.expected += ["ERR_FAILED"]
    page = await desks.open()
    desks.stage.talk()
    popup_id = (await desks.click())["popup"]["popup_id"]
    keys: list[str] = []

    async def lose_the_answer(route: Route) -> None:
        if route.request.method != "POST":
            return await route.continue_()
        keys.append(route.request.headers["idempotency-key"])
        answer = await route.fetch()
        return await (route.abort() if len(keys) == 1 else route.fulfill(response=answer))

    await page.route(f"**/desktop/notes/{popup_id}", lose_the_answer)
    note, told = card(page).get_by_label("Note"), card(page).locator(".note-status")
    await note.fill("Wants a quote")
    await note.press("Control+Enter")
    await until(lambda: anything(keys))
    await expect(told).not_to_contain_text("Sending")
    await note.press("Control+Enter")
    await expect(told).to_contain_text("Sent at")
    notes = [each for each in await desks.deliveries(popup_id) if each["event"] == "call.note"]
    assert (len(notes), keys[0]) == (1, keys[1])
    await expect(note).to_have_value("")
    await note.fill("Wants a quote")
    await note.press("Control+Enter")
    await until(lambda: anything(keys[2:]))
    await page.unroute_all(behavior="wait")
    assert keys[2] != keys[0], "who sends the same words again means it"


async def test_a_draft_is_fetched_again_when_the_bridge_was_away(desks: Desks) -> None:
    desks.expected += ["ERR_FAILED"]
    page = await desks.open()
    desks.stage.talk()
    popup_id = (await desks.click())["popup"]["popup_id"]
    await card(page).get_by_label("Note").fill("Wants a quote")
    await expect(card(page).locator(".note-status")).to_have_text("Draft saved")
    failed: list[str] = []

    async def fail_once(route: Route) -> None:
        if failed:
            await route.continue_()
        else:
            failed.append(route.request.method)
            await route.abort()

    await page.route(f"**/desktop/notes/{popup_id}", fail_once)
    await page.reload()
    await expect(card(page).get_by_label("Note")).to_have_value("Wants a quote")
    assert failed == ["GET"]


async def test_every_tab_has_the_draft(desks: Desks) -> None:
    context = await desks.new_profile()
    one, other = await desks.open(context=context), await desks.open(context=context)
    desks.stage.talk()
    await desks.click()
    await expect(card(other)).to_be_visible()
    await card(one).get_by_label("Note").fill("Wants a quote")
    await expect(card(one).locator(".note-status")).to_have_text("Draft saved")
    await expect(card(other).get_by_label("Note")).to_have_value("Wants a quote")


async def test_signing_out_saves_the_draft_first(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk()
    popup_id = (await desks.click())["popup"]["popup_id"]
    await card(page).get_by_label("Note").fill("Wants a quote")
    await page.evaluate("document.getElementById('sign-out').click()")
    await expect(page.get_by_role("heading", name="You have signed out")).to_be_visible()
    token = {"Authorization": f"Bearer {await desks.token()}"}

    async def saved() -> bool:
        return (await desks.stage.get(f"/desktop/notes/{popup_id}", token)).json()["text"] == "Wants a quote"

    await until(saved)


async def test_what_another_page_does_takes_nothing_from_somebody_who_writes(desks: Desks) -> None:
    page, other = await desks.open(), await desks.open()
    desks.stage.talk()
    await desks.click()
    note = card(page).get_by_label("Note")
    await note.press_sequentially("Wants a ")
    await other.get_by_role("button", name="Settings").click()
    await other.get_by_label("Language").select_option("he")
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    note = page.locator("article.card textarea")
    await expect(note).to_be_focused()
    await other.keyboard.press("Escape")
    await other.keyboard.press("d")
    await expect(other.locator("article.card")).to_have_count(0)
    await expect(page.locator("#earlier-list li")).to_have_count(0)
    await page.wait_for_function("() => sessionStorage['popbridge.cards'].includes('\"dismissed\":true')")
    await page.keyboard.type("quote")
    await expect(note).to_have_value("Wants a quote")
    await expect(note).to_be_focused()


async def held(page: Page, path: str, method: str) -> list[Route]:
    """The requests of this kind from now on; they wait."""
    requests: list[Route] = []

    async def hold(route: Route) -> None:
        if route.request.method == method:
            requests.append(route)
        else:
            await route.continue_()

    await page.route(f"**{path}", hold)
    return requests


async def anything(found: list[Any]) -> bool:
    return bool(found)
