"""The desktop page in frames that forbid what it needs: it says what is missing, and how the CRM's admin allows it."""

from collections.abc import AsyncIterator
from html import escape
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser, FrameLocator, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from bridge.core.http_types import Secret
from tests.browser.desk import Desks, live, open_desks
from tests.stage import open_stage, serving

pytestmark = pytest.mark.anyio

WITHOUT_ORIGIN = [
    "allow-scripts",
    "allow-scripts allow-forms",
    "allow-scripts allow-popups",
    "allow-scripts allow-popups allow-popups-to-escape-sandbox",
    "allow-scripts allow-modals allow-downloads",
    "allow-scripts allow-top-navigation",
    "  ALLOW-SCRIPTS\tallow-pointer-lock ",
    "allow-scripts allow-storage-access-by-user-activation",
]
WITHOUT_SCRIPTS = ["", "allow-same-origin", "allow-forms allow-same-origin allow-popups"]
ENOUGH = [
    "allow-scripts allow-same-origin",
    "allow-same-origin allow-scripts allow-popups allow-popups-to-escape-sandbox",
    "ALLOW-SAME-ORIGIN Allow-Scripts",
]


async def crm_page(request: Request) -> HTMLResponse:
    """A CRM's page with the frame."""
    asked = request.query_params
    frame = f'<iframe width=600 height=700 src="{escape(asked["desktop"])}"'
    frame += f' sandbox="{escape(asked["sandbox"])}">' if "sandbox" in asked else ">"
    return HTMLResponse(f"<!doctype html><html lang=en><title>CRM</title><link rel=icon href=data:,>{frame}")


@pytest.fixture
async def framing(tmp_path: Path, redis_url: Secret, browser: Browser) -> AsyncIterator[tuple[Desks, str]]:
    """Desks, and the address of a CRM that may frame them."""
    async with serving(Starlette(routes=[Route("/", crm_page)])) as address:
        crm = address.replace("127.0.0.1", "localhost")
        extra = {"POPBRIDGE_SERVER__FRAME_ANCESTORS": crm}
        async with open_stage(tmp_path, redis_url, extra=extra) as stage, open_desks(stage, browser) as desks:
            desks.expected += ["CORS", "net::ERR_FAILED", "ERR_BLOCKED"]  # what the sandbox forbids
            yield desks, crm


async def framed(framing: tuple[Desks, str], locale: str = "en-GB", **asked: str) -> FrameLocator:
    desks, crm = framing
    page = await desks.blank(await desks.new_profile(locale=locale))
    desktop = f"{desks.stage.bridge_url}/desktop#token={await desks.token()}"
    await page.goto(f"{crm}/?{urlencode({'desktop': desktop, **asked})}")
    return page.frame_locator("iframe")


async def says_what_is_missing(framing: tuple[Desks, str], inside: FrameLocator) -> None:
    await expect(inside.get_by_role("heading", name="popbridge cannot work in this frame")).to_be_visible()
    notice = inside.locator("#notice")
    await expect(notice).to_contain_text("sandboxed without allow-same-origin")
    await expect(notice).to_contain_text('sandbox="allow-scripts allow-same-origin allow-popups')
    await expect(notice).to_contain_text(f"exempt {framing[0].stage.bridge_url.removeprefix('http://')}")
    await expect(notice).not_to_contain_text("pbt_")
    await expect(inside.locator("#connection")).to_be_hidden()


@pytest.mark.parametrize("sandbox", WITHOUT_ORIGIN)
async def test_a_sandbox_without_an_origin_is_explained(framing: tuple[Desks, str], sandbox: str) -> None:
    await says_what_is_missing(framing, await framed(framing, sandbox=sandbox))


async def test_it_is_explained_in_hebrew(framing: tuple[Desks, str]) -> None:
    inside = await framed(framing, "he-IL", sandbox="allow-scripts")
    await expect(inside.get_by_role("heading", name="popbridge לא יכול לפעול במסגרת הזו")).to_be_visible()
    await expect(inside.locator("html")).to_have_attribute("dir", "rtl")


@pytest.mark.parametrize("sandbox", WITHOUT_SCRIPTS)
async def test_a_sandbox_without_scripts_is_explained_too(framing: tuple[Desks, str], sandbox: str) -> None:
    framing[0].expected.append("sandboxed")
    inside = await framed(framing, sandbox=sandbox)
    told = inside.locator("noscript .notice").first
    await expect(told).to_be_visible()
    await expect(told).to_contain_text("This page needs JavaScript. In a frame, its sandbox")


@pytest.mark.parametrize("sandbox", ENOUGH)
async def test_a_sandbox_that_allows_enough_needs_no_explaining(framing: tuple[Desks, str], sandbox: str) -> None:
    inside = await framed(framing, sandbox=sandbox)
    await expect(inside.locator("#connection")).to_have_attribute("data-state", "live")
    await expect(inside.get_by_text("cannot work")).to_have_count(0)


async def test_scripts_that_do_not_load_leave_no_blank_page(desks: Desks) -> None:
    desks.expected += ["page.js", "connection.js"]
    for script in ("page.js", "connection.js"):
        page = await desks.blank(await desks.new_profile())
        await page.route(f"**/{script}", lambda route: route.abort())
        await page.goto(f"{desks.stage.bridge_url}/desktop#token={await desks.token()}")
        await expect(page.get_by_role("heading", name="This page could not be loaded completely")).to_be_visible()


async def test_the_page_outside_a_frame_says_nothing_of_frames(desks: Desks) -> None:
    page = await desks.open()
    await live(page)
    await expect(page.get_by_text("sandbox")).to_have_count(0)
