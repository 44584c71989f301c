"""A database that answers nobody: readers are told soon, all of them, and nothing is lost."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bridge.audit import archive as archives
from bridge.audit.archive import Archive
from bridge.store.tokens import Role
from tests.stage import DANA, OMER, Stage, until

pytestmark = pytest.mark.anyio
READERS = [
    "/api/audit",
    "/api/audit?crm=acme",
    "/api/clicks",
    "/api/audit/access-log",
    "/api/audit?limit=1",
    "/api/clicks",
]


@contextmanager
def locked(archive: Archive) -> Iterator[None]:
    """Somebody else writes, and does not end."""
    connection = sqlite3.connect(str(archive.file), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


async def test_six_readers_of_a_database_that_is_stuck_share_one_catch_up_and_its_failure(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "READ_SECONDS", 0.5)
    supervisor, archive, inserts = await stage.token(Role.ADMIN), stage.services.archive, list[float]()
    await stage.get("/api/audit", supervisor)
    insert = archive.insert

    def counted(entries: Any) -> Any:
        inserts.append(time.monotonic())
        return insert(entries)

    monkeypatch.setattr(archive, "insert", counted)
    await stage.click({"agent": OMER})
    with locked(archive):
        began = time.monotonic()
        answers = await asyncio.gather(*(stage.get(path, supervisor) for path in READERS))
        seconds = time.monotonic() - began
    assert [answer.status_code for answer in answers] == [503] * 6
    assert {answer.json()["reason"] for answer in answers} == {"unavailable"}
    assert all(answer.headers["retry-after"] for answer in answers)
    assert seconds < 5, "one after the other they would wait 10 s each for SQLite's lock"
    assert len(inserts) == 1

    async def readable() -> bool:
        return (await stage.get("/api/audit", supervisor)).status_code == 200

    await until(readable, 15)
    listed = (await stage.get("/api/audit", supervisor)).json()["items"]
    assert [item["crm_user"] for item in listed] == [OMER]


async def test_who_joins_a_catch_up_late_still_sees_the_own_click(stage: Stage) -> None:
    """Each reader finds everything that was accepted before it asked."""
    supervisor = await stage.token(Role.SUPERVISOR)

    async def click_and_read(number: int) -> bool:
        agent = f"nobody-{number}@acme.example"
        answer = await stage.click({"agent": agent})
        listed = (await stage.get("/api/audit?limit=500", supervisor)).json()["items"]
        return answer.json()["click_id"] in {item["click_id"] for item in listed}

    assert all(await asyncio.gather(*(click_and_read(number) for number in range(60))))


async def test_the_failure_of_a_catch_up_is_everybodys_and_the_next_one_is_new(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor, archive = await stage.token(Role.SUPERVISOR), stage.services.archive
    await stage.click({"agent": DANA})

    def failing(_: Any) -> Any:
        raise archives.DatabaseTimeout("stuck")

    with monkeypatch.context() as patched:
        patched.setattr(archive, "insert", failing)
        answers = await asyncio.gather(*(stage.get("/api/audit", supervisor) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {503}
    assert (await stage.get("/api/audit", supervisor)).status_code == 200
