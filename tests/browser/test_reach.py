"""For everybody: by keyboard alone, by screen reader, from right to left; and safe against hostile text."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from bridge.clicks.choose import choose
from bridge.core.json_codec import as_json
from bridge.core.model import Call, Caller, CallState, Direction
from bridge.core.reasons import reason
from tests.browser.desk import Desks, card, violations
from tests.browser.test_tabs import COUNT_NOTIFICATIONS
from tests.stage import CALLER

pytestmark = pytest.mark.anyio
CALL = Call(
    "main", "101", "1", None, "", None, Direction.INCOMING, CallState.TALKING, Caller("1"), None, None, None, {}
)
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "\u202egnp.exe\u202c evil",
    "x" * 500,
    "שלום Ruth <b>bold</b> 0521234567",
    "{{7*7}} ${7*7} &lt;script&gt;",
]


def without_turns(text: str) -> str:
    """As pages show it: without the characters that turn text around."""
    return re.sub("[\u202a-\u202e]", "", text)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "he"])
async def test_axe_finds_nothing(desks: Desks, language: str, theme: str) -> None:
    page = await desks.open(locale=language, color_scheme=theme)
    assert await violations(page) == []
    held = desks.stage.talk(name="רות לוי", number="0522340002")
    desks.stage.phone.hold(held, "SIPDana1")
    desks.stage.talk(name="Amir Haddad")
    await desks.click(record={"url": "https://crm.example/contacts/42"})
    await card(page).get_by_role("button", name="רות לוי").click()
    await expect(card(page).locator(".caller")).to_have_text("רות לוי")
    await card(page).locator(".fold summary").click()
    await page.set_viewport_size({"width": 360, "height": 800})
    assert await violations(page) == []
    desks.stage.phone.clear("SIPDana1")
    await expect(page.locator("#earlier-list li")).to_have_count(1)
    assert await violations(page) == []
    for opener, dialog in (("#open-settings", "#settings"), ("#open-help", "#help")):
        await page.locator(opener).click()
        await expect(page.locator(dialog)).to_be_visible()
        assert await violations(page) == []
        await page.keyboard.press("Escape")


async def test_in_hebrew_the_page_runs_from_right_to_left(desks: Desks) -> None:
    page = await desks.open(locale="he-IL")
    desks.stage.talk(name="רות לוי")
    await desks.click()
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await expect(card(page).locator(".chip-state").first).to_have_text("בשיחה")
    chip, timer = await card(page).locator(".chips").bounding_box(), await card(page).locator(".timer").bounding_box()
    assert chip["x"] > timer["x"]
    await expect(card(page).locator(".number bdi").first).to_have_attribute("dir", "ltr")


async def test_what_is_copied_by_hand_runs_from_left_to_right(desks: Desks) -> None:
    page = await desks.open(locale="he-IL")
    await page.locator("#open-help").click()
    bookmarklet = page.locator("#bookmarklet")
    await expect(bookmarklet).to_contain_text("javascript:")
    assert await bookmarklet.evaluate("(each) => getComputedStyle(each).display") == "block"


SAY = "(causes) => import('/static/words.js').then(({ sayWhy }) => causes.map((one) => sayWhy(one)))"


async def test_every_reason_for_a_choice_is_told_in_hebrew(desks: Desks) -> None:
    page = await desks.open(locale="he-IL")
    ringing = replace(CALL, ivrid="2", state=CallState.RINGING)
    talking = replace(CALL, ivrid="3")
    calls = [replace(CALL, state=state) for state in CallState]
    lists = [[one, *others] for one in calls for others in ([], [ringing], [talking, ringing], [ringing, ringing])]
    choices = [choose(some, *named) for some in lists for named in ((None,), ("1",), (None, "1"))]
    reasons = {str(choice.reason): as_json(choice.reason) for choice in choices if choice}
    told = await page.evaluate(SAY, [{"reason": one} for one in reasons.values()])
    assert len(reasons) > 40
    assert [each for each in told if re.search("[A-Za-z]", each)] == []


async def test_what_a_phone_system_may_do_wrong_is_told_in_hebrew(desks: Desks) -> None:
    page = await desks.open(locale="he-IL")
    wrongs = [
        reason("circuit-open", seconds=5),
        reason("calls-unreadable", name="7", extension="101"),
        reason("of-pbx", name="7", what=reason("no-connection", host="10.0.0.1")),
        reason("timeout", host="10.0.0.1", seconds=2),
        reason("pbx-not-working", system="7", status=503),
    ]
    told = await page.evaluate(SAY, [{"reason": as_json(one)} for one in wrongs])
    assert [each for each in told if re.search("[A-Za-z]", each.replace("HTTP", ""))] == []


@pytest.mark.parametrize("name", HOSTILE, ids=["markup", "turned", "endless", "mixed", "template"])
async def test_hostile_names_are_only_text(desks: Desks, name: str) -> None:
    page = await desks.open(viewport={"width": 320, "height": 640})
    desks.stage.talk(name=name)
    told = (await desks.click(record={"type": name, "id": name, "url": "https://crm.example/"}))["popup"]["call"][
        "caller"
    ]["name"]
    shown = without_turns(told)
    await expect(card(page).locator(".caller bdi")).to_have_text(shown)
    assert await page.locator("body").evaluate("(body) => /[\\u202a-\\u202e]/.test(body.outerHTML)") is False
    assert shown in await page.title()
    assert await page.locator("article img, article b b, article script").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


TURNED = "\u202eevil\u202c \u2067x\u2069\u200f\u0007\u2028y"


async def test_a_name_turns_neither_title_nor_notification_nor_card(desks: Desks) -> None:
    context = await desks.new_profile()
    await context.add_init_script(COUNT_NOTIFICATIONS)
    page = await desks.open(context=context)
    await page.get_by_role("button", name="Enable alerts").click()
    desks.stage.talk(name=TURNED)
    answer = await desks.click()
    assert "\u202e" not in answer["popup"]["call"]["caller"]["name"], (
        "a mark that turns text is gone before anybody has it"
    )
    await expect(card(page).locator(".caller")).to_have_text("evil x y")
    await page.wait_for_function("() => notified.length === 1")
    ((title, _),) = await page.evaluate("notified")
    for text in (title, await page.title(), await page.locator("#spoken").text_content() or ""):
        assert text.startswith(f"Talking, evil x y, {CALLER}, Sales line")


async def test_names_from_right_to_left_leave_the_other_parts_of_a_title_in_place(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk(name="רות לוי")
    await desks.click()
    isolated = ", ".join(f"\u2068{part}\u2069" for part in ("Talking", "רות לוי", CALLER, "Sales line"))
    await expect(page).to_have_title(f"{isolated} · popbridge")


async def test_everything_by_keyboard(desks: Desks) -> None:
    page = await desks.open()
    held = desks.stage.talk(name="Ruth Levi", number="0522340002")
    desks.stage.phone.hold(held, "SIPDana1")
    desks.stage.talk(name="Amir Haddad")
    await desks.click()
    await expect(card(page).locator(".caller")).to_have_text("Amir Haddad")
    await page.keyboard.press("1")
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    await page.keyboard.press("j")
    await expect(card(page).locator(".caller")).to_have_text("Amir Haddad")
    await page.keyboard.press("k")
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    await page.keyboard.press("n")
    await page.keyboard.type("o d j")
    await expect(card(page).get_by_label("Note")).to_have_value("o d j")
    await page.keyboard.press("Escape")
    await expect(card(page).get_by_label("Note")).not_to_be_focused()
    await page.keyboard.press("?")
    await expect(page.locator("#help")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#help")).to_be_hidden()
    await card(page).locator(".menu summary").focus()
    await page.keyboard.press("Enter")
    await expect(card(page).get_by_role("button", name="15 min")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(card(page).get_by_role("button", name="15 min")).to_be_hidden()
    await expect(card(page).locator(".menu summary")).to_be_focused()
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    await page.keyboard.press("d")
    await expect(card(page).locator(".caller")).to_have_text("Amir Haddad")
    await page.keyboard.press("Escape")
    await expect(page.locator("article.card")).to_have_count(0)


async def test_every_control_can_be_reached_by_tab(desks: Desks) -> None:
    page = await desks.open()
    held = desks.stage.talk(name="Ruth Levi", number="0522340002")
    desks.stage.phone.hold(held, "SIPDana1")
    desks.stage.talk(name="Amir Haddad")
    await desks.click(record={"url": "https://crm.example/"})
    await card(page).locator(".fold summary").click()
    await page.locator("#main").focus()
    wanted = {
        "copy-number",
        f"choose-{held}",
        "record",
        "look-up",
        "copy-all",
        "snooze",
        "dismiss",
        "note",
        "outcome",
        "note-send",
        "details",
        "copy-ivrid",
    }
    reached: set[str] = set()
    for _ in range(30):
        await page.keyboard.press("Tab")
        reached.add(await page.evaluate("document.activeElement.dataset.key ?? document.activeElement.id"))
    assert wanted | {"toggle-sound", "open-help", "open-settings"} <= reached


async def test_single_keys_can_be_turned_off(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_label("Single-key shortcuts").uncheck()
    await page.keyboard.press("Escape")
    await page.keyboard.press("d")
    await page.keyboard.press("?")
    await expect(page.locator("#help")).to_be_hidden()
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")


async def test_a_timer_counts_from_the_phone_systems_time(desks: Desks) -> None:
    page = await desks.open()
    answered = datetime.now(UTC) - timedelta(seconds=62)
    ivrid = desks.stage.phone.incoming(["SIPDana1"], Caller(CALLER), answered - timedelta(minutes=5))
    desks.stage.phone.answer(ivrid, "SIPDana1", answered)
    await desks.click()
    timer = card(page).locator(".timer").first
    await expect(timer).to_have_text(re.compile(r"1:\d\d"))
    await expect(timer).not_to_have_text(await timer.text_content() or "")
