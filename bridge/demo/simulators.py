"""The two sides that the bridge stands between, and the web server that speaks for both of them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from bridge.crm.webhook import fake as crm_fake
from bridge.demo.scenes import Director, new_switchboard
from bridge.demo.stage import CRM_PATH, PBX_PATH, Stage
from bridge.pbx.voicenter import fake as pbx_fake

PBX_MOODS = {
    "ok": pbx_fake.Faults(),
    "slow": pbx_fake.Faults(slow_seconds=1.2),
    "down": pbx_fake.Faults(down="503"),
    "wrong-code": pbx_fake.Faults(code_refused=True),
}
CRM_MOODS = {"ok": crm_fake.Faults(), "down": crm_fake.Faults(status=503)}


@dataclass(slots=True)
class Simulators:
    """A phone system with agents and calls, and a CRM that takes popups; each in one of its moods."""

    director: Director
    phone_system: pbx_fake.FakeVoicenter
    crm: crm_fake.FakeCrm
    pbx_mood: str = "ok"
    crm_mood: str = "ok"

    def set_pbx(self, mood: str) -> None:
        """How the phone system behaves from now on. Raises `KeyError` for a mood it does not have."""
        _become(self.phone_system.faults, PBX_MOODS[mood])
        self.pbx_mood = mood

    def set_crm(self, mood: str) -> None:
        """How the CRM behaves from now on. Raises `KeyError` for a mood it does not have."""
        _become(self.crm.faults, CRM_MOODS[mood])
        self.crm_mood = mood

    def routes(self) -> list[BaseRoute]:
        """Where the bridge finds them."""
        return [Mount(PBX_PATH, self.phone_system.app()), Mount(CRM_PATH, self.crm.app())]


def new_simulators(stage: Stage) -> Simulators:
    """Both, behaving well, with the secrets that the bridge's settings have."""
    director = Director(new_switchboard())
    phone_system = pbx_fake.FakeVoicenter(director.board, stage.account_code.reveal(), pbx_fake.Faults())
    return Simulators(director, phone_system, crm_fake.FakeCrm([stage.popup_secret]))


def _become(faults: pbx_fake.Faults | crm_fake.Faults, wanted: pbx_fake.Faults | crm_fake.Faults) -> None:
    for name in wanted.__slots__:
        setattr(faults, name, getattr(wanted, name))


class _Server(uvicorn.Server):
    """uvicorn without its own way with signals: ending in good order is the demo's task."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(app: Starlette, listener: socket.socket) -> AsyncIterator[None]:
    """The app on a socket that listens already, for as long as the block lasts."""
    config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
