"""Part `screen`: from a click to the card on the screen of a real browser, with all that lies between."""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from tests.bench import machine
from tests.bench.figures import percentile, plain, table
from tests.bench.report import Options, Report
from tests.browser.conftest import CHROMIUM
from tests.browser.desk import Desks
from tests.faults.black_hole import worker_of
from tests.faults.world import RedisServer
from tests.stage import Stage, open_stage, until

CLICKS, GAP_SECONDS = 100, 0.1
LIMITS = {"POPBRIDGE_CRM__ACME__AGENT_CLICKS_PER_MINUTE": "0"}
WATCH = """
window.shown = {};
const look = () => {
  for (const card of document.querySelectorAll("article.card[data-popup]")) {
    const id = card.dataset.popup;
    if (id in shown) continue;
    shown[id] = 0;
    requestAnimationFrame(() => requestAnimationFrame(() => { shown[id] = Date.now(); }));
  }
};
new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributeFilter: ["data-popup"] });
"""
"""Notes when the frame that has a card was drawn: the second one after the card came is not begun before that."""


def measure(options: Options) -> Report:
    """A hundred clicks, each of a call of its own, one after the other, and all that again for each round."""
    if CHROMIUM is None:
        print("bench: screen is left out: no Chromium here; on Debian: apt-get install -y chromium", file=sys.stderr)
        return Report("screen: left out, there is no Chromium", [], [])
    machine.unpin()  # the browser is the load, and it wants both
    took = [value for _ in range(options.rounds) for value in asyncio.run(_round())]
    machine.pin(machine.LOAD)
    row: dict[str, Any] = {
        "system": "popbridge",
        "p50_ms": percentile(took, 0.5),
        "p95_ms": percentile(took, 0.95),
        "clicks": len(took),
    }
    shown = table(["button to card, ms", "median", "p95"], [["popbridge", plain(row["p50_ms"]), plain(row["p95_ms"])]])
    return Report(f"screen: a card in a real browser, {len(took)} clicks", [shown], [row])


async def _round() -> list[float]:
    with tempfile.TemporaryDirectory(prefix="popbridge-bench-") as name:
        server = RedisServer(Path(name))
        await server.start()
        try:
            async with (
                open_stage(Path(name), server.url, extra=LIMITS) as stage,
                worker_of(stage, LIMITS),
                async_playwright() as playwright,
            ):
                arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
                return await _clicks(stage, browser)
        finally:
            await server.kill()


async def _clicks(stage: Stage, browser: Browser) -> list[float]:
    desks = Desks(stage, browser)
    page = await desks.open()
    await page.evaluate(WATCH)
    took = [await _one(stage, page) for _ in range(CLICKS)]
    await desks.close()
    return took


async def _one(stage: Stage, page: Page) -> float:
    ivrid = stage.talk()
    clicked = time.time()
    popup = (await stage.click()).json()["popup"]

    async def shown() -> Any:
        return await page.evaluate("(id) => shown[id]", popup["popup_id"])

    at: float = await until(shown)
    stage.phone.hang_up(ivrid)
    await asyncio.sleep(GAP_SECONDS)
    return at - clicked * 1000
