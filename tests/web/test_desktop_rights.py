"""What an agent's desktop asks for is answered to that agent alone: every route with every kind of token."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.core.model import Agent, ExtensionId
from bridge.store import tokens
from bridge.store.tokens import Kind, Role
from tests.stage import DANA, OMER, Stage
from tests.web.desk import ask, bearer, clicked, page

pytestmark = pytest.mark.anyio

ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "events", None),
    ("POST", "session", None),
    ("DELETE", "session", None),
    ("POST", "ack", {"popup_id": "POPUP", "event": "shown"}),
    ("POST", "press", {}),
    ("GET", "notes/POPUP", None),
    ("PUT", "notes/POPUP", {"text": "x", "outcome": None}),
    ("POST", "notes/POPUP", {"text": "x", "outcome": None}),
    ("GET", "preferences", None),
    ("PUT", "preferences", {"sound": True}),
]
each_route = pytest.mark.parametrize(("method", "path", "told"), ROUTES, ids=[f"{m} {p}" for m, p, _ in ROUTES])


async def new_token(stage: Stage, role: Role, crm_user: str | None, kind: Kind, life: timedelta) -> dict[str, str]:
    agent = Agent("acme", crm_user, "", (ExtensionId("main", stage.make.dana),)) if crm_user else None
    now = datetime.now(UTC)
    grant, text = await tokens.create(stage.redis, role, agent, now, now + timedelta(minutes=5), kind)
    if life < timedelta():
        await stage.redis.hset(f"popbridge:token:{grant.token_id}", mapping={"expires_at": "2020-01-01T00:00:00.000Z"})
    return bearer(text)


@each_route
async def test_without_an_agents_token_nothing_is_answered(stage: Stage, method: str, path: str, told: Any) -> None:
    soon, over = timedelta(minutes=5), timedelta(seconds=-1)
    refused = {
        "none": {},
        "nonsense": bearer("pbt_x_y"),
        "another scheme": {"Authorization": "Basic ZGFuYTp4"},
        "supervisor": await new_token(stage, Role.SUPERVISOR, None, Kind.TOKEN, soon),
        "admin": await new_token(stage, Role.ADMIN, None, Kind.TOKEN, soon),
        "expired": await new_token(stage, Role.AGENT, DANA, Kind.TOKEN, over),
        "expired link": await new_token(stage, Role.AGENT, DANA, Kind.LINK, over),
        "expired session": await new_token(stage, Role.AGENT, DANA, Kind.SESSION, over),
    }
    if path != "session" or method != "POST":
        refused["link"] = await new_token(stage, Role.AGENT, DANA, Kind.LINK, soon)
    for name, token in refused.items():
        answer = await ask(stage, method, path, token, told)
        assert (name, answer.status_code) == (name, 401)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["reason"] == ("incomplete-token" if name == "nonsense" else "bad-token")


@pytest.mark.parametrize("path", ["/api/popups/POPUP", "/api/clicks/CLICK"])
async def test_a_link_opens_nothing_but_the_page(stage: Stage, path: str) -> None:
    stage.talk()
    popup = await clicked(stage)
    link = await new_token(stage, Role.AGENT, DANA, Kind.LINK, timedelta(minutes=5))
    wanted = path.replace("POPUP", popup["popup_id"]).replace("CLICK", popup["click_id"])
    assert (await stage.get(wanted, link)).status_code == 401


@pytest.mark.parametrize("kind", [Kind.TOKEN, Kind.SESSION])
@pytest.mark.parametrize(("method", "path", "told"), [route for route in ROUTES if "POPUP" in str(route)])
async def test_danas_popup_is_not_there_for_omer(stage: Stage, method: str, path: str, told: Any, kind: Kind) -> None:
    stage.talk()
    popup_id = (await clicked(stage))["popup_id"]
    omer = await new_token(stage, Role.AGENT, OMER, kind, timedelta(minutes=5))
    wanted = {**told, "popup_id": popup_id} if told and "popup_id" in told else told
    answer = await ask(stage, method, path.replace("POPUP", popup_id), omer, wanted)
    assert (answer.status_code, answer.json()["reason"]) == (404, "not-found")
    assert (await ask(stage, "POST", "press", omer, {"popup_id": popup_id})).status_code == 404
    dana = await new_token(stage, Role.AGENT, DANA, kind, timedelta(minutes=5))
    assert (await ask(stage, method, path.replace("POPUP", popup_id), dana, wanted)).status_code < 300


async def test_what_danas_pages_get_omers_do_not_get(stage: Stage) -> None:
    """Popups, clicks without a call, dismissals, preferences, calls."""
    dana, omer = await stage.token(Role.AGENT, DANA), await stage.token(Role.AGENT, OMER)
    async with page(stage, dana) as hers, page(stage, omer) as his:
        await stage.click({"agent": DANA})
        await hers.until("nothing")
        stage.talk()
        popup = await clicked(stage)
        await hers.until("popup")
        await ask(stage, "POST", "ack", dana, {"popup_id": popup["popup_id"], "event": "dismissed"})
        await hers.until("dismissed")
        await ask(stage, "PUT", "preferences", dana, {"sound": True})
        await hers.until("preferences")
        assert [name for event in his.events if (name := event.get("event"))] == ["hello"]
    async with page(stage, omer) as his:
        assert [name for event in his.events if (name := event.get("event"))] == ["hello"]
    assert (await ask(stage, "GET", "preferences", omer)).json()["sound"] is False


async def test_an_answer_by_its_idempotency_key_is_the_agents_own(stage: Stage) -> None:
    """Also where one agent's name begins with another's and the rest could be a key."""
    with (stage.folder / "agents.csv").open("a", encoding="utf-8") as file:
        file.writelines(f"acme,{name},main,{stage.make.dana},\n" for name in ("sip:dana", "sip"))
    longer, shorter = [
        await new_token(stage, Role.AGENT, name, Kind.TOKEN, timedelta(minutes=5)) for name in ("sip:dana", "sip")
    ]
    first = await ask(stage, "POST", "press", longer, {}, **{"Idempotency-Key": "1"})
    other = await ask(stage, "POST", "press", shorter, {}, **{"Idempotency-Key": "dana:1"})
    assert first.json()["click_id"] != other.json()["click_id"]


async def test_a_link_is_traded_once_for_a_session(stage: Stage) -> None:
    link = await new_token(stage, Role.AGENT, DANA, Kind.LINK, timedelta(minutes=5))
    answer = await ask(stage, "POST", "session", link)
    assert answer.status_code == 201
    told = answer.json()
    assert told["agent"] == {"crm": "acme", "crm_user": DANA, "name": "Dana Cohen"}
    usual = {"session", "expires_at", "agent", "preferences", "record_hosts", "creates_contacts"}
    assert set(told) == usual | {"chooses_pop", "usual_pop", "ended_card_seconds", "via"}
    assert told["record_hosts"] == ["127.0.0.1"], "the CRM's popup_url"
    assert (await ask(stage, "POST", "session", link)).status_code == 401
    session = bearer(told["session"])
    ends = datetime.fromisoformat(told["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=719) < ends <= timedelta(hours=720)
    again = (await ask(stage, "POST", "session", session)).json()
    assert (again["session"], again["expires_at"]) == (told["session"], told["expires_at"]), "it is not prolonged"
    async with page(stage, session) as opened:
        assert opened.of("hello")


async def test_a_token_that_is_revoked_while_it_is_traded_gives_no_session(stage: Stage) -> None:
    dana, now = Agent("acme", DANA, "", (ExtensionId("main", stage.make.dana),)), datetime.now(UTC)
    given, _ = await tokens.create(stage.redis, Role.AGENT, dana, now, now + timedelta(minutes=5))
    await tokens.revoke(stage.redis, given.token_id)
    assert await tokens.trade(stage.redis, given, now) is None
    assert await tokens.every(stage.redis) == []


async def test_a_token_may_be_traded_often_and_its_sessions_end_with_it(stage: Stage) -> None:
    token = await new_token(stage, Role.AGENT, DANA, Kind.TOKEN, timedelta(minutes=5))
    sessions = [(await ask(stage, "POST", "session", token)).json() for _ in range(2)]
    assert sessions[0]["session"] != sessions[1]["session"]
    for session in sessions:
        assert datetime.fromisoformat(session["expires_at"]) - datetime.now(UTC) < timedelta(minutes=5)
    listed = await tokens.every(stage.redis)
    assert sorted(str(grant.kind) for grant in listed) == ["session", "session", "token"]
