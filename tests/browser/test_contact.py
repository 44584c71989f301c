"""Who is calling, on the card: one record, several, none, a CRM that is slow or refuses; and what can be done then."""

import re
from collections.abc import AsyncIterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from bridge.core.http_types import Secret
from bridge.core.model import Caller
from bridge.crm.registry import simulator
from bridge.crm.simulation import Mood
from tests.browser.album import NORMAL, Album
from tests.browser.desk import SHIFTS, Desks, card, live, open_desks, shifts, violations
from tests.stage import DANA, DID, open_stage, until

pytestmark = pytest.mark.anyio
KIND, SALES = "espocrm", "sales"
KNOWN, TWINS, NOBODY = "0522340002", "03-7654321", "0543450009"
RIVKA = 'Rivka <b>Shalom</b> & "Sons"'


@pytest.fixture
async def office(tmp_path: Path, redis_url: Secret, browser: Browser) -> AsyncIterator[Desks]:
    """Desktop pages of a CRM that can be searched."""
    extra = {"POPBRIDGE_DESKTOP__REFRESH_SECONDS": "0.5"}
    keys = {"search_seconds": 2.0, "hide": ["customdata.ssn"], "cache_seconds": 0}
    async with (
        open_stage(tmp_path, redis_url, extra=extra, crms={SALES: KIND}, crm_keys=keys) as stage,
        open_desks(stage, browser, SALES) as opened,
    ):
        yield opened


async def ring(desks: Desks, number: str, press_id: str = "press-1", name: str = "") -> Any:
    desks.stage.talk(number=number, name=name)
    answer = await desks.stage.press(SALES, press_id)
    assert answer.status_code == 200, answer.text
    return answer.json()["popup"]


def behave(desks: Desks, mood: Mood) -> None:
    faults, wanted = desks.stage.simulated_crms[SALES].faults, simulator(KIND).moods[mood]
    for field in fields(faults):
        setattr(faults, field.name, getattr(wanted, field.name))
    faults.slow_seconds = 4.0 if mood == "slow" else 0.0


def contact(page: Page) -> Any:
    return card(page).locator(".contact")


async def test_the_caller_has_the_name_that_the_crm_knows(office: Desks) -> None:
    page = await office.open()
    popup = await ring(office, KNOWN, name="Unknown line")
    await expect(card(page).locator(".caller")).to_have_text(RIVKA)
    await expect(card(page)).to_contain_text("Caller name: Unknown line")
    await expect(card(page)).to_contain_text(KNOWN)
    await expect(card(page).locator(".company")).to_have_text("Shalom Ltd · Contact")
    link = card(page).get_by_role("link", name="Open in the CRM")
    assert "/#Contact/view/9001" in (await link.get_attribute("href") or "")
    assert await card(page).locator("b b, script").count() == 0
    await expect(page).to_have_title(f"Talking, {RIVKA}, {KNOWN}, Sales line · popbridge")
    await expect(page.locator("#spoken")).to_contain_text("Rivka")
    assert await violations(page) == []
    await page.reload()
    await live(page)
    await expect(card(page).locator(".caller")).to_have_text(RIVKA)
    assert popup["contact"]["status"] == "unknown"


@pytest.mark.parametrize("number", [KNOWN, TWINS, NOBODY])
@pytest.mark.parametrize("viewport", [NORMAL, {"width": 360, "height": 740}])
async def test_nothing_moves_when_the_contact_comes(office: Desks, number: str, viewport: Any) -> None:
    page = await office.open(viewport=viewport)
    office.stage.simulated_crms[SALES].faults.slow_seconds = 0.5  # type: ignore[attr-defined]
    await ring(office, number)
    await expect(contact(page)).to_contain_text("Looking for")
    note = card(page).get_by_label("Note")
    before = await note.bounding_box()
    await page.evaluate(SHIFTS)
    await expect(contact(page)).not_to_contain_text("Looking for")
    assert await note.bounding_box() == before
    assert await shifts(page) == []


async def test_another_call_is_named_as_its_card_is(office: Desks) -> None:
    page = await office.open()
    first = await ring(office, KNOWN, name="Unknown line")
    await expect(card(page).locator(".caller")).to_have_text(RIVKA)
    office.stage.phone.hold(first["call"]["ivrid"], "SIPDana1")
    await ring(office, NOBODY, "press-2")
    await expect(card(page).locator(".caller")).to_have_text(NOBODY)
    await expect(card(page).locator(".others li")).to_contain_text(RIVKA)


async def test_a_page_that_is_opened_later_knows_it_too(office: Desks) -> None:
    first = await office.open()
    await ring(office, KNOWN)
    await expect(card(first).locator(".caller")).to_have_text(RIVKA)
    second = await office.open()
    await expect(card(second).locator(".caller")).to_have_text(RIVKA)


async def test_several_are_a_list_to_choose_from(office: Desks) -> None:
    page = await office.open()
    await ring(office, TWINS)
    await expect(contact(page).locator("li")).to_have_count(2)
    await expect(contact(page).locator("h3")).to_contain_text("2 records")
    await expect(card(page).locator(".caller")).to_have_text(TWINS)
    await expect(card(page).get_by_role("link", name=re.compile("^Open Twin"))).to_have_count(2)
    await expect(card(page).get_by_role("link", name="Open Twin Two in the CRM")).to_be_visible()
    assert await violations(page) == []


async def test_a_contact_is_created_once_from_the_card(office: Desks) -> None:
    page = await office.open()
    other = await office.open()
    await ring(office, NOBODY, name="Noa Katz")
    for each in (page, other):
        await expect(contact(each)).to_contain_text("has this number.")
    assert await violations(page) == []
    for each in (page, other):
        await each.evaluate("document.querySelector('[data-key=contact-create]').click()")
    for each in (page, other):
        await expect(contact(each)).to_have_attribute("data-status", "one")
        await expect(card(each).locator(".caller")).to_have_text("Noa Katz")
    made = [one for one in office.stage.simulated_crms[SALES].records["Contact"] if NOBODY[1:] in str(one)]  # type: ignore[attr-defined]
    assert len(made) == 1


@pytest.mark.parametrize("mood", ["slow", "down", "refuses"])
async def test_a_crm_that_gives_no_answer_is_named_with_the_reason(office: Desks, mood: Mood) -> None:
    page = await office.open()
    behave(office, mood)
    await ring(office, KNOWN)
    await expect(card(page)).to_be_visible()
    await expect(contact(page)).to_contain_text(re.compile("did not say who is calling. .*(within|503|refused)"))
    await expect(card(page).locator(".caller")).to_have_text(KNOWN)


async def test_the_record_opens_by_itself_in_one_tab_where_the_agent_wants_that(office: Desks) -> None:
    page = await office.open()
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_label("Open the caller's record by itself").check()
    await page.keyboard.press("Escape")
    other = await office.open(context=page.context)
    first = (await ring(office, KNOWN))["call"]["ivrid"]

    async def opened() -> Any:
        return [each for each in page.context.pages if "Contact/view/9001" in each.url]

    await until(opened)
    await expect(card(other).locator(".caller")).to_have_text(RIVKA)
    office.stage.phone.hang_up(first)
    await ring(office, "+97231234567", "press-2")
    await expect(card(page).locator(".caller")).to_have_text("משה לוי")

    async def reused() -> Any:
        return [each for each in page.context.pages if "Contact/view/9002" in each.url]

    await until(reused)
    assert len(page.context.pages) == 3, "one tab for records, however many calls"


async def test_hidden_fields_reach_neither_card_nor_api(office: Desks) -> None:
    page = await office.open()
    stage = office.stage
    now, custom = datetime.now(UTC), {"ssn": "078-05-1120", "ticket": "7"}
    ivrid = stage.phone.incoming([stage.make.dana], Caller(KNOWN), now, DID, custom)
    stage.phone.answer(ivrid, stage.make.dana, now)
    popup = (await stage.press(SALES, "press-1")).json()["popup"]
    assert popup["call"]["customdata"] == {"ticket": "7"}
    await expect(card(page)).to_contain_text("ticket")
    stage.phone.hold(ivrid, stage.make.dana)
    await expect(card(page)).to_have_attribute("data-state", "hold")
    assert "078-05-1120" not in await page.content()


async def test_pictures_of_the_contact(office: Desks) -> None:
    page = await office.open(viewport=NORMAL, color_scheme="light", device_scale_factor=1)
    album = Album(page, office.stage.bridge_url, await office.token())
    for number, (name, caller, mood) in enumerate(
        [
            ("contact-one", KNOWN, "ok"),
            ("contact-several", TWINS, "ok"),
            ("contact-none", NOBODY, "ok"),
            ("contact-slow", KNOWN, "slow"),
            ("contact-refused", KNOWN, "refuses"),
        ]
    ):
        behave(office, mood)  # type: ignore[arg-type]
        popup = await ring(office, caller, f"press-{number}")
        here = page.locator(f"[data-popup={popup['popup_id']}] .contact")
        await expect(here).to_be_attached()
        if mood == "slow":
            await album.take("contact-searching")
        await expect(here).not_to_contain_text("Looking for")
        await album.take(name)
        await album.take_in_hebrew(name)
        assert await violations(page) == []


async def test_the_record_that_a_click_names_is_on_the_card_at_once(
    tmp_path: Path, redis_url: Secret, browser: Browser
) -> None:
    async with open_stage(tmp_path, redis_url) as stage, open_desks(stage, browser) as desks:
        page, url = await desks.open(), f"{stage.pbx_url}/contacts/42"
        record = {"name": RIVKA, "url": url, "company": "Shalom", "details": {"deals": 2}}
        stage.talk(number=KNOWN, name="Unknown line")
        await stage.click({"agent": DANA, "record": record})
        await expect(card(page).locator(".caller")).to_have_text(RIVKA)
        await expect(contact(page)).to_contain_text("deals")
        await expect(card(page).locator('[data-key="record"]')).to_have_attribute("href", url)
