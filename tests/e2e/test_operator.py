"""What an operator types when no popup comes: real commands against a running bridge, what they print, how they end."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests import commands
from tests.e2e.test_up import Up, running
from tests.stage import CALLER, CLICK_SECRET, CODE, DANA, POPUP_SECRET, TOKEN, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

OURS = [secret.reveal() for secret in (CODE, CLICK_SECRET, POPUP_SECRET, TOKEN)]


async def popbridge(up: Up, *words: str, **environ: str) -> tuple[int, str]:
    """How a command ended, and what it printed; no secret is in it."""
    address = up.stage.bridge_url
    known = {"POPBRIDGE_SERVER__PUBLIC_URL": address, "POPBRIDGE_SERVER__PORT": address.rpartition(":")[2]}
    done = await commands.popbridge(up.file, *words, environ={**known, **environ})
    assert not [secret for secret in OURS if secret in done.output]
    return done.exit_code, done.stdout


async def told(up: Up, *words: str) -> tuple[int, Any]:
    code, text = await popbridge(up, *words, "--json")
    return code, json.loads(text)


async def test_doctor_health_and_push_test(tmp_path: Path) -> None:
    async with running(tmp_path) as up:
        up.stage.talk()
        await up.shown("msg_1")
        code, found = await told(up, "doctor")
        wrong = [(one["what"], one["message"]) for one in found["findings"] if one["grade"] != "OK"]
        assert (code, found["grade"], wrong) == (0, "OK", [])
        assert (await popbridge(up, "health"))[0] == (await popbridge(up, "health", "--ready"))[0] == 0
        at_any_port = {"POPBRIDGE_SERVER__PORT": "0"}  # as it was started: it took a free one
        assert (await popbridge(up, "health", "--ready", **at_any_port))[0] == 0
        code, answer = await told(up, "push-test", "acme")
        assert (code, answer["grade"]) == (0, "OK")
        assert "answered 200" in answer["findings"][0]["message"]

        up.stage.crm.faults.status = 401
        code, text = await popbridge(up, "doctor")
        assert code == 1
        assert "FAIL  crm acme: popup_url answered 401" in text
        assert "fix: use the same popup_secrets" in text
        assert CALLER not in text
        assert (await told(up, "push-test", "acme"))[0] == 1
        assert await popbridge(up, "push-test", "nobody") == (2, "")
        assert await popbridge(up, "doctor", "--json", POPBRIDGE_SERVER__PORT="many") == (2, "")

        up.process.terminate()
        await asyncio.to_thread(up.process.wait, 30)
        assert (await popbridge(up, "health"))[0] == 1
        assert (await popbridge(up, "health", **at_any_port))[0] == 1
        code, found = await told(up, "doctor")
        failed = {one["what"]: one["fix"] for one in found["findings"] if one["grade"] == "FAIL"}
    assert (code, set(failed)) == (1, {"redis", "workers", "public_url", "crm acme"})
    assert all(failed.values())


async def test_clicks_and_the_story_of_one(tmp_path: Path) -> None:
    async with running(tmp_path) as up:
        up.stage.talk()
        click_id = (await up.click("msg_1"))["click_id"]
        await up.stage.crm.wait_for(click_id, 20)
        refused = await up.stage.click({"agent": DANA}, **{"webhook-signature": "v1,AAAA"})
        assert refused.status_code == 401

        code, page = await told(up, "clicks", "--agent", DANA, "--since", "10m")
        assert code == 0
        assert [one["outcome"] for one in page["items"]] == ["refused", "found"]
        assert page["items"][0]["reason"] == "bad-signature"
        code, text = await popbridge(up, "clicks")
        assert (code, text.count("  127.0.0.1  ")) == (0, 2), "where each click came from"
        assert await popbridge(up, "clicks", "--since", "yesterday") == (2, "")

        async def delivered() -> Any:
            code, story = await told(up, "click", click_id)
            by_target = {one["target"]: one for one in story["entry"]["deliveries"]}
            return (code, story, by_target["acme"]["delivery_id"]) if "acme" in by_target else None

        code, story, delivery_id = await until(delivered, 30)
        assert (code, story["entry"]["click_id"], story["entry"]["outcome"]) == (0, click_id, "found")
        assert [step["step"] for step in story["steps"]["steps"]] == ["proof", "directory", "lookup", "choose"]
        assert delivery_id in (await popbridge(up, "click", click_id))[1]
        assert await popbridge(up, "click", "clk_none") == (1, "")
