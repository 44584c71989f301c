"""Staying signed in by a cookie: who gets one, what it is worth to others, how it is renewed, and how it ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.core.http_types import Secret
from bridge.store import keys, sessions, tokens
from bridge.store.tokens import Kind, Role
from bridge.web.api.operations import all_operations
from tests.dump import everything_in
from tests.stage import DANA, OMER, Stage, open_stage, plain_client
from tests.web.desk import bearer, page
from tests.web.test_deliveries import popbridge

pytestmark = pytest.mark.anyio

HOURS = timedelta(hours=1)
HTTPS = {"POPBRIDGE_SERVER__PUBLIC_URL": "https://popbridge.example.com"}


class Tab:
    """A page of ours in a browser that keeps cookies, as far as the bridge sees it."""

    def __init__(self, stage: Stage, name: str, browser: httpx.AsyncClient) -> None:
        self.url, self.name, self.browser = stage.bridge_url, name, browser

    async def ask(self, method: str, path: str, token: str = "", **headers: str) -> httpx.Response:
        sent = {"Popbridge-Page": self.name, **(bearer(token) if token else {}), **headers}
        return await self.browser.request(method, self.url + path, headers=sent)

    @property
    def cookie(self) -> str:
        return "; ".join(f"{one.name}={one.value}" for one in self.browser.cookies.jar)


@asynccontextmanager
async def opened(stage: Stage, name: str = "desktop") -> AsyncIterator[Tab]:
    async with plain_client(timeout=20) as browser:
        yield Tab(stage, name, browser)


async def text_of(stage: Stage, role: Role = Role.AGENT, agent: str | None = DANA) -> str:
    header = await stage.token(role, agent if role is Role.AGENT else None)
    return header["Authorization"].removeprefix("Bearer ")


@asynccontextmanager
async def signed_in(stage: Stage, agent: str = DANA) -> AsyncIterator[Tab]:
    async with opened(stage) as tab:
        assert (await tab.ask("POST", "/desktop/session", await text_of(stage, agent=agent))).status_code == 201
        yield tab


async def test_a_cookie_signs_every_page_of_the_browser_in(stage: Stage) -> None:
    async with signed_in(stage) as tab:
        told = (await tab.ask("GET", "/desktop/session")).json()
        assert (told["agent"]["crm_user"], told["via"], "session" in told) == (DANA, "token", False)
        assert (await tab.ask("GET", "/desktop/preferences")).status_code == 200
        stored = everything_in(stage.redis_url)
        for one in tab.browser.cookies.jar:
            assert one.value is not None
            assert one.value.startswith("pbt_")
            assert one.value not in stored
            assert one.value.split("_", 2)[2] not in stored


async def test_what_the_cookie_says_of_itself(tmp_path: Path, redis_url: Secret) -> None:
    for extra, expected in (
        ({}, {"desktop": "popbridge-desktop-8080 HttpOnly SameSite=Strict", "framed": None}),
        (HTTPS, {"desktop": "__Host-popbridge-desktop HttpOnly Secure SameSite=Strict",
                 "framed": "__Host-popbridge-framed HttpOnly Secure SameSite=None Partitioned"}),
    ):  # fmt: skip
        async with open_stage(tmp_path, redis_url, extra=extra) as stage:
            for name, said in expected.items():
                async with opened(stage, name) as tab:
                    answer = await tab.ask("POST", "/desktop/session", await text_of(stage))
                    cookie = answer.headers.get("set-cookie")
                    assert (cookie is None) == (said is None)
                    if cookie and said:
                        first, *parts = cookie.split("; ")
                        assert "Path=/" in parts
                        assert any(part.startswith("Max-Age=") for part in parts)
                        flags = [part for part in parts if not part.startswith(("Path", "Max-Age"))]
                        assert f"{first.partition('=')[0]} {' '.join(flags)}" == said


async def test_the_cookie_alone_is_worth_nothing_to_others(stage: Stage) -> None:
    """Every operation that needs a token: another site's page, form or link cannot send our header."""
    needing = [one for one in all_operations() if one.who in ("agent", "token", "supervisor", "admin")]
    assert len(needing) > 20
    foreign: tuple[dict[str, str], ...] = (
        {},
        {"Popbridge-Page": "elsewhere"},
        {"Popbridge-Page": "desktop", "Origin": "https://evil.example"},
        {"Popbridge-Page": "desktop", "Origin": "null"},
        {"Popbridge-Page": "desktop", "Origin": "http://["},
        {"Popbridge-Page": "desktop", "Origin": "null", "Host": ""},
        {"Popbridge-Page": "desktop", "Sec-Fetch-Site": "cross-site"},
        {"Popbridge-Page": "desktop", "Sec-Fetch-Site": "same-site"},
    )
    async with signed_in(stage) as tab:
        for operation in needing:
            url = stage.bridge_url + operation.path.replace("{", "").replace("}", "")
            for headers in foreign:
                answer = await stage.http.request(operation.method, url, headers={"Cookie": tab.cookie, **headers})
                assert answer.status_code == 401, (operation.path, headers)
                assert "access-control-allow-origin" not in answer.headers
                assert "set-cookie" not in answer.headers
        own = {"Origin": stage.bridge_url, "Sec-Fetch-Site": "same-origin"}
        assert (await tab.ask("GET", "/desktop/preferences", **own)).status_code == 200
        assert (await tab.ask("GET", "/desktop/preferences", Origin="http://127.0.0.1:8080")).status_code == 200


async def test_a_page_of_another_kind_has_a_session_of_its_own(stage: Stage) -> None:
    async with signed_in(stage) as tab:
        console = Tab(stage, "console", tab.browser)
        assert (await console.ask("GET", "/console/session")).json() == {"reason": "no-token"}
        assert (await console.ask("GET", "/api/clicks")).status_code == 401
        assert (await console.ask("POST", "/console/session", await text_of(stage, Role.ADMIN))).status_code == 201
        assert (await console.ask("GET", "/console/session")).json()["role"] == "admin"
        assert (await tab.ask("GET", "/api/audit")).status_code == 403
        assert (await tab.ask("GET", "/desktop/session")).json()["agent"]["crm_user"] == DANA


async def test_a_console_session_sees_what_its_token_sees(stage: Stage) -> None:
    now = datetime.now(UTC)
    given, text = await tokens.create(stage.redis, Role.SUPERVISOR, None, now, now + HOURS, crms=["acme"])
    async with opened(stage, "console") as tab:
        answer = await tab.ask("POST", "/console/session", text)
        assert answer.json() == (await tab.ask("GET", "/console/session")).json()
        assert (answer.json()["crms"], answer.json()["token_id"]) == (["acme"], given.token_id)
        assert answer.json()["expires_at"] == given.expires_at, "it ends with its token"
        assert (await tab.ask("GET", "/api/audit/access-log")).status_code == 403
        assert await tokens.revoke(stage.redis, given.token_id)
        assert (await tab.ask("GET", "/console/session")).json() == {"reason": "revoked-token"}
        assert (await tab.ask("GET", "/api/clicks")).json()["reason"] == "revoked-token"


async def test_a_page_without_a_session_is_told_why_without_an_error(stage: Stage) -> None:
    async with opened(stage) as tab:
        asked = await tab.ask("GET", "/desktop/session")
        assert (asked.status_code, asked.json()) == (200, {"reason": "no-token"})
    assert (await stage.get("/desktop/session")).status_code == 401
    async with signed_in(stage) as tab:
        omer = f"crm,crm_user,pbx,extension,name\nacme,{OMER},main,{stage.make.omer},\n"
        (stage.folder / "agents.csv").write_text(omer, encoding="utf-8")
        assert (await tab.ask("GET", "/desktop/session")).json() == {"reason": "unknown-agent"}


async def test_signing_out_ends_it_in_every_tab(stage: Stage) -> None:
    async with signed_in(stage) as tab, signed_in(stage) as other_browser:
        headers = {"Popbridge-Page": "desktop", "Cookie": tab.cookie}
        async with page(stage, headers) as open_tab:
            answer = await tab.ask("DELETE", "/desktop/session")
            assert answer.status_code == 204
            assert "Max-Age=0" in answer.headers["set-cookie"]
            assert await open_tab.until("signed-out") == [{"reason": "revoked"}]
        assert (await stage.get("/desktop/session", headers)).json() == {"reason": "signed-out"}
        assert (await tab.ask("GET", "/desktop/session")).json() == {"reason": "no-token"}
        assert (await other_browser.ask("GET", "/desktop/preferences")).status_code == 200


async def test_somebody_else_at_the_same_browser_ends_the_first_ones_session(stage: Stage) -> None:
    async with signed_in(stage) as tab:
        hers = {"Popbridge-Page": "desktop", "Cookie": tab.cookie}
        assert (await tab.ask("POST", "/desktop/session", await text_of(stage))).status_code == 201
        async with page(stage, hers) as open_tab:
            omers = await text_of(stage, agent=OMER)
            assert (await tab.ask("POST", "/desktop/session", omers)).status_code == 201
            assert (await tab.ask("GET", "/desktop/session")).json()["agent"]["crm_user"] == OMER
            assert open_tab.of("signed-out") == [], "her own newer session left the first alone"
        assert {grant.crm_user for grant in await tokens.every(stage.redis) if grant.kind is Kind.SESSION} == {
            DANA,
            OMER,
        }


async def test_the_text_changes_and_no_lost_answer_signs_out(stage: Stage) -> None:
    async with signed_in(stage) as tab:
        first = tab.cookie
        lost = await stage.get("/desktop/session", {"Popbridge-Page": "desktop", "Cookie": first})
        assert "set-cookie" in lost.headers, "a script has seen the first text, so it is renewed at once"
        assert "set-cookie" not in (await tab.ask("GET", "/desktop/session")).headers, "another tab asks meanwhile"
        assert (await tab.ask("GET", "/desktop/preferences")).status_code == 200, "the new text was lost on its way"


async def test_an_old_text_is_good_until_the_new_one_is_used_and_a_moment_longer(stage: Stage) -> None:
    now, redis = datetime.now(UTC), stage.redis
    given, _ = await tokens.create(redis, Role.ADMIN, None, now, now + 100 * HOURS)
    made = await tokens.trade(redis, given, now)
    assert made is not None
    session, first = made
    second = await sessions.renewed(redis, session, now)
    assert second is not None
    assert await sessions.renewed(redis, session, now) is None, "one at a time"
    later = now + HOURS
    assert await tokens.check(redis, first, later) is not None
    assert await tokens.check(redis, second, later) is not None
    moment = timedelta(seconds=tokens.GRACE_SECONDS)
    assert await tokens.check(redis, first, later + moment / 2) is not None
    assert await tokens.check(redis, first, later + moment) is None
    assert await tokens.check(redis, second, later + moment) is not None
    assert await tokens.why_refused(redis, first) == "bad-token"
    await redis.delete(keys.renewal(session.token_id))
    assert await sessions.renewed(redis, session, now + sessions.RENEW_AFTER / 2) is None
    third = await sessions.renewed(redis, session, now + sessions.RENEW_AFTER)
    assert third is not None
    assert third not in (first, second)


async def test_a_renewal_brings_no_ended_session_back(stage: Stage) -> None:
    now, redis = datetime.now(UTC), stage.redis
    given, _ = await tokens.create(redis, Role.ADMIN, None, now, now + HOURS)
    made = await tokens.trade(redis, given, now)
    assert made is not None
    await tokens.revoke(redis, made[0].token_id)
    assert await sessions.renewed(redis, made[0], now) is None
    assert await tokens.living(redis, [made[0].token_id]) == set()


async def test_how_long_it_lasts_is_the_administrators_choice(tmp_path: Path, redis_url: Secret) -> None:
    extra = {"POPBRIDGE_SIGNIN__SESSION_HOURS": "10", "POPBRIDGE_SIGNIN__IDLE_HOURS": "2"}
    async with open_stage(tmp_path, redis_url, extra=extra) as stage:
        now = datetime.now(UTC)
        _, link = await tokens.create(stage.redis, Role.AGENT, stage.services.agents.directory().agent("acme", DANA),
                                      now, now + HOURS, Kind.LINK)  # fmt: skip
        async with opened(stage) as tab:
            told = (await tab.ask("POST", "/desktop/session", link)).json()
            lasts = datetime.fromisoformat(told["expires_at"]) - now
            assert 9.9 * HOURS < lasts <= 10.1 * HOURS, "a link's session is not the link's five minutes"
            session = next(one for one in await tokens.every(stage.redis) if one.kind is Kind.SESSION)
            place = keys.token(session.token_id)
            assert 7100 < int(await stage.redis.eval("return redis.call('TTL', KEYS[1])", 1, place)) <= 7200
            await stage.redis.expire(place, 60)
            await tab.ask("GET", "/desktop/session")
            assert int(await stage.redis.eval("return redis.call('TTL', KEYS[1])", 1, place)) > 7100


async def test_each_refused_token_is_told_what_is_wrong_with_it(stage: Stage) -> None:
    whole, now = await text_of(stage), datetime.now(UTC)
    dana = stage.services.agents.directory().agent("acme", DANA)
    _, link = await tokens.create(stage.redis, Role.AGENT, dana, now, now + HOURS, Kind.LINK)
    async with opened(stage) as tab:
        assert (await tab.ask("POST", "/desktop/session", link)).status_code == 201
    revoked = await text_of(stage)
    await tokens.revoke(stage.redis, revoked.split("_")[1])
    reasons = {
        whole[:-1]: "incomplete-token",
        whole + "x": "incomplete-token",
        whole[:-2] + "ab": "incomplete-token",
        link: "used-link",
        link[:-2] + "ab": "bad-token",
        revoked: "revoked-token",
        f"pbt_0123456789ab_{'x' * 43}": "bad-token",
        "sk_live_of_something_else": "bad-token",
    }
    for text, reason in reasons.items():
        refused = await stage.http.post(f"{stage.bridge_url}/desktop/session", headers=bearer(text))
        assert (refused.status_code, refused.json()["reason"]) == (401, reason)
        assert text not in refused.text


async def test_a_link_for_another_window_signs_in_there_once(stage: Stage) -> None:
    async with signed_in(stage) as tab, opened(stage) as window:
        link: dict[str, Any] = (await tab.ask("POST", "/desktop/link")).json()
        assert (await window.ask("POST", "/desktop/session", link["token"])).status_code == 201
        assert (await window.ask("GET", "/desktop/session")).json()["agent"]["crm_user"] == DANA
        assert (await window.ask("POST", "/desktop/session", link["token"])).json()["reason"] == "used-link"


async def test_a_session_from_a_link_ends_with_the_windows_that_it_opened(stage: Stage) -> None:
    now = stage.services.clock.now()
    dana = stage.services.agents.directory().agent("acme", DANA)
    _, first = await tokens.create(stage.redis, Role.AGENT, dana, now, now + HOURS, Kind.LINK)
    async with opened(stage) as tab, opened(stage) as window:
        assert (await tab.ask("POST", "/desktop/session", first)).status_code == 201
        link: str = (await tab.ask("POST", "/desktop/link")).json()["token"]
        assert (await window.ask("POST", "/desktop/session", link)).status_code == 201
        waiting: str = (await tab.ask("POST", "/desktop/link")).json()["token"]
        await tab.ask("DELETE", "/desktop/session")
        assert (await window.ask("GET", "/desktop/session")).json() == {"reason": "signed-out"}
        assert (await window.ask("POST", "/desktop/session", waiting)).status_code == 401
        assert await tokens.every(stage.redis) == []


async def test_the_command_lists_and_revokes_sessions(stage: Stage) -> None:
    async with signed_in(stage) as tab:
        listed = (await popbridge(stage, "token", "list"))[1]
        row = next(line for line in listed.splitlines() if "  session  " in line)
        assert f"acme:{DANA}" in row
        assert row.rstrip().endswith("by token")
        assert (await popbridge(stage, "token", "revoke", row.split()[0]))[0] == 0
        assert (await tab.ask("GET", "/desktop/session")).json() == {"reason": "revoked-token"}


async def test_a_token_ends_with_its_own_sessions_and_no_others(stage: Stage) -> None:
    """Of thousands signed in, only its own are looked at; what is kept of them goes with the last."""
    redis, now = stage.redis, datetime.now(UTC)
    mine, others = [(await tokens.create(redis, Role.ADMIN, None, now, now + HOURS))[0] for _ in range(2)]
    made = [await tokens.trade(redis, given, now) for given in (mine, mine, others)]
    ids = [one[0].token_id for one in made if one]
    assert {grant.token_id for grant in await tokens.ending_with(redis, mine.token_id)} == set(ids[:2])
    lives = await redis.ttl(keys.ending_with(mine.token_id))
    assert 0 < lives <= HOURS.total_seconds()
    assert await tokens.revoke(redis, mine.token_id)
    assert await tokens.living(redis, ids) == {ids[2]}
    assert await tokens.ending_with(redis, mine.token_id) == []
    assert not await redis.exists(keys.ending_with(mine.token_id))
