"""The list of an agent's calls: one row for a call, searched, with the missed ones to call back; nobody else's."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.core.http_types import Secret
from bridge.core.model import Caller
from bridge.store import keys
from bridge.store.desktop import shift
from bridge.store.tokens import Role
from tests.stage import CALLER, DANA, DID, OMER, Stage, open_stage, until, working
from tests.web.desk import ask

pytestmark = pytest.mark.anyio
E164 = "+972722776772"
EVENTS = {"events": "poll", "poll_seconds": 0.2}


@pytest.fixture
async def floor(tmp_path: Path, redis_url: Secret) -> AsyncIterator[Stage]:
    """A phone system that is listened to; Dana gets a popup when it rings, Omer when he clicks."""
    opened = open_stage(tmp_path, redis_url, pops={DANA: "ringing"}, main_keys=EVENTS)
    async with opened as stage, working(stage):
        yield stage


async def listed(stage: Stage, agent: str = DANA, query: str = "") -> Any:
    answer = await ask(stage, "GET", f"shift{query}", await stage.token(Role.AGENT, agent))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def rows(stage: Stage, wanted: int, agent: str = DANA) -> list[Any]:
    """The agent's rows, once there are so many."""

    async def there() -> list[Any]:
        items: list[Any] = (await listed(stage, agent))["items"]
        return items if len(items) == wanted else []

    return list(await until(there))


def ring(stage: Stage, *to: str, number: str = CALLER, name: str = "Ruth Levi") -> str:
    return stage.phone.incoming(to, Caller(number, name=name), datetime.now(UTC), DID)


async def test_four_clicks_on_a_call_are_one_row_with_one_note(stage: Stage) -> None:
    async with working(stage):
        stage.talk()
        dana = await stage.token(Role.AGENT, DANA)
        popups = [(await stage.click({"agent": DANA})).json()["popup"]["popup_id"]]
        await rows(stage, 1)
        assert (await ask(stage, "PUT", f"notes/{popups[0]}", dana, {"text": "calls back"})).status_code == 204
        popups += [(await stage.click({"agent": DANA})).json()["popup"]["popup_id"] for _ in range(3)]

        async def shown() -> Any:
            items = (await listed(stage))["items"]
            return items if items and items[0]["shown"] == 4 else None

        (row,) = await until(shown)
        assert (row["popup_id"] in popups, row["missed"], row["caller"]["number"]) == (True, False, CALLER)
        assert (await ask(stage, "GET", f"notes/{popups[3]}", dana)).json()["text"] == "calls back"


async def test_a_missed_call_says_whom_to_call_back_until_it_was_done(floor: Stage) -> None:
    for wanted in (1, 2):
        floor.phone.hang_up(await rung(floor, floor.make.dana))

        async def missed(wanted: int = wanted) -> bool:
            return [item["missed"] for item in (await listed(floor))["items"]] == [True] * wanted

        await until(missed)
    told = await listed(floor, query="?missed=true")
    (row,) = told["items"]
    assert (row["times"], row["called_back"], row["outcome"]) == (2, False, "abandoned")
    assert [item["to_call_back"] for item in (await listed(floor))["items"]] == [True, False]
    assert (row["caller"]["e164"], row["caller"]["name"], row["did_label"]) == (E164, "Ruth Levi", "Sales line")
    assert told["to_call_back"] == 1
    floor.phone.outgoing(floor.make.dana, Caller(CALLER), datetime.now(UTC) + timedelta(seconds=1))
    await rows(floor, 3)
    assert (await listed(floor, query="?missed=true"))["items"] == []
    assert [item["called_back"] for item in (await listed(floor))["items"]] == [False, True, True]


async def rung(stage: Stage, *to: str) -> str:
    """A call that rings and whose popup Dana has."""
    before = len((await listed(stage))["items"])
    ivrid = ring(stage, *to)
    await rows(stage, before + 1)
    return ivrid


async def test_a_missed_call_without_a_popup_is_listed_and_its_reading_recorded(floor: Stage) -> None:
    ivrid = await rung(floor, floor.make.dana, floor.make.omer)
    assert (await listed(floor, OMER))["items"] == [], "it rings"
    floor.phone.hang_up(ivrid)
    (his,) = await rows(floor, 1, OMER)
    assert (his["missed"], his["popup_id"], his["caller"]["number"]) == (True, None, CALLER)
    admin = await floor.token(Role.ADMIN)
    read = (await floor.get(f"/api/audit/access-log?caller={CALLER}", admin)).json()["items"]
    assert [one["what"] for one in read if one["what"] == "shift"] != []


async def test_what_a_colleague_answered_is_not_missed(floor: Stage) -> None:
    ivrid = await rung(floor, floor.make.dana, floor.make.omer)
    floor.phone.answer(ivrid, floor.make.omer, datetime.now(UTC))

    async def answered() -> Any:
        (row,) = (await listed(floor))["items"]
        return row if row["answered_by"] is not None else None

    row = await until(answered)
    assert (row["answered_by"], row["missed"]) == ("עומר לוי", False)
    assert (await listed(floor, query="?missed=true"))["to_call_back"] == 0


async def test_a_caller_whom_a_rule_keeps_away_is_not_listed(tmp_path: Path, redis_url: Secret) -> None:
    rule = f'\n[[rules]]\ncaller = "{CALLER}"\npop = false\n'
    opened = open_stage(tmp_path, redis_url, pops={DANA: "ringing"}, main_keys=EVENTS, more_settings=rule)
    async with opened as stage, working(stage):
        kept_away = ring(stage, stage.make.dana)
        other = ring(stage, stage.make.dana, number="0522340002")
        (row,) = await rows(stage, 1)
        stage.phone.hang_up(kept_away)
        stage.phone.hang_up(other)

        async def missed() -> Any:
            return (await listed(stage, query="?missed=true"))["items"]

        (row,) = await until(missed)
        assert row["caller"]["number"] == "0522340002"


@pytest.mark.parametrize("search", ["ruth", "LEVI", "072277", "+97272", "722776772", "972 72-277"])
async def test_it_is_searched_by_name_and_number(stage: Stage, search: str) -> None:
    async with working(stage):
        stage.talk(name="Ruth Levi")
        await stage.click({"agent": DANA})
        stage.phone.clear(stage.make.dana)
        stage.talk(name="Amir Haddad", number="0522340002")
        await stage.click({"agent": DANA})
        await rows(stage, 2)
        found = await stage.http.get(
            f"{stage.bridge_url}/desktop/shift", params={"q": search}, headers=await stage.token(Role.AGENT, DANA)
        )
        assert [item["caller"]["name"] for item in found.json()["items"]] == ["Ruth Levi"]


async def test_it_comes_in_pages(stage: Stage) -> None:
    async with working(stage):
        for number in range(3):
            stage.talk(number=f"05223400{number:02}")
            await stage.click({"agent": DANA})
            stage.phone.clear(stage.make.dana)
            await rows(stage, number + 1)
        first = await listed(stage, query="?limit=2")
        rest = await listed(stage, query=f"?limit=2&cursor={first['next_cursor']}")
        numbers = [item["caller"]["number"] for item in (*first["items"], *rest["items"])]
        assert (numbers, rest["next_cursor"]) == (["0522340002", "0522340001", "0522340000"], None)


@pytest.mark.parametrize("query", ["?limit=0", "?limit=201", "?limit=many", f"?q={'x' * 201}"])
async def test_a_wrong_question_is_refused(stage: Stage, query: str) -> None:
    answer = await ask(stage, "GET", f"shift{query}", await stage.token(Role.AGENT, DANA))
    assert (answer.status_code, answer.json()["reason"]) == (400, "malformed")


async def test_it_shows_nobody_elses(stage: Stage) -> None:
    async with working(stage):
        stage.talk()
        popup_id = (await stage.click({"agent": DANA})).json()["popup"]["popup_id"]
        await rows(stage, 1)
        assert (await listed(stage, OMER))["items"] == []
        omer, supervisor = await stage.token(Role.AGENT, OMER), await stage.token(Role.SUPERVISOR)
        assert (await ask(stage, "GET", f"popups/{popup_id}", omer)).status_code == 404
        assert (await ask(stage, "GET", "shift", supervisor)).status_code == 401
        mine = await ask(stage, "GET", f"popups/{popup_id}", await stage.token(Role.AGENT, DANA))
        assert mine.json()["popup"]["popup_id"] == popup_id


async def test_it_keeps_the_last_calls_of_a_day_alone(stage: Stage) -> None:
    async with working(stage):
        stage.talk()
        popup_id = (await stage.click({"agent": DANA})).json()["popup"]["popup_id"]
        await rows(stage, 1)
        agent = stage.services.agents.directory().agents["acme", DANA]
        (row,) = await shift.rows(stage.redis, agent, datetime.now(UTC))
        assert row.popup_id == popup_id
        later = datetime.now(UTC) + timedelta(seconds=keys.SHIFT_SECONDS + 1)
        assert await shift.rows(stage.redis, agent, later) == []
        for number in range(keys.SHIFT_LENGTH + 5):
            end = shift.End(datetime.now(UTC) + timedelta(seconds=number))
            await shift.add_missed(stage.redis, agent, replace(row.call, ivrid=f"call {number}"), end)
        assert len(await shift.rows(stage.redis, agent, datetime.now(UTC))) == keys.SHIFT_LENGTH
