"""The audit log is searched by who called, and keeps no name."""

import json
from datetime import timedelta
from typing import Any

import pytest

from bridge.core.reasons import read, say
from bridge.store import keys
from bridge.store.calls import popups
from bridge.store.tokens import Role
from tests import commands
from tests.dump import everything_in
from tests.stage import CALLER, Stage, open_stage
from tests.web.test_deliveries import popbridge
from tests.web.test_masking import RECORD
from tests.web.test_scopes import limited

pytestmark = pytest.mark.anyio
RUTH = {**RECORD, "name": 'Ruth "Ruti" Levi', "company": "שלום בע״מ", "phones": [CALLER]}


async def found(stage: Stage, asked: str, *crms: str) -> tuple[list[str], Any]:
    """Numbers of the entries found, and what is said of the name."""
    answer = await stage.get(f"/api/audit?total=true&{asked}", await limited(stage, Role.SUPERVISOR, *crms))
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["total"] == len(told["items"])
    return [one["caller"] for one in told["items"]], told.get("named")


async def two_calls(stage: Stage) -> None:
    """Ruth twice, known by her record at the second call alone, and somebody else."""
    stage.talk(name="")
    await stage.click()
    await stage.click({"agent": "dana@acme.example", "record": RUTH})
    stage.phone.clear(stage.make.dana)
    stage.talk(number="0527654321", name="Noam Azulay")
    await stage.click()


async def test_the_command_line_searches_by_name_too_and_says_how_far(stage: Stage) -> None:
    await two_calls(stage)
    _, text = await popbridge(stage, "audit", "list", "--name", "ruth")
    assert (text.count(CALLER), "0527654321" in text) == (2, False)
    assert "callers of this name: 1, among the calls since 20" in text
    _, listed = await popbridge(stage, "audit", "list", "--name", "azulay", "--caller", CALLER, "--json")
    assert (json.loads(listed)["items"], json.loads(listed)["named"]["callers"]) == ([], 1)
    _, rows = await popbridge(stage, "audit", "export", "--format", "jsonl", "--name", "azulay")
    assert (rows.count("\n"), "0527654321" in rows) == (1, True)
    refused = await commands.popbridge(stage.folder / "popbridge.toml", "audit", "list", "--name", "r")
    assert (refused.exit_code, "name must have 2 characters" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    "name", ["ruth", "LEVI ruth", '"Ruti" l', "שלום", "  Ruth  ", "\u200fשלום\u200f", "levi\u200f \u2066ruth\u2069"]
)
async def test_all_calls_of_who_is_called_so(stage: Stage, name: str) -> None:
    await two_calls(stage)
    numbers, named = await found(stage, f"name={name}")
    assert (numbers, named["callers"], named["more"]) == ([CALLER, CALLER], 1, False)


async def test_of_a_phone_systems_name_too_and_with_other_filters(stage: Stage) -> None:
    await two_calls(stage)
    assert (await found(stage, "name=azulay"))[0] == ["0527654321"]
    assert (await found(stage, f"name=azulay&caller={CALLER}"))[0] == []
    assert (await found(stage, "name=azulay&caller=%2B972527654321"))[0] == ["0527654321"]
    assert (await found(stage, "name=azulay&outcome=no-active-call"))[0] == []
    for nobody in ("Nobody", "ruth azulay", "pop_"):
        assert (await found(stage, f"name={nobody}"))[0] == []
    token = await limited(stage, Role.SUPERVISOR)
    short = await stage.get("/api/audit?name=r", token)
    assert (short.status_code, short.json()["detail"]) == (400, "name must have 2 characters or more")
    assert say(read(short.json()["detail_reason"]), "he") == "השם צריך להיות באורך 2 תווים לפחות"
    rows = (await stage.get("/api/audit/export?format=jsonl&name=ruth", token)).text
    assert (rows.count("\n"), CALLER in rows, "0527654321" in rows) == (2, True, False)


async def test_names_of_another_crm_lead_nowhere(tmp_path: Any, redis_url: Any) -> None:
    """Not even to calls of its own CRM by the same number."""
    async with open_stage(tmp_path, redis_url, crms={"rival": "webhook"}) as stage:
        stage.talk(name="")
        await stage.click()
        await stage.press("rival", "press-1")
        popup_id = (await stage.get("/api/clicks?crm=rival", await limited(stage, Role.ADMIN))).json()["items"][0][
            "popup_id"
        ]
        (shown, _) = await popups.popup(stage.redis, popup_id)  # type: ignore[misc]
        text = await stage.redis.get(keys.popup(popup_id))
        await stage.redis.set(keys.popup(popup_id), text.replace('"name":""', '"name":"Rivka"', 1))
        assert shown.agent.crm == "rival"
        assert (await found(stage, "name=rivka", "acme"))[0] == []
        assert (await found(stage, "name=rivka", "rival"))[0] == [CALLER]


async def test_the_name_is_kept_nowhere_and_an_erasure_ends_it(stage: Stage) -> None:
    """The access log tells who searched for the number, as if by the number."""
    await two_calls(stage)
    await found(stage, "name=azulay")
    await stage.services.archive.catch_up(stage.redis)
    asked = "/api/audit/access-log?caller=0527654321"
    entries = (await stage.get(asked, await limited(stage, Role.ADMIN))).json()["items"]
    assert [one["what"] for one in entries] == ["access-log", "list"]
    assert "azulay" not in str(entries).casefold()
    code, _ = await popbridge(stage, "audit", "erase", "--caller", "0527654321", "--yes")
    assert code == 0
    assert (await found(stage, "name=azulay"))[0] == []
    assert "azulay" not in everything_in(stage.redis_url).casefold()


async def test_many_of_a_name(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are searched for, and it is said that there are more, and since when names are known."""
    monkeypatch.setattr("bridge.clicks.by_name.MOST_CALLERS", 1)
    monkeypatch.setattr("bridge.clicks.by_name.MOST_CALLS", 2)
    monkeypatch.setattr("bridge.clicks.by_name.CHUNK", 1)
    for number in ("0527654321", "0527654322", "0527654323"):
        stage.phone.clear(stage.make.dana)
        stage.talk(number=number, name="Noam Azulay")
        await stage.click()
    numbers, named = await found(stage, "name=azulay")
    assert (numbers, named["callers"], named["more"]) == (["0527654323"], 1, True)
    oldest = (await stage.get("/api/audit", await limited(stage, Role.SUPERVISOR))).json()["items"][1]["time"]
    assert named["since"] == oldest
    monkeypatch.setattr("bridge.clicks.by_name.MOST_CALLS", 50)
    _, named = await found(stage, "name=azulay")
    assert named["since"] < (stage.services.clock.now() - timedelta(days=2)).isoformat()
