"""The two sides that the bridge stands between, and the web server that speaks for both of them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, fields
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from bridge.crm.webhook import simulator as crm_fake
from bridge.demo.makes import Make, Simulator
from bridge.demo.scenes import Director, new_switchboard
from bridge.demo.stage import CRM_PATH, Stage

CRM_MOODS = {"ok": crm_fake.Faults(), "down": crm_fake.Faults(status=503)}


@dataclass(slots=True)
class Simulators:
    """A phone system with agents and calls, and a CRM that takes popups; each in one of its moods."""

    make: Make
    director: Director
    phone_system: Simulator
    crm: crm_fake.FakeCrm
    pbx_mood: str = "ok"
    crm_mood: str = "ok"

    def set_pbx(self, mood: str) -> None:
        """How the phone system behaves from now on. Raises `KeyError` for a mood it does not have."""
        _become(self.phone_system.faults, self.make.moods[mood])
        self.pbx_mood = mood

    def set_crm(self, mood: str) -> None:
        """How the CRM behaves from now on. Raises `KeyError` for a mood it does not have."""
        _become(self.crm.faults, CRM_MOODS[mood])
        self.crm_mood = mood

    def routes(self) -> list[BaseRoute]:
        """Where the bridge finds them."""
        return [Mount(self.make.path, self.phone_system.app()), Mount(CRM_PATH, self.crm.app())]


def new_simulators(stage: Stage) -> Simulators:
    """Both, behaving well, with the secrets that the bridge's settings have."""
    make = stage.make
    director = Director(new_switchboard(make.extension), make.extension)
    phone_system = make.simulator(director.board, stage.pbx_secret)
    return Simulators(make, director, phone_system, crm_fake.FakeCrm([stage.popup_secret]))


def _become(faults: Any, wanted: Any) -> None:
    for each in fields(wanted):
        setattr(faults, each.name, getattr(wanted, each.name))


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
