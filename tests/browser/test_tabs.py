"""Many tabs of one agent are one reader of the stream; none misses a popup, and it is notified once."""

import re

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.browser.desk import Desks, card, live
from tests.stage import DANA, OMER

pytestmark = pytest.mark.anyio
COUNT_NOTIFICATIONS = """
document.hasFocus = () => false;
window.notified = [];
window.withdrawn = [];
window.Notification = class extends EventTarget {
  static permission = "granted";
  static requestPermission = async () => "granted";
  constructor(title, options) { super(); this.tag = options.tag; window.notified.push([title, options.tag]); }
  close() { window.withdrawn.push(this.tag); }
};
window.claimed = [];
const request = navigator.locks.request.bind(navigator.locks);
navigator.locks.request = (name, options, act) => request(name, options, async (lock) => {
  const released = act(lock);
  setTimeout(() => window.claimed.push(name));
  return released;
});
"""


async def leaders(pages: list[Page]) -> int:
    """How many of the pages hold a stream: the bridge counts them."""
    held = await pages[0].evaluate("navigator.locks.query().then((all) => all.held.map((lock) => lock.name))")
    return sum(name.endswith(".leader") for name in held)


async def open_tabs(desks: Desks, context: BrowserContext, count: int) -> list[Page]:
    return [await desks.open(DANA, context) for _ in range(count)]


async def test_eight_tabs_share_one_stream_and_all_show_the_popup(desks: Desks) -> None:
    context = await desks.new_profile()
    tabs = await open_tabs(desks, context, 8)
    assert await leaders(tabs) == 1
    assert desks.stage.app.state.hub.open_pages == 1
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    for tab in tabs:
        await expect(card(tab).locator(".caller")).to_have_text("Ruth Levi")


async def test_a_popup_is_notified_once_over_all_tabs(desks: Desks) -> None:
    context = await desks.new_profile()
    await context.add_init_script(COUNT_NOTIFICATIONS)
    tabs = await open_tabs(desks, context, 3)
    await tabs[0].get_by_role("button", name="Enable alerts").click()
    for tab in tabs:
        await expect(tab.get_by_role("button", name="Enable alerts")).to_be_hidden()
    desks.stage.talk(name="Ruth Levi")
    popup_id = (await desks.click())["popup"]["popup_id"]
    for tab in tabs:
        await expect(card(tab)).to_be_visible()
    for tab in tabs:
        await tab.wait_for_function(
            "(name) => claimed.some((each) => each.endsWith(name))", arg=f"notice.{popup_id}.first"
        )
    notified = [each for tab in tabs for each in await tab.evaluate("notified")]
    assert [tag for _, tag in notified] == [popup_id]


async def test_signing_out_takes_notifications_away(desks: Desks) -> None:
    context = await desks.new_profile()
    await context.add_init_script(COUNT_NOTIFICATIONS)
    page = await desks.open(DANA, context)
    await page.get_by_role("button", name="Enable alerts").click()
    desks.stage.talk(name="Ruth Levi")
    popup_id = (await desks.click())["popup"]["popup_id"]
    await page.wait_for_function("() => notified.length === 1")
    await page.evaluate("document.getElementById('sign-out').click()")
    await expect(page.get_by_role("heading", name="You have signed out")).to_be_visible()
    assert await page.evaluate("withdrawn") == [popup_id]


async def test_a_snoozed_card_that_comes_back_is_notified_and_said_like_a_new_one(desks: Desks) -> None:
    context = await desks.new_profile()
    await context.add_init_script(COUNT_NOTIFICATIONS)
    page = await desks.blank(context)
    await page.clock.install()
    await page.goto(f"{desks.stage.bridge_url}/desktop#token={await desks.token()}")
    await live(page)
    await page.get_by_role("button", name="Enable alerts").click()
    ivrid = desks.stage.talk(name="Ruth Levi")
    await desks.click()
    for times, ended in ((2, False), (3, True)):
        await card(page).locator("summary", has_text="Snooze").click()
        await card(page).get_by_role("button", name="1 min", exact=True).click()
        await expect(page.locator("article.card")).to_have_count(0)
        if ended:
            desks.stage.phone.hang_up(ivrid)
        else:
            await page.clock.fast_forward(61_000)
        words = f"Back from snooze: {'Ended' if ended else 'Talking'}, Ruth Levi"
        await expect(page.locator("#spoken")).to_contain_text(words)
        await page.clock.run_for(1_000)
        await page.wait_for_function("(times) => notified.length === times", arg=times)
        await page.clock.run_for(20_000)
    assert len({tag for _, tag in await page.evaluate("notified")}) == 1


async def test_when_the_leader_closes_another_takes_over_and_nothing_is_missed(desks: Desks) -> None:
    context = await desks.new_profile()
    leader, *others = await open_tabs(desks, context, 3)
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    for tab in others:
        await expect(card(tab).locator(".caller")).to_have_text("Ruth Levi")
    await leader.close()
    desks.stage.phone.clear("SIPDana1")
    desks.stage.talk(name="Amir Haddad")
    await desks.click()
    for tab in others:
        await expect(card(tab).locator(".caller")).to_have_text("Amir Haddad")
        await expect(tab.locator("#earlier-list li")).to_have_count(1)
    assert await leaders(others) == 1


async def test_a_tab_opened_later_has_the_cards_that_are_there(desks: Desks) -> None:
    context = await desks.new_profile()
    await desks.open(DANA, context)
    desks.stage.talk(name="Ruth Levi")
    await desks.is_taken((await desks.click())["popup"]["popup_id"])
    later = await desks.open(DANA, context)
    await expect(card(later).locator(".caller")).to_have_text("Ruth Levi")


async def test_what_popped_while_offline_is_there_when_the_network_is_back(desks: Desks) -> None:
    desks.expected += ["ERR_INTERNET_DISCONNECTED"]
    page = await desks.open()
    await page.context.set_offline(True)
    await expect(page.locator("#connection")).to_have_attribute("data-state", "waiting")
    await expect(page.locator("#connection")).to_contain_text("No connection")
    desks.stage.talk(name="Ruth Levi")
    popup_id = (await desks.click())["popup"]["popup_id"]
    await page.context.set_offline(False)
    await live(page)
    await expect(card(page).locator(".caller")).to_have_text("Ruth Levi")
    await desks.is_taken(popup_id)


async def test_a_browser_without_locks_has_a_stream_for_each_tab(desks: Desks) -> None:
    context = await desks.new_profile()
    await context.add_init_script("Object.defineProperty(navigator, 'locks', { value: undefined });")
    tabs = await open_tabs(desks, context, 2)
    assert desks.stage.app.state.hub.open_pages == 2
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    for tab in tabs:
        await expect(card(tab).locator(".caller")).to_have_text("Ruth Levi")


async def test_two_agents_see_each_their_own(desks: Desks) -> None:
    hers, his = await desks.open(DANA), await desks.open(OMER)
    desks.stage.talk(name="Ruth Levi")
    desks.stage.talk("SIPOmer1", name="Amir Haddad")
    await desks.click(DANA)
    await expect(card(hers).locator(".caller")).to_have_text("Ruth Levi")
    await desks.click(OMER)
    await expect(card(his).locator(".caller")).to_have_text("Amir Haddad")
    await expect(hers.locator("body")).not_to_contain_text("Amir")
    await expect(his.locator("body")).not_to_contain_text("Ruth")


async def test_every_tab_counts_by_the_bridges_clock(desks: Desks) -> None:
    """This machine's own is an hour ahead; only the tab that leads hears the bridge's."""
    context = await desks.new_profile()
    await context.add_init_script("const { now } = Date; Date.now = () => now() + 3_600_000;")
    tabs = await open_tabs(desks, context, 2)
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    for tab in tabs:
        await expect(card(tab).locator(".timer")).to_have_text(re.compile(r"^\d:\d\d$"))


async def test_a_tab_that_came_while_nobody_led_has_the_cards_once_somebody_does(desks: Desks) -> None:
    context = await desks.new_profile()
    leader, heir = await open_tabs(desks, context, 2)
    desks.stage.talk(name="Ruth Levi")
    await desks.is_taken((await desks.click())["popup"]["popup_id"])
    await expect(card(heir)).to_be_visible()
    newcomer = await desks.blank(context)
    await newcomer.add_init_script("""
        const { postMessage } = BroadcastChannel.prototype;
        BroadcastChannel.prototype.postMessage = function (sent) {
          if (sent.kind !== "newcomer") postMessage.call(this, sent);
        };
    """)
    await newcomer.goto(f"{desks.stage.bridge_url}/desktop#token={await desks.token()}")
    await expect(newcomer.locator("#tools")).to_be_visible()
    await leader.close()
    await expect(card(newcomer).locator(".caller")).to_have_text("Ruth Levi")


async def test_a_tab_that_may_not_notify_keeps_no_other_from_it(desks: Desks) -> None:
    context = await desks.new_profile()
    await context.add_init_script(COUNT_NOTIFICATIONS)
    may = await desks.open(DANA, context)
    await may.get_by_role("button", name="Enable alerts").click()
    may_not = await desks.blank(context)
    await may_not.add_init_script("""
        Notification.permission = "default";
        const later = window.setTimeout.bind(window);
        window.setTimeout = (act, ms) => later(act, ms === 200 ? 0 : ms);  // it is always first
    """)
    await may_not.goto(f"{desks.stage.bridge_url}/desktop#token={await desks.token()}")
    await live(may_not)
    desks.stage.talk(name="Ruth Levi")
    await desks.click()
    await expect(card(may_not)).to_be_visible()
    await may.wait_for_function("() => notified.length === 1")
