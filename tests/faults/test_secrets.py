"""Secrets and callers' numbers are in nothing the program emits, while every failure happens."""

import asyncio
import io
import json
from pathlib import Path

import httpx
import pytest
from redis import Redis

from bridge.core.http_types import Secret
from bridge.delivery.deliver import deliver
from bridge.store.tokens import Role
from tests.faults.proxy import redis_line
from tests.stage import CALLER, CLICK_SECRET, CODE, DANA, POPUP_SECRET, TOKEN, Stage, open_stage
from workers import context
from workers.archive import archive

pytestmark = pytest.mark.anyio

SECRETS = (CODE, CLICK_SECRET, POPUP_SECRET, TOKEN)
OTHER_NUMBERS = ("0541112233", "972541112233", "541112233")


async def fail_in_every_way(stage: Stage) -> list[httpx.Response]:
    """Clicks and pushes against a phone system and a CRM that misbehave in turn."""
    told = []
    faults = stage.pbx.faults
    stage.talk(number="0541112233")
    for name, value in {
        "code_refused": True,
        "address_refused": True,
        "internal_error": True,
        "html_page": True,
        "down": "closed",
        "slow_seconds": 3.5,
    }.items():
        before = getattr(faults, name)
        setattr(faults, name, value)
        told.append(await stage.click({"agent": DANA}))
        setattr(faults, name, before)
    link = f"{stage.bridge_url}/clicks/acme"
    told += [
        await stage.http.get(link, params={"agent": DANA, "token": TOKEN.reveal()}, headers={"accept": accept})
        for accept in ("text/html", "application/json")
    ]
    told.append(await stage.http.get(link, params={"agent": DANA, "token": TOKEN.reveal() + "x"}))
    told.append(await stage.http.post(link, json={}, headers={"authorization": f"Bearer {TOKEN.reveal()}"}))
    told.append(await stage.raw(b"{", "application/json"))
    for status in (500, 410, 429, 200):
        stage.crm.faults.status = status
        popup = (await stage.click({"agent": DANA})).json()["popup"]
        shown = (await stage.get(f"/api/popups/{popup['popup_id']}", await stage.token(Role.SUPERVISOR))).json()
        for delivery in shown["deliveries"]:
            await deliver(delivery["delivery_id"], stage.services)
    told += [await stage.get(path) for path in ("/metrics", "/readyz", "/version", "/livez", "/nowhere")]
    return told


async def break_the_archive(stage: Stage) -> list[httpx.Response]:
    """Lines that cannot be written hold numbers and addresses, and SQL errors like to quote what they were given."""
    await asyncio.to_thread(rename, stage, "lookups", "elsewhere")
    context.start(stage.services)
    await archive()
    context.start(None)
    told = [await stage.get("/api/audit", await stage.token(Role.SUPERVISOR)), await stage.get("/readyz")]
    assert {one.status_code for one in told} == {503}
    await asyncio.to_thread(rename, stage, "elsewhere", "lookups")
    return told


def rename(stage: Stage, before: str, after: str) -> None:
    with stage.services.archive.engine().begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {before} RENAME TO {after}")


async def test_no_secret_in_logs_answers_metrics_or_the_audit(
    tmp_path: Path, redis_url: Secret, said: io.StringIO
) -> None:
    async with redis_line(redis_url) as (line, address), open_stage(tmp_path, address) as stage:
        told = await fail_in_every_way(stage)
        told += await break_the_archive(stage)
        line.down = True
        line.cut()
        told.append(await stage.click())
        line.down = False
        audit = await stage.get("/api/audit", await stage.token(Role.SUPERVISOR))
        told.append(audit)
        assert len(audit.json()["items"]) > 8
    with Redis.from_url(redis_url.reveal(), decode_responses=True) as direct:
        stored = await asyncio.to_thread(everything_in, direct)
    metrics = next(one.text for one in told if one.url.path == "/metrics")
    archive = b"".join(file.read_bytes() for file in (tmp_path / "var").iterdir() if file.is_file())
    everywhere = "\n".join(
        [said.getvalue(), *(f"{one.headers} {one.text}" for one in told), stored, repr(stage.services)]
    )
    assert "bridge.web.clicks" in said.getvalue(), "the log was heard"
    for secret in SECRETS:
        assert secret.reveal() not in everywhere
        assert secret.reveal().encode() not in archive
    assert DANA not in said.getvalue()
    for number in (*OTHER_NUMBERS, CALLER):
        assert number not in said.getvalue(), "a caller's number in the log"
        assert number not in metrics, "a caller's number in the metrics"


def everything_in(direct: "Redis") -> str:
    """All keys and values but the tokens' own hashes."""
    parts = []
    for key in direct.scan_iter("*"):
        kind = direct.type(key)
        read = {
            "string": direct.get,
            "hash": direct.hgetall,
            "list": lambda name: direct.lrange(name, 0, -1),
            "set": direct.smembers,
            "zset": lambda name: direct.zrange(name, 0, -1),
            "stream": direct.xrange,
        }[kind]
        value = dict.fromkeys(direct.hkeys(key), "") if key.startswith("rq:job") else read(key)
        parts.append(f"{key} {json.dumps(value, default=str)}")
    return "\n".join(parts)
