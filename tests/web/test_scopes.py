"""Tokens limited to CRMs: every route is asked, whatever it is called, and none tells anything of another CRM."""

import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.core.http_types import Secret
from bridge.core.json_codec import as_json
from bridge.core.model import Agent, Caller, ExtensionId
from bridge.delivery.deliver import deliver
from bridge.store import tokens
from bridge.store.deliveries import records
from bridge.store.tokens import Kind, Role
from bridge.web.api.operations import all_operations
from bridge.web.signin import supervisor
from tests import commands
from tests.stage import CALLER, DANA, OMER, OZEKI, TOKEN, Stage, open_stage
from tests.web.desk import bearer
from tests.web.test_deliveries import popbridge

pytestmark = pytest.mark.anyio

RIVALS_CALLER, RIVALS_NAME = "0527654321", "Rivka of Rival"
RIVALS_DANA = "Dana of Rival"
"""She has the same user name in the other CRM."""
WAITING = "0527654399"
WALKED = ("GET", "POST", "PUT", "DELETE")
PUBLIC = {one.path for one in all_operations() if one.who == "all"} | {
    *("/desktop", "/console", "/console/{page}", "/button.js", "/answer.js", "/openapi.json", "/docs"),
    *("/docs/connect", "/docs/connect/{kind}"),
    *("/static/lang/languages.json", "/static/lang/{code}.json"),
    *("/clicks/{crm}", "/clicks/{crm:path}"),
}
"""Asked without a token: pages without data, what operators watch, and clicks, which are proven by their CRM."""
STREAMS = {"/console/live/events": "floor", "/desktop/events": "hello"}
"""They do not end: the event with which each has told all that it has to tell at first."""
SINCE = re.compile(r'"since":"[^"]*"')
"""Reckoned from now: it differs between two questions."""
ROLES = pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.ADMIN])
AGENTS = pytest.mark.parametrize("kind", ["token", "session by link"])


@dataclass(frozen=True)
class Left:
    """What a click has left: the ids that the API is asked by."""

    click_id: str = "clk_00000000000000000000000000000000"
    popup_id: str = "pop_00000000000000000000000000000000"
    delivery_id: str = "dlv_00000000000000000000000000000000"
    ivrid: str = "20200101010101unknown"

    def in_path(self) -> dict[str, Iterable[str]]:
        """What stands for each part of a path. A new part of a new route is named here."""
        ids: dict[str, Iterable[str]] = {name: [str(getattr(self, name))] for name in Left.__annotations__}
        return {
            **ids,
            "ivrid:path": [self.ivrid],
            "pbx": ["main", "rivals"],
            "name": ["rival", "rivals", "main"],
            "crm": ["acme", "rival"],
            "crm:path": ["acme/", "rival/"],
        }

    def in_query(self, extension: str) -> dict[str, Iterable[str]]:
        """What may stand in a query: each documented name with what leads to the other CRM."""
        return {
            "crm": ["rival"], "crm_user": [OMER], "agent": [OMER], "extension": [extension], "caller": [RIVALS_CALLER],
            "ivrid": [self.ivrid], "target": ["rival", "desktop"], "state": ["pending", "failed"], "pbx": ["main"],
            "queue": ["1"], "format": ["csv", "jsonl"], "limit": ["1"], "outcome": ["found"], "did": ["0776707528"],
            "since": ["2020-01-01T00:00:00Z"], "until": ["2099-01-01T00:00:00Z"], "cursor": [f"dlv_{32 * 'f'}"],
            "token": ["x"], "lang": ["he"], "page": ["one"], "problems": ["true"], "event": ["call.popup"],
            "total": ["true"], "names": ["true"],
            "q": [RIVALS_NAME], "name": [RIVALS_NAME], "missed": ["true"],
        }  # fmt: skip


@pytest.fixture
async def stage(tmp_path: Path, redis_url: Secret) -> AsyncIterator[Stage]:
    """Dana is acme's and Omer rival's, on one phone system; rival has another one of its own."""
    async with open_stage(tmp_path, redis_url, crms={"rival": "webhook"}, beside={"rivals": OZEKI}) as ready:
        ready.systems["main"].seat("SIPBoth", "SIPFree")
        rows(ready, f"acme,{DANA},main,{ready.make.dana},Dana", f"rival,{OMER},main,{ready.make.omer},Omer",
             f"rival,{OMER},rivals,102,Omer", f"rival,{DANA},rivals,101,{RIVALS_DANA}",
             f"acme,{DANA},main,SIPBoth,", f"rival,{OMER},main,SIPBoth,")  # fmt: skip
        yield ready


def rows(stage: Stage, *lines: str) -> None:
    text = "\n".join(("crm,crm_user,pbx,extension,name", *lines))
    (stage.folder / "agents.csv").write_text(f"{text}\n", encoding="utf-8")


async def limited(stage: Stage, role: Role, *crms: str) -> dict[str, str]:
    now = datetime.now(UTC)
    return bearer((await tokens.create(stage.redis, role, None, now, now + timedelta(hours=1), crms=crms))[1])


async def acme_clicks(stage: Stage) -> Left:
    """Dana's call, clicked, delivered, archived."""
    ivrid = stage.talk()
    return await left(stage, (await stage.click({"agent": DANA})).json(), ivrid)


async def rival_clicks(stage: Stage) -> Left:
    """Omer's call, clicked; a delivery that failed and can be resent; a refused click; a caller in a queue."""
    stage.phone.wait("1", Caller(WAITING, name=RIVALS_NAME), datetime.now(UTC))
    ivrid = stage.talk(stage.make.omer, number=RIVALS_CALLER, name=RIVALS_NAME)
    stage.simulated_crms["rival"].faults.status = 410  # type: ignore[attr-defined]
    answer = (await stage.press("rival", "press-1", agent=1)).json()
    link = f"{stage.bridge_url}/clicks/rival?agent={OMER}&token=wrong"
    assert (await stage.http.get(link)).status_code == 401
    await stage.get(f"/api/audit?caller={RIVALS_CALLER}", await limited(stage, Role.ADMIN, "rival"))
    await stage.get(f"/api/clicks/{answer['click_id']}", await limited(stage, Role.ADMIN))
    return await left(stage, answer, ivrid)


async def namesake_clicks(stage: Stage) -> Left:
    """A call and a click of her who has Dana's user name at rival."""
    now, phone = datetime.now(UTC), stage.systems["rivals"].board
    ivrid = phone.incoming(["101"], Caller(RIVALS_CALLER, name=RIVALS_NAME), now)
    phone.answer(ivrid, "101", now)
    return await left(stage, (await stage.press("rival", "press-0")).json(), ivrid)


async def left(stage: Stage, answer: Any, ivrid: str) -> Left:
    popup_id = answer["popup"]["popup_id"]
    shown = await stage.get(f"/api/popups/{popup_id}", await stage.token(Role.SUPERVISOR))
    ids = [one["delivery_id"] for one in shown.json()["deliveries"]]
    for one in ids:
        await deliver(one, stage.services)
    await stage.services.archive.catch_up(stage.redis)
    return Left(answer["click_id"], popup_id, ids[0], ivrid)


Said = dict[str, tuple[int, str]]
"""What each request was answered."""


async def walk(stage: Stage, token: Mapping[str, str], ids: Left) -> Said:
    """Every route of the application with every method, plain and with each documented query; it does not sign out."""
    said: Said = {}
    for route in stage.app.routes:
        if isinstance(route, Route) and route.path not in PUBLIC:
            for name, url, method in requests(stage, route, ids):
                if method != "DELETE":
                    status, text = await told(stage, method, url, token, STREAMS.get(route.path, ""))
                    said[name] = status, SINCE.sub("", text)
                    await forget_limits(stage)
    return said


async def told(stage: Stage, method: str, url: str, token: Mapping[str, str], event: str) -> tuple[int, str]:
    """What a request is answered; of a stream as much as it tells at first."""
    async with stage.http.stream(method, stage.bridge_url + url, headers=token, json={}) as answer:
        text = ""
        async for line in answer.aiter_lines():
            text += f"{line}\n"
            if event and answer.is_success and not line and f"event: {event}\n" in text:
                break
    return answer.status_code, text


def requests(stage: Stage, route: Route, ids: Left) -> Iterable[tuple[str, str, str]]:
    """Name, address and method of each request: the name is the same for other ids."""
    parts = re.findall(r"{([\w:]+)}", route.path)
    unknown = set(parts) - ids.in_path().keys()
    assert not unknown, f"{route.path}: say in Left.in_path what leads from {unknown} to another CRM's data"
    described = {name for one in all_operations() if one.path == route.path.replace(":path", "") for name in one.query}
    missing = described - ids.in_query("").keys()
    assert not missing, f"{route.path}: say in Left.in_query what {missing} may be"
    queries = ids.in_query(stage.make.omer)
    asked = ["", *(f"?{key}={value}" for key in sorted(described) for value in queries[key])]
    for number, path in enumerate(paths(route.path, parts, ids)):
        for place, query in enumerate(asked):
            for method in sorted(set(route.methods or ()) & set(WALKED)):
                yield f"{method} {route.path} {number} {place} {query.split('=')[0]}", path + query, method


def paths(path: str, parts: list[str], ids: Left) -> Iterable[str]:
    if not parts:
        return [path]
    values = ids.in_path()[parts[0]]
    return [one for value in values for one in paths(path.replace(f"{{{parts[0]}}}", value), parts[1:], ids)]


async def forget_limits(stage: Stage) -> None:
    """So that the walk is not too many requests in one minute."""
    async for key in stage.redis.scan_iter("popbridge:rate:*"):
        await stage.redis.delete(key)


def traces(stage: Stage, ids: Left) -> set[str]:
    """What no answer may contain."""
    numbers = {RIVALS_CALLER, f"+972{RIVALS_CALLER[1:]}", WAITING}
    return {*vars(ids).values(), *numbers, RIVALS_NAME, RIVALS_DANA, OMER, stage.make.omer, '"rival"', "rivals"}


@ROLES
async def test_no_route_tells_anything_of_another_crm(stage: Stage, role: Role) -> None:
    """Nothing of it, nor that it is there: before and after, and with its ids and unknown ones, all is the same."""
    await acme_clicks(stage)
    token = await limited(stage, role, "acme")
    before = await walk(stage, token, Left())
    ids = await rival_clicks(stage)
    after = await walk(stage, token, ids)
    assert len(after) > 60
    assert before.keys() == after.keys()
    told = [f"{name}: {trace}" for name, (_, text) in after.items() for trace in traces(stage, ids) if trace in text]
    assert told == []
    compared = (name for name in after if not any(word in name for word in ("access-log", "acts", *STREAMS)))
    changed = [name for name in compared if before[name] != after[name]]
    assert changed == []
    (failed,) = await records.get(stage.redis, [ids.delivery_id])
    assert (failed.state, len(failed.attempts)) == ("failed", 1), "it was not resent"


@AGENTS
async def test_no_route_tells_an_agent_anything_of_another_crm(stage: Stage, kind: str) -> None:
    """Not even what belongs to somebody with the same user name there, nor a call with the same id."""
    own = await acme_clicks(stage)
    token = await (stage.token(Role.AGENT, DANA) if kind == "token" else cookie_of(stage, await link(stage), "desktop"))
    for ids in (await rival_clicks(stage), await namesake_clicks(stage)):
        said = await walk(stage, token, ids)
        foreign = traces(stage, ids) - {*vars(own).values()}
        assert [f"{name}: {trace}" for name, (_, text) in said.items() for trace in foreign if trace in text] == []
        reads = {name for name, (status, _) in said.items() if status == 200}
        assert {"GET /desktop/events 0 0 ", "GET /desktop/shift 0 0 ", "GET /api/clicks 0 0 "} <= reads
        assert own.click_id in said["GET /api/clicks 0 0 "][1], "its own is there"


async def link(stage: Stage) -> dict[str, str]:
    """An agent's one-time link, not used yet."""
    dana, now = Agent("acme", DANA, "", (ExtensionId("main", stage.make.dana),)), datetime.now(UTC)
    _, text = await tokens.create(stage.redis, Role.AGENT, dana, now, now + timedelta(minutes=5), Kind.LINK)
    return bearer(text)


async def cookie_of(stage: Stage, token: Mapping[str, str], page: str) -> dict[str, str]:
    """The session that a page is given for a token or a link, as the page sends it: by its cookie alone."""
    sent = {**token, "Popbridge-Page": page}
    begun = await stage.http.post(f"{stage.bridge_url}/{page}/session", headers=sent)
    assert begun.status_code == 201
    stage.http.cookies.clear()
    return {"Popbridge-Page": page, "Cookie": begun.headers["set-cookie"].partition(";")[0]}


@ROLES
async def test_a_session_is_answered_as_its_token(stage: Stage, role: Role) -> None:
    """Every route that only reads, by the cookie of the console as by the token that it was given for."""
    await acme_clicks(stage)
    ids = await rival_clicks(stage)
    token = await limited(stage, role, "acme")
    session = await cookie_of(stage, token, "console")
    seen = 0
    for route in stage.app.routes:
        if isinstance(route, Route) and route.path not in {*PUBLIC, *STREAMS} and "session" not in route.path:
            for name, url, method in requests(stage, route, ids):
                if method != "GET" or "access-log" in name or "acts" in name:
                    continue
                one, other = [await stage.get(url, headers) for headers in (token, session)]
                assert one.status_code == other.status_code, name
                assert not [trace for trace in traces(stage, ids) if trace in other.text], name
                seen += 1
                await forget_limits(stage)
    assert seen > 40


async def forgetful(request: Request) -> Response:
    """A new route as somebody may write it: only the role is asked."""
    await supervisor(request)
    items, _ = await records.every(request.app.state.services.redis, records.Wanted(), 10)
    return JSONResponse({"items": as_json(items)})


async def counting(request: Request) -> Response:
    """One that tells only how many there are."""
    await supervisor(request)
    items, _ = await records.every(request.app.state.services.redis, records.Wanted(), 10)
    return JSONResponse({"count": len(items)})


@pytest.mark.parametrize("endpoint", [forgetful, counting])
async def test_a_new_route_that_forgets_to_ask_is_found(stage: Stage, endpoint: Any) -> None:
    stage.app.router.routes.append(Route("/api/new", endpoint))
    with pytest.raises(AssertionError, match=r"/api/new"):
        await test_no_route_tells_anything_of_another_crm(stage, Role.SUPERVISOR)


async def test_a_new_part_of_an_address_must_be_named_here(stage: Stage) -> None:
    stage.app.router.routes.append(Route("/api/new/{thing_id}", forgetful))
    with pytest.raises(AssertionError, match=r"thing_id"):
        await walk(stage, await limited(stage, Role.SUPERVISOR, "acme"), Left())


@ROLES
async def test_everything_of_its_own_crm_is_there(stage: Stage, role: Role) -> None:
    ids = await acme_clicks(stage)
    await rival_clicks(stage)
    token = await limited(stage, role, "acme")
    for path, wanted in {
        "/api/audit": ids.click_id,
        f"/api/audit?caller={CALLER}": ids.click_id,
        "/api/audit/export?format=csv": ids.click_id,
        "/api/audit/export?format=jsonl": ids.click_id,
        "/api/clicks": ids.click_id,
        f"/api/clicks/{ids.click_id}": CALLER,
        f"/api/popups/{ids.popup_id}": CALLER,
        "/api/deliveries": ids.delivery_id,
        f"/api/calls/{ids.ivrid}": CALLER,
        "/api/pbx/main/extensions": CALLER,
        f"/api/pbx/main/extensions?extension={stage.make.dana}": CALLER,
        "/console/session": '"crms":["acme"]',
    }.items():
        answer = await stage.get(path, token)
        assert answer.status_code == 200, path
        assert wanted in answer.text, path


@pytest.mark.parametrize(
    ("crms", "seen"),
    [
        ((), {"acme", "rival"}),
        (("acme", "rival"), {"acme", "rival"}),
        (("rival",), {"rival"}),
        (("ACME",), set()),
        (("acme ",), set()),
        (("closed",), set()),
        (("acme", "closed"), {"acme"}),
        (('acme","rival',), set()),
    ],
)
async def test_whose_clicks_deliveries_and_log_entries_it_sees(
    stage: Stage, crms: tuple[str, ...], seen: set[str]
) -> None:
    left_by = {"acme": await acme_clicks(stage), "rival": await rival_clicks(stage)}
    token = await limited(stage, Role.ADMIN, *crms)
    for path in ("/api/audit", "/api/audit/export", "/api/clicks"):
        text = (await stage.get(path, token)).text
        assert {crm for crm, ids in left_by.items() if ids.click_id in text} == seen, path
    text = (await stage.get("/api/deliveries", token)).text
    assert {crm for crm, ids in left_by.items() if ids.delivery_id in text} == seen
    for crm, ids in left_by.items():
        for path in (f"/api/clicks/{ids.click_id}", f"/api/popups/{ids.popup_id}", f"/api/calls/{ids.ivrid}"):
            assert (await stage.get(path, token)).status_code == (200 if crm in seen else 404), path


async def test_pages_are_full_however_much_of_another_crm_lies_between(stage: Stage) -> None:
    first = await acme_clicks(stage)
    for number in range(3):
        await stage.press("rival", f"press-{number}", agent=1)
    second = await acme_clicks(stage)
    token = await limited(stage, Role.SUPERVISOR, "acme")
    for path, wanted in (("/api/audit", [second.click_id, first.click_id]), ("/api/clicks", [second.click_id])):
        seen, cursor = [], ""
        while cursor is not None:
            page = (await stage.get(f"{path}?limit=1&cursor={cursor}", token)).json()
            seen += [item["click_id"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert seen[: len(wanted)] == wanted
        assert len(seen) == 2
    one = (await stage.get("/api/deliveries?limit=2", token)).json()
    rest = (await stage.get(f"/api/deliveries?limit=2&cursor={one['next_cursor']}", token)).json()
    assert {each["popup_id"] for each in one["items"]} == {second.popup_id}
    assert ({each["popup_id"] for each in rest["items"]}, rest["next_cursor"]) == ({first.popup_id}, None)


async def extensions(stage: Stage, *crms: str, query: str = "") -> list[str]:
    answer = await stage.get(f"/api/pbx/main/extensions{query}", await limited(stage, Role.SUPERVISOR, *crms))
    return [one["extension"] for one in answer.json()["items"]]


async def test_an_extension_is_seen_by_the_crms_whose_rows_name_it(stage: Stage) -> None:
    dana, omer = stage.make.dana, stage.make.omer
    assert await extensions(stage, "acme") == sorted([dana, "SIPBoth"])
    assert await extensions(stage, "rival") == sorted([omer, "SIPBoth"])
    everything = sorted([dana, omer, "SIPBoth", "SIPFree"])
    assert await extensions(stage, "acme", "rival") == await extensions(stage) == everything
    for unseen in (omer, "SIPFree", "SIPNowhere"):
        asked = stage.systems["main"].asked
        assert await extensions(stage, "acme", query=f"?extension={unseen}") == []
        assert stage.systems["main"].asked == asked, "it is not even asked about"


async def test_what_a_row_says_now_counts(stage: Stage) -> None:
    ivrid = stage.talk(stage.make.omer)
    await stage.press("rival", "press-1", agent=1)
    token = await limited(stage, Role.SUPERVISOR, "acme")
    assert (await stage.get(f"/api/calls/{ivrid}", token)).status_code == 404
    rows(stage, f"acme,{DANA},main,{stage.make.dana},Dana", f"acme,{OMER},main,{stage.make.omer},Omer")
    assert await extensions(stage, "acme") == sorted([stage.make.dana, stage.make.omer])
    assert await extensions(stage, "rival") == []


async def test_queues_of_a_shared_phone_system_are_nobodys_alone(stage: Stage) -> None:
    stage.phone.wait("1", Caller(WAITING), datetime.now(UTC))
    for crms, status in ((("acme",), 403), (("rival",), 403), (("acme", "rival"), 200), ((), 200)):
        answer = await stage.get("/api/pbx/main/queues", await limited(stage, Role.SUPERVISOR, *crms))
        assert answer.status_code == status
        assert (WAITING in answer.text) == (status == 200)


async def test_a_phone_system_that_no_crm_of_its_own_uses_is_not_there(stage: Stage) -> None:
    acme, rival = await limited(stage, Role.SUPERVISOR, "acme"), await limited(stage, Role.SUPERVISOR, "rival")
    for what in ("extensions", "queues"):
        unseen, unknown = [await stage.get(f"/api/pbx/{name}/{what}", acme) for name in ("rivals", "nowhere")]
        assert (unseen.status_code, unseen.json()) == (404, unknown.json())
        assert "rivals" not in unseen.text
    assert (await stage.get("/api/pbx/rivals/extensions", rival)).status_code == 200


async def test_a_phone_system_that_nobody_uses_yet_is_for_those_who_see_everything(stage: Stage) -> None:
    rows(stage, f"acme,{DANA},main,{stage.make.dana},Dana", f"rival,{OMER},main,{stage.make.omer},Omer")
    for crms, status in ((("acme",), 404), (("acme", "rival"), 404), ((), 200)):
        token = await limited(stage, Role.ADMIN, *crms)
        assert ('"rivals"' in (await stage.get("/api/connect", token)).text) == (status == 200)
        tested = await stage.http.post(f"{stage.bridge_url}/api/connect/pbx/rivals/test", json={}, headers=token)
        assert tested.status_code == status


async def test_a_delivery_of_an_earlier_version_is_seen_without_a_limit_only(stage: Stage) -> None:
    """It does not say whose it is."""
    ids = await acme_clicks(stage)
    await stage.redis.hdel(f"popbridge:delivery:{ids.delivery_id}", "crm")
    assert ids.delivery_id in (await stage.get("/api/deliveries", await limited(stage, Role.ADMIN))).text
    assert ids.delivery_id not in (await stage.get("/api/deliveries", await limited(stage, Role.ADMIN, "acme"))).text


async def test_the_access_log_shows_what_was_read_of_its_crms_alone(stage: Stage) -> None:
    for crms, query in (((), ""), ((), "?crm=acme"), (("acme",), ""), (("rival",), ""), (("acme", "rival"), "")):
        await stage.get(f"/api/audit{query}", await limited(stage, Role.SUPERVISOR, *crms))

    async def listed(*crms: str) -> list[Any]:
        items = (await stage.get("/api/audit/access-log", await limited(stage, Role.ADMIN, *crms))).json()["items"]
        return [one.get("crms") for one in items if one["what"] == "list"]

    assert await listed("acme") == [["acme"], ["acme"]]
    assert await listed("rival") == [["rival"]]
    assert await listed("acme", "rival") == [["acme", "rival"], ["rival"], ["acme"], ["acme"]]
    assert len(await listed()) == 5


async def create(stage: Stage, *words: str) -> tuple[int, str, str]:
    done = await commands.popbridge(stage.folder / "popbridge.toml", "token", "create", *words)
    return done.exit_code, done.stdout, done.stderr


@ROLES
async def test_the_command_makes_them_and_says_what_they_see(stage: Stage, role: Role) -> None:
    code, text, said = await create(stage, "--role", role, "--crm", "acme", "--crm", "acme")
    assert (code, said.splitlines()[0]) == (0, "it sees acme")
    assert said.splitlines()[1].endswith(f"#token={text.strip()}")
    assert (await stage.get("/console/session", bearer(text.strip()))).json()["crms"] == ["acme"]
    code, text, said = await create(stage, "--role", role, "--crm", "rival", "--crm", "acme", "--json")
    assert (code, said, set(json.loads(text))) == (0, "it sees rival, acme\n", {"id", "token", "role", "expires_at"})
    code, text, said = await create(stage, "--role", role)
    assert (code, said.splitlines()[0]) == (0, "it sees all CRMs; --crm NAME limits a token")
    assert (await stage.get("/console/session", bearer(text.strip()))).json()["crms"] is None
    listed = json.loads((await popbridge(stage, "token", "list", "--json"))[1])
    assert [(one["crms"], one["sees"]) for one in listed] == [
        (["acme"], "acme"),
        (["rival", "acme"], "rival, acme"),
        (None, "all CRMs"),
    ]
    assert "rival, acme" in (await popbridge(stage, "token", "list"))[1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--role", "supervisor", "--crm", "nowhere"), "must be one of: acme, rival"),
        (("--role", "supervisor", "--crm", ""), "must be one of: acme, rival"),
        (("--role", "admin", "--crm", "acme,rival"), "must be one of: acme, rival"),
        (("--role", "supervisor", "--crm", "ACME"), "must be one of: acme, rival"),
        (("--role", "agent", "--agent", f"acme:{DANA}", "--crm", "acme"), "limits supervisors and administrators"),
    ],
)
async def test_a_limit_that_makes_no_sense_makes_no_token(stage: Stage, words: tuple[str, ...], why: str) -> None:
    code, text, said = await create(stage, *words)
    assert (code, text) == (2, "")
    assert why in said
    assert await tokens.every(stage.redis) == []
    assert TOKEN.reveal() not in said
