"""Why as data: kept beside `why` in the log, personal as `why` is, and absent from entries of earlier versions."""

import csv
import hashlib
import hmac
import io
import json
import os
from typing import Any

import pytest
from sqlalchemy import inspect, text, update

from bridge.audit import erase, export, migrations, person_export, query, retention
from bridge.audit.archive import Archive
from bridge.audit.database import _begun, _open
from bridge.audit.schema import lookups
from bridge.audit.search import Search
from bridge.audit.subject import AgentSubject, CallerSubject
from bridge.audit.verdict import Anchor
from bridge.audit.verify import verify
from bridge.core.http_types import Secret
from bridge.store.client import open_async
from bridge.store.tokens import Role
from tests.audit import entries
from tests.stage import CALLER, DANA, OMER, Stage

pytestmark = pytest.mark.anyio

REASON = {"code": "chosen-talking", "params": {}, "also": [{"code": "only-call", "params": {}, "also": []}]}
OLD_GROUPS = {
    "caller": ("caller", "caller_key", "ivrid", "original_ivrid"),
    "agent": ("crm_user", "agent", "extension", "why", "source_ip"),
}
"""The personal fields that the first version's proofs cover."""
EVERYTHING = Search.read({}, ["IL"], entries.START)


def listed(archive: Archive) -> list[Any]:
    return [*query.read(archive, EVERYTHING, 500, None)[0]]


def old_row(number: int, seq: int, prev: bytes) -> dict[str, Any]:
    """A lookup as the first version sealed it."""
    fields = json.loads(entries.lookup(number)[1]["line"])
    row = {name: value for name, value in fields.items() if not name.endswith("_e164")}
    row |= {"caller_key": fields["caller_e164"], "did_key": fields["did_e164"]}
    proofs = {}
    for group, names in OLD_GROUPS.items():
        salt = os.urandom(16)
        values = json.dumps([row[name] for name in names]).encode()
        proofs |= {f"{group}_salt": salt, f"{group}_proof": hmac.digest(salt, values, "sha256")}
    personal = {name for names in OLD_GROUPS.values() for name in names}
    covered = {name: value for name, value in row.items() if value is not None and name not in personal}
    covered |= {f"{group}_proof": proofs[f"{group}_proof"].hex() for group in OLD_GROUPS}
    digested = json.dumps(["lookups", covered], sort_keys=True, separators=(",", ":")).encode()
    return {**row, **proofs, "prev": prev, "digest": hashlib.sha256(prev + digested).digest(), "seq": seq}


@pytest.fixture
def old(archive: Archive) -> Archive:
    """An archive that the first version made and wrote three entries to, opened by this one."""
    engine = _open(archive._url)
    with _begun(engine, "IMMEDIATE") as connection:
        migrations.upgrade(connection, "0001")
        prev = bytes(32)
        for seq in (1, 2, 3):
            row = old_row(seq, seq, prev)
            names = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO lookups ({names}) VALUES ({values})"), row)
            prev = row["digest"]
        connection.execute(text("UPDATE head SET seq = 3, digest = :digest"), {"digest": prev})
        assert "reason" not in {column["name"] for column in inspect(connection).get_columns("lookups")}
    engine.dispose()
    return archive


async def test_an_archive_of_the_first_version_still_verifies(old: Archive) -> None:
    with old.reading() as connection:
        anchor = Anchor(3, bytes(connection.execute(text("SELECT digest FROM head")).scalar_one()).hex(), "then")
    assert verify(old, anchors=[anchor]).findings == []
    old.insert([entries.lookup(4, reason=REASON), entries.lookup(5)])
    verdict = verify(old, anchors=[anchor])
    assert (verdict.findings, verdict.entries) == ([], 5)
    assert [entry["reason"] for entry in listed(old)] == [None, REASON, None, None, None]
    assert await retention.forget(old, entries.moment(3), entries.moment(9)) == 2
    assert verify(old).findings == []


@pytest.mark.parametrize(
    ("seq", "changed"),
    [
        (2, '{"code":"forged"}'),
        (4, '{"code":"forged"}'),
        (4, None),
    ],
    ids=["added to an old entry", "changed", "removed"],
)
async def test_a_reason_cannot_be_tampered_with(old: Archive, seq: int, changed: str | None) -> None:
    old.insert([entries.lookup(4, reason=REASON), entries.lookup(5, reason=REASON)])
    with old.writing() as connection:
        connection.execute(update(lookups).where(lookups.c.seq == seq).values(reason=changed))
    assert {found.entry: found.what for found in verify(old).findings} == {seq: "was changed (agent)"}


async def test_a_reason_of_nonsense_is_listed_as_none(archive: Archive) -> None:
    archive.insert([entries.lookup(1, reason=REASON), entries.lookup(2, reason=REASON)])
    with archive.writing() as connection:
        connection.execute(update(lookups).where(lookups.c.seq == 1).values(reason="{"))
        connection.execute(update(lookups).where(lookups.c.seq == 2).values(reason="[1]"))
    assert [entry["reason"] for entry in listed(archive)] == [None, None]
    assert len(verify(archive).findings) == 2


@pytest.mark.parametrize("wrong", ["text", 7, [], {}, {"code": 7}])
async def test_what_is_no_reason_is_put_aside(archive: Archive, wrong: object) -> None:
    entry = entries.lookup(1, reason=wrong)
    assert archive.insert([entry, entries.lookup(2)]) == [entry]


async def test_a_reason_is_erased_with_the_agent(old: Archive, redis_url: Secret) -> None:
    named = {"code": "no-call", "params": {"agent": "Ruth Levi"}, "also": []}
    old.insert([entries.lookup(4, reason=named, crm_user="ruth", crm="acme"), entries.lookup(5, reason=REASON)])
    redis = open_async(redis_url)
    subject = AgentSubject("acme", "ruth")
    held = await person_export.everything_about(old, redis, subject)
    assert [entry["reason"] for entry in held["audit"]] == [named]
    receipt = await erase.erase(old, redis, subject, "a test", entries.START)
    assert receipt.lookups == 1
    told = listed(old)
    assert [(entry["why"] is None, entry["reason"]) for entry in told[:2]] == [(False, REASON), (True, None)]
    assert "Ruth Levi" not in str(told)
    assert verify(old).findings == []
    await redis.aclose()


async def test_a_number_in_a_reason_is_erased_with_the_caller(archive: Archive, redis_url: Secret) -> None:
    quoted = {"code": "vendor.said", "params": {"text": "no route to 054-111-2233"}, "also": []}
    archive.insert([entries.lookup(1, reason=quoted), entries.lookup(2, reason=REASON)])
    redis = open_async(redis_url)
    receipt = await erase.erase(archive, redis, CallerSubject.of("0541112233", ["IL"]), "a test", entries.START)
    assert receipt.lookups == 1
    assert [entry["reason"] for entry in listed(archive)] == [REASON, None]
    assert verify(archive).findings == []
    await redis.aclose()


async def test_exports_carry_it(archive: Archive, redis_url: Secret) -> None:
    archive.insert([entries.lookup(1, reason=REASON), entries.lookup(2)])
    redis = open_async(redis_url)
    written = dict.fromkeys(export.FORMATS, "")
    for form in written:
        async for piece, _ in export.texts(archive, redis, EVERYTHING, form):
            written[form] += piece
    rows = list(csv.DictReader(io.StringIO(written["csv"].removeprefix(export.BOM))))
    assert [row["reason"] and json.loads(row["reason"]) for row in rows] == ["", REASON]
    assert list(rows[0]).index("reason") == list(rows[0]).index("why") + 1
    assert [json.loads(line)["reason"] for line in written["jsonl"].splitlines()] == [None, REASON]
    await redis.aclose()


async def test_the_api_carries_it_beside_why(stage: Stage) -> None:
    stage.talk()
    answer = (await stage.click({"agent": DANA})).json()
    await stage.click({"agent": OMER})
    await stage.click({"agent": DANA}, **{"webhook-signature": "v1,AAAA"})
    supervisor = await stage.token(Role.SUPERVISOR)
    missed, found = (await stage.get("/api/audit", supervisor)).json()["items"]
    assert found["reason"] == answer["reason"] != None  # noqa: E711
    assert set(found["reason"]) == {"code", "params", "also"}
    assert missed["reason"]["code"] == "no-call"
    refused, *looked_up = (await stage.get("/api/clicks", supervisor)).json()["items"]
    assert (refused["outcome"], refused["reason"]) == ("refused", "bad-signature")
    assert [item["reason"] for item in looked_up] == [missed["reason"], found["reason"]]
    assert CALLER not in json.dumps([item["reason"] for item in looked_up])


async def test_the_old_path_of_the_access_log_works_undocumented(stage: Stage) -> None:
    admin = await stage.token(Role.ADMIN)
    for path in ("/api/audit/access-log", "/api/audit/acts"):
        answer = await stage.get(path, admin)
        assert (answer.status_code, answer.json()["items"][0]["what"]) == (200, "access-log")
    described = (await stage.get("/openapi.json")).json()["paths"]
    assert "/api/audit/access-log" in described
    assert "/api/audit/acts" not in described
