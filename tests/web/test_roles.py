"""Every route × every kind of session: who is let in, and what everybody else is told. `pytest -s` prints the table.

`test_scopes` asks the same routes for what belongs to another CRM.
"""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

import httpx
import pytest
from starlette.routing import Mount, Route

from bridge.core.http_types import Secret
from bridge.store import keys
from bridge.store.tokens import Role
from bridge.web.api.operations import all_operations
from tests.stage import DANA, TOKEN, Stage
from tests.web.desk import bearer
from tests.web.test_scopes import cookie_of, forget_limits, limited, link
from tests.web.test_signin import Tab
from tests.web.test_single_sign_on import Person, signing_in

pytestmark = pytest.mark.anyio

ROWS = {
    "GET /clicks/{crm}": ("button", 400),
    "POST /clicks/{crm}": ("button", 400),
    "GET /clicks/{crm:path}": ("button", 400),
    "POST /clicks/{crm:path}": ("button", 400),
    "GET /events/{pbx}": ("all", 404),
    "POST /events/{pbx}": ("all", 404),
    "GET /desktop/events": ("agent", 200),
    "GET /desktop/poll": ("agent", 200),
    "POST /desktop/ack": ("agent", 400),
    "POST /desktop/session": ("agent", 201),
    "GET /desktop/session": ("agent", 200),
    "DELETE /desktop/session": ("agent", 204),
    "POST /desktop/link": ("agent", 201),
    "POST /desktop/press": ("agent", 200),
    "GET /desktop/notes/{popup_id}": ("agent", 404),
    "PUT /desktop/notes/{popup_id}": ("agent", 404),
    "POST /desktop/notes/{popup_id}": ("agent", 404),
    "GET /desktop/shift": ("agent", 200),
    "GET /desktop/popups/{popup_id}": ("agent", 404),
    "POST /desktop/contacts/{popup_id}": ("agent", 404),
    "GET /desktop/preferences": ("agent", 200),
    "PUT /desktop/preferences": ("agent", 200),
    "GET /desktop": ("all", 200),
    "GET /console": ("all", 307),
    "POST /console/session": ("supervisor", 201),
    "GET /console/session": ("supervisor", 200),
    "DELETE /console/session": ("supervisor", 204),
    "GET /console/live/events": ("supervisor", 200),
    "GET /console/{page}": ("all", 404),
    "GET /api/audit": ("supervisor", 200),
    "GET /api/audit/export": ("supervisor", 200),
    "GET /api/audit/access-log": ("admin", 200),
    "GET /api/audit/acts": ("admin", 200),
    "GET /api/health": ("supervisor", 200),
    "POST /api/health/doctor": ("admin", 200),
    "GET /api/clicks": ("token", 200),
    "GET /api/clicks/{click_id}": ("token", 404),
    "GET /api/popups/{popup_id}": ("token", 404),
    "GET /api/deliveries": ("supervisor", 200),
    "POST /api/deliveries/retry": ("supervisor", 400),
    "GET /api/deliveries/{delivery_id}": ("supervisor", 404),
    "POST /api/deliveries/{delivery_id}/retry": ("supervisor", 404),
    "GET /api/calls/{ivrid:path}": ("token", 404),
    "GET /api/pbx/{pbx}/extensions": ("supervisor", 404),
    "GET /api/pbx/{pbx}/queues": ("supervisor", 404),
    "GET /api/connect": ("admin", 200),
    "GET /api/connect/kinds": ("admin", 200),
    "POST /api/connect/try": ("admin", 400),
    "GET /api/connect/agents": ("admin", 200),
    "POST /api/connect/agents/preview": ("admin", 200),
    "POST /api/connect/links": ("admin", 404),
    "POST /api/connect/pbx/{name}/test": ("admin", 404),
    "POST /api/connect/crm/{name}/test": ("admin", 404),
    "GET /api/connect/crm/{name}/button": ("admin", 404),
    "POST /api/connect/crm/{name}/click": ("admin", 404),
    "POST /api/connect/crm/{name}/popup": ("admin", 404),
    "GET /": ("all", 200),
    "GET /signin/oidc": ("all", 404),
    "GET /signin/callback": ("all", 404),
    "GET /signin/ways": ("all", 200),
    "GET /signin/window": ("all", 200),
    "GET /button.js": ("all", 200),
    "GET /answer.js": ("all", 200),
    "GET /static/frame.js": ("all", 200),
    "GET /static/lang/languages.json": ("all", 200),
    "GET /static/lang/{code}.json": ("all", 404),
    "GET /livez": ("all", 200),
    "GET /readyz": ("all", 200),
    "GET /version": ("all", 200),
    "GET /metrics": ("all", 200),
    "GET /openapi.json": ("all", 200),
    "GET /docs/connect": ("all", 200),
    "GET /docs/connect/{kind}": ("all", 404),
    "GET /docs": ("all", 200),
}
"""Whom each route is for, and what they are answered to an empty question about something unknown."""

ROLE_OF = {
    "nobody": "nobody",
    "another site": "nobody",
    "wrong page": "nobody",
    "button": "button",
    "link": "link",
    "agent": "agent",
    "agent by link": "agent",
    "of one CRM": "supervisor",
    "supervisor": "supervisor",
    "its session": "supervisor",
    "admin of one": "one-crm-admin",
    "admin": "admin",
    "his session": "admin",
}
"""The kinds of session. Another site's page sends an administrator's cookie, a page of the wrong kind an agent's."""
AT_PROVIDER = {"dana": "agent", "lea": "supervisor", "root": "admin"}
"""Who signs in by OpenID Connect, and what their groups make of them."""
MAY = {
    "button": {"button"},
    "agent": {"agent"},
    "token": {"agent", "supervisor", "one-crm-admin", "admin"},
    "supervisor": {"supervisor", "one-crm-admin", "admin"},
    "admin": {"one-crm-admin", "admin"},
}
WITH_LINK = {"POST /desktop/session": 201, "POST /console/session": 403}
"""All that an agent's link that nobody has used is good for."""
FOR_EVERY_CRM = {"POST /api/health/doctor", "POST /api/connect/agents/preview"}
"""For administrators of every CRM alone."""
ASKED_BY_PAGES = {"GET /desktop/session", "GET /console/session"}
"""Whether somebody is signed in: a page that asks by its cookie is told why nobody is, without an error."""
ENDLESS = {"GET /desktop/events", "GET /console/live/events"}
"""Streams: their status is all that is waited for."""


def expected(row: str, role: str, by_page: bool) -> int:
    who, status = ROWS[row]
    if who == "all":
        return status
    if role == "link":
        return WITH_LINK.get(row, 401)
    if role in MAY[who] and not (role == "one-crm-admin" and row in FOR_EVERY_CRM):
        return status
    if row in ASKED_BY_PAGES and by_page:
        return 200
    is_person = role in ("agent", "supervisor", "one-crm-admin", "admin")
    return 403 if is_person and who in ("token", "supervisor", "admin") else 401


def routes(stage: Stage) -> Iterator[str]:
    """Every route of the application with each of its methods; files that everybody may have aside."""
    for route in stage.app.routes:
        if not isinstance(route, Mount):
            assert isinstance(route, Route)
            yield from (f"{method} {route.path}" for method in sorted((route.methods or {"GET"}) - {"HEAD", "OPTIONS"}))


async def headers(stage: Stage, kind: str) -> dict[str, str]:
    """A new session or token of this kind."""
    match kind:
        case "nobody":
            return {}
        case "another site":
            return {"Cookie": (await cookie_of(stage, await stage.token(Role.ADMIN), "console"))["Cookie"]}
        case "wrong page":
            return {**await cookie_of(stage, await link(stage), "desktop"), "Popbridge-Page": "console"}
        case "button":
            return bearer(TOKEN.reveal())
        case "link":
            return await link(stage)
        case "agent by link":
            return await cookie_of(stage, await link(stage), "desktop")
        case "of one CRM" | "admin of one":
            return await limited(stage, Role.SUPERVISOR if kind == "of one CRM" else Role.ADMIN, "acme")
        case "its session" | "his session":
            role = Role.SUPERVISOR if kind == "its session" else Role.ADMIN
            return await cookie_of(stage, await stage.token(role), "console")
    return await stage.token(Role(kind), DANA if kind == "agent" else None)


async def ask(stage: Stage, row: str, sent: dict[str, str]) -> int:
    """The status of a question about something that nobody knows."""
    method, path = row.split(" ")
    url = stage.bridge_url + re.sub(r"{[\w:]+}", "unknown", re.sub(r"{crm(:path)?}", "acme", path))
    url += "/" if path.endswith(":path}") and path.startswith("/clicks") else ""
    if method == "GET" and path.startswith("/clicks/"):
        url += "?agent=&token=" + sent.get("Authorization", "").removeprefix("Bearer ")
    body = {"json": {}} if method in ("POST", "PUT") else {}
    async with stage.http.stream(method, url, headers=sent, **body) as response:
        if row not in ENDLESS:
            await response.aread()
    stage.http.cookies.clear()
    return response.status_code


@pytest.fixture
async def table() -> AsyncIterator[list[str]]:
    rows: list[str] = []
    yield rows
    print("\n" + "\n".join(rows))


async def test_each_route_lets_in_whom_it_is_for_and_nobody_else(stage: Stage, table: list[str]) -> None:
    table.append(" " * 51 + "".join(f"{kind:>14}" for kind in ROLE_OF))
    wrong, held = [], {kind: await headers(stage, kind) for kind in ROLE_OF}
    for row in routes(stage):
        assert row in ROWS, f"{row}: say in ROWS whom it is for"
        statuses = {}
        for kind in ROLE_OF:
            statuses[kind] = await ask(stage, row, held[kind])
            await stage.redis.delete(keys.turn("doctor"))
            wanted = expected(row, ROLE_OF[kind], "Popbridge-Page" in held[kind])
            if row.endswith("/session"):  # it may have signed in by the link, or out
                held[kind] = await headers(stage, kind)
            if statuses[kind] != wanted:
                wrong.append(f"{row} as {kind}: {statuses[kind]}, not {wanted}")
        table.append(f"{row:<51}{''.join(f'{status:>14}' for status in statuses.values())}")
        await forget_limits(stage)
    assert wrong == []


async def test_who_signs_in_by_openid_connect_is_let_in_as_their_groups_say(tmp_path: Path, redis_url: Secret) -> None:
    async with signing_in(tmp_path, redis_url) as (stage, _):
        wrong = []
        for login, role in AT_PROVIDER.items():
            page = "desktop" if role == "agent" else "console"
            person = Person(stage, login)
            sent = _sent(await person.signs_in(page, page), person.http)
            for row in in_order(routes(stage), page):
                status, wanted = await ask(stage, row, sent), expected(row, role, True)
                wanted = 200 if wanted == 204 else wanted  # and told where to sign out at the provider
                wrong += [f"{row} as {login}: {status}, not {wanted}"] if status != wanted else []
            await forget_limits(stage)
        assert wrong == []


def in_order(rows: Iterable[str], page: str) -> list[str]:
    """Signing out comes last; the doors to the provider, which is there now, aside."""
    asked = [row for row in rows if not row.startswith("GET /signin/")]
    return sorted(asked, key=lambda row: row == f"DELETE /{page}/session")


def _sent(tab: Tab, http: httpx.AsyncClient) -> dict[str, str]:
    cookie = next(one for one in http.cookies.jar if one.name.startswith(f"popbridge-{tab.name}"))
    return {"Popbridge-Page": tab.name, "Cookie": f"{cookie.name}={cookie.value}"}


def test_the_documentation_names_the_same_people() -> None:
    documented = {f"{one.method.upper()} {one.path}": one.who for one in all_operations()}
    here = {row.replace(":path}", "}"): who for row, (who, _) in ROWS.items()}
    assert {row: here[row] for row in documented} == documented
    assert {who for row, who in here.items() if row not in documented and "audit/acts" not in row} == {"all"}


async def test_a_route_without_a_row_is_found(stage: Stage, table: list[str]) -> None:
    stage.app.router.routes.insert(0, Route("/api/new", lambda _: None))
    with pytest.raises(AssertionError, match=r"GET /api/new: say in ROWS"):
        await test_each_route_lets_in_whom_it_is_for_and_nobody_else(stage, table)
