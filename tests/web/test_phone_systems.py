"""A phone system as supervisors see it, and its own directory of users as a source of agents."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.core.http_types import Secret
from bridge.core.model import Caller
from bridge.pbx.switchboard import Extension
from bridge.store.tokens import Role
from tests.stage import CALLER, DANA, OZEKI, Stage, open_stage

pytestmark = pytest.mark.anyio


async def test_extensions_with_their_calls(stage: Stage) -> None:
    ivrid = stage.talk()
    supervisor = await stage.token(Role.SUPERVISOR)
    shown = (await stage.get("/api/pbx/main/extensions", supervisor)).json()
    assert [(row["extension"], row["name"], len(row["calls"])) for row in shown["items"]] == [
        ("SIPDana1", "Dana Cohen", 1),
        ("SIPOmer1", "עומר לוי", 0),
    ]
    assert shown["items"][0]["calls"][0]["ivrid"] == ivrid
    details = shown["items"][0]["details"]
    assert (details["representative"], details["onlineUserStatus"]) == ("Dana Cohen", "1")
    assert details["userID"] == details["onlineUserID"] != "0"
    assert shown["items"][0]["calls"][0]["did_label"] == "Sales line"
    assert shown["items"][0]["calls"][0]["details"] == {"answered": "1"}
    one = (await stage.get("/api/pbx/main/extensions?extension=SIPOmer1", supervisor)).json()
    assert [row["extension"] for row in one["items"]] == ["SIPOmer1"]


async def test_how_long_a_call_has_rung_where_the_phone_system_says_so(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url, make=OZEKI) as stage:
        ivrid = stage.talk()
        shown = (await stage.get("/api/pbx/main/extensions", await stage.token(Role.SUPERVISOR))).json()
        details = {call["ivrid"]: call["details"] for row in shown["items"] for call in row["calls"]}
        assert set(details[ivrid]) == {"RingDuration", "TalkDuration"}
        assert float(details[ivrid]["RingDuration"]) >= 0


async def test_queues_with_who_waits(stage: Stage) -> None:
    now = datetime.now(UTC)
    stage.phone.wait("Sales", Caller("0522340002"), now - timedelta(seconds=5))
    stage.phone.wait("Sales", Caller(CALLER), now - timedelta(seconds=21))
    supervisor = await stage.token(Role.SUPERVISOR)
    (queue,) = (await stage.get("/api/pbx/main/queues", supervisor)).json()["items"]
    assert (queue["name"], queue["weight"]) == ("Sales", 0)
    assert [one["caller"]["e164"] for one in queue["callers"]] == ["+972722776772", "+972522340002"]
    assert [round(one["waiting_seconds"]) for one in queue["callers"]] == [21, 5]
    same = (await stage.get(f"/api/pbx/main/queues?queue={queue['queue']}", supervisor)).json()["items"]
    assert [row["queue"] for row in same] == [queue["queue"]]
    unknown = await stage.get("/api/pbx/main/queues?queue=7", supervisor)
    assert unknown.status_code == 404
    assert "no queue with this id" in unknown.json()["detail"]


async def test_who_may_ask_and_what_a_failure_looks_like(stage: Stage) -> None:
    agent, supervisor = await stage.token(Role.AGENT, DANA), await stage.token(Role.SUPERVISOR)
    for path in ("/api/pbx/main/extensions", "/api/pbx/main/queues"):
        assert (await stage.get(path)).status_code == 401
        assert (await stage.get(path, agent)).status_code == 403
        stage.pbx.faults.down = "503"
        down = await stage.get(path, supervisor)
        assert (down.status_code, down.json()["reason"]) == (502, "pbx-unreachable")
        stage.pbx.faults.down = ""
    assert (await stage.get("/api/pbx/nowhere/queues", supervisor)).status_code == 404


async def test_the_phone_systems_own_users_are_agents_beside_the_file(tmp_path: Path, redis_url: Secret) -> None:
    extra = {"POPBRIDGE_PBX__MAIN__AGENTS_FOR": "acme"}
    async with open_stage(tmp_path, redis_url, extra=extra) as stage:
        stage.phone.extensions["SIPNoa11"] = Extension("SIPNoa11", "Noa", email="Noa@Acme.example")
        stage.phone._calls["SIPNoa11"] = {}
        stage.phone.extensions["SIPOmer1"] = Extension("SIPOmer1", "Omer", email=DANA)
        assert (await stage.click({"agent": "noa@acme.example"})).json()["outcome"] == "unknown-agent"
        await stage.services.agents.refresh()
        assert (await stage.click({"agent": "noa@acme.example"})).json()["outcome"] == "no-active-call"
        stage.talk("SIPOmer1")
        answer = (await stage.click({"agent": DANA})).json()
        assert answer["outcome"] == "no-active-call", "the file says where Dana sits"
        stage.pbx.faults.down = "503"
        await stage.services.agents.refresh()
        assert "agents" in (await stage.get("/readyz")).json()["checks"]
        assert "1 problem" in (await stage.get("/readyz")).json()["checks"]["agents"]
        assert "users of [pbx.main]" in str(stage.services.agents.problems[0])
        stage.pbx.faults.down = ""
        assert (await stage.click({"agent": "noa@acme.example"})).json()["outcome"] == "no-active-call"


async def test_asked_by_get_where_the_settings_say_so(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url, extra={"POPBRIDGE_PBX__MAIN__METHOD": "get"}) as stage:
        stage.talk()
        assert (await stage.click()).json()["outcome"] == "found"
