"""Deliveries over HTTP and on the command line: every attempt, and sending again."""

import json

import httpx
import pytest

from bridge.delivery.deliver import deliver
from bridge.store import keys
from bridge.store.tokens import Role
from tests import commands
from tests.jobs.test_deliver import clicked, delivery_to
from tests.stage import DANA, Stage

pytestmark = pytest.mark.anyio


async def popbridge(stage: Stage, *words: str) -> tuple[int, str]:
    done = await commands.popbridge(stage.folder / "popbridge.toml", *words)
    return done.exit_code, done.stdout


async def test_lists_by_state_and_target_in_pages(stage: Stage) -> None:
    stage.talk()
    supervisor = await stage.token(Role.SUPERVISOR)
    stage.crm.faults.status = 410
    gone = [await clicked(stage) for _ in range(3)]
    for _, delivery_id in gone:
        await deliver(delivery_id, stage.services)
    failed = (await stage.get("/api/deliveries?state=failed", supervisor)).json()["items"]
    assert [one["delivery_id"] for one in failed] == [delivery_id for _, delivery_id in reversed(gone)]
    assert failed[0]["attempts"][0]["status"] == 410
    assert set(failed[0]["attempts"][0]) == {"at", "status", "ms", "error", "next_try_at", "reason"}
    assert len((await stage.get("/api/deliveries?target=desktop", supervisor)).json()["items"]) == 3
    seen, cursor = [], ""
    while True:
        page = (await stage.get(f"/api/deliveries?limit=4&cursor={cursor}", supervisor)).json()
        seen += [one["delivery_id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 6
    for wrong in ("state=lost", "cursor=x"):
        assert (await stage.get(f"/api/deliveries?{wrong}", supervisor)).status_code == 400
    assert (await stage.get("/api/deliveries", await stage.token(Role.AGENT, DANA))).status_code == 403
    code, listed = await popbridge(stage, "deliveries", "list", "--state", "failed", "--json")
    assert (code, len(json.loads(listed)["items"])) == (0, 3)
    code, shown = await popbridge(stage, "deliveries", "show", gone[0][1])
    assert code == 0
    assert "http-410" in shown
    assert (await popbridge(stage, "deliveries", "show", "dlv_none"))[0] == 1


async def test_a_delivery_without_an_attempt_says_why(stage: Stage) -> None:
    stage.talk()
    _, delivery_id = await clicked(stage)
    await stage.redis.hset(keys.delivery(delivery_id), mapping={"expires_at": "2026-01-01T00:00:00.000Z"})
    await deliver(delivery_id, stage.services)
    code, listed = await popbridge(stage, "deliveries", "list", "--state", "expired")
    assert code == 0
    assert "0 attempts" in listed
    assert "before an attempt could be made" in listed


async def test_a_failed_delivery_is_sent_again_marked_and_with_the_same_id(stage: Stage) -> None:
    stage.talk()
    supervisor = await stage.token(Role.SUPERVISOR)
    _, delivery_id = await clicked(stage)
    path = f"{stage.bridge_url}/api/deliveries/{delivery_id}/retry"
    refused = await stage.http.post(path, headers=supervisor)
    assert (refused.status_code, refused.json()["reason"]) == (409, "not-now")
    stage.crm.faults.status = 410
    await deliver(delivery_id, stage.services)
    stage.crm.faults.status = 200
    assert (await stage.http.post(path, headers=await stage.token(Role.AGENT, DANA))).status_code == 403
    again = await stage.http.post(path, headers=supervisor)
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    await deliver(delivery_id, stage.services)
    first, second = stage.crm.received
    assert first.webhook_id == second.webhook_id == delivery_id
    assert ("popbridge-resent" in first.headers, second.headers["popbridge-resent"]) == (False, "true")
    (one,) = (await stage.get("/api/deliveries?state=delivered", supervisor)).json()["items"]
    assert [attempt["status"] for attempt in one["attempts"]] == [410, 200]
    line = (await stage.get("/api/audit", supervisor)).json()["items"][0]
    assert [end["state"] for end in line["deliveries"]] == ["delivered"], "the last end counts"
    missing = await stage.http.post(f"{stage.bridge_url}/api/deliveries/dlv_none/retry", headers=supervisor)
    assert missing.status_code == 404


async def test_a_resent_popup_reaches_the_desktop_although_its_first_time_is_over(stage: Stage) -> None:
    stage.talk()
    popup, _ = await clicked(stage)
    desktop_id = await delivery_to(stage, popup, "desktop")
    await deliver(desktop_id, stage.services)
    await stage.redis.hset(
        f"popbridge:delivery:{desktop_id}", mapping={"expires_at": "2020-01-01T00:00:00.000Z", "not_before_ms": "0"}
    )
    await stage.redis.delete(f"popbridge:desktop:acme:{DANA}")
    await deliver(desktop_id, stage.services)
    code, _ = await popbridge(stage, "deliveries", "retry", desktop_id)
    assert code == 0
    await deliver(desktop_id, stage.services)
    assert await stage.redis.xlen(f"popbridge:desktop:acme:{DANA}") == 1


async def test_what_was_sent_is_shown_to_supervisors(stage: Stage) -> None:
    stage.talk(name="Ruth Levi")
    stage.crm.faults.status = 422
    _, delivery_id = await clicked(stage)
    await deliver(delivery_id, stage.services)
    supervisor = await stage.token(Role.SUPERVISOR)
    shown = (await stage.get(f"/api/deliveries/{delivery_id}", supervisor)).json()
    assert shown["sent"]["call"]["caller"]["name"] == "Ruth Levi"
    assert shown["attempts"][0]["status"] == 422
    assert (shown["crm"], shown["click_id"]) == ("acme", shown["sent"]["click_id"])
    assert (await stage.get("/api/deliveries/dlv_none", supervisor)).status_code == 404
    assert (await stage.get(f"/api/deliveries/{delivery_id}", await stage.token(Role.AGENT, DANA))).status_code == 403


async def test_all_that_match_are_sent_again_and_nothing_else(stage: Stage) -> None:
    stage.talk()
    stage.crm.faults.status = 410
    ids = [(await clicked(stage))[1] for _ in range(3)]
    for one in ids[:2]:
        await deliver(one, stage.services)
    supervisor = await stage.token(Role.SUPERVISOR)

    async def resend(**filters: object) -> httpx.Response:
        return await stage.http.post(f"{stage.bridge_url}/api/deliveries/retry", json=filters, headers=supervisor)

    for wrong in ({}, {"state": "pending"}, {"state": "failed", "targets": "acme"}, {"state": "failed", "target": 7}):
        assert (await resend(**wrong)).status_code == 400, wrong
    assert (await resend(state="failed", target="desktop")).json() == {"resent": 0, "more": False}
    long_ago = await stage.get("/api/deliveries?since=1969-01-01&state=failed", supervisor)
    assert len(long_ago.json()["items"]) == 2
    answer = await resend(state="failed", target="acme", since="1h")
    assert (answer.status_code, answer.json()) == (202, {"resent": 2, "more": False})
    pending = (await stage.get("/api/deliveries?state=pending&target=acme", supervisor)).json()["items"]
    assert {one["delivery_id"] for one in pending} == {*ids}
    for path in ("/api/deliveries?states=failed", "/api/deliveries?event=call.nothing", "/api/deliveries?since=soon"):
        assert (await stage.get(path, supervisor)).status_code == 400, path


async def test_metrics_show_how_things_are(stage: Stage) -> None:
    stage.talk()
    _, delivery_id = await clicked(stage)
    text = (await stage.get("/metrics")).text
    assert "popbridge_queue_jobs 2.0" in text
    assert "popbridge_deliveries_pending 2.0" in text
    assert "popbridge_audit_waiting 1.0" in text
    await deliver(delivery_id, stage.services)
    await stage.click(message_id="msg_twice")
    await stage.click(message_id="msg_twice")
    text = (await stage.get("/metrics")).text
    for line in (
        'popbridge_clicks_total{crm="acme",outcome="found"} 2.0',
        'popbridge_clicks_repeated_total{crm="acme"} 1.0',
        'popbridge_attempts_total{result="ok",target="acme"} 1.0',
        'popbridge_deliveries_total{outcome="delivered",target="acme"} 1.0',
        'popbridge_popup_latency_seconds_count{target="acme"} 1.0',
        'popbridge_popup_latency_seconds_bucket{le="+Inf",target="acme"} 1.0',
    ):
        assert line in text, line
    assert DANA not in text


async def test_durations_of_clicks_and_queries_are_counted_with_the_click(stage: Stage) -> None:
    stage.talk()
    await stage.click(message_id="msg_twice")
    await stage.click(message_id="msg_twice")
    stage.pbx.faults.down = "503"
    await stage.click()
    text = (await stage.get("/metrics")).text
    for line in (
        'popbridge_click_duration_seconds_count{crm="acme"} 2.0',
        'popbridge_pbx_question_duration_seconds_count{pbx="main"} 2.0',
        'popbridge_pbx_question_duration_seconds_bucket{le="+Inf",pbx="main"} 2.0',
    ):
        assert line in text, line
    assert 'popbridge_click_duration_seconds_bucket{crm="acme",le="0.005"}' in text


async def test_queries_that_nobody_clicked_for_are_counted_with_the_next_click(stage: Stage) -> None:
    for _ in range(2):
        await stage.services.lookup.systems["main"].snapshot(None)
    assert "pbx_question_duration_seconds_count" not in (await stage.get("/metrics")).text
    await stage.click()
    assert 'pbx_question_duration_seconds_count{pbx="main"} 3.0' in (await stage.get("/metrics")).text
