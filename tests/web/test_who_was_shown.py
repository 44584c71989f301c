"""Whoever was shown a caller leaves a line that a filter by that caller finds: in the audit, or in the access log."""

import csv
import io
import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.audit import erase, person_export, retention
from bridge.audit.subject import CallerSubject
from bridge.audit.verify import verify
from bridge.core.http_types import Secret
from bridge.core.model import Caller
from bridge.store import keys
from bridge.store.tokens import Role
from tests.stage import CALLER, DANA, OMER, Stage, open_stage, until
from tests.web.desk import ask, clicked, page
from tests.web.test_deliveries import popbridge

pytestmark = pytest.mark.anyio

OTHER, THIRD = "0527654321", "0523334444"
SPELLINGS = ("0527654321", "+972527654321", "052-765-4321", "972 52 7654321", "\u202a052\u2011765\u20114321\u202c")
UNSEEN = "0541234567"


@pytest.fixture
async def stage(tmp_path: Path, redis_url: Secret, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """Cards are looked at ten times a second."""
    monkeypatch.setattr("bridge.web.desktop.watch.PAUSE_SECONDS", 0.02)
    async with open_stage(tmp_path, redis_url, extra={"POPBRIDGE_DESKTOP__REFRESH_SECONDS": "0.1"}) as ready:
        yield ready


def on_hold(stage: Stage, *numbers: str) -> None:
    """Calls that wait on Dana's extension."""
    for number in numbers:
        stage.phone.hold(stage.talk(number=number, name="Ruth Levi"), stage.make.dana)


async def found(stage: Stage, caller: str, **filters: str) -> list[Any]:
    """The log entries that a supervisor finds."""
    given = {"caller": caller, **filters}
    answer = await stage.http.get(
        f"{stage.bridge_url}/api/audit", params=given, headers=await stage.token(Role.SUPERVISOR)
    )
    assert answer.status_code == 200
    return list(answer.json()["items"])


@pytest.mark.parametrize("spelling", SPELLINGS, ids=ascii)
async def test_a_caller_of_another_call_is_found_in_any_spelling(stage: Stage, spelling: str) -> None:
    on_hold(stage, OTHER)
    stage.talk()
    click_id = (await stage.click({"agent": DANA})).json()["click_id"]
    (line,) = await found(stage, spelling)
    assert (line["click_id"], line["caller"], line["other_callers"]) == (click_id, CALLER, [OTHER])
    assert [one["click_id"] for one in await found(stage, CALLER)] == [click_id]
    assert await found(stage, UNSEEN) == []


@pytest.mark.parametrize(
    ("others", "kept"),
    [
        ((OTHER, THIRD), {OTHER, THIRD}),
        (("+972527654321",), {"+972527654321"}),
        (("Anonymous",), {"Anonymous"}),
        (("103",), {"103"}),
        (("*6759",), {"*6759"}),
        (("+14155552671",), {"+14155552671"}),
        ((CALLER,), set()),
        (("+972722776772",), set()),
        (("",), set()),
        ((OTHER, OTHER), {OTHER}),
        (("052-765-4321", OTHER), {"052-765-4321"}),
    ],
    ids=lambda given: ascii(sorted(given)),
)
async def test_each_caller_once_and_the_chosen_one_by_its_own_line(
    stage: Stage, others: tuple[str, ...], kept: set[str]
) -> None:
    on_hold(stage, *others)
    stage.talk()
    await stage.click({"agent": DANA})
    (line,) = await found(stage, CALLER)
    assert set(line.get("other_callers", ())) == kept
    assert len(line.get("other_callers", ())) == len(kept)
    for caller in kept:
        assert [one["click_id"] for one in await found(stage, caller)] == [line["click_id"]]


async def test_callers_of_a_story_without_a_popup_are_found(stage: Stage) -> None:
    """The call asked for is not there; the story shows those that are."""
    on_hold(stage, OTHER)
    answer = (await stage.click({"agent": DANA, "ivrid": "20200101unknown"})).json()
    assert (answer["outcome"], answer["popup"]) == ("no-such-call", None)
    (line,) = await found(stage, OTHER)
    assert (line["outcome"], line["caller"], line["other_callers"]) == ("no-such-call", "", [OTHER])


async def test_every_way_to_press_leaves_it(stage: Stage) -> None:
    on_hold(stage, OTHER)
    stage.talk()
    dana = await stage.token(Role.AGENT, DANA)
    told = [
        (await stage.click({"agent": DANA})).json(),
        (await stage.click({"extension": stage.make.dana})).json(),
        (await ask(stage, "POST", "press", dana, {})).json(),
    ]
    ids = [one["click_id"] for one in await found(stage, OTHER)]
    assert ids == [one["click_id"] for one in reversed(told)]
    assert [one["click_id"] for one in await found(stage, OTHER, crm_user=DANA, limit="2")] == ids[:2]
    assert await found(stage, OTHER, crm_user=OMER) == []
    assert await found(stage, OTHER, until="1h") == []
    assert await found(stage, OTHER, crm="rival") == []


async def test_a_repeat_of_the_same_click_adds_nothing(stage: Stage) -> None:
    on_hold(stage, OTHER)
    stage.talk()
    for _ in range(3):
        await stage.click({"agent": DANA}, message_id="msg_same")
    (line,) = await found(stage, OTHER)
    assert line["other_callers"] == [OTHER]
    assert await stage.redis.xlen(keys.AUDIT_ASIDE) == 0


async def test_an_open_cards_new_caller_is_found_without_a_click(stage: Stage) -> None:
    stage.talk()
    token = await stage.token(Role.AGENT, DANA)
    async with page(stage, token) as one, page(stage, token) as two:
        popup = await clicked(stage)
        await one.until("popup")
        assert await found(stage, OTHER) == []
        stage.talk(number=OTHER)
        for opened in (one, two):
            (told, *_) = await opened.until("call")
            assert [call["caller"]["number"] for call in told["other_calls"]] == [OTHER]
        (line,) = await found(stage, OTHER)
        assert (line["click_id"], line["other_callers"]) == (popup["click_id"], [OTHER])
        stage.talk(number=THIRD)
        await one.until("call", 2)
        stage.phone.hold(stage.phone.calls(stage.make.dana)[0].ivrid, stage.make.dana)
        await one.until("call", 3)
        (line,) = await found(stage, THIRD)
        assert sorted(line["other_callers"]) == sorted([OTHER, THIRD]), "each once, however often it is told"


async def test_who_cannot_be_recorded_is_not_shown(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.talk()
    refused: list[int] = []

    async def away(*_: object) -> None:
        refused.append(1)
        raise OSError

    async with page(stage, await stage.token(Role.AGENT, DANA)) as opened:
        await clicked(stage)
        await opened.until("popup")
        with monkeypatch.context() as broken:
            broken.setattr("bridge.web.desktop.watch.callers.record_shown", away)
            stage.talk(number=OTHER)

            async def tried_twice() -> bool:
                return len(refused) >= 2

            await until(tried_twice)
            assert opened.of("call") == []
        await opened.until("call")
        assert len(await found(stage, OTHER)) == 1


async def test_the_export_names_them(stage: Stage) -> None:
    on_hold(stage, OTHER)
    stage.talk()
    await stage.click({"agent": DANA})
    supervisor = await stage.token(Role.SUPERVISOR)
    text = (await stage.get(f"/api/audit/export?format=csv&caller={OTHER}", supervisor)).text
    (row,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    assert (row["caller"], row["other_callers"]) == (CALLER, OTHER)
    lines = (await stage.get(f"/api/audit/export?format=jsonl&caller={OTHER}", supervisor)).text.splitlines()
    assert [json.loads(line)["other_callers"] for line in lines] == [[OTHER]]
    assert json.loads((await popbridge(stage, "audit", "list", "--caller", OTHER, "--json"))[1])["items"]


async def test_erasing_the_other_caller_leaves_the_rest_and_a_log_that_holds(stage: Stage) -> None:
    on_hold(stage, OTHER, THIRD)
    stage.talk()
    await stage.click({"agent": DANA})
    await stage.get(f"/api/pbx/main/extensions?extension={stage.make.dana}", await stage.token(Role.SUPERVISOR))
    archive, now = stage.services.archive, stage.services.clock.now()
    subject = CallerSubject.of("+972 52-765-4321", ["IL"])
    held = await person_export.everything_about(archive, stage.redis, subject)
    assert [one["caller"] for one in held["shown_beside_others"]] == [OTHER]
    assert [one["who"].split()[0] for one in held["shown_to"]] == ["supervisor"]
    assert held["asked_for_in"] == []
    receipt = await erase.erase(archive, stage.redis, subject, "a test", now)
    assert (receipt.lookups, receipt.beside, receipt.reads) == (0, 1, 1)
    assert await found(stage, OTHER) == []
    (line,) = await found(stage, CALLER)
    assert sorted(line["other_callers"], key=str) == sorted([None, THIRD], key=str)
    assert verify(archive).findings == []
    assert archive.file is not None
    assert OTHER[1:].encode() not in archive.file.read_bytes()
    late = await erase.dry_run(archive, stage.redis, subject, now)
    assert (late.lookups, late.beside) == (0, 0)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("UPDATE callers SET caller = '0500000000'", "was changed (caller)"),
        ("UPDATE callers SET caller_key = '+972500000000'", "was changed (caller)"),
        ("UPDATE callers SET caller = NULL, caller_key = NULL, caller_salt = NULL", "was changed (caller)"),
        ("UPDATE callers SET click_id = 'clk_other'", "was changed"),
        ("UPDATE callers SET time = '2020-01-01T00:00:00.000Z'", "was changed"),
        ("DELETE FROM callers", "is missing"),
    ],
)
async def test_whoever_tampers_with_them_is_found_out(stage: Stage, change: str, what: str) -> None:
    on_hold(stage, OTHER)
    stage.talk()
    await stage.click({"agent": DANA})
    archive = stage.services.archive
    await archive.catch_up(stage.redis)
    assert verify(archive).findings == []
    assert archive.file is not None
    with sqlite3.connect(archive.file) as direct:
        direct.execute(change)
    direct.close()
    assert what in [one.what for one in verify(archive).findings]


async def test_they_are_deleted_with_their_time(stage: Stage) -> None:
    on_hold(stage, OTHER)
    stage.talk()
    await stage.click({"agent": DANA})
    archive, later = stage.services.archive, stage.services.clock.now() + timedelta(days=2)
    await archive.catch_up(stage.redis)
    assert await retention.forget(archive, later, later) == 1
    assert await found(stage, OTHER) == []
    assert verify(archive).findings == []


async def acts(stage: Stage, query: str = "") -> list[Any]:
    """The access log, but for those who read the access log."""
    answer = await stage.get(f"/api/audit/access-log{query}", await stage.token(Role.ADMIN))
    assert answer.status_code == 200
    return [one for one in answer.json()["items"] if one["what"] != "access-log"]


async def waiting(stage: Stage, number: str) -> str:
    """A caller waits in a queue; its id."""
    stage.phone.wait("Sales", Caller(number), datetime.now(UTC))
    found = await stage.services.lookup.systems["main"].queues(None)
    assert found
    return found[0].queue


READS: list[tuple[str, str, bool]] = [
    ("/api/popups/POPUP", "popup", True),
    ("/api/calls/IVRID", "call", True),
    ("/api/calls/IVRID?pbx=main", "call", True),
    ("/api/pbx/main/extensions", "extensions", True),
    ("/api/pbx/main/extensions?extension=DANA", "extensions", True),
    ("/api/pbx/main/queues", "queues", True),
    ("/api/pbx/main/queues?queue=QUEUE", "queues", True),
    ("/api/deliveries", "deliveries", False),
    ("/api/deliveries?state=pending&target=acme", "deliveries", False),
    ("/api/clicks", "clicks", False),
    ("/api/clicks/CLICK", "story", False),
]


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.ADMIN])
@pytest.mark.parametrize(("path", "what", "shows"), READS, ids=[path for path, *_ in READS])
async def test_whoever_reads_the_api_is_in_the_access_log(
    stage: Stage, path: str, what: str, shows: bool, role: Role
) -> None:
    ivrid = stage.talk(number=OTHER)
    queue = await waiting(stage, OTHER)
    answer = (await stage.click({"agent": DANA})).json()
    path = path.replace("POPUP", answer["popup"]["popup_id"]).replace("IVRID", ivrid)
    path = path.replace("CLICK", answer["click_id"]).replace("DANA", stage.make.dana).replace("QUEUE", queue)
    token = await stage.token(role)
    assert (await stage.get(path, token)).status_code == 200
    (act,) = await acts(stage)
    assert (act["kind"], act["what"], act["who"].split()[0]) == ("read", what, role)
    assert OTHER[1:] not in json.dumps(act)
    assert ivrid not in json.dumps(act)
    for spelling in SPELLINGS[:3]:
        assert [one["act_id"] for one in await acts(stage, f"?caller={spelling.replace('+', '%2B')}")] == (
            [act["act_id"]] if shows else []
        )
    assert await acts(stage, f"?caller={UNSEEN}") == []
    assert verify(stage.services.archive).findings == []


async def test_agents_reading_by_the_api_are_in_it_too(stage: Stage) -> None:
    ivrid = stage.talk()
    popup = (await stage.click({"agent": DANA})).json()["popup"]
    dana = await stage.token(Role.AGENT, DANA)
    for path in (f"/api/popups/{popup['popup_id']}", f"/api/calls/{ivrid}"):
        assert (await stage.get(path, dana)).status_code == 200
    assert [(one["what"], one["who"].split()[0], one["crms"]) for one in await acts(stage, f"?caller={CALLER}")] == [
        ("call", "agent", ["acme"]),
        ("popup", "agent", ["acme"]),
    ]


async def test_what_was_not_shown_leaves_nothing(stage: Stage) -> None:
    supervisor = await stage.token(Role.SUPERVISOR)
    for path in ("/api/popups/pop_x", "/api/calls/x", "/api/pbx/nowhere/queues", "/api/clicks/clk_x"):
        assert (await stage.get(path, supervisor)).status_code == 404
    assert await acts(stage) == []


async def test_who_searched_for_a_caller_is_found_by_them_too(stage: Stage) -> None:
    await found(stage, OTHER)
    await found(stage, THIRD)
    (act,) = await acts(stage, f"?caller={OTHER}")
    assert act["what"] == "list"
    assert (await stage.get("/api/audit/access-log?colour=red", await stage.token(Role.ADMIN))).status_code == 400


async def test_the_command_line_is_in_it_too(stage: Stage) -> None:
    stage.talk(number=OTHER)
    queue = await waiting(stage, THIRD)
    await stage.click({"agent": DANA})
    listed = json.loads((await popbridge(stage, "deliveries", "list", "--json"))[1])["items"]
    for words in (
        ("lookup", stage.make.dana),
        ("lookup", stage.make.dana, "--json"),
        ("queues",),
        ("queues", queue, "--json"),
        ("deliveries", "list"),
        ("deliveries", "show", listed[0]["delivery_id"]),
    ):
        assert (await popbridge(stage, *words))[0] == 0, words
    told = json.loads((await popbridge(stage, "audit", "access-log", "--json"))[1])["items"]
    what = ["access-log", "delivery", "deliveries", "queues", "queues", "lookup", "lookup", "deliveries"]
    assert [(one["what"], one["who"]) for one in told] == [(one, "command line") for one in what]
    by_caller = json.loads((await popbridge(stage, "audit", "access-log", "--caller", OTHER, "--json"))[1])["items"]
    assert [one["what"] for one in by_caller] == ["access-log", "lookup", "lookup"]
    in_queue = json.loads((await popbridge(stage, "audit", "access-log", "--caller", THIRD, "--json"))[1])["items"]
    assert [one["what"] for one in in_queue] == ["access-log", "queues", "queues"]
    assert "lookup main" in (await popbridge(stage, "audit", "access-log"))[1]


async def test_a_lookup_without_redis_says_that_it_was_not_recorded(stage: Stage) -> None:
    stage.talk()
    file = stage.folder / "popbridge.toml"
    file.write_text(file.read_text().replace(stage.redis_url.reveal(), "unix:///nowhere/redis.sock"))
    code, text = await popbridge(stage, "lookup", stage.make.dana)
    assert code == 0
    assert CALLER in text
