"""The desktop page behind proxies that hold back event streams: it says so, and asks instead."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, Route, expect

from bridge.store import tokens
from bridge.store.tokens import Role
from tests.browser import muting_proxy as proxies
from tests.browser.desk import Desks, card
from tests.browser.muting_proxy import MutingProxy, Relay, muting_proxy
from tests.stage import DANA, OMER, until

pytestmark = pytest.mark.anyio

MUTE: dict[str, Relay] = {
    "holds-the-body": proxies.holds_the_body,
    "holds-everything": proxies.holds_everything,
    "passes-the-first-event-only": proxies.passes_the_first_event_only,
    "fills-large-blocks": proxies.fills_large_blocks,
    "forbids": proxies.FORBIDS,
    "wants-a-login": proxies.WANTS_A_LOGIN,
    "knows-no-streams": proxies.KNOWS_NO_STREAMS,
    "gives-up": proxies.GIVES_UP,
    "shows-its-own-page": proxies.SHOWS_ITS_OWN_PAGE,
}


@pytest.fixture
async def proxy(desks: Desks) -> AsyncIterator[MutingProxy]:
    desks.expected += ["/desktop/events", "/desktop/poll"]  # the browser tells of refused requests
    async with muting_proxy(desks.stage.bridge_url) as ready:
        yield ready
        await desks.close()


async def hasten(route: Route) -> None:
    """The page as it is, but for its patience."""
    answer = await route.fetch()
    text = (await answer.text()).replace("FIRST_MS = 6_000", "FIRST_MS = 700")
    await route.fulfill(response=answer, body=text.replace("SILENCE_MS = 45_000", "SILENCE_MS = 7_000"))


async def open_behind(proxy: MutingProxy, desks: Desks, agent: str = DANA, patient: bool = False) -> Page:
    page = await desks.blank(await desks.new_profile())
    if not patient:
        await page.route("**/static/sse_once.js", hasten)
    await page.goto(f"{proxy.url}/desktop#token={await desks.token(agent)}")
    return page


async def is_in_state(page: Page, state: str, patience: float = 20_000) -> None:
    await expect(page.locator("#connection")).to_have_attribute("data-state", state, timeout=patience)


@pytest.mark.parametrize("stream", MUTE.values(), ids=MUTE.keys())
async def test_a_page_behind_a_mute_proxy_polls_and_gets_its_popups(
    desks: Desks, proxy: MutingProxy, stream: Relay
) -> None:
    proxy.stream = stream
    page = await open_behind(proxy, desks)
    await is_in_state(page, "polling")
    await expect(page.locator("#connection-words")).to_have_text("Your network blocks live updates: checking every 2 s")
    desks.stage.talk(name="Ruth Levi")
    popup = (await desks.click())["popup"]
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    await desks.is_taken(popup["popup_id"])
    desks.stage.phone.hang_up(popup["call"]["ivrid"])
    await expect(card(page)).to_have_attribute("data-state", "ended")


async def test_a_page_is_live_only_after_the_first_event(desks: Desks, proxy: MutingProxy) -> None:
    """With the page's own patience: within a quarter of a minute it polls, and never says that it is live."""
    proxy.stream = proxies.holds_the_body
    page = await open_behind(proxy, desks, patient=True)
    await page.evaluate(
        """() => {
          window.states = [];
          const node = document.querySelector("#connection");
          new MutationObserver(() => states.push(node.dataset.state)).observe(node, { attributes: true });
        }"""
    )
    await is_in_state(page, "polling")
    assert "live" not in await page.evaluate("states")


async def test_it_returns_to_the_stream_when_that_works_again(
    desks: Desks, proxy: MutingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.web.desktop.hub.BEAT_SECONDS", 0.03)
    proxy.stream = proxies.holds_everything
    page = await open_behind(proxy, desks)
    await is_in_state(page, "polling")
    proxy.stream = proxies.passes
    await is_in_state(page, "live", 40_000)
    asked = proxy.asked.count("/desktop/poll")
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    assert proxy.asked.count("/desktop/poll") <= asked + 1


async def test_polling_asks_about_every_two_seconds(desks: Desks, proxy: MutingProxy) -> None:
    proxy.stream = proxies.holds_everything
    page = await open_behind(proxy, desks)
    await is_in_state(page, "polling")
    before = proxy.asked.count("/desktop/poll")
    await page.wait_for_timeout(6_500)
    assert 2 <= proxy.asked.count("/desktop/poll") - before <= 5


async def test_polling_shows_nobody_elses_calls(desks: Desks, proxy: MutingProxy) -> None:
    proxy.stream = proxies.holds_everything
    hers, his = await open_behind(proxy, desks), await open_behind(proxy, desks, OMER)
    await is_in_state(hers, "polling")
    await is_in_state(his, "polling")
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await expect(card(hers).locator(".caller")).to_have_text("Ruth Levi")
    desks.stage.talk("SIPOmer1", name="Amir Haddad")
    await desks.click(OMER)
    await expect(card(his).locator(".caller")).to_have_text("Amir Haddad")
    await expect(hers.locator("article.card")).to_have_count(1)
    await expect(hers.get_by_text("Amir Haddad")).to_have_count(0)


async def test_what_comes_while_polling_is_cut_off_comes_later(desks: Desks, proxy: MutingProxy) -> None:
    proxy.stream = proxies.holds_everything
    page = await open_behind(proxy, desks)
    await is_in_state(page, "polling")
    proxy.polled = proxies.cuts
    proxy.cut()
    await is_in_state(page, "waiting")
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    proxy.polled = proxies.passes
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    await is_in_state(page, "polling")


async def test_a_card_that_is_dismissed_elsewhere_leaves_a_polling_page(desks: Desks, proxy: MutingProxy) -> None:
    elsewhere = await desks.open()
    proxy.stream = proxies.holds_everything
    page = await open_behind(proxy, desks)
    await is_in_state(page, "polling")
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    await card(elsewhere).get_by_role("button", name="Dismiss").click()
    await expect(page.locator("article.card")).to_have_count(0)


async def test_a_session_that_is_ended_ends_a_polling_page(desks: Desks, proxy: MutingProxy) -> None:
    proxy.stream = proxies.holds_everything
    page = await open_behind(proxy, desks)
    await is_in_state(page, "polling")
    for grant in await tokens.every(desks.stage.redis):
        await tokens.revoke(desks.stage.redis, grant.token_id)
    await is_in_state(page, "refused")


async def test_a_second_tab_learns_how_the_first_one_listens(desks: Desks, proxy: MutingProxy) -> None:
    proxy.stream = proxies.holds_everything
    first = await open_behind(proxy, desks)
    await is_in_state(first, "polling")
    second = await first.context.new_page()
    await second.goto(f"{proxy.url}/desktop#token={await desks.token()}")
    await is_in_state(second, "polling", 5_000)
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await expect(card(second).locator(".caller")).to_have_text("Ruth Levi")


async def test_too_many_pages_are_told_so(desks: Desks, proxy: MutingProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = desks.stage.services.settings.desktop
    monkeypatch.setitem(limits.__dict__, "streams_per_agent", 1)
    await desks.open()
    page = await open_behind(proxy, desks)
    await is_in_state(page, "full")
    await expect(page.locator("#connection-words")).to_have_text(
        re.compile("Too many popbridge pages are open: close some. Retrying in 30 s")
    )


async def test_a_bridge_that_is_away_is_not_called_a_proxy(desks: Desks, proxy: MutingProxy) -> None:
    page = await open_behind(proxy, desks)
    await is_in_state(page, "live")
    proxy.stream = proxy.polled = proxies.cuts
    proxy.cut()
    asked = len(proxy.asked)
    await is_in_state(page, "waiting")

    async def tried_often() -> bool:
        return len(proxy.asked) >= asked + 3

    await until(tried_often)
    assert "/desktop/poll" not in proxy.asked


async def test_a_stream_that_is_fine_is_never_polled(desks: Desks, proxy: MutingProxy) -> None:
    page = await open_behind(proxy, desks)
    await is_in_state(page, "live")
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    assert "/desktop/poll" not in proxy.asked
    assert (await desks.stage.get("/desktop/poll", await desks.stage.token(Role.SUPERVISOR))).status_code == 401
