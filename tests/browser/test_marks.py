"""What is not certain or not real is marked: a guessed country, a dry run."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from bridge.core.http_types import Secret
from bridge.store.tokens import Role
from tests.browser.desk import Desks, card, open_desks
from tests.stage import DANA, TOKEN, open_stage

pytestmark = pytest.mark.anyio

GUESSED = "447911123456"


@pytest.fixture
async def rehearsing(tmp_path: Path, redis_url: Secret, browser: Browser) -> AsyncIterator[Desks]:
    extra = {"POPBRIDGE_CRM__ACME__DRY_RUN": "true"}
    async with open_stage(tmp_path, redis_url, extra=extra) as stage, open_desks(stage, browser) as desks:
        yield desks


async def test_a_guessed_country_is_marked_on_the_card_and_not_copied(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk(name="Ruth", number=GUESSED)
    caller = (await desks.click())["popup"]["call"]["caller"]
    assert (caller["e164"], caller["e164_guessed"]) == ("+447911123456", True)
    number = card(page).locator(".number")
    details = card(page).locator(".fold")
    await expect(details.locator("[data-guessed]")).to_have_text("+447911123456 unconfirmed")
    await expect(details.locator(".doubt")).to_have_attribute(
        "title", "The phone system sent this number without a plus sign: its country is a guess."
    )
    await expect(number.get_by_role("button")).to_have_attribute("aria-label", f"Copy {GUESSED}")


async def test_a_number_that_is_certain_is_not_marked(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk(name="Ruth")
    await desks.click()
    await expect(card(page).locator(".fold")).to_contain_text("+972722776772")
    await expect(card(page).locator(".doubt")).to_have_count(0)


async def test_it_is_marked_in_hebrew_on_a_links_page_and_in_the_click_details(desks: Desks) -> None:
    stage = desks.stage
    page = await desks.open(locale="he-IL")
    stage.talk(name="Ruth", number=GUESSED)
    click_id = (await desks.click())["click_id"]
    await expect(card(page).locator(".doubt")).to_have_text("לא ודאי")
    await page.goto(f"{stage.bridge_url}/clicks/acme?agent={DANA}&token={TOKEN.reveal()}")
    await expect(page.locator(".doubt")).to_have_text("לא ודאי")
    supervisor = (await stage.token(Role.SUPERVISOR))["Authorization"].removeprefix("Bearer ")
    await page.goto(f"{stage.bridge_url}/console/audit#token={supervisor}")
    await page.locator("tbody tr").last.locator("button, a").last.click()
    await expect(page.locator("dialog .doubt").first).to_have_text("לא ודאי")
    assert click_id


async def test_a_dry_run_is_marked_on_the_card(rehearsing: Desks) -> None:
    page = await rehearsing.open()
    rehearsing.stage.talk(name="Ruth")
    await page.keyboard.press("p")
    await expect(card(page).locator(".chip-dry-run")).to_have_text("Dry run")
    await expect(card(page).locator(".why")).to_contain_text("dry run: nothing is sent")


async def test_a_dry_run_is_marked_on_the_page_of_a_link(rehearsing: Desks) -> None:
    rehearsing.stage.talk(name="Ruth")
    page = await rehearsing.blank(await rehearsing.new_profile())
    await page.goto(f"{rehearsing.stage.bridge_url}/clicks/acme?agent={DANA}&token={TOKEN.reveal()}")
    await expect(page.locator(".chip-dry-run")).to_have_text("Dry run")
