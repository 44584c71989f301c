"""A link from the CRM's own button: only for whom the CRM itself proves, only where the settings want it, only once."""

import base64
import hashlib
import hmac
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from bridge.core.http_types import Secret
from bridge.store import tokens
from bridge.store.tokens import Via
from tests.dump import everything_in
from tests.stage import CLICK_SECRET, DANA, OMER, TOKEN, Stage, open_stage
from tests.web.desk import bearer

pytestmark = pytest.mark.anyio

ON = {"POPBRIDGE_CRM__ACME__DESKTOP_LINKS": "true"}
HTML = {"Accept": "text/html"}


def signed(query: str, message_id: str = "msg_1", at: float | None = None) -> str:
    """The query of a link that the CRM's server made for this press."""
    stamp = str(int(at or time.time()))
    key = base64.b64decode(CLICK_SECRET.reveal().removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{stamp}.{query}".encode(), hashlib.sha256)
    proof = quote(f"v1,{base64.b64encode(digest).decode()}", safe="")
    return f"{query}&webhook-id={message_id}&webhook-timestamp={stamp}&webhook-signature={proof}"


async def opens(stage: Stage, link: str) -> str:
    """Whose page the link opens."""
    text = link.partition("#token=")[2]
    answer = await stage.http.post(f"{stage.bridge_url}/desktop/session", headers=bearer(text))
    assert (await stage.http.post(f"{stage.bridge_url}/desktop/session", headers=bearer(text))).status_code == 401
    return str(answer.json()["agent"]["crm_user"])


async def test_a_signed_link_shows_its_agent_the_way_to_their_page(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url, extra=ON) as stage:
        stage.talk()
        query = signed(f"agent={quote(DANA)}")
        page = await stage.get(f"/clicks/acme?{query}", HTML)
        assert "Open my desktop page" in page.text
        link = page.text.partition('href="http://127.0.0.1:8080/desktop#token=')[2].partition('"')[0]
        assert await opens(stage, f"#token={link}") == DANA
        session = next(one for one in await tokens.every(stage.redis))
        assert (session.via, session.crm_user) == (Via.CLICK, DANA)
        again = await stage.get(f"/clicks/acme?{query}", HTML)
        assert again.status_code == 200
        assert "Open my desktop page" not in again.text, "a copy of the press signs nobody in"
        assert link not in everything_in(stage.redis_url)


async def test_what_is_changed_or_added_to_a_signed_link_counts_for_nothing(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url, extra=ON) as stage:
        query = signed(f"agent={quote(DANA)}")
        for wrong in (
            query.replace("dana", "omer"),
            f"agent={quote(OMER)}&{query}",
            query.partition("&webhook-signature")[0] + f"&token={TOKEN.reveal()}",
            signed(f"agent={quote(DANA)}", at=time.time() - 301),
        ):
            assert (await stage.get(f"/clicks/acme?{wrong}", HTML)).status_code == 401, wrong
        added = await stage.get(f"/clicks/acme?{query}&agent={quote(OMER)}", {"Accept": "application/json"})
        assert await opens(stage, added.json()["desktop_link"]) == DANA


async def test_a_signed_webhook_is_answered_with_the_link(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url, extra=ON) as stage:
        answer = await stage.click({"agent": DANA}, message_id="msg_2")
        assert await opens(stage, answer.json()["desktop_link"]) == DANA
        assert "desktop_link" not in (await stage.click({"agent": DANA}, message_id="msg_2")).json()
        assert "desktop_link" not in (await stage.click({"agent": "nobody"})).json()
        assert "desktop_link" not in (await stage.click({"extension": stage.make.dana})).json()


async def test_a_token_that_every_agent_has_signs_nobody_in(tmp_path: Path, redis_url: Secret) -> None:
    async with open_stage(tmp_path, redis_url, extra=ON) as stage:
        url = f"{stage.bridge_url}/clicks/acme"
        page = await stage.get(f"/clicks/acme?agent={DANA}&token={TOKEN.reveal()}", HTML)
        assert (page.status_code, "Open my desktop page" in page.text) == (200, False)
        answer = await stage.http.post(url, json={"agent": DANA}, headers=bearer(TOKEN.reveal()))
        assert (answer.status_code, "desktop_link" in answer.text) == (200, False)
        keyed = await stage.http.post(
            url, json={"agent": DANA}, headers={**bearer(TOKEN.reveal()), "Idempotency-Key": "webhook-id:1"}
        )
        assert (keyed.status_code, "desktop_link" in keyed.text) == (200, False)


async def test_it_is_offered_only_where_the_settings_want_it(stage: Stage) -> None:
    assert "desktop_link" not in (await stage.click({"agent": DANA})).json()
    page = await stage.get(f"/clicks/acme?{signed(f'agent={quote(DANA)}')}", HTML)
    assert (page.status_code, "Open my desktop page" in page.text) == (200, False)
    assert await tokens.every(stage.redis) == []
