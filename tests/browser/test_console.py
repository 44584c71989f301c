"""The supervisor's console: looking through the audit log, the details of a click, and why there was no popup."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import APIResponse, Locator, Page, Route, expect

from bridge.store import keys, tokens
from bridge.store.tokens import Role
from tests.audit import entries
from tests.browser.desk import Desks
from tests.browser.test_reach import HOSTILE, violations, without_turns
from tests.stage import DANA, OMER, until

pytestmark = pytest.mark.anyio
BROKEN = """(shown) => {
  const words = document.createRange();
  words.selectNodeContents(shown);
  const rows = new Set([...words.getClientRects()].map((each) => Math.round(each.top)));
  return rows.size > shown.textContent.trim().split(/[\\s,-]+/).length;
}"""
"""Whether an element's words stand in more rows than there are words."""
LONG_CHIPS = "(cell) => { cell.innerHTML = `<span class='chips'>${'delivered '.repeat(20)}</span>`; }"
NARROW = {"width": 320, "height": 700}
PERIOD = """async () => {
  const { periodElement } = await import("/static/console/times.js");
  return periodElement("2026-11-22T10:00:00Z", "2026-11-22T10:05:12Z").textContent.replace(/\\s/g, " ");
}"""
EXPIRED = """async () => {
  const { RequestFailed } = await import("/static/http.js");
  const { refusalOf } = await import("/static/console/session.js");
  return refusalOf(new RequestFailed(401), { expires_at: "2026-01-01T00:00:00.000Z" });
}"""
"""What the page says of a token that was valid until that time."""


async def token(desks: Desks, role: Role = Role.SUPERVISOR, agent: str | None = None) -> str:
    header = await desks.stage.token(role, agent)
    return header["Authorization"].removeprefix("Bearer ")


async def console(desks: Desks, asked: str = "", page: str = "audit", **options: Any) -> Page:
    """The console, signed in by a link, its first answer there."""
    opened = await desks.blank(await desks.new_profile(**{"timezone_id": "Asia/Jerusalem", **options}))
    await opened.goto(f"{desks.stage.bridge_url}/console/{page}#token={await token(desks)}&{asked}")
    await answered(opened)
    return opened


async def answered(page: Page) -> None:
    await expect(page.locator("#results")).to_have_attribute("aria-busy", "false")


def rows(page: Page) -> Locator:
    return page.locator("tr.lookup")


def field(page: Page, name: str) -> Locator:
    return page.locator(f"#lookups-form [name={name}]")


async def two_lookups(desks: Desks) -> None:
    """Dana's, which finds a caller; then Omer's, without a call."""
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await desks.click(OMER)


async def test_calls_are_found_by_who_called_and_the_page_says_how_far_names_reach(desks: Desks) -> None:
    await two_lookups(desks)
    page = await console(desks)
    await field(page, "name").fill("levi")
    await page.get_by_role("button", name="Search").click()
    await expect(rows(page)).to_have_count(1)
    await expect(rows(page)).to_contain_text("Ruth Levi")
    await expect(page.locator("#named")).to_contain_text("Callers with this name: 1. The log keeps no names; they are")
    await expect(page.locator("#masked")).to_be_hidden()
    assert "name=levi" in page.url.partition("#")[2]


async def test_a_number_is_found_in_any_spelling_and_the_search_survives(desks: Desks) -> None:
    await two_lookups(desks)
    page = await console(desks)
    await expect(rows(page)).to_have_count(2)
    await field(page, "caller").fill("+972 72-277-6772")
    await field(page, "since").fill("2026-01-01T10:00:30")
    await page.get_by_role("button", name="Search").click()
    await expect(rows(page)).to_have_count(1)
    await expect(rows(page)).to_contain_text("0722776772")
    await expect(rows(page).locator(".offset")).to_have_text(re.compile(r"\+0[23]:00"))
    assert "since=2026-01-01T10%3A00%3A30%2B02%3A00" in page.url
    in_summer = "import('/static/console/times.js').then((it) => it.isoText('2026-07-01T10:00'))"
    assert await page.evaluate(in_summer) == "2026-07-01T10:00:00+03:00"
    await page.reload()
    await expect(rows(page)).to_have_count(1)
    await expect(field(page, "caller")).to_have_value("+972 72-277-6772")
    await expect(field(page, "since")).to_have_value("2026-01-01T10:00:30")
    await field(page, "caller").fill("0500000000")
    await field(page, "caller").press("Enter")
    await expect(page.locator("#status")).to_have_text("No matching lookups.")
    await page.go_back()
    await expect(rows(page)).to_have_count(1)
    await expect(field(page, "caller")).to_have_value("+972 72-277-6772")
    await page.go_back()
    await expect(rows(page)).to_have_count(2)
    await expect(field(page, "caller")).to_have_value("")


async def test_pages_go_back_and_forth(desks: Desks) -> None:
    for _ in range(5):
        await desks.click(OMER)
    page = await console(desks, "limit=2")
    shown = []
    for number in (2, 2, 1):
        await expect(rows(page)).to_have_count(number)
        shown += await rows(page).locator("button").evaluate_all("(all) => all.map((each) => each.dataset.open)")
        if number == 2:
            await page.get_by_role("button", name="Older").click()
            await answered(page)
    assert len(set(shown)) == 5
    await expect(page.get_by_role("button", name="Older")).to_be_disabled()
    await page.reload()
    await expect(rows(page)).to_have_count(1)
    await page.get_by_role("button", name="Newer").click()
    await expect(page.locator(f"[data-open={shown[2]}]")).to_be_visible()
    await page.go_back()
    await expect(page.locator(f"[data-open={shown[4]}]")).to_be_visible()
    await page.get_by_role("button", name="Newest").click()
    await expect(page.locator(f"[data-open={shown[0]}]")).to_be_visible()


async def test_the_details_of_a_click_by_keyboard_alone(desks: Desks) -> None:
    agent = await desks.open()
    desks.stage.talk(name="Ruth Levi")
    popup = (await desks.click())["popup"]
    await desks.is_taken(popup["popup_id"])
    await expect(agent.locator("article.card")).to_be_visible()
    await desks.click(OMER)
    page = await console(desks)
    first, second = rows(page).nth(0).locator("button"), rows(page).nth(1).locator("button")
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await first.evaluate("(each) => each === document.activeElement"):
            break
    await expect(first).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(second).to_be_focused()
    await page.keyboard.press("Enter")
    details = page.get_by_role("dialog", name="Click details")
    for words in (
        popup["click_id"],
        "Ruth Levi",
        "+972722776772",
        "Sales line",
        "talking now; the only call",
        "Total",
    ):
        await expect(details).to_contain_text(words)
    await expect(details.get_by_role("region", name="Attempts: acme")).to_contain_text("200")
    desktop = details.locator(".delivery", has_text="Desktop")
    await expect(desktop).to_contain_text("delivered")
    await expect(desktop.locator("dl", has_text="Seen by the agent").locator("time")).to_have_count(3)
    await page.keyboard.press("Escape")
    await expect(details).to_be_hidden()
    await expect(second).to_be_focused()
    await page.wait_for_url(lambda url: "click=" not in url)


async def test_an_export_is_a_file_of_all_that_match(desks: Desks, tmp_path: Path) -> None:
    await two_lookups(desks)
    page = await console(desks, "outcome=found&limit=1")
    for form in ("CSV", "JSONL"):
        async with page.expect_download() as download:
            await page.get_by_role("button", name=form).first.click()
        file = tmp_path / (await download.value).suggested_filename
        await (await download.value).save_as(file)
        assert re.fullmatch(rf"popbridge-audit-\d{{4}}-\d\d-\d\d\.{form.lower()}", file.name)
        text = file.read_text(encoding="utf-8-sig")
        told = list(csv.DictReader(text.splitlines())) if form == "CSV" else list(map(json.loads, text.splitlines()))
        assert [(line["crm_user"], line["outcome"]) for line in told] == [(DANA, "found")]
        await expect(page.locator("#export-status")).to_contain_text(file.name)


async def test_why_was_there_no_popup(desks: Desks) -> None:
    """Problems first; all clicks of an agent around a time, where somebody asks for them."""
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    click_id = (await desks.click(OMER))["click_id"]
    await desks.stage.click({"agent": OMER}, **{"webhook-signature": "v1,AAAA"})
    page = await console(desks, page="clicks")
    clicks, unfolded = rows(page), page.locator("tr.unfolded:not([hidden])")
    await expect(clicks).to_have_count(2)
    await expect(clicks.nth(0)).to_contain_text("Authentication failed")
    await expect(clicks.nth(1)).to_contain_text("No active call")
    await expect(clicks.nth(1)).to_contain_text("no call is active on extension SIPOmer1 now")
    await expect(unfolded).to_have_count(0)
    await clicks.nth(0).click()
    await expect(unfolded).to_contain_text("Use the same secret or token")
    await clicks.nth(0).click()
    await expect(unfolded).to_have_count(0)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(clicks.nth(1).get_by_role("button", expanded=True)).to_be_focused()
    await expect(unfolded).to_contain_text("What to do: Nothing is wrong.")
    assert await violations(page) == []
    await page.locator("#clicks-form [name=all]").select_option("true")
    await page.get_by_role("button", name="Search").click()
    await expect(clicks).to_have_count(3)
    await page.locator("#clicks-form [name=agent]").fill(OMER)
    await page.get_by_role("button", name="Search").click()
    await expect(clicks).to_have_count(2)
    await page.reload()
    await expect(clicks).to_have_count(2)
    await clicks.nth(1).get_by_role("button").click()
    await unfolded.get_by_role("button").click()
    await expect(page.get_by_role("dialog")).to_contain_text("There were no active calls.")
    await page.keyboard.press("Escape")
    await expect(page.locator("#details")).to_be_hidden()
    await expect(unfolded.get_by_role("button")).to_be_focused()
    desks.expected += ["404"]
    await desks.stage.redis.delete(keys.story(click_id))
    await unfolded.get_by_role("button").click()
    await expect(page.get_by_role("dialog")).to_contain_text("kept for three days only")
    await expect(page.get_by_role("dialog")).to_contain_text("no call is active on extension SIPOmer1 now")
    await page.keyboard.press("Escape")
    await page.locator("#clicks-form [name=at]").fill("2026-01-01T10:00:30")
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_role("heading", name="No click reached popbridge.")).to_be_visible()
    await expect(page.locator("#found")).to_contain_text("Refused clicks are kept for one day only")


async def test_equal_clicks_in_a_row_are_one_row_and_each_opens(desks: Desks) -> None:
    first = (await desks.click(OMER))["click_id"]
    for agent in (OMER, OMER, DANA, OMER):
        await desks.click(agent)
    page = await console(desks, page="clicks", viewport={"width": 1280, "height": 900})
    await expect(page.locator("#status")).to_have_text("Clicks found: 5, newest first.")
    await expect(rows(page)).to_have_count(3)
    heights = await rows(page).evaluate_all("(all) => all.map((each) => each.getBoundingClientRect().height)")
    assert max(heights) < 40
    await expect(rows(page).nth(2)).to_contain_text("×3")
    await expect(rows(page).nth(2).locator(".period")).to_contain_text("2026")
    assert await page.evaluate(PERIOD) == "Nov 22, 2026, 12:00:00 – 12:05:12"
    await rows(page).nth(1).locator(".at-cause").evaluate(LONG_CHIPS)
    for width in (900, 1000, 1190):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await page.evaluate("() => document.documentElement.scrollWidth") <= width
    await rows(page).nth(2).click()
    opened = page.locator("tr.unfolded:not([hidden])").get_by_role("button")
    await expect(opened).to_have_count(3)
    await opened.last.click()
    await expect(page.get_by_role("dialog")).to_contain_text(first)


async def in_state(desks: Desks, state: str, number: int) -> None:
    """Once so many deliveries to the CRM are in this state."""
    supervisor = await desks.stage.token(Role.SUPERVISOR)

    async def so() -> bool:
        found = await desks.stage.get(f"/api/deliveries?target=acme&state={state}", supervisor)
        return len(found.json()["items"]) == number

    await until(so)


async def test_a_delivery_with_what_came_back_is_sent_again(desks: Desks) -> None:
    desks.stage.crm.faults.status = 422
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await in_state(desks, "failed", 1)
    page = await console(desks, "state=failed", page="deliveries")
    await expect(rows(page)).to_have_count(1)
    await expect(rows(page)).to_contain_text("422")
    await rows(page).get_by_role("button").click()
    dialog = page.get_by_role("dialog", name="Delivery details")
    await expect(dialog.locator(".json")).to_contain_text("Ruth Levi")
    await expect(dialog.get_by_role("region", name="Attempts: acme")).to_contain_text("422")
    assert await violations(page) == []
    desks.stage.crm.faults.status = 200
    await dialog.get_by_role("button", name="Send again").click()
    await expect(dialog).to_contain_text("Sent again: 1.")

    async def taken() -> bool:
        return bool(desks.stage.crm.accepted())

    await until(taken)
    await page.keyboard.press("Escape")
    await expect(rows(page)).to_have_count(0)
    await in_state(desks, "delivered", 1)
    desks.stage.crm.faults.status = 422
    for _ in range(2):
        await desks.click()
    await in_state(desks, "failed", 2)
    await page.reload()
    await expect(rows(page)).to_have_count(2)
    desks.stage.crm.faults.status = 200
    await page.get_by_role("button", name="Send all again").click()
    await expect(page.get_by_role("dialog", name="Send all again")).to_contain_text("failed")
    await page.get_by_role("dialog").get_by_role("button", name="Send all again").click()
    await expect(page.locator("#resent")).to_have_text("Sent again: 2.")
    await page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_names_stand_beside_numbers_and_rows_are_low(desks: Desks) -> None:
    for _ in range(20):
        await desks.click(OMER)
    await two_lookups(desks)
    page = await console(desks, viewport={"width": 1280, "height": 900})
    await expect(page.locator("#status")).to_have_text("22 lookups match; 22 on this page, newest first.")
    await expect(rows(page).nth(1)).to_contain_text("Ruth Levi")
    heights = await rows(page).evaluate_all("(all) => all.map((each) => each.getBoundingClientRect().height)")
    assert max(heights) < 40


async def test_who_may_come_in(desks: Desks) -> None:
    desks.expected += ["401", "403"]
    page = await desks.blank(await desks.new_profile())
    await page.goto(f"{desks.stage.bridge_url}/console#token={await token(desks, Role.AGENT, DANA)}")
    problem = page.get_by_role("alert").first
    await expect(problem).to_contain_text("This is an agent's token")
    assert page.url == f"{desks.stage.bridge_url}/console/live"
    await page.goto(f"{desks.stage.bridge_url}/console/audit")
    await expect(page.locator("#page")).to_be_hidden()
    await page.get_by_label("Token", exact=True).fill("pbt_invented")
    await page.keyboard.press("Enter")
    await expect(problem).to_contain_text("This token is not complete")
    assert await violations(page) == []
    mine = await token(desks, Role.ADMIN)
    await page.get_by_label("Token", exact=True).fill(mine)
    await page.get_by_role("button", name="Sign in").click()
    await answered(page)
    await expect(page.locator("#user")).to_contain_text("administrator")
    assert mine not in page.url
    assert mine not in await page.evaluate("JSON.stringify([localStorage, document.cookie, history.state])")
    await desks.click(OMER)
    await page.get_by_role("button", name="Search").click()
    await expect(rows(page)).to_have_count(1)
    await tokens.revoke(desks.stage.redis, mine.split("_")[1])
    await page.get_by_role("button", name="Search").click()
    await expect(problem).to_contain_text("Your token was revoked, or your session was ended")
    await expect(page.locator("body")).not_to_contain_text("omer")
    assert mine not in await page.evaluate("JSON.stringify(sessionStorage)")
    assert await page.evaluate(EXPIRED) == "expired"


async def test_a_link_chooses_the_language(desks: Desks) -> None:
    page = await desks.blank(await desks.new_profile())
    await page.goto(f"{desks.stage.bridge_url}/console/audit?lang=he#token={await token(desks)}")
    await answered(page)
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    assert "lang" not in page.url
    await page.goto(f"{desks.stage.bridge_url}/console/audit?lang=xx")
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def test_the_console_stays_signed_in_in_every_tab_until_signing_out(desks: Desks) -> None:
    desks.expected += ["401"]
    page = await console(desks, "")
    assert "pbt_" not in await page.evaluate("JSON.stringify([sessionStorage, localStorage, document.cookie])")
    other = await desks.blank(page.context)
    await other.goto(f"{desks.stage.bridge_url}/console/audit")
    await answered(other)
    await page.get_by_role("button", name="Sign out").click()
    await other.get_by_role("button", name="Search").click()
    await expect(other.get_by_role("alert").first).to_contain_text("You have signed out")


async def test_signing_out_leaves_nothing_behind(desks: Desks) -> None:
    await desks.click(OMER)
    page = await console(desks, f"crm_user={OMER}")
    await expect(rows(page)).to_have_count(1)
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("alert").first).to_contain_text("You have signed out")
    await expect(page.locator("body")).not_to_contain_text("omer")
    assert "omer" not in page.url
    assert await page.evaluate("sessionStorage.length") == 0
    await page.reload()
    await expect(page.get_by_role("heading", name="Sign in to the console")).to_be_visible()


@pytest.mark.parametrize(
    ("path", "place", "asks"),
    [("/api/health", "#plots", None), ("/api/deliveries/dlv_*", "#delivery-body", "tr.lookup button")],
    ids=["health", "delivery"],
)
async def test_what_comes_after_signing_out_is_not_shown(desks: Desks, path: str, place: str, asks: str | None) -> None:
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    page = await desks.blank(await desks.new_profile())
    held: list[tuple[Route, APIResponse]] = []

    async def hold(route: Route) -> None:
        held.append((route, await route.fetch()))

    async def asked() -> bool:
        return bool(held)

    await page.route(f"**{path}", hold)
    name = "health" if asks is None else "deliveries"
    await page.goto(f"{desks.stage.bridge_url}/console/{name}#token={await token(desks, Role.ADMIN)}")
    if asks is not None:
        await page.locator(asks).first.click()
    await until(asked)
    await page.evaluate("document.getElementById('sign-out').click()")
    await expect(page.get_by_role("alert").first).to_contain_text("You have signed out")
    ((route, answer),) = held
    async with page.expect_response(route.request.url):
        await route.fulfill(response=answer)
    await page.evaluate("() => new Promise((drawn) => setTimeout(drawn))")
    await expect(page.locator(place)).to_be_empty()


async def test_hostile_names_are_only_text_and_fit_a_narrow_page(desks: Desks) -> None:
    told = []
    for name in HOSTILE:
        desks.stage.phone.clear("SIPDana1")
        desks.stage.talk(name=name, number=name[:60])
        told.append((await desks.click())["popup"]["call"]["caller"])
    page = await console(desks, viewport=NARROW)
    await expect(rows(page)).to_have_count(len(HOSTILE))
    for place, caller in enumerate(reversed(told)):
        await expect(rows(page).nth(place)).to_contain_text(without_turns(caller["number"]))
        await rows(page).nth(place).locator("button").click()
        await expect(page.locator(".calls b bdi")).to_have_text(without_turns(caller["name"] or caller["number"]))
        assert await page.evaluate("document.querySelector('#details').scrollWidth <= innerWidth")
        await page.keyboard.press("Escape")
        await expect(page.locator("#details")).to_be_hidden()
    assert await page.locator("main img, main script, dialog img, dialog script").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_no_value_hides_or_turns_another(desks: Desks) -> None:
    """A very long one leaves the other columns room for their words; a number reads as it is."""
    long = {"caller": "9" * 900, "crm_user": "u" * 320, "agent": "דנה" * 100, "extension": "E" * 300, "did": "7" * 400}
    turned = {"caller": "\u202e0541112233\u2066", "agent": "\u202eAvi"}
    for number, changed in enumerate((long, turned)):
        await desks.stage.redis.xadd(keys.AUDIT, entries.lookup(number, **changed)[1])
    page = await console(desks, viewport={"width": 1280, "height": 900})
    await expect(rows(page)).to_have_count(2)
    for shown in await rows(page).locator(".result, time bdi").all():
        assert not await shown.evaluate(BROKEN), await shown.inner_text()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    cells = rows(page).nth(0).locator("td")
    assert await cells.nth(3).text_content() == "0541112233"
    assert (await cells.nth(1).text_content() or "").startswith("Avi ")


async def test_in_hebrew_light_dark_and_narrow_axe_finds_nothing(desks: Desks) -> None:
    await two_lookups(desks)
    page = await console(desks, color_scheme="light", locale="he-IL")
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await expect(rows(page).first).to_contain_text("אין שיחה פעילה")
    time, caller = rows(page).nth(1).locator("td").nth(0), rows(page).nth(1).locator("td").nth(3)
    assert (await caller.bounding_box())["x"] < (await time.bounding_box())["x"]
    await expect(caller.locator("bdi").last).to_have_attribute("dir", "ltr")
    await page.locator("#more-filters summary").click()
    assert await violations(page) == []
    await page.emulate_media(color_scheme="dark")
    assert await violations(page) == []
    await caller.click()
    await expect(page.get_by_role("dialog")).to_contain_text("בשיחה עכשיו; השיחה היחידה")
    assert await violations(page) == []
    assert re.findall(r"console\.[\w.-]+", await page.locator("body").inner_text()) == []
    await page.keyboard.press("Escape")
    await page.locator("#set-language").select_option("en")
    await expect(rows(page).first).to_contain_text("No active call")
    await page.set_viewport_size(NARROW)
    assert await violations(page) == []


async def test_a_bridge_that_is_away_is_said_so_and_asked_again(desks: Desks) -> None:
    desks.expected += ["ERR_FAILED"]
    await desks.click(OMER)
    page = await console(desks)
    await page.route("**/api/audit?*", lambda route: route.abort())
    await page.get_by_role("button", name="Search").click()
    await expect(page.locator("#problem")).to_contain_text("could not be reached")
    await page.unroute("**/api/audit?*")
    await page.get_by_role("button", name="Try again").click()
    await expect(rows(page)).to_have_count(1)
    await page.goto(f"{desks.stage.bridge_url}/console/audit?since=soon")
    desks.expected += ["400"]
    await expect(page.locator("#problem")).to_contain_text("since must be a time")


async def test_health_in_plots_and_the_doctor(desks: Desks) -> None:
    page = await desks.blank(await desks.new_profile(locale="he-IL"))
    await page.goto(f"{desks.stage.bridge_url}/console/health#token={await token(desks, Role.ADMIN)}")
    await expect(page.locator(".plot svg")).to_have_count(5)
    assert await violations(page) == []
    await page.locator("#examine").click()
    await expect(page.locator("#findings li").first).to_be_visible()
    await expect(page.locator("#findings")).to_contain_text("להריץ \u2068redis-cli CONFIG SET")
    await expect(page.locator("#findings")).to_contain_text("תהליכי עבודה (workers): אף worker אינו פועל")
    assert await violations(page) == []
    assert re.findall(r"console\.[\w.-]+", await page.locator("body").inner_text()) == []
    await page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    await page.emulate_media(color_scheme="dark")
    assert await violations(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.screenshot(path="var/screenshots/console-health-he-320.png", full_page=True)
