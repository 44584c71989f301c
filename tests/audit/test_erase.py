"""After an erasure the person is nowhere, and the log is still whole."""

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ResponseError
from sqlalchemy import text, update
from sqlalchemy.exc import OperationalError

from bridge.audit import access_log, erase, held, overwrite, person_export, query, retention, schema, story
from bridge.audit.archive import Archive
from bridge.audit.schema import lookups
from bridge.audit.search import Search
from bridge.audit.subject import AgentSubject, CallerSubject
from bridge.audit.verify import verify
from bridge.core.contact import Contact, ContactRecord, ContactStatus
from bridge.core.http_types import Secret
from bridge.delivery.deliver import deliver
from bridge.store import keys
from bridge.store.calls import popups
from bridge.store.client import open_async
from bridge.store.desktop import shift
from bridge.store.tokens import Role
from tests.audit import entries
from tests.dump import everything_in
from tests.faults.world import RedisServer
from tests.stage import DANA, OMER, Stage, open_stage

pytestmark = pytest.mark.anyio

NUMBER = "0541112233"
TRACES = ("541112233", "54-111-2233")
OTHER = "0527654321"


@pytest.fixture(params=["sqlite", "postgresql"])
async def scene(request: pytest.FixtureRequest, tmp_path: Path, redis_url: Secret) -> AsyncIterator[Stage]:
    """A bridge whose archive is on either database."""
    extra = {}
    if request.param == "postgresql":
        extra["POPBRIDGE_AUDIT__URL"] = request.getfixturevalue("postgres").new_database().reveal()
    async with open_stage(tmp_path, redis_url, extra=extra) as stage:
        yield stage


async def live_through(stage: Stage) -> str:
    """A caller's day: written in two ways, pushed and waiting, in the cache, archived and not. One message's id."""
    for spelling in (NUMBER, "+972541112233", "054-111-2233"):
        stage.talk(number=spelling, name="Ruth Levi")
        popup = (await stage.click({"agent": DANA, "record": {"phone": spelling}})).json()["popup"]
        shown = (await stage.get(f"/api/popups/{popup['popup_id']}", await stage.token(Role.SUPERVISOR))).json()
        for delivery in shown["deliveries"]:
            await deliver(delivery["delivery_id"], stage.services)
    await stage.services.archive.catch_up(stage.redis)
    stage.talk(stage.make.omer, number=OTHER, name="Somebody Else")
    await stage.click({"agent": OMER})
    await stage.click({"agent": DANA}, message_id="msg_erased")
    await stage.redis.xadd(keys.AUDIT, {"kind": "lookup", "line": json.dumps({"caller": NUMBER})})
    await stage.get(f"/api/audit?caller={NUMBER}", await stage.token(Role.SUPERVISOR))
    return "msg_erased"


async def test_a_caller_is_nowhere_afterwards(scene: Stage, said: io.StringIO, request: pytest.FixtureRequest) -> None:
    message = await live_through(scene)
    services, archive = scene.services, scene.services.archive
    mark = CallerSubject.of("054-111-2233", ["IL"])
    assert NUMBER in everything_in(scene.redis_url)
    expected = await erase.dry_run(archive, scene.redis, mark, services.clock.now())
    receipt = await erase.erase(archive, scene.redis, mark, "a test", services.clock.now())
    assert (receipt.lookups, receipt.reads) == (expected.lookups, expected.reads) == (4, 4), "3 popups were shown"
    assert receipt.beside == expected.beside == 3
    assert receipt.redis == expected.redis
    assert {"accepted", "audit", "call", "click", "popup", "desktop", "shift-call"} <= set(receipt.redis)
    await services.archive.catch_up(scene.redis)
    supervisor, admin = await scene.token(Role.SUPERVISOR), await scene.token(Role.ADMIN)
    told = [await scene.get(path, supervisor) for path in ("/api/audit", "/api/audit/export", "/api/deliveries")]
    told.append(await scene.get("/api/audit/access-log", admin))
    again = await scene.click({"agent": DANA}, message_id=message)
    told.append(again)
    assert [one.status_code for one in told] == [200] * 5
    assert (again.json()["duplicate"], again.json()["outcome"], again.json()["popup"]) == (True, "found", None)
    said_all = "\n".join([said.getvalue(), *(one.text for one in told), json.dumps(str(receipt))])
    for trace in TRACES:
        assert trace not in everything_in(scene.redis_url)
        assert trace not in said_all
        assert not held_in_files(archive, trace, request)
    assert "Ruth Levi" not in everything_in(scene.redis_url)
    assert "Somebody Else" in everything_in(scene.redis_url), "others stay"
    assert OTHER in told[0].text
    verdict = verify(archive)
    assert verdict.findings == []
    nothing = await erase.dry_run(archive, scene.redis, mark, services.clock.now())
    assert (nothing.lookups, nothing.beside, nothing.reads, nothing.redis) == (0, 0, 0, {})


def held_in_files(archive: Archive, trace: str, request: pytest.FixtureRequest) -> bool:
    if archive.file is None:
        server = request.getfixturevalue("postgres")
        database = archive.engine().url.database
        return trace in server.run("pg_dump", str(database)) or server.files_hold(trace)
    files = [file for file in archive.file.parent.iterdir() if file.name.startswith(archive.file.name)]
    assert files
    return any(trace.encode() in file.read_bytes() for file in files)


async def test_an_agent_is_nowhere_afterwards(scene: Stage) -> None:
    scene.talk()
    await scene.click({"agent": DANA})
    await scene.click({"agent": OMER})
    await scene.click({"agent": DANA, "extension": "SIPOmer1"})
    link = {"agent": DANA, "token": "wrong"}
    assert (await scene.http.get(f"{scene.bridge_url}/clicks/acme", params=link)).status_code == 401
    agent = await scene.token(Role.AGENT, DANA)
    supervisor = await scene.token(Role.SUPERVISOR)
    assert len((await scene.get(f"/api/audit?crm_user={DANA}", supervisor)).json()["items"]) == 2
    receipt = await erase.erase(
        scene.services.archive, scene.redis, AgentSubject("acme", DANA), "a test", scene.services.clock.now()
    )
    assert (receipt.lookups, receipt.reads, receipt.redis["refused"]) == (2, 1, 1)
    lines = (await scene.get("/api/audit", supervisor)).json()["items"]
    assert [line["crm_user"] for line in lines] == [None, OMER, None]
    assert [line["why"] for line in lines].count(None) == 2
    for name in (DANA, "Dana Cohen"):
        assert name not in everything_in(scene.redis_url)
        assert name not in json.dumps(lines)
    assert (await scene.get("/desktop/events", agent)).status_code == 401, "the token goes with its owner"
    assert verify(scene.services.archive).findings == []


async def test_somebody_elses_popup_loses_only_the_other_call(stage: Stage) -> None:
    stage.talk(number=OTHER)
    stage.phone.hold(stage.talk(number=NUMBER), stage.make.dana)
    popup = (await stage.click({"agent": DANA})).json()["popup"]
    assert popup["call"]["caller"]["number"] == OTHER
    assert len(popup["other_calls"]) == 1
    await erase.erase(
        stage.services.archive, stage.redis, CallerSubject.of(NUMBER, ["IL"]), "a test", stage.services.clock.now()
    )
    kept = (await stage.get(f"/api/popups/{popup['popup_id']}", await stage.token(Role.SUPERVISOR))).json()
    assert kept["call"]["caller"]["number"] == OTHER
    assert kept["other_calls"] == []
    assert "541112233" not in everything_in(stage.redis_url)


@pytest.mark.parametrize("rewriting", [False, True], ids=["idle", "rewriting"])
async def test_the_files_of_redis_forget_too(tmp_path: Path, rewriting: bool) -> None:
    """The append-only file and the snapshot, though one that began before the erasure is being written."""
    server = RedisServer(tmp_path)
    await server.start()
    redis, archive = open_async(server.url), Archive(Secret(f"sqlite:///{tmp_path / 'audit.db'}"))
    try:
        _, fields = entries.lookup(1, caller=NUMBER, caller_e164="+972541112233")
        await redis.xadd(keys.AUDIT, fields)
        await redis.xadd(keys.AUDIT_ASIDE, {"line": NUMBER})
        await redis.xadd(keys.AUDIT_ASIDE, {"line": OTHER})
        with Redis.from_url(server.url.reveal()) as direct:
            direct.config_set("rdbcompression", "no")
            direct.config_set("save", "3600 1000000")
            direct.save()
            if rewriting:
                direct.config_set("rdb-key-save-delay", 100_000)
                direct.bgrewriteaof()
                direct.config_set("rdb-key-save-delay", 0)
        receipt = await erase.erase(archive, redis, CallerSubject.of(NUMBER, ["IL"]), "a test", entries.START)
        assert (receipt.lookups, receipt.redis, receipt.notes[0]) == (1, {"audit": 1}, "Redis has rewritten its files")
        files = [*(tmp_path / "appendonlydir").glob("*.aof"), *(tmp_path / "appendonlydir").glob("*.rdb")]
        files.append(tmp_path / "dump.rdb")
        assert any(OTHER.encode() in file.read_bytes() for file in files), "the test looks where things are"
        assert not any(b"541112233" in file.read_bytes() for file in files)
    finally:
        await redis.aclose()
        archive.close()
        await server.kill()


async def test_a_redis_that_may_not_rewrite_its_files_leaves_a_receipt(
    archive: Archive, redis_url: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at providers who forbid it; nor does an archive that is busy keep anybody from the receipt."""
    redis = open_async(redis_url)
    archive.insert([entries.lookup(1, caller=OTHER, caller_e164=None)])

    async def forbidden(_: str) -> dict[str, str]:
        raise ResponseError("NOPERM")

    def busy(_: Archive) -> str:
        raise OperationalError("VACUUM", {}, Exception("database is locked"))

    monkeypatch.setattr(redis, "config_get", forbidden)
    monkeypatch.setattr(overwrite, "rewrite", busy)
    receipt = await erase.erase(archive, redis, CallerSubject.of(OTHER, ["IL"]), "a test", entries.START)
    assert (receipt.lookups, "refused" in receipt.notes[0], "run the command again" in receipt.notes[1]) == (
        1,
        True,
        True,
    )
    assert verify(archive).ok
    await redis.aclose()


@pytest.mark.parametrize("ended", [False, True], ids=["by a worker", "by a click"])
async def test_what_comes_while_it_runs_is_looked_for_once_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    stage.talk(number=NUMBER)
    await stage.click({"agent": DANA})
    direct = Redis.from_url(stage.redis_url.reveal())
    redact, late = erase.mentions.redact, [True]

    async def redact_and_write(*given: Any) -> int:
        gone = await redact(*given)
        if late and late.pop():
            if ended:
                await stage.click({"agent": DANA})
            else:
                direct.xadd(keys.desktop(AgentSubject("acme", DANA)), {"event": "popup", "data": NUMBER})
        return gone

    monkeypatch.setattr(erase.mentions, "redact", redact_and_write)
    receipt = await erase.erase(
        stage.services.archive, stage.redis, CallerSubject.of(NUMBER, ["IL"]), "a test", stage.services.clock.now()
    )
    assert receipt.lookups == (2 if ended else 1)
    assert "541112233" not in everything_in(stage.redis_url)
    assert verify(stage.services.archive).ok
    direct.close()


@pytest.mark.parametrize(
    "kept",
    [
        *(
            "tel:0541112233",
            "054 111 2233 ext 5",
            "Ruth 0541112233",
            "sip:0541112233@pbx",
            "+972 (0)54 111 2233;x=1",
            "a%200541112233",
        ),
        *(
            "0527654321 0541112233 0527654321",
            "\u200e0541112233",
            "Ruth 054\u2013111\xa02233",
            "00972-54/1112233 and 0527654321",
        ),
    ],
    ids=ascii,
)
async def test_a_number_among_other_words_is_found(archive: Archive, redis_url: Secret, kept: str) -> None:
    redis = open_async(redis_url)
    others = [entries.lookup(2), entries.lookup(3, caller="5 4 1 1 1 2 2 3 4 3", caller_e164=None)]
    archive.insert([entries.lookup(1, caller=kept, caller_e164=None), *others])
    receipt = await erase.erase(archive, redis, CallerSubject.of(NUMBER, ["IL"]), "a test", entries.START)
    assert receipt.lookups == 1
    lines, _ = query.read(archive, Search.read({}, [], entries.START), 5, None)
    assert [line["caller"] is None for line in lines] == [False, False, True]
    await redis.aclose()


async def test_a_number_that_a_crm_sent_as_something_else(archive: Archive, redis_url: Secret) -> None:
    """Where it stands among what tells of the agent, those fields go as well, and the receipt says which."""
    redis = open_async(redis_url)
    wrong: list[dict[str, object]] = [
        {"crm_user": NUMBER, "why": f"nobody called '{NUMBER}' is in the directory"},
        {"ivrid": "054-111-2233"},
        {"extension": "+972541112233", "why": "the phone system does not list it"},
    ]
    archive.insert([entries.lookup(number, **changed) for number, changed in enumerate(wrong)])
    receipt = await erase.erase(archive, redis, CallerSubject.of(NUMBER, ["IL"]), "a test", entries.START)
    assert receipt.lookups == 3
    (act,) = (await access_log.page(archive, redis, 5, None)).items
    assert act["lines"] == {"caller": [1, 2, 3], "agent": [1, 3], "reads": []}
    lines, _ = query.read(archive, Search.read({}, [], entries.START), 5, None)
    assert [line["crm_user"] for line in lines] == [None, "agent1@acme.example", None]
    assert "2233" not in json.dumps(lines)
    assert verify(archive).ok
    await redis.aclose()


async def test_calls_whose_ids_have_its_digits_are_not_taken_for_it(archive: Archive, redis_url: Secret) -> None:
    """An id of a call begins with its time: 02-611-2210 is not every call of 22 November 2026, 10 o'clock."""
    redis = open_async(redis_url)
    call = {"ivrid": "20261122104202000001", "caller": OTHER}
    archive.insert([entries.lookup(1, **call)])
    await redis.hset(keys.call("20261122104202000001"), mapping={"main": json.dumps(call)})
    receipt = await erase.erase(archive, redis, CallerSubject.of("02-611-2210", ["IL"]), "a test", entries.START)
    assert (receipt.lookups, receipt.redis) == (0, {})
    await redis.aclose()


async def test_no_key_is_named_after_a_person(stage: Stage) -> None:
    """What a CRM calls its clicks is its own affair; a click on the desktop page is known by its agent."""
    stage.talk(number=NUMBER)
    first = await stage.click({"agent": DANA}, message_id=f"msg_{NUMBER}")
    headers = {**await stage.token(Role.AGENT, DANA), "Idempotency-Key": "one", "Origin": stage.bridge_url}
    clicked = await stage.http.post(f"{stage.bridge_url}/desktop/press", json={}, headers=headers)
    assert (first.status_code, clicked.status_code) == (200, 200)
    for mark in (CallerSubject.of(NUMBER, ["IL"]), AgentSubject("acme", DANA)):
        await erase.erase(stage.services.archive, stage.redis, mark, "a test", stage.services.clock.now())
    held = everything_in(stage.redis_url)
    assert [trace for trace in ("541112233", "dana@", "dana%40") if trace in held] == []
    assert (await stage.click({"agent": DANA}, message_id=f"msg_{NUMBER}")).json()["duplicate"] is True


async def test_streams_keep_no_deleted_entries(stage: Stage) -> None:
    """Redis only marks them as deleted, and writes them to its files and replicas with their neighbours."""
    for number in (OTHER, NUMBER, OTHER):
        stage.talk(number=number)
        popup = (await stage.click({"agent": DANA})).json()["popup"]
        kept = await popups.popup(stage.redis, popup["popup_id"])
        assert kept is not None
        for delivery_id in kept[1]:
            await deliver(delivery_id, stage.services)
    await erase.erase(
        stage.services.archive, stage.redis, CallerSubject.of(NUMBER, ["IL"]), "a test", stage.services.clock.now()
    )
    name = keys.desktop(AgentSubject("acme", DANA))
    with Redis.from_url(stage.redis_url.reveal()) as direct:
        direct.config_set("rdbcompression", "no")
        dump, lives = direct.dump(name), direct.ttl(name)
    assert dump is not None
    assert (OTHER.encode() in dump, b"541112233" in dump) == (True, False)
    assert 0 < lives <= keys.DESKTOP_SECONDS


async def test_statistics_keep_no_samples(archive: Archive, redis_url: Secret, request: pytest.FixtureRequest) -> None:
    """PostgreSQL keeps the commonest values of each column, in a table of its own."""
    redis = open_async(redis_url)
    archive.insert([entries.lookup(number, caller=NUMBER, caller_e164="+972541112233") for number in range(200)])
    archive.insert([entries.lookup(number) for number in range(200, 400)])
    retention.optimize(archive)
    if not archive.is_sqlite:
        with archive.outside() as connection:
            connection.execute(text("ANALYZE"))
        assert held_in_files(archive, "541112233", request)
    await erase.erase(archive, redis, CallerSubject.of(NUMBER, ["IL"]), "a test", entries.START)
    assert not held_in_files(archive, "541112233", request)
    await redis.aclose()


async def test_everything_held_is_exported(scene: Stage) -> None:
    await live_through(scene)
    mark = CallerSubject.of(NUMBER, ["IL"])
    told = await person_export.everything_about(scene.services.archive, scene.redis, mark)
    assert len(told["audit"]) == 4
    assert {one["kind"] for one in told["redis"]} >= {"accepted", "audit", "call", "click", "popup", "desktop"}
    assert [one["who"].split()[0] for one in told["asked_for_in"]] == ["supervisor"]
    assert OTHER not in json.dumps(told)


async def test_a_receipt_does_not_cover_what_was_emptied_by_hand(archive: Archive, redis_url: Secret) -> None:
    archive.insert(list(entries.some(9)))
    redis = open_async(redis_url)
    number = entries.number_of(3)
    receipt = await erase.erase(archive, redis, CallerSubject.of(number, ["IL"]), "a test", entries.START)
    assert receipt.lookups == 1
    assert verify(archive).ok
    with archive.writing() as connection:
        hand = {"caller": None, "caller_key": None, "ivrid": None, "original_ivrid": None, "caller_salt": None}
        connection.execute(update(lookups).where(lookups.c.seq == 13).values(hand))
    assert [found.entry for found in verify(archive).findings] == [13]
    with archive.writing() as connection:
        connection.execute(update(schema.access_log).values(details=schema.access_log.c.details.concat(" ")))
    assert {found.entry for found in verify(archive).findings} >= {28}, "a receipt is a line like all others"
    await redis.aclose()


async def test_readings_are_noted_without_the_number(archive: Archive, redis_url: Secret) -> None:
    redis = open_async(redis_url)
    archive.insert(list(entries.some(3)))
    wanted = Search.read({"caller": NUMBER, "crm": "acme", "crm_user": DANA}, ["IL"], entries.START)
    await access_log.record(redis, "supervisor abc", "list", entries.START, wanted)
    page = await access_log.page(archive, redis, 10, None)
    (act,) = page.items
    assert (act["who"], act["what"], act["filters"]["crm"]) == ("supervisor abc", "list", "acme")
    assert NUMBER not in json.dumps(act)
    assert DANA not in json.dumps(act)
    known = held.find(archive, CallerSubject.of("+972 54 111 2233", ["IL"]))
    assert len(known.reads) == 1, "whoever knows the number finds who asked for it"
    assert held.find(archive, CallerSubject.of(OTHER, ["IL"])).reads == []
    assert held.find(archive, AgentSubject("acme", DANA)).reads == known.reads
    assert verify(archive).ok
    with archive.writing() as connection:
        connection.execute(update(schema.access_log).values(salt=b"another salt"))
    assert not verify(archive).ok
    await redis.aclose()


async def test_a_story_outlives_an_erasure_without_the_person(stage: Stage) -> None:
    stage.talk(number=NUMBER)
    click_id = (await stage.click({"agent": DANA})).json()["click_id"]
    services = stage.services
    before = await story.load(services.archive, stage.redis, click_id)
    assert before is not None
    assert NUMBER in story.text(before)
    await erase.erase(services.archive, stage.redis, CallerSubject.of(NUMBER, ["IL"]), "a test", services.clock.now())
    after = await story.load(services.archive, stage.redis, click_id)
    assert after is not None
    assert after["entry"]["crm_user"] == DANA
    assert "(erased)" in story.text(after)
    assert NUMBER not in story.text(after)


async def test_the_name_that_a_crm_gave_goes_with_the_call_in_the_list_of_the_shift(stage: Stage) -> None:
    stage.talk(number=NUMBER)
    told = (await stage.click({"agent": DANA})).json()["popup"]
    found = await popups.popup(stage.redis, told["popup_id"])
    assert found is not None
    record = ContactRecord("Contact", "1", "Ruth of the CRM", "", None, "", {})
    await shift.identify(stage.redis, found[0], Contact(ContactStatus.ONE, "acme", (record,)))
    assert "Ruth of the CRM" in everything_in(stage.redis_url)
    services = stage.services
    mark = CallerSubject.of(NUMBER, ["IL"])
    await erase.erase(services.archive, stage.redis, mark, "a test", services.clock.now())
    assert "Ruth of the CRM" not in everything_in(stage.redis_url)


async def test_which_calls_have_popped_for_an_agent_is_erased(tmp_path: Path, redis_url: Secret) -> None:
    """Where the phone system is listened to the call is kept under the agent's name."""
    keys_of_main = {"events": "poll", "poll_seconds": 0.2}
    async with open_stage(tmp_path, redis_url, main_keys=keys_of_main) as stage:
        stage.talk()
        await stage.click({"agent": DANA})
        assert len(await stage.redis.keys(f"popbridge:popped:acme:{DANA}:*")) == 1
        services = stage.services
        await erase.erase(services.archive, stage.redis, AgentSubject("acme", DANA), "a test", services.clock.now())
        assert DANA not in everything_in(stage.redis_url)
