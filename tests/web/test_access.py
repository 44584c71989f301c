"""Access follows the directory: who has no row any more, or has lost an extension, sees nothing that is new."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.core.http_types import Secret
from bridge.core.model import Agent, ExtensionId
from bridge.core.reasons import languages
from bridge.doctor import examine
from bridge.store import tokens
from bridge.store.tokens import Kind, Role
from tests.stage import CALLER, DANA, OMER, Stage, open_stage, until
from tests.web.desk import Page, ask, bearer, clicked, page
from tests.web.test_deliveries import popbridge

pytestmark = pytest.mark.anyio

NEW_CALLER = "0541112233"
"""Omer's, after he was given Dana's extension."""
OMER_AT_DANAS = "acme,omer@acme.example,main,{dana},Omer\n"
DANA_ELSEWHERE = "acme,dana@acme.example,main,SIPNew,Dana\n" + OMER_AT_DANAS
HEADER = "crm,crm_user,pbx,extension,name\n"
ASKED: list[tuple[str, str, Any]] = [
    ("GET", "/desktop/events", None),
    ("GET", "/desktop/poll?page=one", None),
    ("POST", "/desktop/session", None),
    ("POST", "/desktop/ack", {"popup_id": "POPUP", "event": "shown"}),
    ("POST", "/desktop/press", {}),
    ("POST", "/desktop/press", {"popup_id": "POPUP"}),
    ("GET", "/desktop/notes/POPUP", None),
    ("PUT", "/desktop/notes/POPUP", {"text": "x", "outcome": None}),
    ("POST", "/desktop/notes/POPUP", {"text": "x", "outcome": None}),
    ("POST", "/desktop/contacts/POPUP", {}),
    ("GET", "/desktop/preferences", None),
    ("PUT", "/desktop/preferences", {"sound": True}),
    ("GET", "/api/popups/POPUP", None),
    ("GET", "/api/clicks", None),
    ("GET", "/api/clicks/CLICK", None),
    ("GET", "/api/calls/IVRID", None),
]


@pytest.fixture
async def stage(tmp_path: Path, redis_url: Secret, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """Cards and the directory are looked at ten times a second."""
    monkeypatch.setattr("bridge.web.desktop.watch.PAUSE_SECONDS", 0.02)
    monkeypatch.setattr("bridge.web.desktop.rights.LOOK_SECONDS", 0.05)
    async with open_stage(tmp_path, redis_url, extra={"POPBRIDGE_DESKTOP__REFRESH_SECONDS": "0.1"}) as ready:
        ready.systems["main"].seat("SIPNew")
        yield ready


def rows(stage: Stage, text: str, header: str = HEADER) -> None:
    """The directory from now on."""
    written = header + text.format(dana=stage.make.dana, omer=stage.make.omer)
    aside = stage.folder / "agents.new"
    aside.write_text(written, encoding="utf-8")
    aside.replace(stage.folder / "agents.csv")


COOKIE = "cookie"


async def token_of(stage: Stage, kind: Kind | str) -> dict[str, str]:
    dana, now = Agent("acme", DANA, "", (ExtensionId("main", stage.make.dana),)), datetime.now(UTC)
    stored = Kind.SESSION if kind == COOKIE else Kind(kind)
    _, text = await tokens.create(stage.redis, Role.AGENT, dana, now, now + timedelta(minutes=5), stored)
    if kind == COOKIE:
        return {"Popbridge-Page": "desktop", "Cookie": f"popbridge-desktop-8080={text}"}
    return bearer(text)


async def asked_rounds(stage: Stage, count: int = 3) -> None:
    before = stage.systems["main"].asked

    async def is_asked() -> bool:
        return stage.systems["main"].asked >= before + count

    await until(is_asked)


async def told(opened: Page, **wanted: Any) -> Any:
    """The first `call` event like this."""

    async def there() -> Any:
        return next((each for each in opened.of("call") if wanted.items() <= each.items()), None)

    return await until(there)


@pytest.mark.parametrize("kind", [Kind.TOKEN, Kind.SESSION, COOKIE])
@pytest.mark.parametrize(("method", "path", "body"), ASKED, ids=[f"{m} {p} {b}" for m, p, b in ASKED])
async def test_who_has_no_row_any_more_is_answered_nothing(
    stage: Stage, method: str, path: str, body: Any, kind: Kind | str
) -> None:
    ivrid, token = stage.talk(), await token_of(stage, kind)
    popup = await clicked(stage)
    for name, value in (("POPUP", popup["popup_id"]), ("CLICK", popup["click_id"]), ("IVRID", ivrid)):
        path, body = path.replace(name, value), json.loads(json.dumps(body).replace(name, value))
    rows(stage, OMER_AT_DANAS)
    asked = stage.systems["main"].asked
    answer = await stage.http.request(method, stage.bridge_url + path, json=body, headers=token)
    assert (answer.status_code, answer.json()["reason"]) == (403, "unknown-agent")
    assert answer.json()["detail"] == f"no agent '{DANA}' in the directory for acme"
    assert CALLER not in answer.text
    assert stage.systems["main"].asked == asked, "nobody is looked up for her"


@pytest.mark.parametrize("kind", [Kind.TOKEN, Kind.SESSION])
async def test_her_open_page_is_told_at_once_and_hears_nothing_of_omers_calls(stage: Stage, kind: Kind) -> None:
    stage.talk()
    async with page(stage, await token_of(stage, kind)) as opened:
        await clicked(stage)
        await opened.until("popup")
        rows(stage, OMER_AT_DANAS)
        stage.talk(number=NEW_CALLER)
        assert await opened.until("signed-out") == [{"reason": "unknown-agent"}]
        await opened.until_over()
        assert NEW_CALLER not in json.dumps(opened.events)


async def test_a_page_that_polls_is_told_too(stage: Stage) -> None:
    token = await token_of(stage, Kind.SESSION)
    asked = f"{stage.bridge_url}/desktop/poll?page=one"
    assert "event: hello" in (await stage.http.get(asked, headers=token)).text
    rows(stage, OMER_AT_DANAS)
    stage.talk(number=NEW_CALLER)
    answer = await stage.http.get(asked, headers=token)
    assert (answer.status_code, answer.json()["reason"]) == (403, "unknown-agent")


async def test_the_reason_has_words_in_every_language() -> None:
    assert len(languages()) >= 2
    for words in languages().values():
        assert {"session-unknown-agent.title", "session-unknown-agent.text", "reason.extension-lost"} <= set(words)


@pytest.mark.parametrize(
    "kept",
    [
        "acme,dana@acme.example,main,{dana},Dana",
        "acme,dana@acme.example,main,{dana},Dana Levi",
        "acme,dana@acme.example,main,SIPNew,Dana\nacme,dana@acme.example,main,{dana},",
        "\u200eacme , dana@acme.example ,main,{dana},Dana",
        "acme,new@acme.example,main,SIPNew,New\nacme,dana@acme.example,main,{dana},Dana",
    ],
)
async def test_rows_that_still_name_her_change_nothing(stage: Stage, kept: str) -> None:
    ivrid = stage.talk()
    async with page(stage, await token_of(stage, Kind.TOKEN)) as hers, page(stage, await omers(stage)) as his:
        rows(stage, f"{kept}\n")
        await his.until("signed-out")
        popup = await clicked(stage)
        assert [each["popup_id"] for each in await hers.until("popup")] == [popup["popup_id"]]
        stage.phone.hold(ivrid, stage.make.dana)
        await told(hers, state="hold")
        assert not hers.of("signed-out")


async def test_a_row_that_spells_her_otherwise_is_hers(stage: Stage) -> None:
    """Her page connects again, and hears of her clicks under the new spelling."""
    stage.talk()
    token = await token_of(stage, Kind.TOKEN)
    async with page(stage, token) as before:
        rows(stage, "acme,Dana@ACME.example,main,{dana},Dana\n")
        await before.until("bye")
    async with page(stage, token) as opened:
        popup = await clicked(stage)
        await opened.until("popup")
        await until(lambda: _is_acknowledged(stage, token, popup["popup_id"]))
        assert (await stage.get(f"/api/popups/{popup['popup_id']}", token)).status_code == 200


async def _is_acknowledged(stage: Stage, token: dict[str, str], popup_id: str) -> bool:
    return (await ask(stage, "POST", "ack", token, {"popup_id": popup_id, "event": "shown"})).status_code == 204


async def omers(stage: Stage) -> dict[str, str]:
    return await stage.token(Role.AGENT, OMER)


@pytest.mark.parametrize(
    "broken",
    [
        "acme,omer@acme.example,main\n",
        "nowhere,omer@acme.example,main,{dana},Omer\n",
        "acme,omer@acme.example,nowhere,{dana},Omer\n",
        "",
    ],
    ids=["a cell is missing", "no such CRM", "no such phone system", "no rows"],
)
async def test_a_broken_directory_takes_nobodys_access(stage: Stage, broken: str) -> None:
    stage.talk()
    token = await token_of(stage, Kind.TOKEN)
    async with page(stage, token) as opened:
        rows(stage, broken)
        await until(lambda: _has_problems(stage))
        await clicked(stage)
        await opened.until("popup")
        assert (await ask(stage, "GET", "preferences", token)).status_code == 200
        assert not opened.of("signed-out")


async def _has_problems(stage: Stage) -> bool:
    return bool(stage.services.agents.problems)


async def test_a_row_that_comes_back_brings_access_back(stage: Stage) -> None:
    token, link = await token_of(stage, Kind.TOKEN), await token_of(stage, Kind.LINK)
    rows(stage, OMER_AT_DANAS)
    assert (await ask(stage, "GET", "preferences", token)).status_code == 403
    refused = await ask(stage, "POST", "session", link)
    assert (refused.status_code, refused.json()["reason"]) == (403, "unknown-agent")
    rows(stage, "acme,dana@acme.example,main,{dana},Dana\n")
    assert (await ask(stage, "GET", "preferences", token)).status_code == 200
    assert (await ask(stage, "POST", "session", link)).status_code == 201, "it was not used up"


async def test_who_has_no_row_can_still_sign_out(stage: Stage) -> None:
    session = await token_of(stage, Kind.SESSION)
    rows(stage, OMER_AT_DANAS)
    assert (await ask(stage, "DELETE", "session", session)).status_code == 204
    assert await tokens.every(stage.redis) == []


async def test_the_same_person_in_another_crm_is_somebody_else(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url, crms={"rival": "webhook"}) as stage:
        token = await stage.token(Role.AGENT, DANA)
        rows(stage, "rival,dana@acme.example,main,{dana},Dana\n" + OMER_AT_DANAS)
        assert (await ask(stage, "GET", "preferences", token)).status_code == 403
        there = await stage.token(Role.AGENT, DANA, "rival")
        assert (await ask(stage, "GET", "preferences", there)).status_code == 200


@pytest.mark.parametrize("where", ["SIPNew", "SIPNobody"])
async def test_an_open_card_is_never_told_the_calls_of_who_has_the_extension_now(stage: Stage, where: str) -> None:
    ivrid = stage.talk()
    async with page(stage, await token_of(stage, Kind.TOKEN)) as hers, page(stage, await omers(stage)) as his:
        popup = await clicked(stage)
        await hers.until("popup")
        rows(stage, DANA_ELSEWHERE.replace("SIPNew", where))
        lost = await told(hers, state="unknown")
        assert (lost["popup_id"], lost["other_calls"], lost["stale"]) == (popup["popup_id"], [], False)
        assert lost["reason"] == {"code": "extension-lost", "params": {"extension": stage.make.dana}, "also": []}
        assert lost["why"] == f"extension {stage.make.dana} is no longer yours, so this call is not followed any more"
        stage.phone.hang_up(ivrid)
        stage.talk(number=NEW_CALLER)
        await clicked(stage, OMER)
        await his.until("popup")
        await asked_rounds(stage)
        assert [each["state"] for each in hers.of("call")] == ["unknown"]
        assert NEW_CALLER not in json.dumps(hers.events)


async def test_a_page_opened_later_is_not_told_them_either(stage: Stage) -> None:
    stage.talk()
    token = await token_of(stage, Kind.TOKEN)
    async with page(stage, token) as hers:
        popup = await clicked(stage)
        await hers.until("popup")
        await ask(stage, "POST", "ack", token, {"popup_id": popup["popup_id"], "event": "delivered"})
    rows(stage, DANA_ELSEWHERE)
    stage.talk(number=NEW_CALLER)
    async with page(stage, token) as again:
        await told(again, state="unknown")
        assert NEW_CALLER not in json.dumps(again.events)


async def test_an_answer_that_comes_when_the_extension_is_lost_is_not_told(stage: Stage) -> None:
    """The question was under way when the row moved."""
    stage.talk()
    async with page(stage, await token_of(stage, Kind.TOKEN)) as hers:
        await clicked(stage)
        await hers.until("popup")
        stage.pbx.faults.slow_seconds = 1.0
        await asked_rounds(stage, 2)
        rows(stage, DANA_ELSEWHERE)
        stage.talk(number=NEW_CALLER)
        await told(hers, state="unknown")
        assert NEW_CALLER not in json.dumps(hers.events)


async def test_a_call_that_has_moved_to_an_extension_she_still_has_is_followed(stage: Stage) -> None:
    ivrid = stage.talk()
    rows(stage, "acme,dana@acme.example,main,{dana},Dana\nacme,dana@acme.example,main,SIPNew,Dana\n")
    async with page(stage, await token_of(stage, Kind.TOKEN)) as hers:
        await clicked(stage)
        await hers.until("popup")
        stage.phone.transfer(ivrid, stage.make.dana, "SIPNew", datetime.now(UTC))
        rows(stage, DANA_ELSEWHERE)
        await asked_rounds(stage)
        assert not hers.of("signed-out")
        assert {each["state"] for each in hers.of("call")} <= {"ringing", "talking", "unknown"}


async def test_an_extension_that_comes_back_is_followed_again(stage: Stage) -> None:
    ivrid = stage.talk()
    async with page(stage, await token_of(stage, Kind.TOKEN)) as hers:
        await clicked(stage)
        await hers.until("popup")
        rows(stage, DANA_ELSEWHERE)
        await told(hers, state="unknown")
        rows(stage, "acme,dana@acme.example,main,{dana},Dana\n")
        stage.phone.hold(ivrid, stage.make.dana)
        await told(hers, state="hold")


async def test_the_button_finds_only_the_extension_she_has_now(stage: Stage) -> None:
    stage.talk(number=NEW_CALLER)
    token = await token_of(stage, Kind.TOKEN)
    rows(stage, DANA_ELSEWHERE)
    answer = (await ask(stage, "POST", "press", token, {})).json()
    assert (answer["outcome"], answer["popup"]) == ("no-active-call", None)
    ivrid = stage.talk("SIPNew")
    answer = (await ask(stage, "POST", "press", token, {})).json()
    assert answer["popup"]["call"]["ivrid"] == ivrid


async def test_the_cached_call_is_read_by_who_has_its_extension_now(stage: Stage) -> None:
    ivrid = stage.talk()
    await clicked(stage)
    hers = await token_of(stage, Kind.TOKEN)
    assert (await stage.get(f"/api/calls/{ivrid}", hers)).status_code == 200
    rows(stage, DANA_ELSEWHERE)
    assert (await stage.get(f"/api/calls/{ivrid}", hers)).status_code == 404


async def test_token_list_and_doctor_name_the_tokens_that_show_nothing(stage: Stage) -> None:
    now = datetime.now(UTC)
    dana, omer = (Agent("acme", name, "", (ExtensionId("main", "x"),)) for name in (DANA, OMER))
    hers, _ = await tokens.create(stage.redis, Role.AGENT, dana, now, now + timedelta(days=1))
    his, _ = await tokens.create(stage.redis, Role.AGENT, omer, now, now + timedelta(days=1))
    left, _ = await tokens.create(stage.redis, Role.SUPERVISOR, None, now, now + timedelta(days=1), crms=["closed"])
    rows(stage, OMER_AT_DANAS)
    listed = json.loads((await popbridge(stage, "token", "list", "--json"))[1])
    problems = {row["id"]: row["problem"] for row in listed}
    assert problems == {
        hers.token_id: f"shows nothing: no agent '{DANA}' in the directory for acme",
        his.token_id: None,
        left.token_id: "no [crm.closed] in the settings",
    }
    text = (await popbridge(stage, "token", "list"))[1]
    assert next(line for line in text.splitlines() if hers.token_id in line).endswith(problems[hers.token_id] or "?")
    found = [one for one in await examine(stage.services, []) if one.what == "tokens"]
    assert [one.grade for one in found] == ["WARN", "WARN"]
    assert hers.token_id in found[0].message
    assert his.token_id not in found[0].message + found[1].message
    assert left.token_id in found[1].message
    assert DANA not in found[0].message
    await tokens.revoke(stage.redis, hers.token_id)
    await tokens.revoke(stage.redis, left.token_id)
    assert [one.grade for one in await examine(stage.services, []) if one.what == "tokens"] == ["OK"]


async def test_while_a_phone_system_has_not_told_its_users_nobody_is_signed_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent who has no row may be one of them."""
    token = await token_of(stage, Kind.TOKEN)
    monkeypatch.setattr(stage.services.agents, "_asked", {"main": ("acme",)})
    async with page(stage, token) as opened, page(stage, await omers(stage)) as his:
        rows(stage, OMER_AT_DANAS)
        answer = await ask(stage, "GET", "preferences", token)
        assert (answer.status_code, answer.json()["reason"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert (await ask(stage, "GET", "preferences", await omers(stage))).status_code == 200
        assert not opened.of("signed-out")
        assert not his.of("signed-out")


RIVAL_TOKEN = "token-of-rival-0123456789"
RIVAL = f"""
[crm.rival]
kind = "webhook"
pbx = "main"
click_token = "{RIVAL_TOKEN}"
"""
RIVALS = {"Authorization": f"Bearer {RIVAL_TOKEN}"}


async def rival_asks(stage: Stage, **asked: str) -> list[Any]:
    """What another CRM that uses the same phone system is answered, by POST, as a form, and by a link."""
    address, http = f"{stage.bridge_url}/clicks/rival", stage.http
    return [
        await http.post(address, json=asked, headers=RIVALS),
        await http.post(address, data=asked, headers=RIVALS),
        await http.get(address, params={**asked, "token": RIVAL_TOKEN}),
    ]


async def test_another_crms_click_does_not_find_an_extension_that_is_claimed(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url, more_settings=RIVAL) as stage:
        ivrid, dana = stage.talk(), stage.make.dana
        for asked in ({"extension": dana}, {"extension": dana, "ivrid": ivrid}, {"extension": f"{dana}\u200f "}):
            for answer in await rival_asks(stage, **asked):
                assert answer.json()["outcome"] == "unknown-extension", asked
                assert CALLER not in answer.text
        for answer in await rival_asks(stage, agent=DANA, extension=dana):
            assert answer.json()["outcome"] == "unknown-agent"
        stage.systems["main"].seat("SIPFree")
        stage.talk("SIPFree")
        assert {answer.json()["outcome"] for answer in await rival_asks(stage, extension="SIPFree")} == {"found"}


async def test_while_nobody_knows_whose_it_is_an_extension_that_crms_may_share_is_not_told(
    tmp_path: Path, redis_url: Secret
) -> None:
    """The bridge starts while its agents' file is broken: any extension may be another CRM's."""
    async with open_stage(tmp_path, redis_url, more_settings=RIVAL) as whole:
        rows_text = (whole.folder / "agents.csv").read_text(encoding="utf-8")
    async with open_stage(tmp_path, redis_url, more_settings=RIVAL, agents=["acme,,main,101,broken"]) as stage:
        stage.talk()
        for answer in await rival_asks(stage, extension=stage.make.dana):
            assert (answer.status_code, CALLER in answer.text) == (503, False)
            assert int(answer.headers["retry-after"]) > 0
        (stage.folder / "agents.csv").write_text(rows_text, encoding="utf-8")
        for answer in await rival_asks(stage, extension=stage.make.dana):
            assert answer.json()["outcome"] == "unknown-extension"
