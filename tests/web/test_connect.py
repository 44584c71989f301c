"""The API of /console/connect: tests show what is there and no secret, tries keep nothing, each role sees its own."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.connect import trial
from bridge.core.reasons import read, say
from bridge.crm import registry
from bridge.store import tokens
from bridge.store.tokens import Role
from tests.stage import CALLER, CODE, DANA, OMER, POPUP_SECRET, TOKEN, Stage, open_stage, until

pytestmark = pytest.mark.anyio

READS = ("", "/kinds", "/agents", "/crm/acme/button")
WRITES = ("/try", "/pbx/main/test", "/crm/acme/test", "/crm/acme/click", "/crm/acme/popup", "/agents/preview", "/links")
SECRETS = (CODE.reveal(), TOKEN.reveal(), POPUP_SECRET.reveal())


async def admin(stage: Stage, *crms: str) -> dict[str, str]:
    now = datetime.now(UTC)
    _, text = await tokens.create(stage.redis, Role.ADMIN, None, now, now.replace(year=now.year + 1), crms=crms)
    return {"Authorization": f"Bearer {text}"}


async def ask(stage: Stage, path: str, body: object = None, status: int = 200, **of: Any) -> Any:
    headers = of.get("headers") or await admin(stage)
    if body is None:
        answer = await stage.get(f"/api/connect{path}", headers)
    else:
        answer = await stage.http.post(f"{stage.bridge_url}/api/connect{path}", json=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert [secret for secret in SECRETS if secret in answer.text] == []
    return answer.json()


async def test_only_administrators_come_in(stage: Stage) -> None:
    for headers, status in (
        ({"Accept": "*/*"}, 401),
        (await stage.token(Role.SUPERVISOR), 403),
        (await stage.token(Role.AGENT, DANA), 403),
    ):
        for path in READS:
            await ask(stage, path, None, status, headers=headers)
        for path in WRITES:
            await ask(stage, path, {}, status, headers=headers)


async def test_a_test_shows_the_answer_and_what_was_read_in_it(stage: Stage) -> None:
    stage.talk()
    told = await ask(stage, "/pbx/main/test", {})
    assert told["grade"] == "OK"
    assert "2 extensions listed, 1 live call" in told["findings"][0]["message"]
    assert CALLER in told["exchanges"][0]["body"]
    assert told["exchanges"][0]["status"] == 200
    (dana,) = (one for one in told["extensions"] if one["extension"] == stage.make.dana)
    assert dana["calls"][0]["caller"]["number"] == CALLER
    entries = (await stage.get("/api/audit/access-log", await admin(stage))).json()["items"]
    assert {"connect-test", "connect-calls"} <= {one["what"] for one in entries}
    assert next(one for one in entries if one["what"] == "connect-calls")["shown"], "whose calls are shown is recorded"


async def test_what_a_crm_hides_is_in_no_test(stage: Stage) -> None:
    stage.talk(name="Ruth Levi-Cohen")
    object.__setattr__(stage.services.settings.crm["acme"], "hide", ("caller.name",))
    told = await ask(stage, "/pbx/main/test", {})
    assert "Ruth Levi-Cohen" not in json.dumps(told, ensure_ascii=False)
    assert CALLER in json.dumps(told)


def draft(stage: Stage, **changed: str) -> dict[str, Any]:
    section = stage.make.section(f"{stage.pbx_url}/pbx")
    keys = {key: str(value) for key, value in section.items()} | changed
    return {"group": "pbx", "name": "second", "kind": stage.make.kind, "keys": keys}


async def test_a_try_keeps_nothing_and_gives_the_section(stage: Stage) -> None:
    before = set(await stage.redis.keys("*"))
    told = await ask(stage, "/try", draft(stage))
    assert (told["grade"], told["problems"]) == ("OK", [])
    assert told["files"] == ["secrets/pbx.second.code"]
    assert 'code_file = "secrets/pbx.second.code"' in told["section"]
    kept = {key for key in await stage.redis.keys("*") if key not in before}
    assert not any("second" in key for key in kept)
    wrong = await ask(stage, "/try", draft(stage, code="WRONGCODE99"))
    assert wrong["grade"] == "FAIL"
    assert "WRONGCODE99" not in json.dumps(wrong)
    missing = await ask(stage, "/try", draft(stage, code="change-me"))
    assert missing["problems"][0]["key"] == "code"


PBX_WRONG = {
    "base_url": "ftp://pbx", "timezone": "Mars", "region": "XX", "timeout_seconds": "99", "poll_seconds": "soon",
    "events": "maybe", "hot_desk": "perhaps", "bse_url": "x", "epoch": "…",
}  # fmt: skip
CRM_WRONG = {
    "click_token": "change-me", "origins": "crm", "record_hosts": "!", "hide": "everything", "popup_ttl_seconds": "1.5",
    "popup_url": "https://me:you@crm.example.com", "popup_headers": "nothing", "cache_seconds": "-1", "api_url": "a b",
}  # fmt: skip


@pytest.mark.parametrize(
    ("group", "kind", "keys"), [("pbx", "voicenter", PBX_WRONG), ("crm", "webhook", CRM_WRONG), ("pbx", "none", {})]
)
async def test_what_is_wrong_with_values_is_told_as_data_too(
    stage: Stage, group: str, kind: str, keys: dict[str, str]
) -> None:
    told = await ask(stage, "/try", {"group": group, "name": "second", "kind": kind, "keys": keys})
    found = {one["key"].partition(".")[0]: read(one["reason"]) for one in told["problems"]}
    assert {*keys, *({"kind"} if kind == "none" else {"code"} if group == "pbx" else set())} == set(found)
    assert [one["text"] for one in told["problems"] if not one["text"].startswith(say(read(one["reason"])))] == []
    assert [key for key, why in found.items() if why.code == "as-told" or say(why, "he") == say(why)] == []


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/x",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest",
        "http://localhost:6379",
        "http://[::1]:9",
    ],
)
async def test_a_try_reaches_no_private_address_that_the_settings_do_not_have(stage: Stage, address: str) -> None:
    told = await ask(stage, "/try", draft(stage, base_url=address))
    assert told["grade"] == "FAIL"
    assert "neither public nor in [server] private_networks" in told["findings"][0]["message"]
    assert told["exchanges"] == [] or told["exchanges"][0]["status"] == 0


async def test_tests_are_limited(stage: Stage) -> None:
    headers = await admin(stage)
    for _ in range(61):  # the minute may end in between
        answer = await stage.http.post(f"{stage.bridge_url}/api/connect/try", json={}, headers=headers)
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


async def test_lines_that_nobody_has_and_rows_that_fit_none(stage: Stage) -> None:
    stage.systems["main"].seat("SIPNew9")
    told = await ask(stage, "/agents")
    (line,) = told["lines"]
    assert [one["extension"] for one in line["free"]] == ["SIPNew9"]
    assert [(one["crm_user"], one["extension"]) for one in line["unfit"]] == [("gone@acme.example", "SIPNone")]
    assert told["total"] == 3


async def test_a_csv_is_previewed_and_nothing_written(stage: Stage) -> None:
    before = (stage.folder / "agents.csv").read_text(encoding="utf-8")
    csv = f"crm;crm_user;pbx;extension;name\nacme;{DANA};main;SIPOther;Dana\nacme;new@acme.example;main;SIPNew9;New\n"
    told = await ask(stage, "/agents/preview", {"csv": csv})
    assert [one["crm_user"] for one in told["added"]] == ["new@acme.example"]
    assert [one["after"][0]["extension"] for one in told["changed"]] == ["SIPOther"]
    assert told["removed"] == []
    assert f"acme,{OMER},main,{stage.make.omer},עומר לוי,," in told["text"].splitlines()
    instead = await ask(stage, "/agents/preview", {"csv": csv, "keeps_others": False})
    assert {one["crm_user"] for one in instead["removed"]} == {OMER, "gone@acme.example"}
    wrong = await ask(stage, "/agents/preview", {"csv": "crm,crm_user,pbx,extension,name\nother,x,main,1,\n"})
    assert "line 2" in wrong["problems"][0]
    in_hebrew = [say(read(one), "he") for one in wrong["problem_reasons"]]
    assert in_hebrew == ["CSV: שורה 2: crm: אין בהגדרות \u2068[crm.other]\u2069"]
    assert (stage.folder / "agents.csv").read_text(encoding="utf-8") == before


async def test_a_link_opens_the_page_of_its_agent_once(stage: Stage) -> None:
    told = await ask(stage, "/links", {"crm": "acme", "crm_user": DANA}, 201)
    bearer = {"Authorization": f"Bearer {told['url'].partition('#token=')[2]}"}
    opened = [await stage.http.post(f"{stage.bridge_url}/desktop/session", headers=bearer) for _ in range(2)]
    assert [one.status_code for one in opened] == [201, 401]
    assert opened[0].json()["agent"]["crm_user"] == DANA
    await ask(stage, "/links", {"crm": "acme", "crm_user": "nobody"}, 404)
    await ask(stage, "/links", {"crm": "acme", "crm_user": DANA, "hours": 9999}, 400)


async def test_a_button_has_gaps_where_its_secrets_belong(stage: Stage) -> None:
    told = await ask(stage, "/crm/acme/button")
    assert told["gaps"] == [{"key": "click_token", "gap": "PUT_CLICK_TOKEN_HERE"}]
    assert any("PUT_CLICK_TOKEN_HERE" in one["text"] for one in told["files"])


async def test_a_test_click_is_a_click_and_a_test_popup_reaches_the_crm(stage: Stage) -> None:
    stage.talk()
    told = await ask(stage, "/crm/acme/click", {"crm_user": DANA})
    assert told["outcome"] == "found"
    story = await stage.get(f"/api/clicks/{told['click_id']}", await admin(stage))
    assert story.json()["click"]["agent"] == DANA
    sent = await ask(stage, "/crm/acme/popup", {"crm_user": DANA, "number": "052-234-0002"})
    assert sent["result"] == "delivered"

    async def came() -> bool:
        callers = (one.popup.get("call", {}).get("caller", {}) for one in stage.crm.received)
        return any(caller.get("name") == "popbridge test" for caller in callers)

    await until(came)
    await ask(stage, "/crm/acme/popup", {"crm_user": DANA, "number": "x"}, 400)
    stage.crm.faults.status = 403
    refused = await ask(stage, "/crm/acme/popup", {"crm_user": DANA, "number": "052-234-0002"})
    assert refused["result"] == "rejected"
    assert refused["exchanges"][0]["status"] == 403


async def test_an_administrator_of_one_crm_sees_nothing_of_another(tmp_path: Any, redis_url: Any) -> None:
    async with open_stage(tmp_path, redis_url, crms={"other": "espocrm"}) as stage:
        headers = await admin(stage, "acme")
        told = json.dumps([await ask(stage, path, None, headers=headers) for path in ("", "/agents")])
        assert "other" not in told.replace("all_crms", "").replace("keeps_others", "")
        assert json.loads(told)[0]["pbx"] == [], "it is shared with the other CRM"
        for path in ("/pbx/main/test", "/crm/other/test", "/crm/other/click", "/crm/other/popup"):
            await ask(stage, path, {"crm_user": DANA}, 404, headers=headers)
        await ask(stage, "/crm/other/button", None, 404, headers=headers)
        await ask(stage, "/links", {"crm": "other", "crm_user": DANA}, 404, headers=headers)
        await ask(stage, "/agents/preview", {"csv": ""}, 403, headers=headers)


def test_headers_of_ones_own_are_secrets_too() -> None:
    """What a receiver gives back is shown without them."""
    made: Any = registry.find("webhook").account
    account = made.model_validate(
        {"kind": "webhook", "popup_url": "https://crm.example", "popup_headers": {"X-Key": "header-of-ones-own"}}
    )
    assert "header-of-ones-own" in trial.secrets_in(account)


@pytest.mark.parametrize(
    "kind", ["bitrix24", "espocrm", "fireberry", "hubspot", "odoo", "salesforce", "zendesk", "zoho"]
)
async def test_every_make_of_crm_is_tested_and_has_its_button(tmp_path: Any, redis_url: Any, kind: str) -> None:
    async with open_stage(tmp_path, redis_url, crms={"other": kind}) as stage:
        told = await ask(stage, "/crm/other/test", {})
        assert told["grade"] != "FAIL", told["findings"]
        shown = json.dumps([told, await ask(stage, "/crm/other/button")])
        secrets = trial.secrets_in(stage.services.settings.crm["other"])
        assert [secret for secret in secrets if secret in shown] == []
