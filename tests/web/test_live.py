"""The live page's stream: who is on a call, who waits, the day's figures; as much as the token may see, and no more."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.core.http_types import Secret
from bridge.core.model import Caller
from bridge.store import keys, tokens
from bridge.store.tokens import Role
from bridge.web.console.live.viewers import Viewer
from tests.stage import CALLER, DANA, OMER, OZEKI, Stage, open_stage, until, working
from tests.web.desk import Page, acknowledge, clicked, page
from tests.web.test_scopes import RIVALS_CALLER, RIVALS_NAME, WAITING, limited, rows

pytestmark = pytest.mark.anyio
STREAM = "/console/live/events"
QUICK = {"POPBRIDGE_CONSOLE__REFRESH_SECONDS": "0.2"}


@pytest.fixture
async def stage(tmp_path: Path, redis_url: Secret) -> AsyncIterator[Stage]:
    """Dana is acme's and Omer rival's, on one phone system; rival has another one of its own."""
    async with open_stage(
        tmp_path, redis_url, crms={"rival": "webhook"}, beside={"rivals": OZEKI}, extra=dict(QUICK)
    ) as ready:
        rows(ready, f"acme,{DANA},main,{ready.make.dana},Dana", f"rival,{OMER},main,{ready.make.omer},Omer",
             f"rival,{OMER},rivals,102,Omer")  # fmt: skip
        yield ready


class Floor(Page):
    """What a live page knows after all that it was sent."""

    @property
    def now(self) -> dict[str, Any]:
        known: dict[str, Any] = {"agents": {}, "queues": {}}
        for event in self.events:
            if event.get("event") not in ("floor", "change"):
                continue
            told = json.loads(event["data"])
            for kind in ("agents", "queues"):
                known[kind] |= {row["key"]: row for row in told.get(kind, [])}
            for key in told.get("gone", []):
                for kind in ("agents", "queues"):
                    known[kind].pop(key, None)
            known |= {name: told[name] for name in ("systems", "today", "masked") if name in told}
        return known

    async def agent(self, crm_user: str, state: str) -> Any:
        """The row of an agent, once it says this state."""

        async def there() -> Any:
            found = [row for row in self.now["agents"].values() if row["crm_user"] == crm_user]
            return next((row for row in found if row["state"] == state), None)

        return await until(there)

    async def queue(self, waiting: int) -> Any:
        """A queue in which so many wait."""

        async def there() -> Any:
            return next((row for row in self.now["queues"].values() if row["waiting"] == waiting), None)

        return await until(there)

    async def figure(self, name: str, wanted: object) -> None:
        """Once a figure of the day is this."""

        async def so() -> bool:
            return bool(self.now.get("today", {}).get(name) == wanted)

        await until(so)


@asynccontextmanager
async def live(stage: Stage, token: dict[str, str]) -> AsyncIterator[Floor]:
    """A live page that has been shown the floor."""
    opened = Floor()
    async with stage.http.stream("GET", f"{stage.bridge_url}{STREAM}", headers=token) as response:
        assert response.status_code == 200, await response.aread()
        reading = asyncio.create_task(opened.read(response))
        try:
            await opened.until("floor")
            yield opened
        finally:
            reading.cancel()


async def test_a_call_comes_and_goes_and_only_what_changed_is_sent(stage: Stage) -> None:
    async with live(stage, await limited(stage, Role.SUPERVISOR)) as floor:
        await floor.agent(DANA, "idle")
        await floor.agent(OMER, "idle")
        before = len(floor.events)
        stage.talk(name="Ruth Levi")
        row = await floor.agent(DANA, "talking")
        (call,) = row["calls"]
        assert (call["caller"]["number"], call["caller"]["name"], call["line"]) == (CALLER, "Ruth Levi", "Sales line")
        assert call["since"].endswith("Z")
        assert (row["name"], row["mode"], row["phone"], row["page"]) == ("Dana", "button", True, False)
        told = [json.loads(event["data"]) for event in floor.events[before:]]
        changed = [agent["crm_user"] for each in told for agent in each.get("agents", [])]
        stage.phone.clear("SIPDana1")
        await floor.agent(DANA, "idle")
        assert OMER not in changed
        (system, _) = floor.now["systems"]
        assert (system["pbx"], system["way"], system["is_known"], system["problem"]) == ("main", "asked", True, None)
        assert floor.now["today"]["answered"] is None, "nobody listens, so nobody counts"


async def test_who_waits_in_which_queue(stage: Stage) -> None:
    async with live(stage, await limited(stage, Role.SUPERVISOR)) as floor:
        stage.phone.wait("1", Caller(WAITING, name=RIVALS_NAME), datetime.now(UTC))
        queue = await floor.queue(1)
        assert (queue["pbx"], queue["callers"][0]["caller"]["number"]) == ("main", WAITING)
        assert queue["since"] == queue["callers"][0]["since"]


async def test_nothing_of_another_crm(stage: Stage) -> None:
    """Not its agents, calls, queues, phone systems or figures; nor does what happens there send anything."""
    async with live(stage, await limited(stage, Role.ADMIN, "acme")) as floor:
        await floor.agent(DANA, "idle")
        stage.phone.wait("1", Caller(WAITING, name=RIVALS_NAME), datetime.now(UTC))
        stage.talk(stage.make.omer, number=RIVALS_CALLER, name=RIVALS_NAME)
        stage.talk(name="Ruth")
        await floor.agent(DANA, "talking")
        async with live(stage, await limited(stage, Role.SUPERVISOR, "rival")) as its:
            await its.agent(OMER, "talking")
            assert [*its.now["agents"]] == [f"rival\x1f{OMER}"]
            assert CALLER not in json.dumps(its.events)
        text = json.dumps(floor.events)
        assert [*floor.now["agents"]] == [f"acme\x1f{DANA}"]
        assert [one for one in (RIVALS_CALLER, RIVALS_NAME, WAITING, OMER, "rival") if one in text] == []
        assert floor.now["systems"][0]["queues"] == "shared"


async def test_a_page_that_cannot_be_shown_keeps_nothing_from_the_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = [await limited(stage, Role.SUPERVISOR) for _ in range(2)]
    broken, show = first["Authorization"].split("_")[1], Viewer.show

    async def show_or_break(viewer: Viewer, *told: Any) -> None:
        if viewer.grant.token_id == broken and any("talking" in row for row in told[0].agents.values()):
            raise ArithmeticError("of this page alone")
        await show(viewer, *told)

    monkeypatch.setattr(Viewer, "show", show_or_break)
    async with live(stage, first) as breaking, live(stage, second) as floor:
        stage.talk()
        await floor.agent(DANA, "talking")
        await breaking.until_over()


async def test_agents_and_strangers_see_nothing(stage: Stage) -> None:
    for token, status in ((await stage.token(Role.AGENT, DANA), 403), ({}, 401)):
        answer = await stage.get(STREAM, token)
        assert answer.status_code == status


async def test_a_page_follows_its_token_and_the_directory(stage: Stage) -> None:
    token = await limited(stage, Role.SUPERVISOR)
    async with live(stage, token) as floor:
        await floor.agent(OMER, "idle")
        rows(stage, f"acme,{DANA},main,{stage.make.dana},Dana C")

        async def followed() -> bool:
            return [row["name"] for row in floor.now["agents"].values()] == ["Dana C"]

        await until(followed)
        await tokens.revoke(stage.redis, token["Authorization"].split("_")[1])
        assert await floor.until("signed-out") == [{"reason": "revoked"}]
        await floor.until_over()


async def test_numbers_are_masked_for_the_roles_that_the_settings_name(tmp_path: Path, redis_url: Secret) -> None:
    extra = {**QUICK, "POPBRIDGE_CONSOLE__MASK_NUMBERS": "supervisor"}
    async with open_stage(tmp_path, redis_url, extra=extra) as stage:
        stage.talk(name=f"Ruth {CALLER}")
        async with live(stage, await limited(stage, Role.SUPERVISOR)) as floor:
            call = (await floor.agent(DANA, "talking"))["calls"][0]
            assert (call["caller"]["number"], call["caller"]["name"]) == ("••••72", "Ruth ••••72")
            assert CALLER[1:] not in json.dumps(floor.events)
            assert floor.now["masked"] is True
        async with live(stage, await limited(stage, Role.ADMIN)) as floor:
            assert (await floor.agent(DANA, "talking"))["calls"][0]["caller"]["number"] == CALLER


async def test_who_is_shown_a_caller_is_recorded_once(stage: Stage) -> None:
    ivrid = stage.talk()
    token = await limited(stage, Role.SUPERVISOR)
    async with live(stage, token) as floor:
        await floor.agent(DANA, "talking")
        stage.phone.hold(ivrid, "SIPDana1")
        await floor.agent(DANA, "hold")
    found = await stage.get(f"/api/audit/access-log?caller={CALLER}", await limited(stage, Role.ADMIN))
    shown = [entry for entry in found.json()["items"] if entry["what"] == "live"]
    assert [entry["who"].split()[0] for entry in shown] == ["supervisor"]


async def test_a_phone_system_that_fails_is_said_so_with_what_was_known(stage: Stage) -> None:
    stage.talk()
    async with live(stage, await limited(stage, Role.SUPERVISOR, "acme")) as floor:
        await floor.agent(DANA, "talking")
        stage.pbx.faults.down = "503"

        async def told() -> bool:
            return floor.now["systems"][0]["problem"] is not None

        await until(told)
        assert floor.now["systems"][0]["at"] > 0
        assert (await floor.agent(DANA, "talking"))["calls"]


async def test_one_process_asks_for_all_who_look_and_nobody_when_nobody_does(stage: Stage) -> None:
    asked = stage.services.lookup.systems["main"].questions
    assert asked is not None
    before = len(stage.services.lookup.systems["main"].durations)
    assert before == 0
    token = await limited(stage, Role.SUPERVISOR)
    async with live(stage, token) as one, live(stage, token) as other:
        await one.agent(DANA, "idle")
        await other.agent(DANA, "idle")
        assert await stage.redis.get(keys.floor_asker("main"))


async def test_one_person_has_so_many_live_pages_at_most(tmp_path: Path, redis_url: Secret) -> None:
    extra = {**QUICK, "POPBRIDGE_CONSOLE__STREAMS_PER_PERSON": "1"}
    async with open_stage(tmp_path, redis_url, extra=extra) as stage:
        token = await limited(stage, Role.SUPERVISOR)
        async with live(stage, token):
            refused = await stage.get(STREAM, token)
            assert (refused.status_code, refused.json()["reason"]) == (429, "too-many-streams")
            assert "console.streams_per_person" in refused.json()["detail"]
            async with live(stage, await limited(stage, Role.SUPERVISOR)):
                pass
        async with live(stage, token):
            pass


async def test_the_figures_of_the_day(tmp_path: Path, redis_url: Secret) -> None:
    """Answered and missed by what a listener hears, each call once; popups by their deliveries."""
    keys_of_main = {"events": "poll", "poll_seconds": 0.2}
    async with open_stage(tmp_path, redis_url, main_keys=keys_of_main, extra=dict(QUICK)) as stage, working(stage):
        token = await stage.token(Role.AGENT, DANA)
        async with live(stage, await limited(stage, Role.SUPERVISOR)) as floor, page(stage, token) as desk:
            await floor.figure("answered", 0)
            now, phone = datetime.now(UTC), stage.phone
            ivrid = phone.incoming([stage.make.dana, stage.make.omer], Caller(CALLER), now)
            await floor.agent(OMER, "ringing")
            phone.hang_up(ivrid)
            await floor.figure("missed", 1)
            stage.talk()
            await floor.figure("answered", 1)
            popup = await clicked(stage)
            await desk.until("popup")
            assert await acknowledge(stage, token, popup["popup_id"], "shown") == 204
            await floor.figure("seen", 1)
            await floor.figure("delivered", 2)
            assert 1 <= floor.now["today"]["median_ms"] < 60_000
            assert floor.now["today"]["missed"] == 1
            assert (await floor.agent(DANA, "talking"))["page"] in (True, False)
