"""Reading back over HTTP, and who may read what."""

import base64
import itertools
import socket

import pytest

from bridge.delivery.deliver import deliver
from bridge.store import keys
from bridge.store.tokens import Role
from bridge.web.server import listen
from tests.stage import CALLER, DANA, DID, OMER, Stage

pytestmark = pytest.mark.anyio


async def test_the_story_of_one_click(stage: Stage) -> None:
    ivrid = stage.talk()
    answer = (await stage.click({"agent": DANA})).json()
    story = (await stage.get(f"/api/clicks/{answer['click_id']}", await stage.token(Role.SUPERVISOR))).json()
    assert story["answer"] == answer
    assert story["click"]["agent"] == DANA
    assert [call["ivrid"] for call in story["live_calls"]] == [ivrid]
    assert story["live_calls"] == [answer["popup"]["call"]], "labelled as in the popup"
    assert [step["step"] for step in story["steps"]] == ["proof", "directory", "lookup", "choose"]
    assert "proof" not in story["click"], "which secret it was is not for agents"
    assert {delivery["target"]: delivery["state"] for delivery in story["deliveries"]} == {
        "acme": "pending",
        "desktop": "pending",
    }


async def test_a_popup_with_its_deliveries_and_the_cached_call(stage: Stage) -> None:
    ivrid = stage.talk()
    popup = (await stage.click()).json()["popup"]
    supervisor = await stage.token(Role.SUPERVISOR)
    shown = (await stage.get(f"/api/popups/{popup['popup_id']}", supervisor)).json()
    assert {name: value for name, value in shown.items() if name != "deliveries"} == popup
    assert set(shown["deliveries"][0]) == {
        "delivery_id",
        "popup_id",
        "target",
        "state",
        "created_at",
        "ended_at",
        "attempts",
        "event",
        "shown_at",
    }
    assert (await stage.get(f"/api/calls/{ivrid}?pbx=main&extension=SIPDana1", supervisor)).json() == popup["call"]
    assert (await stage.get(f"/api/calls/{ivrid}?extension=SIPOmer1", supervisor)).status_code == 404


async def test_every_token_against_every_route(stage: Stage) -> None:
    ivrid = stage.talk()
    answer = (await stage.click()).json()
    popup_id = answer["popup"]["popup_id"]
    own = [f"/api/clicks/{answer['click_id']}", f"/api/popups/{popup_id}", f"/api/calls/{ivrid}"]
    everybody = ["/api/audit"]
    dana, omer = await stage.token(Role.AGENT, DANA), await stage.token(Role.AGENT, OMER)
    supervisor, admin = await stage.token(Role.SUPERVISOR), await stage.token(Role.ADMIN)
    for path, wrong in itertools.product([*own, *everybody], ({}, {"Authorization": "Bearer x_y"})):
        refused = await stage.get(path, wrong)
        assert (refused.status_code, refused.json()["reason"]) == (401, "bad-token")
    for path in own:
        statuses = [(await stage.get(path, token)).status_code for token in (dana, omer, supervisor, admin)]
        assert statuses == [200, 404, 200, 200], path
    for path in everybody:
        statuses = [(await stage.get(path, token)).status_code for token in (dana, omer, supervisor, admin)]
        assert statuses == [403, 403, 200, 200], path
    assert (await stage.get("/desktop/events")).status_code == 401


async def test_audit_filters_and_pages(stage: Stage) -> None:
    supervisor = await stage.token(Role.SUPERVISOR)
    stage.talk()
    for fields in ({"agent": DANA}, {"agent": OMER}, {"agent": "nobody"}, {"agent": DANA}, {"extension": "SIPOmer1"}):
        assert (await stage.click(fields)).status_code == 200

    async def count(query: str) -> int:
        found = await stage.get(f"/api/audit?{query}", supervisor)
        assert found.status_code == 200, found.text
        return len(found.json()["items"])

    assert await count("") == 5
    assert await count("crm=acme") == 5
    assert await count("crm=other") == 0
    assert await count(f"crm_user={DANA}") == 2
    assert await count(f"crm_user={OMER}") == 2
    assert await count("outcome=found") == 2
    assert await count("extension=SIPOmer1") == 2
    for spelling in (CALLER, "072-277-6772", "%2B972722776772", "+972722776772", "972722776772"):
        assert await count(f"caller={spelling}") == 2, spelling
    assert await count(f"did={DID}") == 2
    assert await count("since=10m") == 5
    assert await count("since=2099-01-01T00:00:00Z") == 0
    assert await count("until=2001-01-01T00:00:00%2B02:00") == 0
    seen, cursor = [], ""
    while True:
        page = (await stage.get(f"/api/audit?limit=2&cursor={cursor}", supervisor)).json()
        seen += [item["click_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 5
    big = base64.urlsafe_b64encode(str(2**70).encode()).decode().rstrip("=")
    edges = ("9999999999999d", "99999999999999999999s", "0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59")
    wrongs = ("limit=0", "limit=x", "limit=%D9%A3", "cursor=%21", f"cursor={big}", "since=yesterday", "colour=red")
    for wrong in (*wrongs, *(f"since={edge}" for edge in edges)):
        refused = await stage.get(f"/api/audit?{wrong}", supervisor)
        assert (refused.status_code, refused.json()["reason"]) == (400, "malformed"), wrong


async def test_the_log_entry_has_the_contracts_fields(stage: Stage) -> None:
    stage.talk()
    await stage.click()
    line = (await stage.get("/api/audit", await stage.token(Role.SUPERVISOR))).json()["items"][0]
    contract = (
        "time click_id crm crm_user agent pbx extension outcome why reason ivrid original_ivrid did caller"
        " popup_id served_from pbx_ms total_ms source_ip deliveries"
    )
    assert list(line) == contract.split()
    assert line["source_ip"] == "127.0.0.1"


async def test_health_and_version(stage: Stage) -> None:
    assert (await stage.get("/livez")).json() == {"status": "ok"}
    ready = await stage.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["redis"]) == (200, "ok")
    (stage.folder / "agents.csv").write_text("broken\n")
    ready = await stage.get("/readyz")
    assert ready.status_code == 200, "the old rows still serve"
    assert "1 problem" in ready.json()["checks"]["agents"]
    assert (await stage.click({"agent": DANA})).json()["outcome"] == "no-active-call"
    assert set((await stage.get("/version")).json()) == {"version", "python"}


async def test_unknown_pages_are_problems_and_every_answer_has_safe_headers(stage: Stage) -> None:
    for path in ("/nowhere", "/clicks/", "/api/audit", "/livez", "/desktop"):
        response = await stage.get(path)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in response.headers["content-security-policy"]
    assert (await stage.get("/nowhere")).json()["reason"] == "not-found"


def test_the_listening_socket_names_tcp_so_that_answers_do_not_wait() -> None:
    """asyncio leaves Nagle's algorithm on for sockets that do not: 40 ms more for every answer."""
    with listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


async def test_a_broken_archive_is_reported_and_holds_nothing_up(stage: Stage) -> None:
    assert (await stage.get("/readyz")).json()["checks"]["audit"] == "ok"
    with stage.services.archive.engine().begin() as connection:
        connection.exec_driver_sql("ALTER TABLE lookups RENAME TO elsewhere")
    assert (await stage.click()).status_code == 200
    ready = await stage.get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["audit"]) == (503, "the archive's database cannot be used")
    refused = await stage.get("/api/audit", await stage.token(Role.SUPERVISOR))
    assert (refused.status_code, refused.json()["reason"]) == (503, "unavailable")
    with stage.services.archive.engine().begin() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO lookups")
    found = await stage.get("/api/audit", await stage.token(Role.SUPERVISOR))
    assert len(found.json()["items"]) == 1


async def test_a_stream_entry_that_is_no_log_entry_is_put_aside_and_holds_nothing_up(stage: Stage) -> None:
    for fields in ({"kind": "lookup", "line": "not json"}, {"kind": "lookup", "line": "{}"}, {"x": "y"}):
        await stage.redis.xadd(keys.AUDIT, fields)
    await stage.click()
    found = await stage.get("/api/audit", await stage.token(Role.SUPERVISOR))
    assert len(found.json()["items"]) == 1
    assert await stage.redis.xlen(keys.AUDIT_ASIDE) == 3


async def test_every_key_but_the_lists_of_things_ends_by_itself(stage: Stage) -> None:
    stage.talk()
    popup = (await stage.click()).json()["popup"]
    shown = (await stage.get(f"/api/popups/{popup['popup_id']}", await stage.token(Role.SUPERVISOR))).json()
    for delivery in shown["deliveries"]:
        await deliver(delivery["delivery_id"], stage.services)
    script = """
    local lives = {}
    for _, key in ipairs(redis.call('KEYS', 'popbridge:*')) do
      lives[#lives + 1] = key .. ' ' .. redis.call('TTL', key)
    end
    return lives
    """
    lives = dict(line.rsplit(" ", 1) for line in await stage.redis.eval(script, 0))
    lasting = {keys.AUDIT, keys.COUNTERS, keys.DUE, keys.DELIVERIES, keys.TOKENS, keys.PROOFS}
    assert {key for key, seconds in lives.items() if seconds == "-1"} <= lasting
    accepted = next(seconds for key, seconds in lives.items() if key.startswith("popbridge:accepted"))
    assert int(accepted) > 86_000, "a sender's retries come for a day"
