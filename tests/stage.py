"""The stage for tests: real parts around the bridge, on free ports of this machine."""

import asyncio
import json
import logging
import secrets
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from bridge.clicks.contact import find_contact
from bridge.config.models import Settings
from bridge.core import background
from bridge.core.clock import Clock
from bridge.core.http_types import Secret
from bridge.core.model import Agent, Caller, ExtensionId
from bridge.crm import registry as crm_registry
from bridge.crm.simulation import CrmSimulator, Press, SimulatedAgent, SimulatedContact
from bridge.crm.webhook import signature
from bridge.crm.webhook import simulator as fake_crm
from bridge.delivery.deliver import deliver
from bridge.events.lease import keep_listening
from bridge.pbx import registry
from bridge.pbx.switchboard import Extension, Switchboard
from bridge.services import Services
from bridge.settings import load_settings
from bridge.store import jobs, tokens
from bridge.store.client import TextRedis
from bridge.store.deliveries import ledger
from bridge.store.tokens import Role
from bridge.web.app import create_app
from bridge.web.http_protocol import BoundedProtocol
from bridge.web.server import listen

CLICK_SECRET = Secret("whsec_" + "Q2xpY2tTZWNyZXRDbGlja1NlY3JldENsaWNr")
POPUP_SECRET = Secret("whsec_" + "UG9wdXBTZWNyZXRQb3B1cFNlY3JldFBvcHVw")
TOKEN = Secret("token-of-acme-0123456789")
CODE = Secret("ACCOUNTCODE77")
DANA, OMER = "dana@acme.example", "omer@acme.example"
CALLER, DID = "0722776772", "0776707528"
CRM_SECRET = Secret("made-up-secret-of-another-crm-0123")
AGENTS = (SimulatedAgent(DANA, "Dana Cohen", "71"), SimulatedAgent(OMER, "עומר לוי", "72"))
CONTACTS = (
    SimulatedContact("9001", 'Rivka <b>Shalom</b> & "Sons"', ("052-234-0002",), "Shalom Ltd"),
    SimulatedContact("9002", "משה לוי", ("+972 3 123 4567",), "Levi"),
    SimulatedContact("9003", "Twin One", ("03-7654321",)),
    SimulatedContact("9004", "Twin Two", ("+97237654321",)),
    SimulatedContact("9005", "Same last digits, another country", ("+33522340002",)),
)
"""Of the further CRMs: one that 0522340002 finds, one in Hebrew, two with one number, one with its last digits."""
SHUTDOWN_SECONDS = 2.0
"""What a stage's servers give the answers that are still on their way when it ends."""
OZEKI_PASSWORD = Secret("INVENTED&42")


@dataclass(frozen=True)
class Make:
    """A make of phone system: its keys of `[pbx.NAME]` at an address, its simulator, and what extensions are
    called there."""

    kind: str
    section: Callable[[str], Mapping[str, object]]
    fake: Callable[[Switchboard], Any]
    dana: str
    omer: str


def simulated(kind: str, secret: Secret) -> Make:
    """The make as its own folder describes it."""
    described = registry.simulator(kind)
    dana, omer = (described.extension_of(*names) for names in (("SIPDana1", "101"), ("SIPOmer1", "102")))
    return Make(
        kind, lambda url: described.section(url, secret), lambda board: described.build(board, secret), dana, omer
    )


def older(ozeki: Make) -> Make:
    """Ozeki's older generation."""
    return replace(
        ozeki,
        section=lambda url: {**ozeki.section(url), "generation": "xe"},
        fake=lambda board: replace(ozeki.fake(board), generation="xe"),
    )


VOICENTER, OZEKI = simulated("voicenter", CODE), simulated("ozeki", OZEKI_PASSWORD)
OZEKI_XE = older(OZEKI)


@dataclass
class System:
    """A phone system on the stage: who is on the phone, the fake that tells it, how many questions it got."""

    make: Make
    board: Switchboard
    fake: Any
    asked: int = 0

    def seat(self, *codes: str) -> None:
        """More extensions, all idle."""
        for code in codes:
            self.board.extensions[code] = Extension(code, f"Desk {code}")
            self.board._calls[code] = {}

    def app(self) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        """The fake's, counting."""
        told = self.fake.app()

        async def counting(scope: Scope, receive: Receive, send: Send) -> None:
            self.asked += 1
            await told(scope, receive, send)

        return counting


def new_system(make: Make) -> System:
    """With Dana and Omer, both idle."""
    board = Switchboard([Extension(make.dana, "Dana Cohen"), Extension(make.omer, "עומר לוי")])
    return System(make, board, make.fake(board))


async def until(condition: Callable[[], Awaitable[Any]], seconds: float = 10.0) -> Any:
    """The first true result of `condition`. Fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (found := await condition()):
        assert time.monotonic() < deadline, "the awaited condition did not come true in time"
        await asyncio.sleep(0.01)
    return found


@contextmanager
def listening(handler: logging.Handler, level: int) -> Iterator[None]:
    """Hand every log line from `level` on to the handler too."""
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)


@asynccontextmanager
async def serving(app: Starlette, simulated: bool = False, port: int = 0) -> AsyncIterator[str]:
    """The app under a real server, that of the bridge or (`simulated`) that of simulators; its address."""
    listening = listen("127.0.0.1", port)
    config = uvicorn.Config(
        app,
        http="httptools" if simulated else BoundedProtocol,
        ws="websockets-sansio" if simulated else "none",
        log_config=None,
        access_log=False,
        lifespan="on",
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            assert not running.done(), "the server did not start"
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        if hasattr(app.state, "leaving"):
            app.state.leaving.set()
        server.over.set()
        await running


class _Server(uvicorn.Server):
    """As uvicorn's, and it ends at once. That one looks every 0.1 s whether it is to end, and waits as long before it
    looks at its connections: with two servers, that was most of what a test took."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.over = asyncio.Event()

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """A test's server hears no signals."""
        return nullcontext()

    async def main_loop(self) -> None:
        """Until it is over."""
        ticking = asyncio.create_task(super().main_loop())
        await self.over.wait()
        await background.end(ticking)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's."""
        for listening in [*self.servers, *(sockets or [])]:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        state, deadline = self.server_state, time.monotonic() + SHUTDOWN_SECONDS
        while (state.connections or state.tasks) and time.monotonic() < deadline:
            await asyncio.sleep(0.001)
        for task in state.tasks:
            task.cancel()
        await self.lifespan.shutdown()


def plain_client(**options: Any) -> httpx.AsyncClient:
    """A client for http on this machine. It trusts nobody, for to read whom to trust takes longer than most tests."""
    return httpx.AsyncClient(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), **options)


@dataclass
class Stage:
    """A bridge, a phone system, a CRM and Redis, all real but for who is on the phone.

    `systems` are the phone systems by name; `phone` and `pbx` are the switchboard and the fake of the one called main.
    `agents` are rows of the agents' file beside its own, `pops` when its agents get popups, `main_keys` more keys of
    the phone system called main, `more_settings` more sections. `crms` are the makes of further CRMs by name, each with
    Dana, Omer and the contacts of `CONTACTS`, and `crm_keys` what their sections say beside what leads to them.
    """

    folder: Path
    redis_url: Secret
    phone: Switchboard
    pbx: Any
    crm: fake_crm.WebhookSimulator
    make: Make = VOICENTER
    systems: dict[str, System] = field(default_factory=dict)
    agents: Iterable[str] = ()
    pops: Mapping[str, str] = field(default_factory=dict)
    main_keys: Mapping[str, object] = field(default_factory=dict)
    more_settings: str = ""
    crms: Mapping[str, str] = field(default_factory=dict)
    crm_keys: Mapping[str, object] = field(default_factory=dict)
    simulated_crms: dict[str, CrmSimulator] = field(default_factory=dict)
    before_crms: Callable[[Any], Any] = lambda app: app
    pbx_url: str = ""
    bridge_url: str = ""
    app: Starlette = field(default_factory=Starlette)
    http: httpx.AsyncClient = field(default_factory=lambda: plain_client(timeout=20))
    extra: dict[str, str] = field(default_factory=dict)
    port: int = 0
    clock: Clock = field(default_factory=Clock)

    @property
    def services(self) -> Services:
        """The bridge's own services."""
        services: Services = self.app.state.services
        return services

    @property
    def redis(self) -> TextRedis:
        """The bridge's own Redis client."""
        return self.services.redis

    def settings(self) -> Settings:
        """The settings, from a file as everybody writes one."""
        file = self.write_settings()
        return load_settings(str(file), self.extra)

    def write_settings(self) -> Path:
        """`popbridge.toml` and `agents.csv` in the stage's folder."""
        file = self.folder / "popbridge.toml"
        file.write_text(
            f"""
[server]
port = 0
[redis]
url = "{self.redis_url.reveal()}"
{self._phone_systems()}
[crm.acme]
pbx = "main"
agent_clicks_per_minute = 1000000
kind = "webhook"
click_secrets = ["{CLICK_SECRET.reveal()}"]
click_token = "{TOKEN.reveal()}"
popup_url = "{self.pbx_url}/crm/popups"
popup_secrets = ["{POPUP_SECRET.reveal()}"]
{self._further_crms()}
{self.more_settings}
[dids]
"{DID}" = "Sales line"
""",
            encoding="utf-8",
        )
        (self.folder / "agents.csv").write_text(
            "crm,crm_user,pbx,extension,name,pop\n"
            f"acme,{DANA},main,{self.make.dana},Dana Cohen,{self.pops.get(DANA, '')}\n"
            f"acme,{OMER},main,{self.make.omer},עומר לוי,{self.pops.get(OMER, '')}\n"
            "acme,gone@acme.example,main,SIPNone,Gone\n"
            + "".join(f"{row}\n" for row in (*self.agents, *self._users_of_further_crms())),
            encoding="utf-8",
        )
        return file

    def _phone_systems(self) -> str:
        makes = {"main": self.make} | {name: system.make for name, system in self.systems.items()}
        parts = []
        for name, make in makes.items():
            keys = {"kind": make.kind, **make.section(f"{self.pbx_url}{_mounted(name)}")}
            keys |= {"timeout_seconds": 3.0, "fresh_seconds": 0.0, **(self.main_keys if name == "main" else {})}
            parts.append(f"[pbx.{name}]\n" + "\n".join(f"{key} = {json.dumps(keys[key])}" for key in keys))
        return "\n".join(parts)

    def _further_crms(self) -> str:
        parts = []
        for name, kind in self.crms.items():
            described = crm_registry.simulator(kind)
            keys = {"kind": kind, "pbx": "main", **described.section(self.pbx_url + described.path, CRM_SECRET)}
            parts.append(_section(f"crm.{name}", {**keys, **self.crm_keys}))
        return "\n".join(parts)

    def _users_of_further_crms(self) -> Iterator[str]:
        for name in self.crms:
            for agent, extension in ((AGENTS[0], self.make.dana), (AGENTS[1], self.make.omer)):
                yield f"{name},{agent.crm_user},main,{extension},{agent.name}"

    async def press(self, crm: str, press_id: str, agent: int = 0) -> httpx.Response:
        """The button of a further CRM, pressed by one of `AGENTS`: sent to the public address, which some sign."""
        public = self.services.settings.server.public_url
        described = crm_registry.simulator(self.crms[crm])
        assert described.press is not None, "this make has no button"
        made = described.press(public, crm, CRM_SECRET, Press(AGENTS[agent], press_id, datetime.now(UTC)))
        here = made.url.replace(public, self.bridge_url, 1)
        return await self.http.request(made.method, here, content=made.body, headers=made.headers)

    async def click(
        self, fields: object = None, message_id: str | None = None, crm: str = "acme", **changed: Any
    ) -> httpx.Response:
        """A signed click, `changed` headers on top."""
        body = fake_crm.signed_click(
            self.bridge_url,
            crm,
            CLICK_SECRET,
            fields if isinstance(fields, dict) else {"agent": DANA},
            message_id or f"msg_{secrets.token_hex(8)}",
            time.time(),
        )
        headers = {**body.headers, **changed}
        return await self.http.post(body.url, content=body.body, headers=headers)

    async def raw(self, body: bytes, content_type: str = "application/json") -> httpx.Response:
        """A rightly signed click with any body."""
        signed = signature.headers([CLICK_SECRET], f"msg_{secrets.token_hex(8)}", int(time.time()), body)
        headers = {**signed, "content-type": content_type}
        return await self.http.post(f"{self.bridge_url}/clicks/acme", content=body, headers=headers)

    async def token(self, role: Role, crm_user: str | None = None, crm: str = "acme") -> dict[str, str]:
        """The header of a new token."""
        agent = Agent(crm, crm_user, "", (ExtensionId("main", self.make.dana),)) if crm_user else None
        now = datetime.now(UTC)
        _, text = await tokens.create(self.redis, role, agent, now, now.replace(year=now.year + 1))
        return {"Authorization": f"Bearer {text}"}

    async def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """A question to the bridge."""
        return await self.http.get(f"{self.bridge_url}{path}", headers=headers)

    def talk(self, extension: str = "", number: str = CALLER, name: str = "לקוח", did: str = DID) -> str:
        """A customer talks with whoever sits at `extension`, Dana if nobody is named; the call's ivrid."""
        now, extension = datetime.now(UTC), extension or self.make.dana
        ivrid = self.phone.incoming([extension], Caller(number, name=name), now, did)
        self.phone.answer(ivrid, extension, now)
        return ivrid


def _section(name: str, keys: Mapping[str, object]) -> str:
    """A section of the settings, its tables after it."""
    plain = {key: value for key, value in keys.items() if not isinstance(value, Mapping)}
    tables = {key: value for key, value in keys.items() if isinstance(value, Mapping)}
    lines = [f"[{name}]", *(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in plain.items())]
    return "\n".join([*lines, *(_section(f"{name}.{json.dumps(key)}", table) for key, table in tables.items())])


def _mounted(name: str) -> str:
    return "/pbx" if name == "main" else f"/pbx-{name}"


@asynccontextmanager
async def open_stage(
    folder: Path, redis_url: Secret, make: Make = VOICENTER, beside: Mapping[str, Make] | None = None, **changed: Any
) -> AsyncIterator[Stage]:
    """A stage with its servers running. `beside` are phone systems by name, next to the one called main."""
    systems = {name: new_system(each) for name, each in {"main": make, **(beside or {})}.items()}
    main, crm = systems["main"], fake_crm.WebhookSimulator([POPUP_SECRET])
    stage = replace(Stage(folder, redis_url, main.board, main.fake, crm, make, systems), **changed)
    mounts = [Mount(_mounted(name), system.app()) for name, system in systems.items()]
    further = Starlette()
    sides = Starlette(routes=[*mounts, Mount("/crm", stage.crm.app()), Mount("/", further)])
    async with serving(sides, simulated=True) as address:
        stage.pbx_url = address
        for name, kind in stage.crms.items():
            described = crm_registry.simulator(kind)
            stage.simulated_crms[name] = described.build(address + described.path, CRM_SECRET, AGENTS, CONTACTS)
            further.mount(described.path, stage.before_crms(stage.simulated_crms[name].app()))
        stage.app = create_app(stage.settings(), stage.redis_url, stage.clock)
        async with serving(stage.app, port=stage.port) as bridge_url, stage.http:
            stage.bridge_url = bridge_url
            yield stage


@asynccontextmanager
async def working(stage: Stage) -> AsyncIterator[None]:
    """What the workers do, while the block lasts: jobs at once, and what is due."""
    listening = [name for name, account in stage.services.settings.pbx.items() if account.events != "off"]
    lines = (_work(stage), *(keep_listening(stage.services, name) for name in listening))
    tasks = [asyncio.create_task(line) for line in lines]
    try:
        yield
    finally:
        await background.end(*tasks)


async def _work(stage: Stage) -> None:
    lines = {jobs.DELIVER: deliver, jobs.CONTACT: find_contact}
    async with Redis.from_url(stage.redis_url.reveal(), decode_responses=True) as redis:
        while True:
            await ledger.queue_due(stage.redis, stage.services.jobs, stage.services.clock.now())
            found = await redis.blpop([f"rq:queue:{jobs.QUEUE}"], timeout=0.2)
            if found:
                name, subject = (await redis.hget(f"rq:job:{found[1]}", "description")).split()
                await lines[name](subject, stage.services)
