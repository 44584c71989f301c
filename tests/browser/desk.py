"""An agent at a browser: opens desktop pages, looks at them, and clicks the CRM's button."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from bridge.store.tokens import Role
from tests.stage import DANA, Stage, until, working

PATIENCE_MS = 10_000
expect.set_options(timeout=PATIENCE_MS)


SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => list.getEntries().forEach((each) => window.shifts.push(each.value)))
    .observe({ type: "layout-shift" });
}"""
"""Has the page note what moves from now on; `shifts` reads it."""


@dataclass
class Desks:
    """The pages of a test. `errors` are what they wrote to their consoles and what broke, but for `expected` texts."""

    stage: Stage
    browser: Browser
    crm: str = "acme"
    errors: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    async def close(self) -> None:
        while self.contexts:
            await self.contexts.pop().close()

    async def new_profile(self, **options: Any) -> BrowserContext:
        """A browser profile of its own, as another person's machine has."""
        context = await self.browser.new_context(**{"locale": "en-GB", "reduced_motion": "reduce", **options})
        context.set_default_timeout(PATIENCE_MS)
        self.contexts.append(context)
        return context

    async def token(self, agent: str = DANA) -> str:
        """A token that opens the agent's page."""
        header = await self.stage.token(Role.AGENT, agent, self.crm)
        return header["Authorization"].removeprefix("Bearer ")

    async def blank(self, context: BrowserContext) -> Page:
        """A page that is listened to, with nothing in it."""
        page = await context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.errors.append(f"{error.message}\n{error.stack}"))
        return page

    async def open(self, agent: str = DANA, context: BrowserContext | None = None, **options: Any) -> Page:
        """The agent's page, signed in and live."""
        page = await self.blank(context or await self.new_profile(**options))
        await page.goto(f"{self.stage.bridge_url}/desktop#token={await self.token(agent)}")
        await live(page)
        return page

    async def click(self, agent: str = DANA, **fields: Any) -> Any:
        """The CRM's button; the answer."""
        answer = await self.stage.click({"agent": agent, **fields})
        assert answer.status_code == 200
        return answer.json()

    async def deliveries(self, popup_id: str) -> list[Any]:
        shown = await self.stage.get(f"/api/popups/{popup_id}", await self.stage.token(Role.SUPERVISOR))
        found: list[Any] = shown.json()["deliveries"]
        return found

    async def is_taken(self, popup_id: str) -> None:
        """Waits until a page has taken the popup."""

        async def taken() -> bool:
            given = {each["target"]: each["state"] for each in await self.deliveries(popup_id)}
            return given["desktop"] == "delivered"

        await until(taken)

    def _said(self, message: ConsoleMessage) -> None:
        text = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" and not any(part in text for part in self.expected):
            self.errors.append(text)


async def shifts(page: Page) -> list[float]:
    """By how much something has moved each time, as browsers measure it; what glides has not."""
    await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    found: list[float] = await page.evaluate("window.shifts")
    return found


async def live(page: Page) -> None:
    """Waits until the page has its stream, or hears from the tab that has it."""
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")


def card(page: Page) -> Any:
    """The open card."""
    return page.locator("article.card").first


async def violations(page: Page) -> list[str]:
    """What axe finds on the page. It is put in by the driver, past the page's own rules for scripts."""
    await page.evaluate(AXE_SCRIPT)
    found = await page.evaluate("axe.run().then((told) => told.violations)")
    return [f"{each['id']}: {json.dumps([node['html'] for node in each['nodes']])}" for each in found]


@asynccontextmanager
async def open_desks(stage: Stage, browser: Browser, crm: str = "acme") -> AsyncIterator[Desks]:
    """Pages of a CRM's agents over a stage with a worker. A page that wrote an error to its console fails the test."""
    opened = Desks(stage, browser, crm)
    async with working(stage):
        try:
            yield opened
        finally:
            await opened.close()
    assert opened.errors == [], opened.errors
