"""Markup in every field that comes from a phone system or a CRM: on every page it is text, and no script runs."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Page, Route, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount
from starlette.routing import Route as Served
from starlette.staticfiles import StaticFiles

from bridge.core.model import Caller
from bridge.demo.page import FILES, LOOK
from bridge.store.tokens import Role
from bridge.web.desktop import open_pages
from tests.browser.desk import Desks, card
from tests.stage import DANA, OMER, TOKEN, serving, until

pytestmark = pytest.mark.anyio

MARKUP = {
    "image": "<img data-evil src=x onerror=\"window.hit='image'\">",
    "script": "<script data-evil>window.hit='script'</script>",
    "svg": "\"'><svg data-evil onload=\"window.hit='svg'\"></svg>",
    "frame": "<iframe data-evil srcdoc=\"<script>parent.hit='frame'</script>\"></iframe>",
    "end-of-title": "</title></bdi></p><img data-evil src=x onerror=window.hit='title'>",
    "link": "<a data-evil href=\"javascript:window.hit='link'\">click</a>",
    "style": "<style data-evil>* { display: none !important }</style>",
    "base": "<base data-evil href=//evil.example/><meta data-evil http-equiv=refresh content=0;url=//evil.example>",
    "attribute": "x\" data-evil=1 onmouseover=\"window.hit='attribute'\" '",
    "template": "{{constructor.constructor('window.hit=1')()}}${window.hit=1}<%= 1 %>",
    "entity": "&lt;img data-evil src=x onerror=window.hit='entity'&gt;&#60;b&#62;",
    "comment": "<!--><img data-evil src=x onerror=window.hit='comment'>-->",
    "bidi": "\u202e\u2067evil\u2066\u061c\u200f\u202dtext\u202c\u2069",
}
ALL = "".join(MARKUP.values())
each_markup = pytest.mark.parametrize("markup", MARKUP.values(), ids=MARKUP.keys())
OURS = re.compile(r"(_at|^at|^time|^since|^until|_id|^session|^event|^status|_cursor|^dir|^code)$")
"""Fields that the bridge makes itself: times, ids, and what is never text from elsewhere."""
NO_SCRIPT = """(page) => {
  const turning = /[\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066\\u2067]/;
  const unsafe = /^(javascript|data|vbscript):/i;
  const links = [...document.querySelectorAll("[href], [src], [action]")];
  const read = ["aria-label", "title", "placeholder", "value", "alt"];
  const all = [...document.querySelectorAll("*")];
  const texts = all.flatMap((each) => read.map((name) => each.getAttribute(name) ?? ""));
  texts.push(document.title, document.body.textContent);
  return {
    hit: window.hit ?? null,
    evil: document.querySelectorAll("[data-evil]").length,
    links: links.map((each) => each.href || each.src || each.action).filter((to) => unsafe.test(to)),
    turned: texts.filter((each) => turning.test(each)),
  };
}"""
HARMLESS = {"hit": None, "evil": 0, "links": [], "turned": []}


def poisoned(value: Any, markup: str, name: str = "") -> Any:
    """The same JSON with markup at the end of every text, keys of free objects included."""
    if isinstance(value, str):
        return value if OURS.search(name) else value + markup
    if isinstance(value, list):
        return [poisoned(each, markup, name) for each in value]
    if isinstance(value, dict):
        free = {"customdata", "details"}
        return {f"{key}{markup if name in free else ''}": poisoned(inner, markup, key) for key, inner in value.items()}
    return value


def as_shown(markup: str) -> str:
    """As text on a page: without the marks that turn text around."""
    return re.sub("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", markup)


async def nothing_runs(page: Page) -> None:
    told = await page.evaluate(NO_SCRIPT)
    assert told == HARMLESS, told


async def is_harmless(page: Page, markup: str) -> None:
    await nothing_runs(page)
    words = await page.evaluate("document.body.textContent")
    assert as_shown(markup) in words, "shown as it was sent"


def contact(crm: str) -> dict[str, Any]:
    record = {"type": "Contact", "id": "7", "name": "Ruth", "company": "Levi Ltd", "url": "https://crm.example/7"}
    record |= {"owner": "Omer", "details": {"last order": "today"}}
    links = [
        {**record, "url": url} for url in ("javascript:window.hit=1", "data:text/html,<script>window.hit=1</script>")
    ]
    several = {"status": "several", "records": [record, *links], "more": True, "create_url": "javascript:window.hit=1"}
    return {"crm": crm, **several, "ms": 3.0, "from": "crm"}


@each_markup
async def test_the_desktop_page_shows_it_as_text(desks: Desks, markup: str) -> None:
    desks.expected += ["/desktop/ack", "/pop_zzz"]  # the bridge knows no such popup
    page = await desks.blank(await desks.new_profile())

    async def evil_list(route: Route) -> None:
        answer = await route.fetch()
        told = await answer.json()
        told["items"] += [{**row, "popup_id": None, "missed": True, "answered_by": "Dana"} for row in told["items"]]
        await route.fulfill(response=answer, body=json.dumps(poisoned(told, markup)))

    await page.route("**/desktop/shift?*", evil_list)
    await page.goto(f"{desks.stage.bridge_url}/desktop#token={await desks.token()}")
    desks.stage.talk(name="Ruth")
    desks.stage.phone.incoming(["SIPDana1"], _caller("Second"), _now(), "0776707528", {"key": "value"})
    popup = (await desks.click(record={"type": "contact", "id": "42", "url": "https://crm.example/42"}))["popup"]
    await expect(card(page)).to_be_visible()
    (desk,) = desks.stage.app.state.hub.desks
    call = {**popup["call"], "customdata": {"who": "Ruth"}, "original_ivrid": "before", "queue": "Sales"}
    note = {"by": "Dana", "text": "quote", "outcome": "other", "noted_at": popup["created_at"]}
    before = {"by": "Dana", "extension": "101", "ivrid": "1", "caller": {**call["caller"], "number": "1"}}
    passed_on = {**before, "did": "", "did_label": None, "contact": None, "notes": [note]}
    evil = {
        **popup,
        "passed_on": passed_on,
        "popup_id": "pop_zzz",
        "created_at": _later(popup["created_at"]),
        "call": call,
    }
    evil = {**poisoned(evil, markup), "contact": None, "record": {"type": markup, "id": markup, "url": markup}}
    desk.tell(open_pages.event("popup", evil))
    desk.tell(open_pages.event("contact", {"popup_id": "pop_zzz", "contact": poisoned(contact("acme"), markup)}))
    await expect(page.locator("[data-popup=pop_zzz] .contact")).to_be_visible()
    await expect(page.locator("[data-popup=pop_zzz] .passed-on")).to_be_visible()
    await is_harmless(page, markup)
    await expect(page.locator("#earlier-list .row-missed .other-who")).to_be_visible()
    await is_harmless(page, markup)
    update = {"popup_id": "pop_zzz", "state": "ended", "call": None, "other_calls": [], "asked_at": evil["created_at"]}
    desk.tell(
        open_pages.event("call", {**update, "stale": False, "why": markup, "reason": None, "answered_by": markup})
    )
    await expect(page.locator("[data-popup=pop_zzz] .condition")).to_contain_text("Answered by")
    await is_harmless(page, markup)
    nothing = {
        "click_id": "clk_z",
        "outcome": markup,
        "why": markup,
        "reason": {"code": markup, "params": {"a": markup}},
    }
    desk.tell(open_pages.event("nothing", {**nothing, "created_at": "2099-01-01T00:00:00.000Z"}))
    await expect(page.locator("#nothing")).to_be_visible()
    await is_harmless(page, markup)
    assert await page.evaluate("document.title.length") > 0


async def test_the_agents_own_name_and_preferences_are_text_too(desks: Desks) -> None:
    markup = ALL
    page = await desks.blank(await desks.new_profile())

    async def evil(route: Route) -> None:
        answer = await route.fetch()
        session = await answer.json()
        agent = {name: text + markup for name, text in session["agent"].items()}
        preferences = {**session["preferences"], "customdata": [markup]}
        changed = {**session, "agent": agent, "preferences": preferences, "record_hosts": [markup]}
        await route.fulfill(response=answer, body=json.dumps(changed))

    await page.route("**/desktop/session", evil)
    await page.goto(f"{desks.stage.bridge_url}/desktop#token={await desks.token()}")
    await expect(page.locator("#agent-name")).to_have_text("Dana Cohen" + re.sub(r"\s+", " ", as_shown(markup)))
    await page.get_by_role("button", name="Settings").click()
    await is_harmless(page, markup)


@each_markup
async def test_the_console_shows_it_as_text(desks: Desks, markup: str) -> None:
    desks.stage.talk(name="Ruth")
    await desks.click()
    await desks.click(OMER)
    supervisor = (await desks.stage.token(Role.SUPERVISOR))["Authorization"].removeprefix("Bearer ")
    page = await desks.blank(await desks.new_profile())

    async def evil(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, body=json.dumps(poisoned(await answer.json(), markup)))

    await page.route("**/api/**", evil)
    await page.goto(f"{desks.stage.bridge_url}/console/audit#token={supervisor}")
    await expect(page.locator("tr.lookup")).to_have_count(2)
    await is_harmless(page, markup)
    await page.locator("tr.lookup").last.locator("button, a").last.click()
    await expect(page.locator("dialog[open] .part").first).to_be_visible()
    await is_harmless(page, markup)


@each_markup
async def test_the_page_of_a_link_shows_it_as_text(desks: Desks, markup: str) -> None:
    stage = desks.stage
    stage.phone.incoming(
        ["SIPDana1"], _caller("Ruth" + markup), _now(), "0776707528", {"key" + markup: "value" + markup}
    )
    page = await desks.blank(await desks.new_profile())
    desks.expected += ["404", "401", "400"]
    await page.goto(f"{stage.bridge_url}/clicks/acme?agent={DANA}&token={TOKEN.reveal()}")
    await expect(page.locator("article.card")).to_be_visible()
    await nothing_runs(page)
    for path in (
        f"/clicks/{quote(markup, safe='')}?agent={DANA}",
        f"/clicks/acme?agent={quote(markup)}&token={TOKEN.reveal()}",
        f"/clicks/acme?extension={quote(markup)}&token={TOKEN.reveal()}",
        f"/clicks/acme?agent={DANA}&ivrid={quote(markup)}&token={TOKEN.reveal()}",
        f"/clicks/acme?agent={DANA}&token={quote(markup)}",
    ):
        await page.goto(f"{stage.bridge_url}{path}")
        await nothing_runs(page)


async def test_addresses_put_nothing_into_docs_console_or_desktop(desks: Desks) -> None:
    markup = ALL
    desks.expected += ["404", "401"]
    page = await desks.blank(await desks.new_profile())
    evil = quote(markup, safe="")
    for path in (
        f"/docs?q={evil}#{evil}",
        f"/docs/{evil}",
        f"/desktop?lang={evil}",
        f"/desktop#token={evil}",
        f"/console/audit?caller={evil}&outcome={evil}&lang={evil}",
        f"/console/audit#token={evil}",
        f"/static/{evil}",
        f"/{evil}",
    ):
        await page.goto(f"{desks.stage.bridge_url}{path}")
        await page.wait_for_load_state("networkidle")
        told = await page.evaluate(NO_SCRIPT)
        assert {**told, "turned": []} == HARMLESS, path


async def test_the_demo_page_shows_it_as_text(desks: Desks) -> None:
    markup = ALL
    desks.stage.talk(name="Ruth")
    answer = await desks.click()
    story = (
        await desks.stage.get(f"/api/clicks/{answer['click_id']}", await desks.stage.token(Role.SUPERVISOR))
    ).json()
    contact_shown = {"name": "Ruth", "company": "Ltd", "contact_id": "7", "e164": "+972", "last_order": "now"}
    click = {
        "number": 1,
        "by_itself": False,
        "answered_at_ms": 3.0,
        "problem": None,
        "answer": answer,
        "crm_at_ms": 4.0,
    }
    click |= {"desktop_at_ms": 5.0, "story": {name: story[name] for name in ("steps", "deliveries")}}
    state = {
        "make": {"title": "PBX", "not_told": "x"},
        "desks": [
            {"name": name, "url": "about:blank", "calls": [answer["popup"]["call"]]} for name in ("Dana", "Omer")
        ],
        "links": {"console": "about:blank", "docs": "about:blank"},
        "life": [{"what": "card", "who": ["Dana"], "at_ms": 5.0}],
        "history": [{"agent": "Dana", "contact": "Ruth", "number": "0", "outcome": "answered", "talk_seconds": 7}],
        "notes": [{"at": 1.0, "agent": "Dana", "text": "a quote"}],
    }
    state |= {
        "pbx": "fine",
        "crm": "fine",
        "pop": "button",
        "autoplay": False,
        "presses": [click, {**click, "number": 2, "problem": "no"}],
    }
    state["crm_popup"] = {"popup": {"at": 1.0, "number": "0722776772"}, "contact": contact_shown}
    changed = {**poisoned(state, markup), "pbx": "fine", "crm": "fine", "links": state["links"]}
    for desk in changed["desks"]:
        desk["url"] = "about:blank"
    for pop in ("button", "ringing"):
        await _is_harmless(desks, {**changed, "pop": pop}, markup)


async def _is_harmless(desks: Desks, state: dict[str, Any], markup: str) -> None:
    async with demo(state) as address:
        page = await desks.blank(await desks.new_profile())
        desks.expected += ["about:blank"]
        await page.goto(address)

        async def is_shown() -> bool:
            return as_shown(markup) in await page.evaluate("document.body.textContent")

        await until(is_shown)
        await nothing_runs(page)


@asynccontextmanager
async def demo(state: dict[str, Any]) -> AsyncIterator[str]:
    """The demo's page as it is, showing this state."""

    async def index(_: Request) -> Response:
        return FileResponse(FILES / "demo.html")  # without its policy: nothing else may keep the script from running

    async def states(_: Request) -> Response:
        text = f"data: {json.dumps(state)}\n\n"
        return Response(text, media_type="text/event-stream")

    static = [Mount("/static", StaticFiles(directory=FILES)), Mount("/look", StaticFiles(directory=LOOK))]
    async with serving(Starlette(routes=[Served("/", index), Served("/state", states), *static])) as address:
        yield address


def _caller(name: str) -> Caller:
    return Caller("0522340002", name=name)


def _now() -> datetime:
    return datetime.now(UTC)


def _later(time: str) -> str:
    return time.replace("202", "209", 1)
