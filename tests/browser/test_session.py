"""Signing in and out: the token leaves the address, the session lives in the tab, its end is said in words."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser, Page, expect
from playwright.async_api import Route as Asked
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from bridge.core.http_types import Secret
from bridge.store import tokens
from bridge.store.tokens import Kind
from tests import identity
from tests.browser.desk import Desks, card, live, open_desks
from tests.stage import DANA, OMER, open_stage, serving, until

pytestmark = pytest.mark.anyio


async def crm_page(request: Request) -> HTMLResponse:
    """A page of a CRM that has the desktop in a frame."""
    frame = f'<iframe src="{escape(request.query_params["desktop"])}" allow="clipboard-write"></iframe>'
    return HTMLResponse(f"<!doctype html><html lang=en><title>CRM</title><link rel=icon href=data:,>{frame}")


async def kept(page: Page) -> str:
    """All that the page keeps in the browser."""
    text: str = await page.evaluate("JSON.stringify([sessionStorage, localStorage, document.cookie])")
    return text


async def test_without_a_link_the_page_says_what_it_needs(desks: Desks) -> None:
    page = await desks.blank(await desks.new_profile())
    await page.goto(f"{desks.stage.bridge_url}/desktop")
    await expect(page.get_by_role("heading", name="This page needs your personal link")).to_be_visible()
    await expect(page.locator("#connection")).to_have_attribute("data-state", "refused")


async def test_a_link_that_does_not_hold_is_said_so(desks: Desks) -> None:
    desks.expected += ["401"]
    page = await desks.blank(await desks.new_profile())
    whole = await desks.token()
    texts = {
        "pbt_invented": "This link is not complete",
        whole[:-3]: "This link is not complete",
        f"{whole[:-3]}xyz": "This link is not complete",
        f"pbt_0123456789ab_{'x' * 43}": "Your link has expired",
    }
    for token, title in texts.items():
        await page.goto("about:blank")
        await page.goto(f"{desks.stage.bridge_url}/desktop#token={token}")
        await expect(page.get_by_role("heading", name=title)).to_be_visible()
        assert "pbt_" not in page.url


async def test_the_token_is_kept_nowhere(desks: Desks) -> None:
    page = await desks.blank(await desks.new_profile())
    token = await desks.token()
    await page.goto(f"{desks.stage.bridge_url}/desktop#token={token}")
    await live(page)
    assert token not in page.url
    assert token not in await kept(page)
    assert "pbt_" not in await page.evaluate("JSON.stringify([localStorage, document.cookie])")


async def test_the_agent_stays_signed_in_in_every_tab_and_after_closing_them(desks: Desks) -> None:
    context = await desks.new_profile()
    first = await desks.open(DANA, context)
    assert await first.evaluate("JSON.parse(sessionStorage['popbridge.session']).session") == ""
    assert "pbt_" not in await kept(first)
    second = await desks.blank(context)
    await second.goto(f"{desks.stage.bridge_url}/desktop")
    await live(second)
    await expect(second.locator("#agent-name")).to_have_text("Dana Cohen")
    await first.close()
    await second.close()
    third = await desks.blank(context)
    await third.goto(f"{desks.stage.bridge_url}/desktop")
    await live(third)
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await expect(card(third)).to_be_visible()


async def test_a_link_that_was_used_before_leaves_who_is_signed_in_alone(desks: Desks) -> None:
    desks.expected += ["401"]
    page = await desks.open()
    await page.goto("about:blank")
    await page.goto(f"{desks.stage.bridge_url}/desktop#token=pbt_0123456789ab_{'x' * 43}")
    await live(page)
    await expect(page.locator("#agent-name")).to_have_text("Dana Cohen")


async def test_another_agent_at_the_same_browser_ends_the_first_ones_pages(desks: Desks) -> None:
    context = await desks.new_profile()
    hers = await desks.open(DANA, context)
    his = await desks.open(OMER, context)
    await expect(hers.get_by_role("heading", name="Somebody else signed in in this browser")).to_be_visible()
    await live(his)
    await his.reload()
    await expect(his.locator("#agent-name")).to_have_text("עומר לוי")


async def test_a_tab_whose_session_has_ended_goes_on_with_the_agents_newer_one(desks: Desks) -> None:
    context = await desks.new_profile()
    page = await desks.open(DANA, context)
    before = {grant.token_id for grant in await tokens.every(desks.stage.redis) if grant.kind is Kind.SESSION}
    other = await desks.open(DANA, context)
    await other.close()
    for token_id in before:
        await tokens.revoke(desks.stage.redis, token_id)
    await page.wait_for_event("load")
    await live(page)


async def test_signing_out_leaves_nothing_behind_in_any_tab(desks: Desks) -> None:
    desks.expected += ["401"]  # what the other tab was just sending, the browser tells of
    context = await desks.new_profile()
    one, other = await desks.open(DANA, context), await desks.open(DANA, context)
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await expect(card(other)).to_be_visible()
    await one.get_by_role("button", name="Settings").click()
    await one.get_by_role("button", name="Sign out").click()
    for page in (one, other):
        await expect(page.get_by_role("heading", name="You have signed out")).to_be_visible()
        await expect(page.locator("body")).not_to_contain_text("Ruth")
        assert "Ruth" not in await kept(page)
        assert "pbt_" not in await kept(page)
    await one.reload()
    await expect(one.get_by_role("heading", name="This page needs your personal link")).to_be_visible()


async def test_a_revoked_session_is_said_so(desks: Desks) -> None:
    desks.expected += ["401"]
    page = await desks.open()
    sessions = [grant for grant in await tokens.every(desks.stage.redis) if grant.crm_user == DANA]
    for session in sessions:
        await tokens.revoke(desks.stage.redis, session.token_id)
    await expect(page.get_by_role("heading", name="You have been signed out")).to_be_visible()


async def test_a_card_whose_extension_is_somebody_elses_now_says_so(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await expect(card(page)).to_be_visible()
    agents, hers = desks.stage.folder / "agents.csv", f"{DANA},main,{desks.stage.make.dana}"
    rows = agents.read_text(encoding="utf-8")
    agents.write_text(rows.replace(hers, f"{DANA},main,SIPNew"), encoding="utf-8")
    told = f"extension {desks.stage.make.dana} is no longer yours, so this call is not followed any more"
    await expect(card(page).locator(".condition")).to_have_text(told)
    desks.stage.talk(name="Omer's caller")
    await desks.stage.click({"agent": OMER})
    await expect(card(page)).not_to_contain_text("Omer's caller")


async def test_an_agent_who_is_taken_out_of_the_directory_is_told_so(desks: Desks) -> None:
    """On the open page, after a reload, and when the link is opened again; a caller's name stays nowhere."""
    desks.expected += ["403"]
    token = await desks.token()
    page = await desks.blank(await desks.new_profile())
    await page.goto(f"{desks.stage.bridge_url}/desktop#token={token}")
    await live(page)
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await expect(card(page)).to_be_visible()
    agents = desks.stage.folder / "agents.csv"
    rows = agents.read_text(encoding="utf-8").splitlines(keepends=True)
    agents.write_text("".join(row for row in rows if DANA not in row), encoding="utf-8")
    gone = page.get_by_role("heading", name="You are not in the agent directory any more")
    await expect(gone).to_be_visible()
    await expect(page.locator("body")).not_to_contain_text("Ruth")
    assert "Ruth" not in await kept(page)
    await page.goto("about:blank")
    await page.goto(f"{desks.stage.bridge_url}/desktop?lang=he#token={token}")
    await expect(page.get_by_role("heading", name="אינכם עוד ברשימת הנציגים")).to_be_visible()
    agents.write_text("".join(rows), encoding="utf-8")
    await page.goto("about:blank")
    await page.goto(f"{desks.stage.bridge_url}/desktop#token={token}")
    await live(page)


async def test_the_page_works_in_a_frame_of_another_site_without_cookies(
    tmp_path: Path, redis_url: Secret, browser: Browser
) -> None:
    async with serving(Starlette(routes=[Route("/", crm_page)])) as address:
        crm = address.replace("127.0.0.1", "localhost")  # to a browser another site
        extra = {"POPBRIDGE_SERVER__FRAME_ANCESTORS": crm}
        async with open_stage(tmp_path, redis_url, extra=extra) as stage, open_desks(stage, browser) as desks:
            page = await desks.blank(await desks.new_profile())
            await page.goto(
                f"{crm}/?{urlencode({'desktop': f'{stage.bridge_url}/desktop#token={await desks.token()}'})}"
            )
            framed = page.frame_locator("iframe")
            await expect(framed.locator("#connection")).to_have_attribute("data-state", "live")
            stage.talk(name="Ruth Levi")
            await desks.click()
            await expect(framed.locator(".caller")).to_have_text("Ruth Levi")
            assert await page.context.cookies() == []


async def test_over_https_the_page_stays_signed_in_in_the_crms_frames(
    tmp_path: Path, redis_url: Secret, browser: Browser
) -> None:
    """Chromium takes this machine's own addresses for as safe as https. In its own window nobody is signed in by it."""
    async with serving(Starlette(routes=[Route("/", crm_page)])) as address:
        crm = address.replace("127.0.0.1", "localhost")
        extra = {"POPBRIDGE_SERVER__FRAME_ANCESTORS": crm, "POPBRIDGE_SERVER__PUBLIC_URL": "https://popbridge.example"}
        async with open_stage(tmp_path, redis_url, extra=extra) as stage, open_desks(stage, browser) as desks:
            context = await desks.new_profile()
            first, desktop = await desks.blank(context), f"{stage.bridge_url}/desktop"
            token = await desks.token()
            await first.goto(f"{crm}/?{urlencode({'desktop': f'{desktop}#token={token}'})}")
            inside = first.frame_locator("iframe")
            await expect(inside.locator("#connection")).to_have_attribute("data-state", "live")
            await first.close()
            second = await desks.blank(context)
            await second.goto(f"{crm}/?{urlencode({'desktop': desktop})}")
            inside = second.frame_locator("iframe")
            await expect(inside.locator("#connection")).to_have_attribute("data-state", "live")
            alone = await desks.blank(context)
            await alone.goto(desktop)
            await expect(alone.get_by_role("heading", name="This page needs your personal link")).to_be_visible()
            await inside.get_by_role("button", name="Settings").click()
            async with context.expect_page() as opening:
                await inside.get_by_role("button", name="Open in its own window").click()
            await live(await opening.value)


async def test_the_page_opens_in_a_window_of_its_own_signed_in(desks: Desks) -> None:
    page = await desks.open()
    await page.get_by_role("button", name="Settings").click()
    async with page.context.expect_page() as opening:
        await page.get_by_role("button", name="Open in its own window").click()
    opened = await opening.value
    await live(opened)
    assert "pbt_" not in opened.url


async def test_an_answer_that_comes_after_signing_out_brings_nothing_back(desks: Desks) -> None:
    page = await desks.open()
    desks.stage.talk(name="Ruth Levi")
    held: list[Asked] = []

    async def hold(route: Asked) -> None:
        held.append(route)

    async def asked() -> bool:
        return len(held) == 2

    token = {"Authorization": f"Bearer {await desks.token()}"}
    pressed = await desks.stage.http.post(f"{desks.stage.bridge_url}/desktop/press", headers=token, json={})
    await expect(card(page)).to_be_visible()
    await page.route("**/desktop/press", hold)
    await page.route("**/desktop/preferences", hold)
    await page.get_by_role("button", name="Look up again").click()
    await page.locator("#toggle-sound").click()
    await until(asked)
    await page.evaluate("document.getElementById('sign-out').click()")
    await expect(page.get_by_role("heading", name="You have signed out")).to_be_visible()
    popup = pressed.json()
    popup["popup"]["popup_id"] = "pop_other"
    bodies = {"press": popup, "preferences": {"language": "he", "sound": False}}
    for route in held:
        await route.fulfill(json=bodies[route.request.url.rsplit("/", 1)[1]])
    await page.wait_for_timeout(2_000)
    await expect(page.locator("body")).not_to_contain_text("Ruth")
    assert "pbt_" not in await kept(page)


async def test_the_token_leaves_the_address_before_anything_is_loaded(desks: Desks) -> None:
    page = await desks.blank(await desks.new_profile())
    held: list[Asked] = []

    async def hold(route: Asked) -> None:
        held.append(route)

    async def asked() -> bool:
        return bool(held)

    await page.route("**/languages.json", hold)
    await page.goto(f"{desks.stage.bridge_url}/desktop#token={await desks.token()}")
    await until(asked)
    assert "pbt_" not in page.url
    await held[0].continue_()
    await live(page)


async def test_the_page_waits_for_its_words_where_the_bridge_is_away(desks: Desks) -> None:
    desks.expected += ["503", "ERR_FAILED"]
    page = await desks.blank(await desks.new_profile())
    asked: list[str] = []

    async def fail_once(route: Asked) -> None:
        path = route.request.url.rpartition("/")[2].partition("?")[0]
        asked.append(path)
        if asked.count(path) > 1:
            return await route.continue_()
        return await (route.abort() if path == "en.json" else route.fulfill(status=503, body="away"))

    await page.route("**/static/lang/*", fail_once)
    await page.goto(f"{desks.stage.bridge_url}/desktop#token={await desks.token()}")
    await live(page)
    assert asked == ["languages.json", "languages.json", "en.json", "en.json"]


async def test_a_link_signs_in_though_the_connection_breaks_right_after_it(desks: Desks) -> None:
    desks.expected += ["ERR_FAILED"]
    page = await desks.blank(await desks.new_profile())
    broken: list[str] = []

    async def break_once(route: Asked) -> None:
        if route.request.method == "GET" and not broken:
            broken.append(route.request.url)
            return await route.abort()
        return await route.continue_()

    await page.route("**/desktop/session", break_once)
    redis, now = desks.stage.redis, datetime.now(UTC)
    rights = await tokens.check(redis, await desks.token(), now)
    assert rights is not None
    link = await tokens.link(redis, rights, now)
    await page.goto(f"{desks.stage.bridge_url}/desktop#token={link}")
    await live(page)
    assert broken


@pytest.fixture
async def sso(tmp_path: Path, redis_url: Secret, browser: Browser) -> AsyncIterator[Desks]:
    """Desks whose agents sign in at a real identity provider; a CRM may frame them."""
    port = identity.free_port()
    address = f"http://127.0.0.1:{port}"
    async with (
        serving(Starlette(routes=[Route("/", crm_page)])) as crm,
        identity.running(address, identity.new_key("one")[1]) as provider,
    ):
        framing = crm.replace("127.0.0.1", "localhost")
        extra = {"POPBRIDGE_SERVER__PUBLIC_URL": address, "POPBRIDGE_SERVER__FRAME_ANCESTORS": framing}
        keys = identity.settings_for(provider.issuer)
        async with (
            open_stage(tmp_path, redis_url, port=port, extra=extra, more_settings=keys) as stage,
            open_desks(stage, browser) as desks,
        ):
            desks.expected += ["fonts.googleapis.com", "favicon.ico"]  # of the provider's own pages
            yield desks


async def sign_in_at_provider(page: Page, login: str) -> None:
    await page.locator("[name=login]").fill(login)
    await page.locator("[name=password]").fill("x")
    await page.locator("[type=submit]").click()


async def test_an_agent_and_a_supervisor_sign_in_at_their_provider(sso: Desks) -> None:
    sso.expected += ["403"]  # the page of somebody whom popbridge does not know
    context = await sso.new_profile()
    page = await sso.blank(context)
    await page.goto(f"{sso.stage.bridge_url}/desktop")
    await expect(page.get_by_role("heading", name="Sign in to popbridge")).to_be_visible()
    await page.get_by_role("link", name="Sign in with Acme").click()
    await sign_in_at_provider(page, "dana")
    await live(page)
    await expect(page.locator("#agent-name")).to_have_text("Dana Cohen")
    assert page.url == f"{sso.stage.bridge_url}/desktop"
    sso.stage.talk(name="Ruth Levi")
    await sso.click()
    await expect(card(page)).to_contain_text("Ruth Levi")
    await page.goto(f"{sso.stage.bridge_url}/console")
    await page.get_by_role("link", name="Sign in with Acme").click()  # the provider knows her already
    await expect(page.get_by_role("heading", name="You may not see the console")).to_be_visible()
    await expect(page.locator("main")).to_contain_text("everybody")
    await page.get_by_role("link", name="Desktop page").click()
    await live(page)
    await page.get_by_role("button", name="Settings").click()
    await page.get_by_role("button", name="Sign out").click()
    await page.wait_for_url("**/session/end?*")
    lea = await sso.blank(await sso.new_profile())
    await lea.goto(f"{sso.stage.bridge_url}/console/audit?caller=0722776772")
    await lea.get_by_role("link", name="Sign in with Acme").click()
    await sign_in_at_provider(lea, "lea")
    await expect(lea.locator("#user")).to_contain_text("lea@acme.example")
    assert lea.url == f"{sso.stage.bridge_url}/console/audit#caller=0722776772", "the page she had opened"
    await expect(lea.locator("#lookups-form [name=caller]")).to_have_value("0722776772")
    await lea.reload()
    await expect(lea.locator("#user")).to_contain_text("lea@acme.example")


async def test_in_a_frame_the_agent_signs_in_in_a_window(sso: Desks) -> None:
    page = await sso.blank(await sso.new_profile())
    crm = sso.stage.services.settings.server.frame_ancestors[0]
    await page.goto(f"{crm}/?{urlencode({'desktop': f'{sso.stage.bridge_url}/desktop'})}")
    inside = page.frame_locator("iframe")
    async with page.context.expect_page() as opening:
        await inside.get_by_role("link", name="Sign in with Acme").click()
    window = await opening.value
    await sign_in_at_provider(window, "dana")
    await expect(inside.locator("#agent-name")).to_have_text("Dana Cohen")
    assert window.is_closed()
