"""Why was there no popup? Accepted and refused clicks as one list."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.core.json_codec import time_text
from bridge.delivery.deliver import deliver
from bridge.store import keys
from bridge.store.clicks import refusals
from bridge.store.tokens import Role
from tests.audit import entries
from tests.stage import DANA, OMER, TOKEN, Stage

pytestmark = pytest.mark.anyio


async def clicks(stage: Stage, asked: str = "", role: Role = Role.SUPERVISOR, crm_user: str | None = None) -> Any:
    response = await stage.get(f"/api/clicks?{asked}", await stage.token(role, crm_user))
    assert response.status_code == 200, response.text
    return response.json()


async def go_wrong(stage: Stage) -> None:
    """Omer without a call, then a forged signature, a link with a wrong token for Dana, and a body of nonsense."""
    await stage.click({"agent": OMER})
    await stage.click({"agent": DANA}, **{"webhook-signature": "v1,AAAA"})
    link = f"{stage.bridge_url}/clicks/acme"
    await stage.http.get(link, params={"agent": DANA, "token": "not the token at all"})
    await stage.raw(b"[]")


def outcomes(items: list[Any]) -> list[str]:
    """What is refused by its reason, everything else by its outcome."""
    return [item["reason"] if item["outcome"] == "refused" else item["outcome"] for item in items]


async def test_refused_clicks_are_listed_among_the_others_with_their_reason(stage: Stage) -> None:
    await go_wrong(stage)
    stage.talk()
    await stage.click({"agent": DANA})
    items = (await clicks(stage))["items"]
    assert outcomes(items) == [
        "found",
        "malformed",
        "bad-signature",
        "bad-signature",
        "no-active-call",
    ]
    assert all(line["why"] and line["time"] for line in items)
    assert TOKEN.reveal() not in str(items)


async def test_of_one_agent_with_those_that_may_have_been_theirs(stage: Stage) -> None:
    await go_wrong(stage)
    of_omer = (await clicks(stage, f"agent={OMER}&since=10m"))["items"]
    assert outcomes(of_omer) == ["malformed", "bad-signature", "no-active-call"]
    of_dana = (await clicks(stage, f"agent={DANA}"))["items"]
    assert [line["crm_user"] for line in of_dana] == ["", DANA, ""]
    assert (await clicks(stage, "crm=other"))["items"] == []
    assert (await clicks(stage, "until=1h"))["items"] == []


async def test_an_agent_sees_the_own_alone(stage: Stage) -> None:
    await go_wrong(stage)
    items = (await clicks(stage, f"agent={OMER}&crm=acme", Role.AGENT, DANA))["items"]
    assert [line["crm_user"] for line in items] == [DANA]
    assert (await stage.get("/api/clicks")).status_code == 401


async def test_pages_hold_each_click_once(stage: Stage) -> None:
    for _ in range(3):
        await stage.click({"agent": OMER})
        await stage.raw(b"[]")
    seen, cursor = [], ""
    while cursor is not None:
        page = await clicks(stage, f"limit=1&cursor={cursor}")
        seen += page["items"]
        cursor = page["next_cursor"]
    assert len(seen) == 6
    assert [line["time"] for line in seen] == sorted((line["time"] for line in seen), reverse=True)


async def test_a_flood_of_refused_clicks_comes_page_by_page(stage: Stage) -> None:
    """No page is longer than what was asked for, but for those of one moment; none is missing, none comes twice."""
    start = datetime.now(UTC) - timedelta(minutes=5)
    times = [time_text(start + timedelta(milliseconds=number // 3)) for number in range(60)]
    for number, time in enumerate(times):
        if number % 4:
            refused = refusals.Refusal(time, "acme", "", "bad-signature", f"{number}", "")
            await refusals.note(stage.redis, refused, known=True)
        else:
            await stage.redis.xadd(keys.AUDIT, entries.lookup(number, time=time, why=f"{number}", crm="acme")[1])
    told: list[str] = []
    cursor = ""
    while True:
        page = await clicks(stage, f"limit=7&cursor={cursor}")
        assert 0 < len(page["items"]) <= 7 + 3
        told += [line["why"] for line in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(told, key=int) == [str(number) for number in range(60)]


async def test_problems_alone_and_no_filter_is_ignored(stage: Stage) -> None:
    """Clicks without a popup, undelivered popups and refused clicks; not the one that reached everybody."""
    stage.talk()
    good, bad = (await stage.click()).json(), (await stage.click({"agent": OMER})).json()
    supervisor = await stage.token(Role.SUPERVISOR)
    for one in (await stage.get(f"/api/popups/{good['popup']['popup_id']}", supervisor)).json()["deliveries"]:
        await deliver(one["delivery_id"], stage.services)
    stage.crm.faults.status = 410
    failed = (await stage.click()).json()
    for one in (await stage.get(f"/api/popups/{failed['popup']['popup_id']}", supervisor)).json()["deliveries"]:
        await deliver(one["delivery_id"], stage.services)
    await stage.click({"agent": OMER}, **{"webhook-signature": "v1,AAAA"})
    found = (await stage.get("/api/clicks?problems=true", supervisor)).json()["items"]
    assert [one["outcome"] for one in found] == ["refused", "found", "no-active-call"]
    assert [one["click_id"] for one in found[1:]] == [failed["click_id"], bad["click_id"]]
    for path in ("/api/clicks?outcome=found", "/api/clicks?problems=yes"):
        refused = await stage.get(path, supervisor)
        assert (refused.status_code, refused.json()["reason"]) == (400, "malformed"), path
    assert "unknown filter 'outcome'" in (await stage.get("/api/clicks?outcome=found", supervisor)).json()["detail"]


async def test_the_log_says_how_many_match_and_who_called_while_that_is_kept(stage: Stage) -> None:
    stage.talk(name="Ruth Levi")
    popup = (await stage.click()).json()["popup"]
    await stage.click({"agent": OMER})
    supervisor = await stage.token(Role.SUPERVISOR)
    found = (await stage.get("/api/audit?limit=1&total=true&names=true", supervisor)).json()
    assert (found["total"], found["items"][0]["caller_name"]) == (2, None)
    found = (await stage.get("/api/audit?outcome=found&total=true&names=true", supervisor)).json()
    assert (found["total"], found["items"][0]["caller_name"]) == (1, "Ruth Levi")
    await stage.click({"agent": OMER}, **{"webhook-signature": "v1,AAAA"})
    listed = (await stage.get("/api/clicks?names=true", supervisor)).json()["items"]
    assert [each["caller_name"] for each in listed] == [None, None, "Ruth Levi"]
    assert "caller_name" not in (await stage.get("/api/clicks", supervisor)).json()["items"][2]
    await stage.redis.delete(keys.popup(popup["popup_id"]))
    found = (await stage.get("/api/audit?outcome=found&names=true", supervisor)).json()
    assert (found.get("total"), found["items"][0]["caller_name"]) == (None, None)
