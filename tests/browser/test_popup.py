"""A popup on the screen: from the click to the card, and what becomes of it while the call goes on."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from bridge.core.http_types import Secret
from bridge.core.model import Caller
from tests.browser.desk import Desks, card, live, open_desks
from tests.makes.test_asterisk_recordings import KEYS, Replay
from tests.stage import CALLER, DID, Make, open_stage, until

pytestmark = pytest.mark.anyio


async def test_a_click_shows_the_caller(desks: Desks) -> None:
    page = await desks.open()
    await expect(page.locator("#notice")).to_be_visible()
    assert "token" not in page.url
    desks.stage.talk(name="Ruth Levi")
    answer = await desks.click()
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    await expect(card(page)).to_have_attribute("data-state", "talking")
    for fact in (
        CALLER,
        "+972722776772",
        "Sales line",
        DID,
        "SIPDana1",
        answer["popup"]["call"]["ivrid"],
        "the only call",
    ):
        await expect(card(page)).to_contain_text(fact)
    await expect(page).to_have_title(f"Talking, Ruth Levi, {CALLER}, Sales line · popbridge")
    await expect(page.locator("#spoken")).to_have_text(f"Talking, Ruth Levi, {CALLER}, Sales line")
    await desks.is_taken(answer["popup"]["popup_id"])


async def test_the_bridge_learns_that_the_card_was_seen(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk()
    popup_id = (await desks.click())["popup"]["popup_id"]
    await expect(card(page)).to_be_visible()

    async def seen() -> bool:
        return any(each.get("shown_at") for each in await desks.deliveries(popup_id))

    await until(seen)


async def test_two_calls_and_the_agent_chooses_the_other(desks: Desks) -> None:
    page = await desks.open()
    first = desks.stage.talk(name="Ruth Levi", number="0522340002")
    desks.stage.phone.hold(first, "SIPDana1")
    desks.stage.talk(name="Amir Haddad", number="0543450003")
    await desks.click()
    await expect(card(page).locator(".caller")).to_have_text("Amir Haddad")
    await expect(card(page).locator(".others li")).to_have_count(1)
    await card(page).get_by_role("button", name="Show the call with Ruth Levi").click()
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    await expect(card(page).locator(".others li")).to_contain_text("Amir Haddad")
    await expect(page.locator("#waiting-list li, #earlier-list li")).to_have_count(0)
    again = await desks.click()
    assert again["popup"]["call"]["caller"]["name"] == "Ruth Levi"
    assert "you chose it" in again["why"]


async def test_hold_and_the_end_are_followed(desks: Desks) -> None:
    page = await desks.open()
    ivrid = desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await expect(card(page)).to_have_attribute("data-state", "talking")
    desks.stage.phone.hold(ivrid, "SIPDana1")
    await expect(card(page)).to_have_attribute("data-state", "hold")
    await expect(card(page).locator(".chip-state").first).to_have_text("On hold")
    await expect(card(page).locator(".why")).to_contain_text(
        re.compile(r"Why this call, at \d\d:\d\d:\d\d: talking now")
    )
    desks.stage.phone.hang_up(ivrid)
    await expect(card(page)).to_have_attribute("data-state", "ended")
    await expect(card(page)).to_contain_text("The call ended at")
    await expect(page.locator("#spoken")).to_contain_text("Ended, Ruth Levi")


async def test_ringing_turns_to_talking(desks: Desks) -> None:
    page = await desks.open()
    now = datetime.now(UTC)
    ivrid = desks.stage.phone.incoming(["SIPDana1"], Caller(CALLER, name="Ruth Levi"), now, DID)
    await desks.click()
    await expect(card(page)).to_have_attribute("data-state", "ringing")
    await expect(page.locator("#urgent")).to_contain_text("Ringing, Ruth Levi")
    desks.stage.phone.answer(ivrid, "SIPDana1", datetime.now(UTC))
    await expect(card(page)).to_have_attribute("data-state", "talking")


async def test_a_transferred_call_knows_the_first_one(desks: Desks) -> None:
    page = await desks.open()
    now = datetime.now(UTC)
    first = desks.stage.talk("SIPOmer1", name="Ruth Levi")
    moved = desks.stage.phone.transfer(first, "SIPOmer1", "SIPDana1", now)
    desks.stage.phone.answer(moved, "SIPDana1", now)
    await desks.click()
    await expect(card(page)).to_contain_text("Transferred")
    await expect(card(page).locator(".details")).to_contain_text(first)


async def test_a_phone_system_that_stops_answering_makes_the_card_stale(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await expect(card(page)).to_be_visible()
    desks.stage.pbx.faults.down = "503"
    await expect(card(page).locator(".condition-stale")).to_be_visible()
    await expect(card(page)).to_have_attribute("data-state", "talking")


async def test_a_click_that_finds_nothing_says_why(desks: Desks) -> None:
    page = await desks.open()
    answer = await desks.click()
    assert answer["outcome"] == "no-active-call"
    await expect(page.locator("#nothing")).to_contain_text("You are not on a call")
    await expect(page.locator("#nothing")).to_contain_text(answer["why"])
    desks.stage.talk(name="Ruth Levi")
    await page.locator("#nothing").get_by_role("button", name="Look up again").click()
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    await expect(page.locator("#nothing")).to_be_hidden()


async def test_a_reload_brings_the_card_back_once(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk(name="Ruth Levi")
    await desks.is_taken((await desks.click())["popup"]["popup_id"])
    await expect(card(page)).to_be_visible()
    await page.reload()
    await live(page)
    await expect(page.locator("article.card")).to_have_count(1)
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    await expect(page.locator("#spoken")).to_be_empty()


async def test_dismissed_is_dismissed_on_every_page_and_can_be_opened_again(desks: Desks) -> None:
    here, there = await desks.open(), await desks.open()
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await expect(card(there)).to_be_visible()
    await card(here).get_by_role("button", name="Dismiss").click()
    for page in (here, there):
        await expect(page.locator("article.card")).to_have_count(0)
        await expect(page.locator("#earlier-list")).to_contain_text("dismissed")
    await here.reload()
    await live(here)
    await expect(here.locator("article.card")).to_have_count(0)
    await here.locator("#earlier-list button").click()
    await expect(card(here).locator(".caller")).to_have_text("Ruth Levi")


async def test_a_snoozed_card_comes_back_when_the_call_ends(desks: Desks) -> None:
    page = await desks.open()
    ivrid = desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await card(page).locator("summary", has_text="Snooze").click()
    await card(page).get_by_role("button", name="5 min", exact=True).click()
    await expect(page.locator("article.card")).to_have_count(0)
    await expect(page.locator("#waiting-list")).to_contain_text("back at")
    await expect(page.locator("#earlier-list li")).to_have_count(0)
    desks.stage.phone.hang_up(ivrid)
    await expect(card(page)).to_have_attribute("data-state", "ended")


async def test_a_snoozed_card_comes_back_in_time(desks: Desks) -> None:
    page = await desks.blank(await desks.new_profile())
    await page.clock.install()
    await page.goto(f"{desks.stage.bridge_url}/desktop#token={await desks.token()}")
    await live(page)
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await card(page).locator("summary", has_text="Snooze").click()
    await card(page).get_by_role("button", name="1 min", exact=True).click()
    await expect(page.locator("article.card")).to_have_count(0)
    await page.clock.fast_forward(61_000)  # at once: no new greeting may set the page's clock right meanwhile
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")


async def test_everything_can_be_copied(desks: Desks) -> None:
    page = await desks.open(permissions=["clipboard-read", "clipboard-write"])
    desks.stage.talk(name="Ruth Levi")
    answer = await desks.click(record={"type": "contact", "id": "42", "url": "https://crm.example/contacts/42"})
    await card(page).get_by_role("button", name="Copy all").click()
    await expect(card(page).get_by_role("button", name="Copied")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    for fact in (
        "Ruth Levi",
        CALLER,
        "Sales line",
        answer["popup"]["call"]["ivrid"],
        "https://crm.example/contacts/42",
    ):
        assert fact in copied


async def test_the_crms_record_opens_in_a_tab_that_cannot_reach_back(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk()
    await desks.click(record={"type": "contact", "id": "42", "url": f"{desks.stage.bridge_url}/livez"})
    link = card(page).get_by_role("link", name="Open in the CRM")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
    async with page.context.expect_page() as opening:
        await link.click()
    opened = await opening.value
    assert await opened.evaluate("window.opener") is None


async def test_a_record_elsewhere_is_text_that_says_why(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk()
    url = "https://crm.example@evil.example/contacts/42"
    await desks.click(record={"type": "contact", "id": "42", "url": url})
    await expect(card(page)).to_be_visible()
    await expect(card(page).locator("a, .elsewhere")).to_have_count(0)
    url = "https://evil.example\\@crm.example/contacts/42"
    await desks.click(record={"type": "contact", "id": "42", "url": url})
    await expect(card(page).locator(".elsewhere")).to_contain_text("evil.example")
    await expect(card(page).locator(".elsewhere bdi")).to_have_text("https://evil.example/@crm.example/contacts/42")
    await expect(card(page).locator("a")).to_have_count(0)


async def test_only_addresses_on_the_crms_hosts_become_links(desks: Desks) -> None:
    allowed = ["crm.acme.example", "*.lightning.force.com", "[::1]"]
    links = [
        "https://crm.acme.example/contacts/42",
        "HTTP://CRM.acme.EXAMPLE:8080?id=42",
        "https://eu.lightning.force.com",
        "https://a.b.lightning.force.com/#42",
        "https://[::1]/42",
    ]
    others = [
        "https://lightning.force.com/",
        "https://evillightning.force.com/",
        "https://crm.acme.example.evil.example/",
        "https://crm.acme.example@evil.example/",
        "https://u:p@crm.acme.example/",
        "https://evil.example\\@crm.acme.example/",
        "https://evil.example/crm.acme.example",
        "https://crm.acme.example%2eevil.example/",
        "//crm.acme.example/",
        "javascript:alert(1)//crm.acme.example",
        "",
    ]
    page = await desks.open()
    told = await page.evaluate(
        "([urls, hosts]) => import('/static/desktop/record.js')"
        ".then(({ recordLink }) => urls.filter((url) => recordLink({ url }, hosts)))",
        [[*links, *others], allowed],
    )
    assert told == links


async def test_a_host_that_is_allowed_later_makes_open_cards_links(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk()
    await desks.click(record={"url": "https://crm.example/contacts/42"})
    link = card(page).get_by_role("link", name="Open in the CRM")
    await expect(link).to_be_visible()
    await page.evaluate(
        "() => sessionStorage.setItem('popbridge.session',"
        " JSON.stringify({ ...JSON.parse(sessionStorage.getItem('popbridge.session')), record_hosts: [] }))"
    )
    await page.reload()
    await live(page)
    await expect(link).to_be_visible()


async def test_a_record_that_is_no_web_address_has_no_link(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk()
    await desks.click(record={"type": "contact", "id": "42", "url": "javascript:alert(1)"})
    await expect(card(page)).to_be_visible()
    await expect(card(page).locator("a")).to_have_count(0)


@pytest.mark.parametrize(
    ("situation", "words"),
    [("97_conference", "Conference"), ("06_incoming_hold_by_caller", "You are on hold"), ("50_queue_ringing", "Queue")],
)
async def test_what_else_is_known_of_the_call_is_on_the_card(
    tmp_path: Path, redis_url: Secret, browser: Browser, situation: str, words: str
) -> None:
    make = Make("asterisk", lambda url: {**KEYS, "base_url": url}, lambda _: Replay(situation), "101", "102")
    async with open_stage(tmp_path, redis_url, make) as stage, open_desks(stage, browser) as desks:
        page = await desks.open()
        await desks.click()
        await expect(card(page)).to_contain_text(words)
        assert ("sales" in await card(page).inner_text()) == (words == "Queue")
