"""A refused click: the sender gets one text for all, the operator the cause, on the command line, in API and log."""

import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from bridge.core.reasons import read, say
from bridge.crm.webhook import signature
from bridge.observability import logs
from bridge.store import keys
from bridge.store.clicks import refusals
from bridge.store.tokens import Role
from tests.commands import popbridge
from tests.stage import CLICK_SECRET, DANA, TOKEN, Stage, listening

pytestmark = pytest.mark.anyio
BODY = json.dumps({"agent": DANA}).encode()


async def send(stage: Stage, headers: dict[str, str], crm: str = "acme", **query: str) -> Any:
    headers = {"content-type": "application/json", **headers}
    return await stage.http.post(f"{stage.bridge_url}/clicks/{crm}", content=BODY, headers=headers, params=query)


def signed(off: int = 0, message_id: str = "msg_1") -> dict[str, str]:
    return signature.headers([CLICK_SECRET], message_id, int(time.time()) + off, BODY)


async def listed(stage: Stage, role: Role = Role.SUPERVISOR, crm_user: str | None = None) -> list[Any]:
    answer = await stage.get("/api/clicks", await stage.token(role, crm_user))
    items: list[Any] = answer.json()["items"]
    return items


async def test_a_clock_that_is_6_min_off_is_named_to_the_operator_alone(stage: Stage) -> None:
    answers = [
        await send(stage, signed(-360)),
        await send(stage, {}),
        await send(stage, {"authorization": "Bearer no"}),
    ]
    told = {(answer.status_code, answer.text) for answer in answers}
    assert len(told) == 1, "the sender is told the same whatever is wrong"
    items = await listed(stage)
    assert [item["cause"]["code"] for item in items] == ["proof-wrong-token", "proof-missing", "proof-clock-behind"]
    assert items[2]["cause"]["params"]["seconds"] in (360, 361)
    assert [item["why"] for item in items] == [say(read(item["cause"])) for item in items]
    assert [item["reason"] for item in items] == ["bad-signature"] * 3


async def test_the_command_line_names_it(stage: Stage) -> None:
    await send(stage, signed(-360))
    await send(stage, {"authorization": f'Bearer "{TOKEN.reveal()}"'})
    await send(stage, signed(), crm="amce")
    told = (await popbridge(stage.folder / "popbridge.toml", "clicks")).stdout
    unknown, dressed, clock = told.splitlines()
    assert "360 s behind this server's clock" in clock or "361 s behind" in clock
    assert "quotes, brackets" in dressed
    assert "unknown-crm" in unknown
    assert "the name 'amce', which no CRM has: did you mean 'acme'?" in unknown
    assert TOKEN.reveal() not in told


async def test_the_command_line_lists_problems_alone(stage: Stage) -> None:
    file = stage.folder / "popbridge.toml"
    assert (await popbridge(file, "clicks", "--problems")).stdout.startswith("no problems")
    await send(stage, {"authorization": "Bearer no"})
    await stage.click()
    stage.talk()
    assert (await stage.click()).json()["outcome"] == "found"
    shown = (await popbridge(file, "clicks", "--problems")).stdout.splitlines()
    assert [line.split()[3] for line in shown] == ["no-active-call", "bad-signature"]
    assert len((await popbridge(file, "clicks")).stdout.splitlines()) == 3


async def test_the_log_says_which_proof_failed_and_how(stage: Stage) -> None:
    class Kept(logging.Handler):
        def __init__(self) -> None:
            super().__init__()
            self.told: list[dict[str, Any]] = []

        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == "click":
                self.told.append(json.loads(logs._Json("web").format(record)))

    kept = Kept()
    with listening(kept, logging.INFO):
        await send(stage, signed(+400))
        await send(stage, signed(), crm="unheard-of%E2%80%AE%0a")
    assert [told["reason"] for told in kept.told] == ["bad-signature", "unknown-crm"]
    assert "ahead of this server's clock" in kept.told[0]["cause"]
    assert kept.told[1]["cause"] == "the address has the name 'unheard-of', which no CRM has"


async def test_an_agent_is_not_told_the_cause(stage: Stage) -> None:
    link = f"{stage.bridge_url}/clicks/acme"
    await stage.http.get(link, params={"agent": DANA, "token": "not the token at all"})
    (item,) = await listed(stage, Role.AGENT, DANA)
    assert (item["reason"], item["cause"]) == ("bad-signature", None)
    assert "could not be authenticated" in item["why"]
    assert (await listed(stage))[0]["cause"]["params"] == {"place": "?token="}


async def test_names_that_nobody_has_do_not_push_out_what_happened(stage: Stage) -> None:
    """Anybody can send to any address: the list of those is short and its own."""
    await send(stage, {})
    for number in range(5 * keys.REFUSED_UNKNOWN_LENGTH):
        one = refusals.Refusal(f"2026-11-22T10:00:{number % 60:06.3f}Z", f"name-{number}", "", "unknown-crm", "", "")
        await refusals.note(stage.redis, one, known=False)
    kept = await refusals.newest(stage.redis, stage.services.clock.now())
    assert len(kept) <= 2 * keys.REFUSED_UNKNOWN_LENGTH + 1, "Redis cuts streams in whole nodes"
    assert "bad-signature" in {one.reason for one in kept}


async def test_what_comes_in_a_name_is_shown_in_one_bounded_line(stage: Stage) -> None:
    await send(stage, {}, crm="x" * 500)
    await send(stage, {}, crm="a%0d%0ab%E2%80%AE%00")
    link = f"{stage.bridge_url}/clicks/acme"
    await stage.http.get(link, params={"agent": f"\u202e{DANA}\nadmin", "token": "no"})
    names = [(item["crm"], item["crm_user"]) for item in await listed(stage)]
    assert names == [("acme", f"{DANA} admin"), ("a  b", ""), ("x" * 64, "")]
    assert all(text.isprintable() for name in names for text in name)


async def test_a_flood_of_failed_proofs_keeps_its_cause(stage: Stage) -> None:
    answers = [await send(stage, {"authorization": "Bearer wrong"}) for _ in range(31)]
    assert [answer.status_code for answer in answers[-2:]] == [401, 429]
    newest = (await listed(stage))[0]
    assert (newest["reason"], newest["cause"]["code"]) == ("too-many-clicks", "proof-wrong-token")


async def test_refusals_of_an_older_version_are_still_listed(stage: Stage, tmp_path: Path) -> None:
    """Kept before causes were."""
    fields = {"time": "2026-11-22T10:00:00.000Z", "crm": "acme", "agent": "", "reason": "malformed", "why": "x"}
    await stage.redis.xadd(keys.REFUSED, {**fields, "source_ip": ""})
    (one,) = await refusals.newest(stage.redis, stage.services.clock.now())
    assert one.cause == ""
