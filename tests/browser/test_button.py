"""The button on a CRM's page, the link form and the bookmarklet: each says the answer where the agent looks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from bridge.core.errors import ClickRefused, TooManyClicks
from bridge.core.http_types import Secret
from bridge.store.clicks.accept import unavailable
from bridge.store.tokens import Role
from tests.browser.desk import Desks, open_desks
from tests.stage import CALLER, DANA, TOKEN, VOICENTER, open_stage, serving

pytestmark = pytest.mark.anyio
POLICY = "default-src 'none'; img-src data:; script-src {bridge}; connect-src {bridge}"
"""As strict as a CRM's own rules can be and still let the script in."""
OHARA = "o'hara+sales@acme.example"
"""Who has Dana's extension too, and a name whose signs mean something in addresses and in scripts."""


class Crm:
    """Another site, whose page has the button."""

    def __init__(self) -> None:
        self.address, self.bridge, self.more = "", "", ""

    async def page(self, request: Request) -> HTMLResponse:
        told = f'data-crm="acme" data-agent="{DANA}" data-token="{TOKEN.reveal()}" {self.more}'
        body = f'<h1>Contact</h1><script src="{self.bridge}/button.js" {told}></script>'
        headers = {"Content-Security-Policy": POLICY.format(bridge=self.bridge)}
        return HTMLResponse(
            f"<!doctype html><html lang=en><title>CRM</title><link rel=icon href=data:,>{body}", headers=headers
        )


@pytest.fixture
async def crm() -> AsyncIterator[Crm]:
    made = Crm()
    async with serving(Starlette(routes=[Route("/", made.page)])) as address:
        made.address = address
        yield made


@pytest.fixture
async def desks(tmp_path: Path, redis_url: Secret, browser: Browser, crm: Crm) -> AsyncIterator[Desks]:
    extra = {"POPBRIDGE_CRM__ACME__ORIGINS": crm.address}
    rows = (f"acme,{OHARA},main,{VOICENTER.dana},Sean O'Hara",)
    async with open_stage(tmp_path, redis_url, extra=extra, agents=rows) as stage, open_desks(stage, browser) as opened:
        crm.bridge = stage.bridge_url
        yield opened


async def open_crm(desks: Desks, crm: Crm) -> Page:
    page = await desks.blank(await desks.new_profile())
    await page.goto(crm.address)
    return page


async def test_the_button_says_who_is_calling(desks: Desks, crm: Crm) -> None:
    page = await open_crm(desks, crm)
    desks.stage.talk(name="Ruth Levi")
    await page.get_by_role("button", name="Who is calling?").click()
    await expect(page.get_by_role("status")).to_contain_text("Talking, Ruth Levi")
    await expect(page.get_by_role("status")).to_contain_text(CALLER)


async def test_the_button_says_why_there_is_no_popup(desks: Desks, crm: Crm) -> None:
    crm.more = 'data-lang="he"'
    page = await open_crm(desks, crm)
    await page.get_by_role("button", name="מי מתקשר?").click()
    await expect(page.get_by_role("status")).to_contain_text("אינכם בשיחה")
    await expect(page.get_by_role("status")).to_contain_text("אין כעת שיחה בשלוחה SIPDana1\u2069. לחצו שוב")


async def test_the_button_says_when_the_bridge_does_not_let_it_in(desks: Desks, crm: Crm) -> None:
    """So does the list of clicks; a bridge that cannot be reached is told apart."""
    desks.expected += ["CORS", "ERR_FAILED"]
    elsewhere = crm.address.replace("127.0.0.1", "localhost")
    page = await desks.blank(await desks.new_profile())
    await page.goto(elsewhere)
    await page.get_by_role("button", name="Who is calling?").click()
    status = page.get_by_role("status")
    await expect(status).to_contain_text(f"must add {elsewhere} to `origins` of this CRM")
    listed = (await desks.stage.get("/api/clicks", await desks.stage.token(Role.SUPERVISOR))).json()["items"][0]
    assert listed["reason"] == "origin-not-listed"
    assert f"a button on a page of {elsewhere} asked" in listed["why"]
    await page.route("**/livez", lambda route: route.abort())
    await page.get_by_role("button", name="Who is calling?").click()
    await expect(status).to_have_text("popbridge could not be reached.")


async def test_a_name_turns_neither_the_buttons_answer_nor_the_links_page(desks: Desks, crm: Crm) -> None:
    page = await open_crm(desks, crm)
    desks.stage.talk(name="\u202eRuth\u202c Levi\u2067\u0007")
    await page.get_by_role("button", name="Who is calling?").click()
    await expect(page.get_by_role("status")).to_have_text(f"Talking, Ruth Levi, {CALLER}")
    await page.goto(f"{desks.stage.bridge_url}/clicks/acme?agent={DANA}&token={TOKEN.reveal()}")
    await expect(page.locator(".caller bdi")).to_have_text("Ruth Levi")


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (unavailable(), "popbridge is unavailable. Try again in a moment."),
        (TooManyClicks("", 7), "Too many requests. Wait a moment, then try again."),
    ],
    ids=["redis-away", "too-often"],
)
async def test_the_button_says_a_refusal_in_words(
    desks: Desks, crm: Crm, monkeypatch: pytest.MonkeyPatch, refused: ClickRefused, words: str
) -> None:
    desks.expected += [f"{refused.status} "]
    page = await open_crm(desks, crm)

    async def refuse(*_: object) -> None:
        raise refused

    monkeypatch.setattr("bridge.store.clicks.accept.begin", refuse)
    await page.get_by_role("button", name="Who is calling?").click()
    await expect(page.get_by_role("status")).to_have_text(words)


async def test_the_page_hears_the_answer(desks: Desks, crm: Crm) -> None:
    page = await open_crm(desks, crm)
    desks.stage.talk(name="<b>Ruth</b>")
    await page.evaluate("""() => {
      window.heard = new Promise((hear) => addEventListener("popbridge-answer", (event) => hear(event.detail)));
    }""")
    await page.get_by_role("button", name="Who is calling?").click()
    assert (await page.evaluate("() => heard"))["outcome"] == "found"
    await expect(page.get_by_role("status")).to_contain_text("<b>Ruth</b>")


@pytest.mark.parametrize(
    ("agent", "why"),
    [
        (DANA, "אין כעת שיחה בשלוחה SIPDana1"),
        ("nobody@acme.example", "אין נציג בשם 'nobody@acme.example' ברשימת הנציגים של acme"),
    ],
)
async def test_the_links_page_says_why_in_its_language(desks: Desks, agent: str, why: str) -> None:
    page = await desks.blank(await desks.new_profile(locale="he-IL"))
    await page.goto(f"{desks.stage.bridge_url}/clicks/acme?agent={agent}&token={TOKEN.reveal()}")
    await expect(page.get_by_text(why)).to_be_visible()
    assert TOKEN.reveal() not in page.url


async def test_the_links_page_says_in_its_language_why_this_call(desks: Desks) -> None:
    page = await desks.blank(await desks.new_profile(locale="he-IL"))
    desks.stage.talk(name="Ruth Levi")
    await page.goto(f"{desks.stage.bridge_url}/clicks/acme?agent={DANA}&token={TOKEN.reveal()}")
    await expect(page.locator(".why")).to_contain_text("בשיחה עכשיו; השיחה היחידה")


async def pressed(desks: Desks, bookmark: str) -> Page:
    """The window that a bookmark with this address opens."""
    page = await desks.blank(await desks.new_profile())
    await page.set_content('<a href="">bookmark</a>')
    await page.locator("a").evaluate("(link, address) => { link.href = address; }", bookmark)
    async with page.expect_popup() as opened:
        await page.locator("a").click()
    return await opened.value


@pytest.mark.parametrize("agent", [DANA, OHARA])
async def test_the_bookmarklet_leads_to_the_answer_and_leaves_no_token_in_the_address(desks: Desks, agent: str) -> None:
    page = await desks.open(agent)
    await page.get_by_role("button", name="Help").click()
    bookmarklet = await page.locator("#bookmarklet").text_content() or ""
    desks.stage.talk(name="Ruth Levi")
    window = await pressed(desks, bookmarklet.replace("CLICK_TOKEN", TOKEN.reveal()))
    await expect(window.get_by_role("heading", name="Ruth Levi")).to_be_visible()
    assert TOKEN.reveal() not in window.url
