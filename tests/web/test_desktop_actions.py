"""What an agent does on the desktop page, and what becomes of it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bridge.core.http_types import Secret
from bridge.delivery.deliver import deliver
from bridge.store import keys
from bridge.store.tokens import Role
from tests.stage import DANA, OMER, Stage, open_stage
from tests.web.desk import acknowledge, ask, clicked, deliveries, page, to_desktop

pytestmark = pytest.mark.anyio
EMPTY = {"text": "", "outcome": None, "sent_at": None, "sent": []}


async def test_a_popup_is_delivered_when_a_page_says_so_and_shown_when_it_was_seen(stage: Stage) -> None:
    stage.talk()
    dana = await stage.token(Role.AGENT, DANA)
    popup_id = (await clicked(stage))["popup_id"]
    assert (await to_desktop(stage, popup_id))["state"] == "pending"
    assert await acknowledge(stage, dana, popup_id, "delivered") == 204
    delivered = await to_desktop(stage, popup_id)
    assert (delivered["state"], delivered["shown_at"]) == ("delivered", None)
    assert await acknowledge(stage, dana, popup_id, "shown") == 204
    shown = await to_desktop(stage, popup_id)
    assert shown["shown_at"] > delivered["ended_at"]
    for event in ("delivered", "shown", "shown"):
        assert await acknowledge(stage, dana, popup_id, event) == 204
    assert await to_desktop(stage, popup_id) == shown, "the first time counts"
    kinds = [kind for _, fields in await stage.redis.xrange(keys.AUDIT) if (kind := fields["kind"]) != "read"]
    assert kinds == ["lookup", "delivery", "delivery", "shown"], "to the CRM, to the desktop"


async def test_the_audit_says_when_it_was_seen(stage: Stage) -> None:
    stage.talk()
    popup_id = (await clicked(stage))["popup_id"]
    assert await acknowledge(stage, await stage.token(Role.AGENT, DANA), popup_id, "shown") == 204
    shown_at = (await to_desktop(stage, popup_id))["shown_at"]
    found = (await stage.get("/api/audit", await stage.token(Role.SUPERVISOR))).json()["items"][0]
    told = next(each for each in found["deliveries"] if each["target"] == "desktop")
    assert (told["state"], told["shown_at"]) == ("delivered", shown_at)


@pytest.mark.parametrize("told", [{}, {"popup_id": "pop_1"}, {"popup_id": "pop_1", "event": "eaten"}, [], "x"])
async def test_an_acknowledgement_must_say_what_happened(stage: Stage, told: Any) -> None:
    answer = await ask(stage, "POST", "ack", await stage.token(Role.AGENT, DANA), told)
    assert (answer.status_code, answer.json()["reason"]) == (400, "malformed")


async def test_no_such_popup(stage: Stage) -> None:
    dana = await stage.token(Role.AGENT, DANA)
    for popup_id in ("pop_1", "", None, 7):
        answer = await ask(stage, "POST", "ack", dana, {"popup_id": popup_id, "event": "shown"})
        assert answer.status_code == 404


async def test_a_dismissal_reaches_the_agents_other_pages(stage: Stage) -> None:
    stage.talk()
    dana = await stage.token(Role.AGENT, DANA)
    popup_id = (await clicked(stage))["popup_id"]
    async with page(stage, dana) as here, page(stage, dana) as there:
        assert await acknowledge(stage, dana, popup_id, "dismissed") == 204
        assert await here.until("dismissed") == await there.until("dismissed") == [{"popup_id": popup_id}]
    assert (await to_desktop(stage, popup_id))["state"] == "delivered"


async def test_a_click_that_finds_no_call_reaches_the_page_with_the_reason(stage: Stage) -> None:
    async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
        answer = (await stage.click({"agent": DANA})).json()
        told = (await opened.until("nothing"))[0]
        assert set(told) == {"click_id", "outcome", "why", "reason", "created_at"}
        assert {name: told[name] for name in ("click_id", "outcome", "why")} == {
            name: answer[name] for name in ("click_id", "outcome", "why")
        }
        wrong = (await stage.click({"agent": DANA, "extension": "SIPOmer1"})).json()
        assert (await opened.until("nothing", 2))[1]["click_id"] == wrong["click_id"]
        assert len(opened.ids) == 2
    async with page(stage, await stage.token(Role.AGENT, DANA), after=opened.ids[0]) as again:
        assert [each["click_id"] for each in await again.until("nothing")] == [wrong["click_id"]]


async def test_the_page_looks_up_again(stage: Stage) -> None:
    dana = await stage.token(Role.AGENT, DANA)
    assert (await ask(stage, "POST", "press", dana, {})).json()["outcome"] == "no-active-call"
    ivrid = stage.talk()
    async with page(stage, dana) as opened:
        answer = (await ask(stage, "POST", "press", dana)).json()
        assert (answer["outcome"], answer["popup"]["call"]["ivrid"]) == ("found", ivrid)
        for each in await deliveries(stage, answer["popup"]["popup_id"]):
            await deliver(each["delivery_id"], stage.services)
        assert await opened.until("popup") == [answer["popup"]]
    key = {"Idempotency-Key": "again-1"}
    first = (await ask(stage, "POST", "press", dana, {}, **key)).json()
    second = (await ask(stage, "POST", "press", dana, {}, **key)).json()
    assert second == {**first, "duplicate": True}
    others = (await ask(stage, "POST", "press", await stage.token(Role.AGENT, OMER), {}, **key)).json()
    assert others["click_id"] != first["click_id"], "the key is the agent's own"


async def test_the_crms_record_stays_with_the_popup(stage: Stage) -> None:
    stage.talk()
    record = {"type": "contact", "id": "42"}
    popup = (await stage.click({"agent": DANA, "record": record})).json()["popup"]
    dana = await stage.token(Role.AGENT, DANA)
    answer = (await ask(stage, "POST", "press", dana, {"popup_id": popup["popup_id"]})).json()
    assert answer["popup"]["record"] == record


async def test_the_chosen_call_is_chosen_again_while_it_lives(stage: Stage) -> None:
    ivrids = {stage.talk(), stage.talk(number="0501234567")}
    dana = await stage.token(Role.AGENT, DANA)
    usual = (await stage.click()).json()["popup"]["call"]["ivrid"]
    (older,), newer = ivrids - {usual}, usual
    chosen = (await ask(stage, "POST", "press", dana, {"ivrid": older})).json()
    assert (chosen["popup"]["call"]["ivrid"], chosen["why"][:30]) == (older, "the call that was asked for; t")
    again = (await stage.click()).json()
    assert again["popup"]["call"]["ivrid"] == older
    assert again["why"].startswith("you chose it; talking now; 1 other call")
    assert (await stage.click({"agent": DANA, "ivrid": newer})).json()["popup"]["call"]["ivrid"] == newer
    stage.phone.hang_up(older)
    assert (await stage.click()).json()["why"] == "talking now; the only call"
    stage.talk(number="0501234568")
    assert (await stage.click()).json()["why"].startswith("talking now"), "what was chosen is gone"


async def test_a_call_that_is_gone_is_not_remembered(stage: Stage) -> None:
    stage.talk()
    dana = await stage.token(Role.AGENT, DANA)
    answer = (await ask(stage, "POST", "press", dana, {"ivrid": "gone"})).json()
    assert answer["outcome"] == "no-such-call"
    assert await stage.redis.get(f"popbridge:choice:acme:{DANA}") is None


@pytest.mark.parametrize("told", [{"ivrid": 7}, {"ivrid": "x" * 400}, {"popup_id": []}, []])
async def test_a_click_on_the_page_that_cannot_be_read(stage: Stage, told: Any) -> None:
    assert (await ask(stage, "POST", "press", await stage.token(Role.AGENT, DANA), told)).status_code == 400


async def test_too_many_clicks_on_the_page(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.web.desktop.actions.PRESSES_PER_MINUTE", 2)
    dana, omer = await stage.token(Role.AGENT, DANA), await stage.token(Role.AGENT, OMER)
    codes = [(await ask(stage, "POST", "press", dana, {})).status_code for _ in range(4)]
    assert 429 in codes[2:]
    assert codes[:2] == [200, 200]
    assert (await ask(stage, "POST", "press", omer, {})).status_code == 200
    refused = next(
        answer
        for answer in [await ask(stage, "POST", "press", dana, {}) for _ in range(4)]
        if answer.status_code == 429
    )
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.json()["reason"] == "too-many"


async def test_a_note_is_kept_as_it_is_typed(stage: Stage) -> None:
    stage.talk()
    dana = await stage.token(Role.AGENT, DANA)
    path = f"notes/{(await clicked(stage))['popup_id']}"
    assert (await ask(stage, "GET", path, dana)).json() == EMPTY
    assert (await ask(stage, "PUT", path, dana, {"text": "asks for שלום", "outcome": "call back"})).status_code == 204
    kept = (await ask(stage, "GET", path, dana)).json()
    assert kept == EMPTY | {"text": "asks for שלום", "outcome": "call back"}
    assert (await ask(stage, "PUT", path, dana, {"text": "", "outcome": None})).status_code == 204
    assert (await ask(stage, "GET", path, dana)).json() == EMPTY
    for wrong in ({"text": "x" * 4001}, {"text": 7}, {"text": "x", "outcome": []}, []):
        assert (await ask(stage, "PUT", path, dana, wrong)).status_code == 400
        assert (await ask(stage, "POST", path, dana, wrong)).status_code == 400
    assert (await ask(stage, "POST", path, dana, {"text": " ", "outcome": None})).status_code == 400


@pytest.mark.parametrize("route", ["PUT notes/POPUP", "POST notes/POPUP", "POST ack", "POST press", "PUT preferences"])
async def test_half_a_character_is_refused(stage: Stage, route: str) -> None:
    stage.talk()
    popup_id = (await clicked(stage))["popup_id"]
    method, path = route.replace("POPUP", popup_id).split()
    headers = {**await stage.token(Role.AGENT, DANA), "Content-Type": "application/json"}
    text = r'{"text":"\ud83d","popup_id":"\ud83d","event":"shown","customdata":["\ud83d"]}'
    answer = await stage.http.request(method, f"{stage.bridge_url}/desktop/{path}", headers=headers, content=text)
    assert (answer.status_code, answer.json()["reason"]) == (400, "malformed")


async def test_a_note_reaches_the_crm_signed_and_is_tried_again(stage: Stage) -> None:
    ivrid = stage.talk()
    dana = await stage.token(Role.AGENT, DANA)
    popup = await clicked(stage)
    path = f"notes/{popup['popup_id']}"
    answer = await ask(stage, "POST", path, dana, {"text": "wants a quote", "outcome": "follow-up"})
    assert answer.status_code == 202
    delivery_id = answer.json()["delivery_id"]
    stage.crm.faults.status = 500
    await deliver(delivery_id, stage.services)
    failed = next(one for one in await deliveries(stage, popup["popup_id"]) if one["delivery_id"] == delivery_id)
    assert (failed["state"], failed["event"], failed["attempts"][0]["error"]) == ("pending", "call.note", "http-500")
    stage.crm.faults.status = 200
    await stage.redis.hset(f"popbridge:delivery:{delivery_id}", mapping={"not_before_ms": "0"})
    await deliver(delivery_id, stage.services)
    tries = [each for each in stage.crm.received if each.note]
    assert [each.status for each in tries] == [500, 200], "both were rightly signed"
    assert {each.webhook_id for each in tries} == {delivery_id}
    event = tries[1].event
    assert event is not None
    assert set(event) == {"type", "timestamp", "data"}
    assert event["type"] == "call.note"
    assert event["timestamp"] == event["data"].pop("noted_at")
    assert event["data"] == {
        "popup_id": popup["popup_id"],
        "click_id": popup["click_id"],
        "agent": popup["agent"],
        "ivrid": ivrid,
        "text": "wants a quote",
        "outcome": "follow-up",
    }
    kept = (await ask(stage, "GET", path, dana)).json()
    assert (kept["text"], kept["sent_at"]) == ("", event["timestamp"]), "what was sent is no draft"
    assert [note["text"] for note in kept["sent"]] == ["wants a quote"]
    done = next(one for one in await deliveries(stage, popup["popup_id"]) if one["delivery_id"] == delivery_id)
    assert done["state"] == "delivered"
    assert len(stage.crm.accepted(popup["click_id"])) == 1, "the popup itself came once"


async def test_a_note_that_is_sent_again_with_its_key_goes_out_once(stage: Stage) -> None:
    stage.talk()
    dana = await stage.token(Role.AGENT, DANA)
    popup = await clicked(stage)
    path, note = f"notes/{popup['popup_id']}", {"text": "wants a quote"}
    again = {"Idempotency-Key": "k" * 320}
    answers = await asyncio.gather(*(ask(stage, "POST", path, dana, note, **again) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["delivery_id"] for answer in answers}) == 1
    other = [await ask(stage, "POST", path, dana, note, **more) for more in ({"Idempotency-Key": "other"}, {}, {})]
    ids = {answer.json()["delivery_id"] for answer in (*answers, *other)}
    assert len(ids) == 4, "another key, or none, is another note"
    assert ids == {
        one["delivery_id"] for one in await deliveries(stage, popup["popup_id"]) if one["event"] == "call.note"
    }
    refused = await ask(stage, "POST", path, dana, note, **{"Idempotency-Key": "k" * 321})
    assert refused.status_code == 400


async def test_a_note_outlives_its_popup(stage: Stage) -> None:
    """It is tried for a day, whatever `popup_ttl_seconds` says and even when the popup is not kept any more."""
    stage.talk()
    popup = await clicked(stage)
    dana = await stage.token(Role.AGENT, DANA)
    answer = await ask(stage, "POST", f"notes/{popup['popup_id']}", dana, {"text": "x", "outcome": None})
    await stage.redis.delete(f"popbridge:popup:{popup['popup_id']}")
    await deliver(answer.json()["delivery_id"], stage.services)
    assert [each.note["text"] for each in stage.crm.received if each.note] == ["x"]
    ends = await stage.redis.hgetall(f"popbridge:delivery:{answer.json()['delivery_id']}")
    assert ends["expires_at"][:10] > popup["expires_at"][:10]


async def test_a_note_that_was_erased_is_not_sent_and_neither_is_its_popup_instead(stage: Stage) -> None:
    stage.talk()
    popup = (await stage.click()).json()["popup"]
    dana = await stage.token(Role.AGENT, DANA)
    answer = await ask(stage, "POST", f"notes/{popup['popup_id']}", dana, {"text": "x", "outcome": None})
    delivery_id = answer.json()["delivery_id"]
    await stage.redis.hdel(f"popbridge:delivery:{delivery_id}", "note")
    await deliver(delivery_id, stage.services)
    assert stage.crm.received == []
    each = next(one for one in await deliveries(stage, popup["popup_id"]) if one["delivery_id"] == delivery_id)
    assert each["state"] == "expired"


async def test_a_crm_that_takes_no_popups_takes_no_notes(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url) as stage:
        stage.talk()
        popup = await clicked(stage)
        account = stage.services.settings.crm["acme"].model_copy(update={"popup_url": None})
        stage.services.settings.crm["acme"] = account  # type: ignore[index]
        dana = await stage.token(Role.AGENT, DANA)
        answer = await ask(stage, "POST", f"notes/{popup['popup_id']}", dana, {"text": "x", "outcome": None})
        assert (answer.status_code, answer.json()["reason"]) == (409, "not-now")


USUAL = {
    "language": None,
    "sound": False,
    "alerts": False,
    "theme": "auto",
    "customdata": None,
    "open_record": False,
    "pop": None,
}


async def test_preferences_are_kept_and_reach_the_agents_pages(stage: Stage) -> None:
    dana = await stage.token(Role.AGENT, DANA)
    assert (await ask(stage, "GET", "preferences", dana)).json() == USUAL
    async with page(stage, dana) as opened:
        wanted = {"language": "he", "sound": True, "alerts": True, "theme": "dark"}
        wanted |= {"customdata": ["ticket"], "open_record": True, "pop": None}
        assert (await ask(stage, "PUT", "preferences", dana, wanted)).json() == wanted
        assert await opened.until("preferences") == [wanted]
        changed = {**wanted, "customdata": None, "language": None}
        told = {"customdata": None, "language": None}
        assert (await ask(stage, "PUT", "preferences", dana, told)).json() == changed
    assert (await ask(stage, "GET", "preferences", dana)).json() == changed
    async with page(stage, dana) as opened:
        assert opened.of("hello")[0]["preferences"] == changed


@pytest.mark.parametrize(
    "wrong",
    [
        {"language": "xx"}, {"language": 7}, {"sound": "yes"}, {"sound": None}, {"alerts": 1}, {"theme": "pink"},
        {"theme": []}, {"customdata": "ticket"}, {"customdata": [7]}, {"customdata": ["x"] * 101},
        {"customdata": ["x" * 201]}, {"pop": "never"}, {"pop": []}, [], "x",
    ],
)  # fmt: skip
async def test_wrong_preferences_change_nothing(stage: Stage, wrong: Any) -> None:
    dana = await stage.token(Role.AGENT, DANA)
    answer = await ask(stage, "PUT", "preferences", dana, wrong)
    assert (answer.status_code, answer.json()["reason"]) == (400, "malformed")
    assert (await ask(stage, "GET", "preferences", dana)).json() == USUAL


async def test_a_body_too_large_is_refused(stage: Stage) -> None:
    dana = await stage.token(Role.AGENT, DANA)
    answer = await ask(stage, "PUT", "preferences", dana, {"customdata": ["x" * 70_000]})
    assert (answer.status_code, answer.json()["reason"]) == (413, "too-large")


@pytest.mark.parametrize(("method", "most", "done"), [("POST", 3, 202), ("PUT", 5, 204)])
async def test_notes_in_a_loop_are_refused_and_spare_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, method: str, most: int, done: int
) -> None:
    monkeypatch.setattr("bridge.web.desktop.actions.NOTES_PER_MINUTE", 3)
    monkeypatch.setattr("bridge.web.desktop.actions.DRAFTS_PER_MINUTE", 5)
    stage.talk()
    popup_id = (await clicked(stage))["popup_id"]
    tokens = [await stage.token(Role.AGENT, DANA) for _ in range(2)]
    written = {"text": "again", "outcome": None}
    asked = [await ask(stage, method, f"notes/{popup_id}", tokens[n % 2], written) for n in range(2 * most + 1)]
    accepted = [one.status_code for one in asked].count(done)
    refused = [one for one in asked if one.status_code == 429]
    assert most <= accepted <= 2 * most, "whenever the minute turns"
    assert len(refused) == len(asked) - accepted
    assert refused[0].json()["detail"].startswith(f"More than {most} ")
    assert 0 < int(refused[0].headers["retry-after"]) <= 60
    sent = [one for one in await deliveries(stage, popup_id) if one["event"] == "call.note"]
    assert len(sent) == (accepted if method == "POST" else 0)
    stage.talk(stage.make.omer)
    others = (await clicked(stage, OMER))["popup_id"]
    omer = await stage.token(Role.AGENT, OMER)
    assert (await ask(stage, method, f"notes/{others}", omer, written)).status_code == done
