"""Set-up in the browser: tests, a click with its story, agents that do not fit, a CSV's changes, values tried."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from bridge.store.tokens import Role
from tests.browser.album import FOLDER
from tests.browser.desk import Desks, violations
from tests.stage import CALLER, CODE, DANA, TOKEN

pytestmark = pytest.mark.anyio

OVERFLOW = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"


async def connect(desks: Desks, asked: str = "view=accounts", role: Role = Role.ADMIN, **options: Any) -> Page:
    """The page, signed in."""
    page = await desks.blank(await desks.new_profile(**options))
    token = (await desks.stage.token(role))["Authorization"].removeprefix("Bearer ")
    await page.goto(f"{desks.stage.bridge_url}/console/connect#token={token}&{asked}")
    return page


async def test_a_phone_system_is_tested_and_its_answer_shown(desks: Desks) -> None:
    desks.stage.talk()
    page = await connect(desks)
    main = page.get_by_role("region", name="main")
    await main.get_by_role("button", name="Test: main").click()
    await expect(main.locator(".findings")).to_contain_text("2 extensions listed, 1 live call")
    await expect(main.locator(".read")).to_contain_text(CALLER)
    await main.get_by_text("Answer:").first.click()
    await expect(main.locator("pre").first).to_contain_text(CALLER)
    assert CODE.reveal() not in await page.content()
    assert await violations(page) == []


async def test_a_test_click_leads_to_its_story_and_the_button_is_filled_in_here(desks: Desks) -> None:
    desks.stage.talk()
    page = await connect(desks)
    acme = page.get_by_role("region", name="acme")
    await acme.get_by_text("Send a test").click()
    await acme.get_by_label("Agent").select_option(DANA)
    await acme.get_by_role("button", name="Send test click").click()
    await expect(acme.locator(".result-place")).to_contain_text("talking now; the only call")
    await acme.get_by_role("button", name="Send test popup").click()
    await expect(acme.locator(".result-place")).to_have_text("Enter the caller's number, such as your own.")
    await expect(acme.get_by_label("Caller's number")).to_be_focused()
    await acme.get_by_label("Caller's number").fill("052-234-0002")
    await acme.get_by_role("button", name="Send test popup").click()
    await expect(acme.locator(".result-place")).to_contain_text("Delivered")
    await acme.get_by_role("button", name="Button to paste: acme").click()
    await expect(acme.locator("pre").first).to_contain_text("PUT_CLICK_TOKEN_HERE")
    await acme.get_by_label("click_token").fill("typed-here-0123456789")
    await expect(acme.locator("pre").first).to_contain_text("typed-here-0123456789")
    assert TOKEN.reveal() not in await page.content()
    assert await violations(page) == []
    await acme.get_by_role("button", name="Send test click").click()
    await acme.get_by_role("link", name="All details").click()
    await expect(page.locator("#details-body")).to_contain_text("Dana Cohen")


async def test_agents_that_fit_no_extension_and_a_link(desks: Desks) -> None:
    desks.stage.systems["main"].seat("SIPNew9")
    page = await connect(desks, "view=agents")
    found = page.locator("#agents-found")
    await expect(found).to_contain_text("Rows that fit no extension: 1")
    await found.get_by_text("Extensions without an agent: 1 of 3").click()
    await expect(found).to_contain_text("SIPNew9")
    await page.get_by_role("button", name=f"Make a link {DANA}").click()
    link = await found.locator("pre").inner_text()
    assert await violations(page) == []
    other = await desks.blank(await desks.new_profile())
    await other.goto(f"{desks.stage.bridge_url}/desktop#{link.strip().partition('#')[2]}")
    await expect(other.locator("#connection")).to_have_attribute("data-state", "live")


async def test_a_csv_shows_what_it_changes(desks: Desks) -> None:
    page = await connect(desks, "view=import")
    await page.get_by_label("Rows, header first").fill(
        f"crm,crm_user,pbx,extension,name\nacme,{DANA},main,SIPOther,Dana\nacme,new@acme.example,main,SIPNew9,<b>New</b>\n"
    )
    await page.get_by_role("button", name="Show what changes").click()
    await expect(page.locator("#import-found")).to_contain_text("1 new, 1 changed, 0 removed, 2 as before")
    await expect(page.locator("#import-found pre")).to_contain_text("<b>New</b>")
    assert await page.locator("#import-found b b, #import-found li b").count() == 0
    assert await violations(page) == []
    await page.get_by_label("Rows, header first").fill("crm,crm_user\nacme,x\n")
    await page.get_by_role("button", name="Show what changes").click()
    await expect(page.locator("#import-found .problem").first).to_contain_text("the header must name")


async def test_values_are_tried_before_they_go_into_the_settings(desks: Desks) -> None:
    page = await connect(desks, "view=try")
    await page.get_by_label("Kind").select_option(desks.stage.make.kind)
    await page.get_by_label("Name in the settings").fill("second")
    for key, value in desks.stage.make.section(f"{desks.stage.pbx_url}/pbx").items():
        field = page.locator(f"#try-form [data-name={key}]")
        if not await field.is_visible():
            await page.get_by_text("More keys").click()
        await field.fill(str(value))
    await page.get_by_role("button", name="Test these values").click()
    await expect(page.locator("#try-found .findings")).to_contain_text("2 extensions listed")
    await expect(page.locator("#try-found pre").filter(has_text="[pbx.second]")).to_contain_text(
        'code_file = "secrets/pbx.second.code"'
    )
    assert CODE.reveal() not in await page.locator("#try-found").inner_text()
    assert await violations(page) == []
    await page.set_viewport_size({"width": 390, "height": 900})
    assert await page.evaluate(OVERFLOW) <= 0


async def test_the_help_of_the_settings_is_in_the_pages_language_and_what_was_typed_stays(desks: Desks) -> None:
    page = await connect(desks, "view=try")
    address = page.locator("#try-form label", has=page.locator("[data-name=base_url]"))
    await expect(address).to_contain_text("where its API lives")
    await address.locator("input").fill("https://pbx.example.com")
    await page.locator("#set-language").select_option("he")
    await expect(address).to_contain_text("כתובת ה-\u2060API של המרכזייה")
    assert await address.locator("input").input_value() == "https://pbx.example.com"
    await page.locator("#try-kind").select_option("voicenter")
    await page.locator("[data-name=code]").fill("change-me")
    await page.locator("[data-name=base_url]").fill("ftp://pbx.example.com")
    await page.locator("#try-button").click()
    await expect(page.locator("#try-found .problem")).to_contain_text("base_url: צריכה להיות כתובת שמתחילה ב-")


async def test_a_refusal_is_in_the_pages_language(desks: Desks) -> None:
    desks.expected += ["400 (Bad Request)"]
    page = await connect(desks, "view=accounts&lang=he")
    acme = page.get_by_role("region", name="acme")
    await acme.locator("summary").click()
    await acme.locator("[data-key='number acme']").fill("not a number")
    await acme.locator("[data-key='popup acme']").click()
    await expect(acme.locator(".problem")).to_have_text("המספר צריך להיות מספר טלפון, למשל שלכם.")


async def test_it_is_for_administrators(desks: Desks) -> None:
    page = await connect(desks, role=Role.SUPERVISOR)
    await expect(page.locator("#admins-only")).to_be_visible()
    await expect(page.locator("#page")).to_be_hidden()


@pytest.mark.parametrize("view", ["accounts", "agents", "import", "try"])
async def test_every_view_in_both_themes_and_directions_from_narrow_to_wide(desks: Desks, view: str) -> None:
    desks.stage.talk()
    page = await connect(desks, f"view={view}")
    await expect(page.locator(f"#{view}")).to_be_visible()
    if view == "accounts":
        await page.get_by_role("button", name="Test: main").click()
        await expect(page.locator(".findings").first).to_be_visible()
    if view == "agents":
        await expect(page.locator("#agents-found table")).to_be_visible()
    FOLDER.mkdir(parents=True, exist_ok=True)
    await page.set_viewport_size({"width": 1000, "height": 700})
    await page.screenshot(path=FOLDER / f"connect-{view}-guide.png", full_page=True)  # as the guide shows it
    for language, scheme in (("en", "light"), ("he", "dark")):
        await page.locator("#set-language").select_option(language)
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await expect(page.locator("html")).to_have_attribute("lang", language)
        assert await violations(page) == []
        for width in (360, 768, 1920):
            await page.set_viewport_size({"width": width, "height": 900})
            assert await page.evaluate(OVERFLOW) <= 0, (view, language, width)
            await page.screenshot(path=FOLDER / f"connect-{view}-{language}-{width}.png", full_page=True)


@pytest.mark.parametrize("path", ["/docs/connect?lang=he", "/docs/connect/webhook", "/docs/connect/asterisk?lang=he"])
async def test_the_guides_read_well_in_both_themes_from_narrow_to_wide(desks: Desks, path: str) -> None:
    page = await desks.blank(await desks.new_profile())
    await page.goto(f"{desks.stage.bridge_url}{path}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert await violations(page) == []
        for width in (360, 1280):
            await page.set_viewport_size({"width": width, "height": 900})
            assert await page.evaluate(OVERFLOW) <= 0, (path, width)
            await page.screenshot(
                path=FOLDER / f"guide-{path.rpartition('/')[2].replace('?lang=', '-')}-{scheme}-{width}.png",
                full_page=True,
            )
