"""The desktop page and the console in every state: light, dark, Hebrew and narrow, in var/screenshots.

The README's picture is `two-calls-light.png` from there.
"""

from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, expect

from bridge.core.model import Caller
from bridge.store.tokens import Role
from tests.browser.album import FOLDER, NARROW, NORMAL, WIDE, Album
from tests.browser.desk import Desks, card, violations
from tests.stage import DID, OMER

pytestmark = pytest.mark.anyio
RECORD = {"type": "contact", "id": "42", "url": "https://crm.acme.example/contacts/42"}


async def test_a_shift_in_pictures(desks: Desks) -> None:
    page = await desks.open(viewport=NORMAL, color_scheme="light", device_scale_factor=1)
    stage, phone = desks.stage, desks.stage.phone
    album = Album(page, stage.bridge_url, await desks.token())

    async def take(name: str) -> None:
        await album.take(name)
        await album.take_in_hebrew(name)

    async def is_in(state: str) -> None:
        await expect(card(page)).to_have_attribute("data-state", state)

    await take("waiting")
    await desks.click()
    await expect(page.locator("#nothing")).to_be_visible()
    assert await violations(page) == []
    await take("no-call")

    now = datetime.now(UTC)
    first = phone.incoming(["SIPDana1"], Caller("0522340002", name="רות לוי"), now, DID)
    await desks.click(record=RECORD)
    await is_in("ringing")
    await take("ringing")
    phone.answer(first, "SIPDana1", now)
    await is_in("talking")
    await card(page).get_by_label("Note").fill("Wants a quote for 40 seats, call back on Monday.")
    await expect(card(page).locator(".note-status")).to_have_text("Draft saved")
    await take("talking")
    phone.hold(first, "SIPDana1")
    await is_in("hold")
    await take("hold")
    stage.talk(name="Amir Haddad", number="0543450003")
    await desks.click(record=RECORD)
    await page.locator("#main").focus()
    await expect(card(page).locator(".caller")).to_have_text("Amir Haddad")
    await take("two-calls")
    stage.pbx.faults.down = "503"
    await expect(card(page).locator(".condition-stale")).to_be_visible()
    assert await violations(page) == []
    await take("stale")
    stage.pbx.faults.down = ""
    await expect(card(page).locator(".condition-stale")).to_have_count(0)
    phone.clear("SIPDana1")
    await is_in("ended")
    assert await violations(page) == []
    await take("ended")

    moved = phone.transfer(stage.talk("SIPOmer1", name="Ruth Levi"), "SIPOmer1", "SIPDana1", now)
    phone.answer(moved, "SIPDana1", now)
    await desks.click()
    await expect(card(page)).to_contain_text("Transferred")
    await take("transferred")
    phone.clear("SIPDana1")
    phone.outgoing("SIPDana1", Caller("0722776772", name=""), now)
    await desks.click()
    await is_in("dialing")
    await take("dialing")
    phone.clear("SIPDana1")
    stage.talk(number="Anonymous", name="")
    await desks.click()
    await expect(card(page)).to_contain_text("Withheld number")
    await take("withheld")
    phone.clear("SIPDana1")
    stage.talk(name="Wolfeschlegelsteinhausenbergerdorff" * 4 + " \u202eevil")
    await desks.click()
    await expect(card(page)).to_contain_text("Wolfe")
    await take("long-name")

    await page.locator("#open-settings").click()
    await take("settings")
    await page.keyboard.press("Escape")
    await page.locator("#open-help").click()
    await take("help")
    await page.keyboard.press("Escape")
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.screenshot(path=FOLDER / "wide-light.png")
    await page.set_viewport_size(NORMAL)  # type: ignore[arg-type]
    await page.locator("#open-settings").click()
    await page.locator("#sign-out").click()
    await expect(page.locator("#notice")).to_be_visible()
    await album.take("signed-out")


async def test_the_console_in_pictures(desks: Desks) -> None:
    agent = await desks.open()
    desks.stage.talk(name="Ruth Levi")
    await desks.is_taken((await desks.click(record=RECORD))["popup"]["popup_id"])
    await expect(card(agent)).to_be_visible()
    await desks.click(OMER)
    await desks.stage.click({"agent": OMER}, **{"webhook-signature": "v1,AAAA"})
    token = (await desks.stage.token(Role.SUPERVISOR))["Authorization"].removeprefix("Bearer ")
    for language in ("en", "he"):
        page = await desks.blank(await desks.new_profile(locale=language, viewport=WIDE, color_scheme="light"))
        for name in ("clicks", "deliveries", "audit"):
            await page.goto(f"{desks.stage.bridge_url}/console/{name}#token={token}&all=true")
            await expect(page.locator("#found .lookup").first).to_be_visible()
            await _shoot_console(page, f"console-{name}-{language}")
        await page.locator(".lookup [data-open]").last.click()
        await expect(page.locator("#details .delivery")).to_have_count(2)
        await _shoot_console(page, f"console-details-{language}")
        await page.goto(f"{desks.stage.bridge_url}/console/live")
        await expect(page.locator(".floor tbody tr").first).to_be_visible()
        await expect(page.locator(".floor")).to_contain_text("Ruth Levi")
        await _shoot_console(page, f"console-live-{language}")


async def _shoot_console(page: Page, name: str) -> None:
    for theme, size in (("light", WIDE), ("dark", WIDE), ("light", NARROW)):
        await page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        await page.set_viewport_size(size)  # type: ignore[arg-type]
        shown = "320" if size is NARROW else theme
        await page.screenshot(path=FOLDER / f"{name}-{shown}.png", full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.set_viewport_size(WIDE)  # type: ignore[arg-type]
