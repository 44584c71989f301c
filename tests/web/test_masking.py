"""A role that may not see callers' numbers sees them nowhere: every route is asked, whatever it is called."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Secret
from bridge.core.json_codec import as_json
from bridge.core.model import Caller
from bridge.store.deliveries import records
from bridge.store.tokens import Role
from bridge.web.signin import supervisor
from tests.stage import CALLER, DANA, Stage, open_stage
from tests.web.desk import ask
from tests.web.test_scopes import Left, left, limited, walk

pytestmark = pytest.mark.anyio

RECORD = {
    "type": "contact", "id": CALLER, "url": f"https://crm.acme.example/?phone={CALLER}", "name": f"Ruth {CALLER}",
    "company": "+972 72-277-6772", "details": {"mobile": "072.277.6772", CALLER: "x"}, "phones": [CALLER],
}  # fmt: skip
SHOWS = {
    "GET /api/audit 0 0 ", "GET /api/audit/export 0 0 ", "GET /api/clicks 0 0 ", "GET /api/clicks/{click_id} 0 0 ",
    "GET /api/popups/{popup_id} 0 0 ", "GET /api/deliveries/{delivery_id} 0 0 ", "GET /api/calls/{ivrid:path} 0 0 ",
    "GET /api/pbx/{pbx}/extensions 0 0 ", "GET /api/pbx/{pbx}/queues 0 0 ",
    "POST /api/connect/pbx/{name}/test 2 0 ",
}  # fmt: skip
"""Where others see the number: the walk has been there. Of the live page `test_live` knows."""
EXAMPLES = "GET /api/connect/kinds 0 0 "
"""Descriptions of settings."""


@pytest.fixture
async def stage(tmp_path: Path, redis_url: Secret) -> AsyncIterator[Stage]:
    """Supervisors see no numbers; admins do."""
    extra = {"POPBRIDGE_CONSOLE__MASK_NUMBERS": "supervisor"}
    async with open_stage(tmp_path, redis_url, crms={"rival": "webhook"}, extra=extra) as ready:
        yield ready


async def everywhere(stage: Stage) -> Left:
    """The number in a call, the caller's name, the clicked record, a note, a queue, and what a receiver answered."""
    stage.phone.wait("1", Caller(CALLER, name=f"Ruth {CALLER}"), datetime.now(UTC))
    ivrid = stage.talk(name=f"Ruth {CALLER}")
    answer = (await stage.click({"agent": DANA, "record": RECORD})).json()
    popup_id, dana = answer["popup"]["popup_id"], await stage.token(Role.AGENT, DANA)
    note = {"text": f"Ruth asks to be called at {CALLER}", "outcome": None}
    assert (await ask(stage, "POST", f"notes/{popup_id}", dana, note)).status_code == 202
    return await left(stage, answer, ivrid)


def shows_it(text: str) -> bool:
    return CALLER[1:] in re.sub(r"[^\d\w]", "", text)


async def test_no_route_shows_a_number_to_who_may_not_see_it(stage: Stage) -> None:
    ids = await everywhere(stage)
    plain = await walk(stage, await limited(stage, Role.ADMIN), ids)
    assert SHOWS - {name for name, (_, text) in plain.items() if shows_it(text)} == set()
    masked = await walk(stage, await limited(stage, Role.SUPERVISOR), ids)
    assert [name for name, (_, text) in masked.items() if shows_it(text)] == []
    where = SHOWS - {name for name in SHOWS if name.startswith("POST")}
    assert [name for name in where if "••••72" not in masked[name][1]] == [], "its last digits are there"
    assert [name for name in where if masked[name][0] != plain[name][0]] == []


async def test_nor_to_an_administrator_whom_the_settings_name(tmp_path: Path, redis_url: Secret) -> None:
    """Tests of a phone system show what was read, too."""
    extra = {"POPBRIDGE_CONSOLE__MASK_NUMBERS": "admin"}
    async with open_stage(tmp_path, redis_url, extra=extra) as stage:
        said = await walk(stage, await limited(stage, Role.ADMIN), await everywhere(stage))
        assert [name for name, (_, text) in said.items() if shows_it(text) and name != EXAMPLES] == []
        assert "••••72" in said["POST /api/connect/pbx/{name}/test 2 0 "][1]


async def test_what_is_no_callers_number_is_there(stage: Stage) -> None:
    ids = await everywhere(stage)
    token = await limited(stage, Role.SUPERVISOR)
    (entry,) = (await stage.get("/api/audit?names=true", token)).json()["items"]
    assert (entry["click_id"], entry["ivrid"], entry["did"]) == (ids.click_id, ids.ivrid, "0776707528")
    assert (entry["extension"], entry["caller"], entry["caller_name"]) == (stage.make.dana, "••••72", "Ruth ••••72")
    datetime.fromisoformat(entry["time"])
    popup: Any = (await stage.get(f"/api/popups/{ids.popup_id}", token)).json()
    assert popup["call"]["caller"]["e164"] is None
    assert popup["contact"]["records"][0]["url"] is None, "a link that would show the number is left out"
    found = await stage.get(f"/api/audit?caller={CALLER}", token)
    assert [one["click_id"] for one in found.json()["items"]] == [ids.click_id], "who knows a number may search for it"
    told = (await stage.get("/console/session", token)).json()["masked"]
    assert (told, (await stage.get("/console/session", await limited(stage, Role.ADMIN))).json()["masked"]) == (
        True,
        False,
    )


async def forgetful(request: Request) -> Response:
    """A new route as somebody may write it: what it shows is not handed through `as_seen`."""
    access = await supervisor(request)
    items, _ = await records.every(request.app.state.services.redis, records.Wanted(crms=access.crms), 10)
    sent = [await records.subject(request.app.state.services.redis, one.delivery_id) for one in items]
    return JSONResponse({"items": as_json(sent)})


async def test_a_new_route_that_forgets_is_found(stage: Stage) -> None:
    stage.app.router.routes.append(Route("/api/new", forgetful))
    with pytest.raises(AssertionError, match=r"/api/new"):
        await test_no_route_shows_a_number_to_who_may_not_see_it(stage)
