"""A real Sentinel promotes a replica that lagged: what was answered 200 is kept with `strict_durability`, and what
fail-over costs without it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from bridge.core.errors import RedisUnfit, Unavailable
from bridge.core.finding import Grade
from bridge.core.http_types import Secret
from bridge.core.model import Click
from bridge.doctor import inside
from bridge.store import durability, keys
from bridge.store.client import open_async
from bridge.store.replication import Replicas
from tests.faults.sentinel import Replicated, Server, replicated
from tests.stage import DANA, Stage, open_stage, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

STRICT = {"POPBRIDGE_REDIS__STRICT_DURABILITY": "true"}


@asynccontextmanager
async def staged(folder: Path, url: Secret, **extra: str) -> AsyncIterator[Stage]:
    async with open_stage(folder, url, extra=extra) as stage:
        stage.talk()
        yield stage


async def kept_by(server: Server, ids: list[str]) -> set[str]:
    """Which of these clicks a server has, and has an entry of in its log."""

    def look(client: Redis) -> set[str]:
        entries = str(client.xrange(keys.AUDIT))
        return {one for one in ids if client.exists(keys.accepted("acme", f"webhook-id:{one}")) and entries}

    return set(await server.ask(look))


async def clicked(stage: Stage, ids: list[str]) -> dict[str, int]:
    return {one: (await stage.click(message_id=one)).status_code for one in ids}


async def accepted(stage: Stage, ids: list[str]) -> dict[str, int]:
    """As `clicked`, sent again until each is confirmed: a busy machine's replicas may lag for a moment, too."""

    async def all_of_them() -> dict[str, int] | None:
        answers = await clicked(stage, ids)
        return answers if set(answers.values()) == {200} else None

    found: dict[str, int] = await until(all_of_them, 30)
    return found


async def lose_primary(servers: Replicated) -> Server:
    servers.primary.kill()
    return await servers.promoted()


async def test_nothing_answered_200_is_lost_when_a_lagging_replica_is_promoted(tmp_path: Path) -> None:
    async with replicated(tmp_path) as servers, staged(tmp_path, servers.url, **STRICT) as stage:
        before = await accepted(stage, ["msg_a", "msg_b"])
        assert set(before.values()) == {200}
        servers.held.add(servers.replicas[0].port)
        during = await clicked(stage, ["msg_c", "msg_d"])
        again = await clicked(stage, ["msg_c"])
        assert set(during.values()) | set(again.values()) == {503}, "neither the first time nor from the stored answer"
        answer = await stage.click(message_id="msg_e")
        assert (answer.json()["reason"], "retry-after" in answer.headers) == ("unavailable", True)
        assert "replicas" in answer.json()["detail"]
        promoted = await lose_primary(servers)
        assert await kept_by(promoted, [*before, *during]) == set(before), "what was answered 200, and no more"

        servers.held.clear()  # the old primary comes back, and is made a replica of the new one
        await servers.primary.start()

        async def works_again() -> bool:
            return (await stage.click(message_id="msg_c")).status_code == 200

        await until(works_again, 60)
        assert (await stage.click(message_id="msg_a")).json()["duplicate"] is True


async def test_without_strict_durability_fail_over_costs_what_the_replica_lacked(tmp_path: Path) -> None:
    async with replicated(tmp_path) as servers, staged(tmp_path, servers.url) as stage:
        before = await accepted(stage, ["msg_a"])
        await until(servers.in_step)
        servers.held.add(servers.replicas[0].port)
        during = await clicked(stage, ["msg_b", "msg_c"])
        assert set(during.values()) == {200}
        promoted = await lose_primary(servers)
        assert await kept_by(promoted, [*before, *during]) == set(before), "README says so"


async def test_a_replica_that_is_cut_off_and_promoted_costs_nothing_either(tmp_path: Path) -> None:
    async with replicated(tmp_path) as servers, staged(tmp_path, servers.url, **STRICT) as stage:
        before = await accepted(stage, ["msg_a"])
        replica = servers.replicas[0]
        await servers.primary.ask(lambda client: client.execute_command("ACL SETUSER default -psync -sync"))
        await servers.primary.ask(lambda client: client.execute_command("CLIENT", "KILL", "TYPE", "replica"))
        await until(lambda: replica.ask(lambda client: client.info("replication")["master_link_status"] == "down"))
        during = await clicked(stage, ["msg_b"])
        assert (set(before.values()), set(during.values())) == ({200}, {503})
        promoted = await lose_primary(servers)
        assert await kept_by(promoted, [*before, *during]) == set(before)


async def test_any_of_two_replicas_may_be_the_one_that_is_promoted(tmp_path: Path) -> None:
    async with replicated(tmp_path, 2) as servers, staged(tmp_path, servers.url, **STRICT) as stage:
        lagging, other = servers.replicas
        before = await accepted(stage, ["msg_a"])
        servers.held.add(lagging.port)
        during = await clicked(stage, ["msg_b"])
        assert (set(before.values()), set(during.values())) == ({200}, {503}), "one of them would not do"
        other.kill()
        promoted = await lose_primary(servers)
        assert (promoted.port, await kept_by(promoted, [*before, *during])) == (lagging.port, set(before))


async def test_a_stalled_replica_delays_nobody_who_is_not_told_to_wait(tmp_path: Path) -> None:
    """Without Sentinel nobody promotes; a replica that is connected is waited for all the same."""
    async with replicated(tmp_path) as servers:
        plain = Secret(f"redis://127.0.0.1:{servers.line}/0")
        servers.held.add(servers.replicas[0].port)
        async with staged(tmp_path, plain) as stage:
            assert await clicked(stage, ["msg_a"]) == {"msg_a": 200}
        async with staged(tmp_path, plain, **STRICT) as stage:
            assert await clicked(stage, ["msg_b"]) == {"msg_b": 503}
            servers.held.clear()


async def test_strict_durability_alone_on_one_redis_waits_for_nobody(tmp_path: Path, redis_url: Secret) -> None:
    async with staged(tmp_path, redis_url, **STRICT) as stage:
        assert await clicked(stage, ["msg_a", "msg_b", "msg_a"]) == {"msg_a": 200, "msg_b": 200}


async def test_what_a_new_primary_has_not_got_is_not_confirmed(redis_url: Secret) -> None:
    """The fail-over comes between the write and the question: the dummy write would be confirmed, not the click."""
    redis = open_async(redis_url)
    click = Click("clk_1", "acme", datetime.now(UTC), "", agent=DANA, key="webhook-id:msg_1")
    replicas = Replicas(redis)
    replicas._count, replicas._counted_at = 1, float("inf")
    try:
        for held in (None, "running:clk_1", '{"click_id": "clk_1"}'):
            if held is not None:
                await redis.set(keys.accepted("acme", "webhook-id:msg_1"), held)
            with pytest.raises(Unavailable):
                await replicas.confirm(click)
        replicas._count = 0
        await replicas.confirm(click)
    finally:
        await redis.aclose()


async def findings_of(url: Secret) -> list[str]:
    redis = open_async(url)
    try:
        return [str(one) for one in await durability.findings(redis, datetime.now(UTC))]
    finally:
        await redis.aclose()


async def test_start_up_and_doctor_name_what_fail_over_may_lose(tmp_path: Path, caplog: Any) -> None:
    async with replicated(tmp_path, 2) as servers, staged(tmp_path, servers.url) as stage:
        (found,) = await findings_of(servers.url)
        assert found.startswith("min-replicas-to-write is 0 under Sentinel")
        settings = stage.settings()
        await durability.check(settings, servers.url)
        assert "min-replicas-to-write is 0" in caplog.text
        named = [one for one in await inside.of_redis(stage.services) if one.grade is Grade.WARN]
        assert ["min-replicas-to-write" in one.fix for one in named] == [True]

        await servers.primary.ask(lambda client: client.config_set("min-replicas-to-write", 1))
        assert await findings_of(servers.url) == []
        servers.replicas[0].kill()

        async def is_away() -> bool:
            return any("1 of 2 replicas" in one for one in await findings_of(servers.url))

        await until(is_away, 20)


async def test_strict_durability_starts_under_sentinel_and_refuses_for_what_no_waiting_helps(tmp_path: Path) -> None:
    async with replicated(tmp_path) as servers:
        (tmp_path / "web").mkdir()
        async with staged(tmp_path / "web", servers.url, **STRICT) as stage:
            await durability.check(stage.settings(), servers.url)
            await servers.primary.ask(lambda client: client.config_set("maxmemory-policy", "allkeys-lru"))
            with pytest.raises(RedisUnfit, match="noeviction"):
                await durability.check(stage.settings(), servers.url)
            await servers.primary.ask(lambda client: client.config_set("maxmemory-policy", "noeviction"))


async def test_a_sentinel_without_replicas_is_named_and_strict_clicks_are_refused(tmp_path: Path) -> None:
    async with replicated(tmp_path, 0) as servers:
        assert any("no replica to promote" in one for one in await findings_of(servers.url))
        async with staged(tmp_path, servers.url, **STRICT) as stage:
            assert await clicked(stage, ["msg_a"]) == {"msg_a": 503}


async def test_clicks_go_on_while_the_sentinels_are_away(tmp_path: Path) -> None:
    """Where nobody can be promoted, nobody is asked who would be: the last number counts."""
    async with replicated(tmp_path) as servers, staged(tmp_path, servers.url, **STRICT) as stage:
        await accepted(stage, ["msg_a"])
        with Redis(port=servers.sentinel) as sentinel:
            await asyncio.to_thread(sentinel.shutdown, nosave=True)
        assert stage.services.replicas is not None
        stage.services.replicas._counted_at = float("-inf")
        assert (await clicked(stage, ["msg_b"]))["msg_b"] == 200
