"""What one agent, one CRM and one address may ask in a minute."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.core.clock import Clock
from bridge.core.http_types import Secret
from bridge.store.tokens import Role
from bridge.web import metrics
from tests.stage import DANA, OMER, TOKEN, Stage, open_stage

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def limited(folder: Path, redis_url: Secret, **limits: int) -> AsyncIterator[Stage]:
    """A stage whose limits are such; in the names, `crm_acme_` and `server_` stand for the section."""
    extra = {
        f"POPBRIDGE_{name.replace('crm_acme_', 'crm__acme__').replace('server_', 'server__').upper()}": str(most)
        for name, most in limits.items()
    }
    at = datetime.now(UTC)  # held still: no minute ends on the way
    async with open_stage(folder, redis_url, extra=extra, clock=Clock(now=lambda: at)) as stage:
        yield stage


async def statuses(stage: Stage, count: int, agent: str = DANA) -> list[int]:
    return [(await stage.click({"agent": agent})).status_code for _ in range(count)]


async def test_a_button_that_is_stuck_stops_nobody_else(tmp_path: Path, redis_url: Secret) -> None:
    async with limited(tmp_path, redis_url, crm_acme_agent_clicks_per_minute=3, crm_acme_clicks_per_minute=6) as stage:
        assert await statuses(stage, 20) == [200] * 3 + [429] * 17
        assert stage.systems["main"].asked in (3, 4), "but for the first, what is refused asks no phone system"
        assert await statuses(stage, 3, OMER) == [200] * 3, "the CRM's own allowance was not used up"
        refused = await stage.click({"agent": "nobody@acme.example"})
        assert (refused.status_code, refused.json()["detail"]) == (429, "More than 6 clicks in this minute")


async def test_the_agent_learns_it_and_can_be_asked_for(tmp_path: Path, redis_url: Secret) -> None:
    async with limited(tmp_path, redis_url, crm_acme_agent_clicks_per_minute=1) as stage:
        assert (await stage.click()).status_code == 200
        refused = await stage.click({"agent": DANA.upper()})
        assert (refused.status_code, refused.json()["reason"]) == (429, "too-many-clicks")
        assert refused.headers["content-type"] == "application/problem+json"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert "is a button stuck?" in refused.json()["detail"]
        found = await stage.get(f"/api/clicks?agent={DANA.upper()}", await stage.token(Role.SUPERVISOR))
        newest = found.json()["items"][0]
        assert (newest["reason"], newest["crm_user"]) == ("too-many-clicks", DANA.upper())
        told = (await metrics.text(stage.services)).decode()
        assert 'popbridge_clicks_refused_total{crm="acme",reason="too-many-clicks"} 1.0' in told


async def test_an_extension_without_an_agent_has_an_allowance_too(tmp_path: Path, redis_url: Secret) -> None:
    async with limited(tmp_path, redis_url, crm_acme_agent_clicks_per_minute=1) as stage:
        asked = [await stage.click({"extension": stage.make.dana}) for _ in range(2)]
        assert [answer.status_code for answer in asked] == [200, 429]
        assert (await stage.click({"extension": stage.make.omer})).status_code == 200


async def test_repeats_get_the_stored_answer_and_use_up_nothing(tmp_path: Path, redis_url: Secret) -> None:
    async with limited(tmp_path, redis_url, crm_acme_agent_clicks_per_minute=2) as stage:
        first = (await stage.click(message_id="msg_again")).json()
        for _ in range(5):
            assert (await stage.click(message_id="msg_again")).json() == {**first, "duplicate": True}
        assert await statuses(stage, 2) == [200, 429]
        assert (await stage.click(message_id="msg_again")).json()["duplicate"] is True


async def test_clicks_with_the_token_alone_are_counted_too(tmp_path: Path, redis_url: Secret) -> None:
    async with limited(tmp_path, redis_url, crm_acme_agent_clicks_per_minute=1) as stage:
        link = f"{stage.bridge_url}/clicks/acme"
        asked = [await stage.http.get(link, params={"agent": DANA, "token": TOKEN.reveal()}) for _ in range(2)]
        assert [answer.status_code for answer in asked] == [200, 429]


async def test_without_a_limit_there_is_none(tmp_path: Path, redis_url: Secret) -> None:
    async with limited(tmp_path, redis_url, crm_acme_agent_clicks_per_minute=0) as stage:
        assert set(await statuses(stage, 130)) == {200}
        assert not [key async for key in stage.redis.scan_iter("popbridge:rate:*", 100)]


async def test_one_address_reads_so_much_in_a_minute(tmp_path: Path, redis_url: Secret) -> None:
    async with limited(tmp_path, redis_url, server_reads_per_minute=4) as stage:
        supervisor, dana = await stage.token(Role.SUPERVISOR), await stage.token(Role.AGENT, DANA)
        for headers in (supervisor, dana, supervisor, dana):
            assert (await stage.get("/api/popups/none", headers)).status_code == 404
        refused = await stage.get("/desktop/preferences", dana)
        assert (refused.status_code, refused.json()["reason"]) == (429, "too-many")
        assert refused.headers["content-type"] == "application/problem+json"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        made_up = {"Authorization": "Bearer pbt_aaaaaaaaaaaa_guessed"}
        assert (await stage.get("/api/clicks", made_up)).status_code == 429, "guesses are limited as well"
        assert 'popbridge_reads_refused_total{reason="too-many"} 2.0' in (await metrics.text(stage.services)).decode()


async def test_what_a_page_reports_is_not_limited(tmp_path: Path, redis_url: Secret) -> None:
    async with limited(tmp_path, redis_url, server_reads_per_minute=1) as stage:
        stage.talk()
        popup = (await stage.click()).json()["popup"]
        dana = await stage.token(Role.AGENT, DANA)
        assert [(await stage.get("/desktop/preferences", dana)).status_code for _ in range(2)] == [200, 429]
        told = {"popup_id": popup["popup_id"], "event": "delivered"}
        seen = await stage.http.post(f"{stage.bridge_url}/desktop/ack", json=told, headers=dana)
        assert seen.status_code == 204
