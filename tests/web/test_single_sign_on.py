"""Signing in by OpenID Connect at a real provider: who gets in, as whom, for how long, and how it can go wrong."""

import io
import logging
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from bridge.core.finding import Grade
from bridge.core.http_types import Secret
from bridge.doctor.signon import of_signin
from bridge.signin import renewal
from bridge.store import tokens
from bridge.store.tokens import Via
from tests.dump import everything_in
from tests.identity import CLIENT, PEOPLE, SECRET, Identity, free_port, new_key, running, settings_for
from tests.stage import DANA, Stage, open_stage, plain_client, serving
from tests.web.test_signin import Tab

pytestmark = pytest.mark.anyio


BROWSERS: list[httpx.AsyncClient] = []
"""Of people who sign in; closed when their test is over."""


async def close_browsers() -> None:
    while BROWSERS:
        await BROWSERS.pop().aclose()


@pytest.fixture(autouse=True)
async def closing() -> AsyncIterator[None]:
    yield
    await close_browsers()


class Person:
    """Somebody at a browser: goes where they are sent, and says to the provider who they are."""

    def __init__(self, stage: Stage, login: str) -> None:
        self.stage, self.login = stage, login
        self.http = plain_client(timeout=20, headers={"Accept": "text/html"})
        self.seen: list[str] = []
        BROWSERS.append(self.http)

    async def go(self, url: str) -> httpx.Response:
        """The page that the person ends at; `seen` are the addresses on the way."""
        answer = await self.http.get(url)
        for _ in range(20):
            self.seen.append(str(answer.url))
            if answer.is_redirect:
                answer = await self.http.get(str(answer.url.join(answer.headers["location"])))
            elif 'name="login"' in answer.text:
                form = re.search(r'action="([^"]+)"', answer.text)
                assert form is not None
                told = {"prompt": "login", "login": self.login, "password": "x"}
                answer = await self.http.post(str(answer.url.join(form[1])), data=told)
            else:
                return answer
        raise AssertionError(self.seen)

    @property
    def link(self) -> str:
        """The one-time link's token, which the browser takes along."""
        return next(token for url in self.seen for token in parse_qs(urlsplit(url).fragment).get("token", []))

    async def begins(self, to: str = "", crm: str = "") -> str:
        """The provider's address for a sign-in that has begun."""
        url = f"{self.stage.bridge_url}/signin/oidc?to={to}&crm={crm}"
        return str((await self.http.get(url)).headers["location"])

    async def answer_of_provider(self, to: str = "") -> str:
        """The address by which the provider sends the person back, which they have not followed."""
        answer = await self.http.get(await self.begins(to))
        for _ in range(20):
            if answer.is_redirect:
                url = str(answer.url.join(answer.headers["location"]))
                if url.startswith(self.stage.bridge_url):
                    return url
                answer = await self.http.get(url)
            else:
                form = re.search(r'action="([^"]+)"', answer.text)
                assert form is not None, answer.text
                told = {"prompt": "login", "login": self.login, "password": "x"}
                answer = await self.http.post(str(answer.url.join(form[1])), data=told)
        raise AssertionError("the provider sends nobody back")

    async def signs_in(self, to: str = "", page: str = "desktop") -> Tab:
        """The page that they are sent to, signed in by the link in its address."""
        await self.go(f"{self.stage.bridge_url}/signin/oidc?to={to}")
        link = self.link
        tab = Tab(self.stage, page, self.http)
        path = "/console/session" if page == "console" else "/desktop/session"
        assert (await tab.ask("POST", path, link)).status_code == 201
        return tab


@asynccontextmanager
async def signing_in(
    folder: Path, redis_url: Secret, refresh: bool = True, **changed: object
) -> AsyncIterator[tuple[Stage, Identity]]:
    """A bridge whose people sign in at a provider."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    async with running(address, new_key("one")[1], refresh=refresh) as identity:
        extra = {"POPBRIDGE_SERVER__PUBLIC_URL": address}
        keys = settings_for(identity.issuer)
        async with open_stage(folder, redis_url, port=port, extra=extra, more_settings=keys, **changed) as stage:
            try:
                yield stage, identity
            finally:
                await close_browsers()  # those of other modules' tests, too


@pytest.fixture
async def both(tmp_path: Path, redis_url: Secret) -> AsyncIterator[tuple[Stage, Identity]]:
    async with signing_in(tmp_path, redis_url) as found:
        yield found


async def test_an_agent_signs_in_and_stays_so(both: tuple[Stage, Identity]) -> None:
    stage, _ = both
    tab = await Person(stage, "dana").signs_in("desktop")
    told = (await tab.ask("GET", "/desktop/session")).json()
    assert (told["agent"], told["via"]) == (
        {"crm": "acme", "crm_user": DANA, "name": "Dana Cohen"},
        "openid-connect",
    )
    grant = next(one for one in await tokens.every(stage.redis) if one.via is Via.OIDC)
    assert (grant.subject, grant.crm, grant.crm_user) == (DANA.upper(), "acme", DANA)
    stored = everything_in(stage.redis_url)
    for secret in (SECRET, "eyJ"):
        assert secret not in stored, "neither the client's secret nor any token of the provider's is readable"


async def test_supervisors_and_administrators_are_what_their_groups_make_them(both: tuple[Stage, Identity]) -> None:
    stage, _ = both
    lea = await Person(stage, "lea").signs_in("console", "console")
    told = (await lea.ask("GET", "/console/session")).json()
    assert (told["role"], told["crms"], told["subject"]) == ("supervisor", ["acme"], "lea@acme.example")
    root = await Person(stage, "root").signs_in("", "console")
    told = (await root.ask("GET", "/console/session")).json()
    assert (told["role"], told["crms"]) == ("admin", None)
    assert (await root.ask("GET", "/api/audit")).status_code == 200
    acts = (await root.ask("GET", "/api/audit/access-log")).json()["items"]
    assert acts[0]["who"] == "admin root@acme.example", "the access log names the person"


async def test_somebody_who_is_nobody_here_is_told_what_to_ask(both: tuple[Stage, Identity]) -> None:
    stage, _ = both
    cases = {
        ("guest", ""): ("popbridge does not know you", "guest@acme.example"),
        ("forger", ""): ("popbridge does not know you", "email"),
        ("lea", "desktop"): ("You are not in the agent directory", "leads, everybody"),
        ("dana", "console"): ("You may not see the console", "everybody"),
    }
    for (login, to), (title, text) in cases.items():
        page = await Person(stage, login).go(f"{stage.bridge_url}/signin/oidc?to={to}")
        assert page.status_code == 403
        assert title in page.text
        assert text in page.text
        assert "<b>Guest" not in page.text
        assert "set-cookie" not in page.headers
    assert await tokens.every(stage.redis) == []


async def test_an_agent_in_two_crms_chooses_one(tmp_path: Path, redis_url: Secret) -> None:
    async with signing_in(tmp_path, redis_url, crms={"sales": "webhook"}) as (stage, _):
        dana = Person(stage, "dana")
        choice = await dana.go(f"{stage.bridge_url}/signin/oidc?to=desktop")
        assert "Which CRM are you working in?" in choice.text
        assert "/signin/oidc?to=desktop&amp;crm=sales" in choice.text
        await dana.go(f"{stage.bridge_url}/signin/oidc?to=desktop&crm=sales")
        link = dana.link
        told = (await Tab(stage, "desktop", dana.http).ask("POST", "/desktop/session", link)).json()
        assert told["agent"]["crm"] == "sales"


async def test_nobody_gets_in_by_an_answer_that_is_not_this_browsers(both: tuple[Stage, Identity]) -> None:
    """A state of nobody's, another browser's, one that was used, a code that was used."""
    stage, _ = both
    dana, other = Person(stage, "dana"), Person(stage, "dana")
    back = await dana.answer_of_provider()
    answers = [
        await dana.http.get(back.replace("state=", "state=x")),
        await other.http.get(back),  # it used the state up: whoever stole an answer cannot keep it for later
        await dana.http.get(back),
    ]
    for answer in answers:
        assert answer.status_code == 400
        assert "This sign-in has expired" in answer.text
    used = await dana.answer_of_provider()
    assert (await dana.http.get(used)).status_code == 303
    assert (await dana.http.get(used)).status_code == 400
    code, again = parse_qs(urlsplit(used).query)["code"][0], await dana.answer_of_provider()
    replayed = re.sub(r"code=[^&]+", f"code={code}", again)
    refused = await dana.http.get(replayed)
    assert (refused.status_code, "The sign-in service refused popbridge" in refused.text) == (400, True)
    denied = re.sub(r"code=[^&]+", "error=access_denied", await dana.answer_of_provider())
    assert "You did not sign in" in (await dana.http.get(denied)).text
    assert "location" not in refused.headers


async def test_the_provider_is_asked_for_a_code_that_only_the_bridge_can_use(both: tuple[Stage, Identity]) -> None:
    stage, identity = both
    address = await Person(stage, "dana").begins("desktop")
    asked = parse_qs(urlsplit(address).query)
    assert address.startswith(identity.issuer)
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [f"{stage.bridge_url}/signin/callback"]
    assert asked["scope"] == ["openid profile email offline_access"]
    assert len(asked["nonce"][0]) > 40
    assert len(asked["state"][0]) > 40


async def test_a_group_that_is_taken_away_takes_the_access_along(both: tuple[Stage, Identity]) -> None:
    stage, identity = both
    services = stage.services
    assert services.signon is not None
    lea = await Person(stage, "lea").signs_in("console", "console")
    signin = next(one.parent for one in await tokens.every(stage.redis) if one.via is Via.OIDC)
    signon, told = services.signon, (signin, services.signon, stage.redis, services.agents, services.clock)
    await identity.change(lea={**PEOPLE["lea"], "groups": ["it"]})
    await renewal.confirm(*told)
    assert (await lea.ask("GET", "/console/session")).json()["role"] == "admin"
    due = await stage.redis.zrangebyscore("popbridge:signins", "-inf", "+inf")
    assert due == [signin], "and it is asked again"
    later = services.clock.now() + timedelta(minutes=61)
    assert await signon.store.due(later, 5) == [signin]
    assert not await signon.store.is_mine(signin, services.clock.now()), "another has just asked"
    asking = [await signon.store.is_mine(signin, later) for _ in range(2)]
    assert asking == [True, False], "by one process"
    await identity.change(lea={**PEOPLE["lea"], "groups": []})
    await renewal.confirm(*told)
    assert (await lea.ask("GET", "/console/session")).json() == {"reason": "revoked-token"}


async def test_somebody_whom_the_provider_does_not_know_any_more_is_signed_out(both: tuple[Stage, Identity]) -> None:
    stage, identity = both
    services = stage.services
    assert services.signon is not None
    dana = await Person(stage, "dana").signs_in("desktop")
    signin = next(one.parent for one in await tokens.every(stage.redis) if one.via is Via.OIDC)
    await identity.tell(people={})
    await renewal.confirm(signin, services.signon, stage.redis, services.agents, services.clock)
    assert (await dana.ask("GET", "/desktop/session")).json() == {"reason": "revoked-token"}
    assert await services.signon.store.find(signin) is None


async def test_a_provider_that_is_down_signs_nobody_in_and_nobody_out(tmp_path: Path, redis_url: Secret) -> None:
    async with signing_in(tmp_path, redis_url) as (stage, identity):
        services = stage.services
        assert services.signon is not None
        dana = await Person(stage, "dana").signs_in("desktop")
        signin = next(one.parent for one in await tokens.every(stage.redis) if one.via is Via.OIDC)
        back = await Person(stage, "dana").answer_of_provider()
        await identity.stop()
        down = await dana.browser.get(back)
        assert down.status_code in (400, 502)
        services.signon._provider._described = None
        answer = await Person(stage, "dana").go(f"{stage.bridge_url}/signin/oidc")
        assert (answer.status_code, "The sign-in service cannot be reached" in answer.text) == (502, True)
        await renewal.confirm(signin, services.signon, stage.redis, services.agents, services.clock)
        assert (await dana.ask("GET", "/desktop/preferences")).status_code == 200
        kept = await services.signon.store.find(signin)
        assert kept is not None
        long_ago = kept.confirmed_at - renewal.UNCONFIRMED.total_seconds() - 1
        await services.signon.store.change(kept, confirmed_at=long_ago)
        await renewal.confirm(signin, services.signon, stage.redis, services.agents, services.clock)
        assert (await dana.ask("GET", "/desktop/preferences")).status_code == 401


async def test_new_keys_of_the_provider_are_found(tmp_path: Path, redis_url: Secret) -> None:
    port = free_port()
    address, extra = f"http://127.0.0.1:{port}", {"POPBRIDGE_SERVER__PUBLIC_URL": f"http://127.0.0.1:{port}"}
    issuing = free_port()
    keys = settings_for(f"http://127.0.0.1:{issuing}")
    async with open_stage(tmp_path, redis_url, port=port, extra=extra, more_settings=keys) as stage:
        provider = stage.services.signon._provider  # type: ignore[union-attr]
        for kid in ("one", "two"):
            async with running(address, new_key(kid)[1], issuing):
                provider._keys = provider._keys and (provider._keys[0] - timedelta(seconds=11), provider._keys[1])
                await Person(stage, "dana").signs_in("desktop")
                assert [key.key_id for key in await provider.keys()] == [kid]


async def test_signing_out_signs_out_at_the_provider_too(both: tuple[Stage, Identity]) -> None:
    stage, identity = both
    dana = await Person(stage, "dana").signs_in("desktop")
    left = await dana.ask("DELETE", "/desktop/session")
    address = left.json()["leave"]
    assert address.startswith(f"{identity.issuer}/session/end?")
    assert parse_qs(urlsplit(address).query)["post_logout_redirect_uri"] == [f"{stage.bridge_url}/"]
    assert (await dana.browser.get(address)).status_code == 200, (await dana.browser.get(address)).text
    assert (await dana.ask("GET", "/desktop/session")).json() == {"reason": "no-token"}
    assert await tokens.every(stage.redis) == []


async def test_signing_out_ends_other_windows_of_the_same_sign_in(both: tuple[Stage, Identity]) -> None:
    stage, _ = both
    dana = await Person(stage, "dana").signs_in("desktop")
    token = (await dana.ask("POST", "/desktop/link")).json()["token"]
    other = Tab(stage, "desktop", Person(stage, "dana").http)
    assert (await other.ask("POST", "/desktop/session", token)).status_code == 201
    waiting = (await dana.ask("POST", "/desktop/link")).json()["token"]
    await dana.ask("DELETE", "/desktop/session")
    assert (await other.ask("GET", "/desktop/session")).json() == {"reason": "signed-out"}
    assert (await other.ask("POST", "/desktop/session", waiting)).status_code == 401
    assert await tokens.every(stage.redis) == []


async def test_a_sign_in_without_sessions_is_not_asked_about(both: tuple[Stage, Identity]) -> None:
    stage, _ = both
    services = stage.services
    assert services.signon is not None
    await Person(stage, "dana").signs_in("desktop")
    (grant,) = await tokens.every(stage.redis)
    await tokens.revoke(stage.redis, grant.token_id)
    await renewal.confirm(grant.parent, services.signon, stage.redis, services.agents, services.clock)
    assert await services.signon.store.find(grant.parent) is None
    assert await stage.redis.zcard("popbridge:signins") == 0


@pytest.mark.parametrize(
    "cookie", ['"x\\015\\012X-Forged: 1"', "x", "y" * 5000, '"' + "z" * 30 + '\\073 Domain=example"']
)
async def test_a_mark_that_was_not_made_here_is_replaced(both: tuple[Stage, Identity], cookie: str) -> None:
    stage, _ = both
    name = f"popbridge-signin-{urlsplit(stage.bridge_url).port}"
    answer = await stage.get("/signin/oidc", {"Cookie": f"{name}={cookie}"})
    assert answer.status_code == 303
    assert "x-forged" not in answer.headers
    made = answer.headers["set-cookie"].partition(";")[0].partition("=")[2]
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", made)


async def test_without_a_refresh_token_a_session_is_a_shift_long(tmp_path: Path, redis_url: Secret) -> None:
    async with signing_in(tmp_path, redis_url, refresh=False) as (stage, _):
        await Person(stage, "dana").signs_in("desktop")
        grant = next(one for one in await tokens.every(stage.redis) if one.via is Via.OIDC)
        lasts = stage.services.clock.now().fromisoformat(grant.expires_at) - stage.services.clock.now()
        assert timedelta(hours=11) < lasts <= renewal.UNCONFIRMED


async def test_without_openid_connect_there_is_no_such_door(stage: Stage) -> None:
    assert (await stage.get("/signin/oidc")).status_code == 404
    assert (await stage.get("/signin/callback?code=x&state=y")).status_code == 404
    assert (await stage.get("/signin/ways")).json() == {"oidc": None}


async def test_beginning_is_limited_for_each_address(both: tuple[Stage, Identity]) -> None:
    stage, _ = both
    statuses = [(await stage.get("/signin/oidc")).status_code for _ in range(61)]
    assert set(statuses[:60]) == {303}
    assert statuses[60] == 429


class Crooked:
    """A provider that is rightly set up, and answers with whatever token it is told to."""

    def __init__(self, port: int) -> None:
        self.issuer, (self.key, private) = f"http://127.0.0.1:{port}", new_key("one")
        self.jwk = {name: private[name] for name in ("kty", "n", "e", "kid", "use")}
        self.changed: dict[str, object] = {}
        self.nonce, self.sign, self.status = "", "RS256", 200

    def app(self) -> Starlette:
        routes = {
            "/.well-known/openid-configuration": self.described,
            "/keys": lambda _: JSONResponse({"keys": [self.jwk]}),
            "/token": self.token,
        }
        return Starlette(routes=[Route(path, it, methods=["GET", "POST"]) for path, it in routes.items()])

    def described(self, _: object) -> JSONResponse:
        names = {"authorization_endpoint": "/auth", "token_endpoint": "/token", "jwks_uri": "/keys"}
        return JSONResponse({"issuer": self.issuer, **{name: self.issuer + path for name, path in names.items()}})

    def token(self, _: object) -> JSONResponse:
        now = int(time.time())
        groups = {"groups": [], "email": DANA, "email_verified": True}
        usual = {"iss": self.issuer, "aud": CLIENT, "sub": "7", "nonce": self.nonce, "iat": now, "exp": now + 60}
        key = {"RS256": self.key, "HS256": SECRET, "none": None}[self.sign]
        text = jwt.encode({**usual, **groups, **self.changed}, key, self.sign, headers={"kid": "one"})  # type: ignore[arg-type]
        return JSONResponse({"id_token": text, "access_token": "x", "token_type": "Bearer"}, self.status)


async def test_a_token_that_is_not_right_signs_nobody_in(
    tmp_path: Path, redis_url: Secret, said: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="bridge.web.oidc")
    crooked, now = Crooked(free_port()), int(time.time())
    wrong: list[tuple[dict[str, object], str, str]] = [
        ({"nonce": "another"}, "RS256", "nonce"),
        ({"aud": "another"}, "RS256", "aud"),
        ({"iss": "https://another.example"}, "RS256", "issuer"),
        ({"exp": now - 61}, "RS256", "exp"),
        ({}, "HS256", "HS256"),
        ({}, "none", "none"),
    ]
    async with (
        serving(crooked.app(), port=int(crooked.issuer.rpartition(":")[2])),
        open_stage(tmp_path, redis_url, more_settings=settings_for(crooked.issuer)) as stage,
    ):
        for changed, sign, cause in [*wrong, ({}, "RS256", "")]:
            crooked.changed, crooked.sign = changed, sign
            dana = Person(stage, "dana")
            asked = parse_qs(urlsplit(await dana.begins("desktop")).query)
            crooked.nonce = asked["nonce"][0]
            answer = await dana.http.get(f"{stage.bridge_url}/signin/callback?code=x&state={asked['state'][0]}")
            if cause:
                assert (answer.status_code, "popbridge does not accept this sign-in" in answer.text) == (400, True)
                causes = [record.fields["cause"] for record in caplog.records if hasattr(record, "fields")]
                assert causes[-1].startswith("its id token is not believed")
                assert cause in causes[-1]
                caplog.clear()
                assert "location" not in answer.headers
            else:
                assert answer.headers["location"].startswith("/desktop#token=pbt_"), "only a right one does"
    assert "eyJ" not in said.getvalue()
    assert SECRET not in said.getvalue()


async def test_a_provider_that_answers_nonsense_is_named(tmp_path: Path, redis_url: Secret) -> None:
    crooked = Crooked(free_port())
    async with (
        serving(crooked.app(), port=int(crooked.issuer.rpartition(":")[2])) as address,
        open_stage(tmp_path, redis_url, more_settings=settings_for(f"{address}/elsewhere")) as stage,
    ):
        answer = await Person(stage, "dana").go(f"{stage.bridge_url}/signin/oidc")
        assert (answer.status_code, "Unexpected response from the sign-in service" in answer.text) == (502, True)
        program = await stage.get("/signin/oidc")
        assert (program.status_code, program.json()["reason"]) == (502, "provider-unintelligible")


async def test_the_doctor_asks_the_provider(both: tuple[Stage, Identity]) -> None:
    stage, identity = both
    found = (await of_signin(stage.services))[0]
    assert (found.grade, found.message) == (
        Grade.OK, "the provider responds: 1 keys, signs out there too; refresh tokens are asked for",
    )  # fmt: skip
    await identity.stop()
    assert stage.services.signon is not None
    stage.services.signon._provider._described = None
    found = (await of_signin(stage.services))[0]
    assert found.grade is Grade.FAIL
    assert "provider-unreachable" in found.message
