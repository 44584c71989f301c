"""Each click becomes exactly one line, whoever archives, however often that dies, and Redis restarts meanwhile."""

import asyncio
import random
import secrets
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from redis.exceptions import RedisError
from sqlalchemy import select

from bridge.audit.archive import Archive
from bridge.audit.schema import lookups
from bridge.audit.verify import verify
from bridge.core.http_types import Secret
from bridge.store import keys
from bridge.store.client import TextRedis, open_async
from bridge.store.embedded_server import dies_with_parent
from tests.audit import entries
from tests.faults.world import RedisServer
from tests.stage import DANA, OMER, Stage, open_stage, until

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
CLICKS = 400
ARCHIVERS, KILLS = 2, 2
SECONDS = 45.0


async def click(stage: Stage, number: int) -> str:
    """A click, sent again with the same id until it is accepted, as a CRM does; its id."""
    deadline, message = time.monotonic() + SECONDS, f"msg_{secrets.token_hex(8)}"
    while True:
        with suppress(httpx.TransportError):
            answer = await stage.click({"agent": (DANA, OMER)[number % 2]}, message_id=message)
            if answer.status_code == 200:
                return str(answer.json()["click_id"])
            assert answer.status_code == 503, answer.text
        assert time.monotonic() < deadline, "the click was never accepted"
        await asyncio.sleep(0.05)


async def archive_and_die(redis: Secret, database: Secret, chance: random.Random, begun: asyncio.Event) -> int:
    """One archiver after the other, each killed within moments of there being work; how many had some."""
    busy = 0
    for _ in range(KILLS):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.audit.archiver", redis.reveal(), database.reveal(),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE, preexec_fn=dies_with_parent(),
        )  # fmt: skip
        assert process.stdout is not None
        try:
            assert await process.stdout.readline() == b"begins\n"
            begun.set()
            with suppress(AssertionError):  # all the clicks may be over
                await until(lambda: waiting(redis), 5.0)
                busy += 1
            await asyncio.sleep(chance.random() * 0.1)
        finally:
            process.kill()
            await process.wait()
    return busy


async def waiting(redis: Secret) -> int:
    """How many lines wait for an archiver; none to be seen while Redis is away."""
    direct = open_async(redis)
    try:
        return await direct.xlen(keys.AUDIT)
    except (RedisError, OSError):
        return 0
    finally:
        await direct.aclose()


def archived(archive: Archive) -> Counter[str]:
    with archive.reading() as connection:
        return Counter(connection.execute(select(lookups.c.click_id)).scalars())


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_400_clicks_while_archivers_are_killed_and_redis_restarts(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    database = Secret(f"sqlite:///{tmp_path / 'audit.db'}")
    if kind == "postgresql":
        database = request.getfixturevalue("postgres").new_database()
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    server = RedisServer(tmp_path)
    await server.start()
    extra = {"POPBRIDGE_AUDIT__URL": database.reveal()}
    try:
        async with open_stage(tmp_path, server.url, extra=extra) as stage, asyncio.TaskGroup() as tasks:
            stage.services.archive.works()
            begun = asyncio.Event()
            dying = [tasks.create_task(archive_and_die(server.url, database, chance, begun)) for _ in range(ARCHIVERS)]
            clicks = [tasks.create_task(click(stage, number)) for number in range(CLICKS // 2)]
            await begun.wait()
            clicks += [tasks.create_task(click(stage, number)) for number in range(CLICKS // 2)]
            await asyncio.wait(clicks[CLICKS // 2 :], return_when=asyncio.FIRST_COMPLETED)
            await server.kill()
            await server.start()
            await asyncio.wait([*clicks, *dying])
            assert sum(task.result() for task in dying) > 0, "none was killed while there was something to archive"
            accepted = {task.result() for task in clicks}
            direct = open_async(server.url)
            await stage.services.archive.catch_up(direct)
            assert await direct.xlen(keys.AUDIT) == 0
            await direct.aclose()
            assert len(accepted) == CLICKS
            found = archived(stage.services.archive)
            assert accepted <= set(found)
            assert set(found.values()) == {1}
            verdict = verify(stage.services.archive)
            assert (verdict.findings, verdict.entries) == ([], len(found))
    finally:
        await server.kill()


async def fill(redis: TextRedis, clicks: int) -> None:
    async with redis.pipeline(transaction=False) as pipe:
        for _, fields in entries.some(clicks):
            pipe.xadd(keys.AUDIT, fields)
        await pipe.execute()


async def test_many_archivers_at_once_make_one_chain(archive: Archive, redis_url: Secret) -> None:
    redis = open_async(redis_url)
    await fill(redis, 300)
    archives = [Archive(archive._url) for _ in range(4)]
    await asyncio.gather(*(one.catch_up(redis) for one in archives))
    verdict = verify(archive)
    assert (verdict.findings, verdict.entries) == ([], 900)
    assert len(archived(archive)) == 300
    for one in archives:
        one.close()
    await redis.aclose()


async def test_the_same_stream_entries_again_and_again_are_one_log_entry_each(archive: Archive) -> None:
    lines = list(entries.some(20))
    for start in (0, 7, 3, 0):
        archive.insert(lines[start:])
    archive.insert([*lines, *lines])
    verdict = verify(archive)
    assert (verdict.findings, verdict.entries) == ([], 60)
