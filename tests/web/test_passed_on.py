"""A call that is passed on: the second agent sees from whom, and the first call's number, contact and notes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.core.http_types import Secret
from bridge.core.model import Caller, CallState
from bridge.store.tokens import Role
from tests.stage import CALLER, DANA, OMER, Stage, open_stage, until, working
from tests.web.desk import ask, page

pytestmark = pytest.mark.anyio


@pytest.fixture
async def floor(stage: Stage) -> AsyncIterator[Stage]:
    async with working(stage):
        yield stage


async def passed_on(stage: Stage, note: str = "Wants a quote") -> tuple[str, str, str]:
    """Dana talks, notes and passes the call on to Omer, who clicks: his popup, hers, the first call's id."""
    first = stage.talk(name="Ruth Levi")
    hers = (await stage.click({"agent": DANA})).json()["popup"]["popup_id"]
    await taken(stage, hers)
    if note:
        assert await send(stage, hers, note) == 202
    moved = stage.phone.transfer(first, stage.make.dana, stage.make.omer, datetime.now(UTC))
    stage.phone.answer(moved, stage.make.omer, datetime.now(UTC))
    his = (await stage.click({"agent": OMER})).json()["popup"]["popup_id"]
    return his, hers, first


async def taken(stage: Stage, popup_id: str) -> None:
    """Waits until the popup is listed, as the colleague's lookup needs it."""

    async def listed() -> bool:
        items = (await ask(stage, "GET", "shift", await stage.token(Role.AGENT, DANA))).json()["items"]
        return any(item["popup_id"] == popup_id for item in items)

    await until(listed)


async def send(stage: Stage, popup_id: str, text: str, agent: str = DANA) -> int:
    note = {"text": text, "outcome": "call-back"}
    return (await ask(stage, "POST", f"notes/{popup_id}", await stage.token(Role.AGENT, agent), note)).status_code


async def told(stage: Stage, popup_id: str, agent: str = OMER) -> Any:
    shown = await stage.get(f"/api/popups/{popup_id}", await stage.token(Role.AGENT, agent))
    assert shown.status_code == 200
    return shown.json().get("passed_on")


async def test_the_second_agent_sees_the_first_call_and_what_was_noted(floor: Stage) -> None:
    his, _, first = await passed_on(floor)
    seen = await told(floor, his)
    assert (seen["by"], seen["extension"], seen["ivrid"]) == ("Dana Cohen", floor.make.dana, first)
    assert (seen["caller"]["number"], seen["caller"]["name"]) == (CALLER, "Ruth Levi")
    (note,) = seen["notes"]
    assert (note["by"], note["text"], note["outcome"]) == ("Dana Cohen", "Wants a quote", "call-back")


async def test_a_note_that_is_sent_after_the_call_was_passed_on_comes_too(floor: Stage) -> None:
    his, hers, _ = await passed_on(floor, note="")
    assert (await told(floor, his))["notes"] == []
    async with page(floor, await floor.token(Role.AGENT, OMER)) as omers:
        assert await send(floor, hers, "Wants a quote") == 202
        (event,) = await omers.until("passed-on")
        assert event == {"popup_id": his}
    assert [note["text"] for note in (await told(floor, his))["notes"]] == ["Wants a quote"]


async def test_drafts_and_the_colleagues_later_notes_are_not_shown_back(floor: Stage) -> None:
    his, hers, _ = await passed_on(floor)
    draft = {"text": "only a draft"}
    assert (await ask(floor, "PUT", f"notes/{hers}", await floor.token(Role.AGENT, DANA), draft)).status_code == 204
    assert await send(floor, his, "his own", OMER) == 202
    assert [note["text"] for note in (await told(floor, his))["notes"]] == ["Wants a quote"]
    assert await told(floor, hers, DANA) is None, "she had it first"


async def test_nobody_else_sees_the_notes(floor: Stage) -> None:
    his, hers, _ = await passed_on(floor)
    for popup_id, agent in ((his, DANA), (hers, OMER)):
        shown = await floor.get(f"/api/popups/{popup_id}", await floor.token(Role.AGENT, agent))
        assert shown.status_code == 404, "each their own popup"
        assert (await ask(floor, "GET", f"notes/{popup_id}", await floor.token(Role.AGENT, agent))).status_code == 404


async def test_another_crms_agent_learns_nothing(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url, crms={"rival": "webhook"}) as stage, working(stage):
        first = stage.talk(name="Ruth Levi")
        hers = (await stage.click({"agent": DANA})).json()["popup"]["popup_id"]
        await taken(stage, hers)
        assert await send(stage, hers, "Wants a quote") == 202
        moved = stage.phone.transfer(first, stage.make.dana, stage.make.omer, datetime.now(UTC))
        stage.phone.answer(moved, stage.make.omer, datetime.now(UTC))
        theirs = (await stage.press("rival", "press", agent=1)).json()["popup"]
        assert theirs["call"]["original_ivrid"] == first
        assert "passed_on" not in theirs
        ours = (await stage.click({"agent": OMER})).json()["popup"]
        assert ours["passed_on"]["by"] == "Dana Cohen"


async def test_a_call_that_keeps_its_id_is_known_by_who_answered_it(tmp_path: Path, redis_url: Secret) -> None:
    """As Asterisk's linked id: the same call is on another extension then."""
    events = {"events": "poll", "poll_seconds": 0.2}
    opened = open_stage(tmp_path, redis_url, pops={DANA: "answer", OMER: "answer"}, main_keys=events)
    async with opened as stage, working(stage):
        ivrid = stage.talk(name="Ruth Levi")

        async def hers() -> Any:
            items = (await ask(stage, "GET", "shift", await stage.token(Role.AGENT, DANA))).json()["items"]
            return items[0]["popup_id"] if items else None

        await send(stage, await until(hers), "Wants a quote")
        call = stage.phone.call(ivrid, stage.make.dana)
        stage.phone._put(replace(call, extension=stage.make.omer, state=CallState.TALKING))
        stage.phone._remove(call)

        async def his() -> Any:
            items = (await ask(stage, "GET", "shift", await stage.token(Role.AGENT, OMER))).json()["items"]
            return items[0]["popup_id"] if items else None

        seen = await told(stage, await until(his))
        assert (seen["by"], [note["text"] for note in seen["notes"]]) == ("Dana Cohen", ["Wants a quote"])


async def test_others_of_a_ring_group_have_not_passed_it_on(tmp_path: Path, redis_url: Secret) -> None:
    events = {"events": "poll", "poll_seconds": 0.2}
    opened = open_stage(tmp_path, redis_url, pops={DANA: "ringing"}, main_keys=events)
    async with opened as stage, working(stage):
        to = [stage.make.dana, stage.make.omer]
        stage.phone.incoming(to, Caller(CALLER, name="Ruth Levi"), datetime.now(UTC), "")

        async def hers() -> Any:
            items = (await ask(stage, "GET", "shift", await stage.token(Role.AGENT, DANA))).json()["items"]
            return items[0]["popup_id"] if items else None

        assert await told(stage, await until(hers), DANA) is None
        his = (await stage.click({"agent": OMER})).json()["popup"]
        assert "passed_on" not in his
