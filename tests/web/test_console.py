"""The supervisor's console as the server gives it: the page, its rules, and who is signed in."""

import re

import pytest

from bridge.store.tokens import Role
from bridge.web.console.page import pages
from tests.stage import DANA, Stage

pytestmark = pytest.mark.anyio


async def test_the_page_may_be_in_no_frame_and_loads_nothing_foreign(stage: Stage) -> None:
    page = await stage.get("/console/audit")
    rules = page.headers["content-security-policy"]
    assert rules.startswith("default-src 'none'; script-src 'self';")
    assert rules.endswith("frame-ancestors 'none'")
    assert "unsafe" not in rules
    assert page.headers["referrer-policy"] == "no-referrer"
    assert (await stage.get("/console/nothing")).status_code == 404
    door = await stage.get("/console")
    assert (door.status_code, door.headers["location"]) == (307, f"/console/{next(iter(pages()))}")


async def test_a_page_has_all_its_parts(stage: Stage) -> None:
    """Its script, its style and its place in the navigation, which only admins see of a page for admins."""
    for page in pages().values():
        text = (await stage.get(f"/console/{page.name}")).text
        for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', text):
            assert (await stage.get(path)).status_code == 200, path
        assert text.count('aria-current="page"') == 1
        assert ("data-admins-only" in text) == page.for_admins


async def test_a_token_shows_whose_it_is(stage: Stage) -> None:
    for role in (Role.SUPERVISOR, Role.ADMIN):
        header = await stage.token(role)
        told = (await stage.get("/console/session", header)).json()
        assert (told["role"], told["token_id"]) == (role, header["Authorization"].split("_")[1])
        assert told["expires_at"].endswith("Z")
    refused = await stage.get("/console/session", await stage.token(Role.AGENT, DANA))
    assert (refused.status_code, refused.json()["reason"]) == (403, "not-allowed")
