"""The supervisor's console as the server gives it: the page, its rules, and who is signed in."""

import pytest

from bridge.store.tokens import Role
from tests.stage import DANA, Stage

pytestmark = pytest.mark.anyio


async def test_the_page_may_be_in_no_frame_and_loads_nothing_foreign(stage: Stage) -> None:
    page = await stage.get("/console/audit")
    rules = page.headers["content-security-policy"]
    assert rules.startswith("default-src 'none'; script-src 'self';")
    assert rules.endswith("frame-ancestors 'none'")
    assert "unsafe" not in rules
    assert page.headers["referrer-policy"] == "no-referrer"
    door = await stage.get("/console")
    assert (door.status_code, door.headers["location"]) == (307, "/console/audit")


async def test_a_token_shows_whose_it_is(stage: Stage) -> None:
    for role in (Role.SUPERVISOR, Role.ADMIN):
        header = await stage.token(role)
        told = (await stage.get("/console/session", header)).json()
        assert (told["role"], told["token_id"]) == (role, header["Authorization"].split("_")[1])
        assert told["expires_at"].endswith("Z")
    refused = await stage.get("/console/session", await stage.token(Role.AGENT, DANA))
    assert (refused.status_code, refused.json()["reason"]) == (403, "not-allowed")
