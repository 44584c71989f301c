"""How an agent comes to the page: `popbridge token create`, and how the way back is closed."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests import commands
from tests.stage import DANA, Stage
from tests.web.desk import ask, bearer, page
from tests.web.test_deliveries import popbridge

pytestmark = pytest.mark.anyio


async def made(stage: Stage, *words: str) -> dict[str, str]:
    told = await popbridge(stage, "token", "create", "--role", "agent", "--agent", f"acme:{DANA}", "--json", *words)
    assert told[0] == 0
    found: dict[str, str] = json.loads(told[1])
    return found


async def test_a_link_is_short_lived_and_a_token_is_not(stage: Stage) -> None:
    link, token = await made(stage, "--link"), await made(stage)
    now = datetime.now(UTC)
    assert datetime.fromisoformat(link["expires_at"]) - now <= timedelta(minutes=5)
    assert datetime.fromisoformat(token["expires_at"]) - now > timedelta(days=29)
    assert set(link) == set(token) == {"id", "token", "role", "expires_at"}
    for given, again in ((link, 401), (token, 201)):
        assert (await ask(stage, "POST", "session", bearer(given["token"]))).status_code == 201
        assert (await ask(stage, "POST", "session", bearer(given["token"]))).status_code == again


async def test_the_command_revokes_sessions_and_open_pages_say_so(stage: Stage) -> None:
    token = await made(stage)
    session = (await ask(stage, "POST", "session", bearer(token["token"]))).json()["session"]
    listed = json.loads((await popbridge(stage, "token", "list", "--json"))[1])
    kinds = {row["kind"]: row for row in listed}
    assert set(kinds) == {"token", "session"}
    assert kinds["session"]["agent"] == f"acme:{DANA}"
    async with page(stage, bearer(session)) as opened:
        assert (await popbridge(stage, "token", "revoke", kinds["session"]["id"]))[0] == 0
        assert await opened.until("signed-out") == [{"reason": "revoked"}]
    assert (await ask(stage, "GET", "preferences", bearer(token["token"]))).status_code == 200
    assert (await popbridge(stage, "token", "revoke", kinds["session"]["id"]))[0] == 1


async def test_only_an_agents_page_has_a_link(stage: Stage) -> None:
    assert (await popbridge(stage, "token", "create", "--role", "supervisor", "--link"))[0] == 2


async def test_the_command_says_what_may_be_meant(stage: Stage) -> None:
    create = ("token", "create", "--role", "agent", "--agent")
    for given, hint in {
        DANA: f"did you mean acme:{DANA}?",
        f"acme:{DANA[1:]}": f"did you mean acme:{DANA}",
        "rival:nobody-like-that": "it is CRM:CRM_USER, and the CRMs are: acme",
    }.items():
        told = await commands.popbridge(stage.folder / "popbridge.toml", *create, given)
        assert (told.exit_code, hint in told.stderr) == (1, True), told.stderr


async def test_a_supervisors_token_comes_with_the_address_to_open(stage: Stage) -> None:
    told = await commands.popbridge(stage.folder / "popbridge.toml", "token", "create", "--role", "supervisor")
    assert (told.exit_code, told.stdout.startswith("pbt_")) == (0, True)
    assert "to open it in a browser: http://127.0.0.1:8080/console#token=pbt_" in told.stderr


async def test_clicks_of_an_agent_by_their_whole_name_list_no_other_crms(stage: Stage) -> None:
    await stage.get(f"/clicks/acme?agent={DANA}&token=wrong")
    await stage.get(f"/clicks/other?agent={DANA}&token=wrong")
    assert (await stage.click({"agent": DANA})).status_code == 200
    for given in (f"acme:{DANA}", DANA):
        _, text = await popbridge(stage, "clicks", "--agent", given, "--json")
        items = json.loads(text)["items"]
        found = {(item["crm"], item["crm_user"]) for item in items}
        assert ("acme", DANA) in found
        assert ("other", DANA) not in found or given == DANA
