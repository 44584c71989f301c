"""The two sides that the bridge stands between, and the web server that speaks for both of them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, fields
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from bridge.crm.simulation import CrmSimulator
from bridge.demo.cast import CUSTOMERS, DANA, PLAYERS, Customer, contact_of
from bridge.demo.scenes import SEEN_SECONDS, Director, new_switchboard
from bridge.demo.stage import Stage
from bridge.pbx.simulation import PbxSimulator

AFTER_POLL_SECONDS = 1.5
"""How long what a poll has told is there at least."""


@dataclass(slots=True)
class Simulators:
    """A phone system with agents and calls, and a CRM that takes popups; each in one of its moods. `clicked` is the CRM
    with the button and the history: the same, unless that one is a target only."""

    stage: Stage
    director: Director
    phone_system: PbxSimulator
    crm: CrmSimulator
    clicked: CrmSimulator
    pbx_mood: str = "ok"
    crm_mood: str = "ok"

    def set_pbx(self, mood: str) -> None:
        """How the phone system behaves from now on. Raises `KeyError` for a mood it does not have."""
        _become(self.phone_system.faults, _moods(self.stage.pbx.moods)[mood])
        self.pbx_mood = mood

    def set_crm(self, mood: str) -> None:
        """How the CRM behaves from now on. Raises `KeyError` for a mood it does not have."""
        _become(self.crm.faults, _moods(self.stage.crm.moods)[mood])
        self.crm_mood = mood

    def open_page(self) -> Customer | None:
        """The contact whose page Dana has open: whom she is talking to, if the CRM knows them."""
        calls = self.director.board.calls(self.stage.extension(DANA))
        return next((known for call in calls if (known := contact_of(call.caller.number))), None)

    def routes(self) -> list[BaseRoute]:
        """Where the bridge finds them."""
        crms = {self.stage.button.path: self.clicked, self.stage.crm.path: self.crm}
        mounts = [Mount(path, crm.app()) for path, crm in crms.items()]
        return [Mount(self.stage.pbx.path, self.phone_system.app()), *mounts]


def new_simulators(stage: Stage) -> Simulators:
    """Both, behaving well, with the secrets that the bridge's settings have."""
    director = Director(new_switchboard(stage.extension), stage.extension)
    director.seen_seconds = max(SEEN_SECONDS, stage.poll_seconds + AFTER_POLL_SECONDS)
    phone_system = stage.pbx.build(director.board, stage.pbx_secret)
    users, contacts = [player.user() for player in PLAYERS], [customer.contact() for customer in CUSTOMERS]
    crm = stage.crm.build(stage.crm_url, stage.crm_secret, users, contacts)
    clicked = crm
    if stage.crm.press is None:
        clicked = stage.button.build(stage.button_url, stage.crm_secret, users, contacts)
    return Simulators(stage, director, phone_system, crm, clicked)


def _moods(moods: Mapping[Any, object]) -> Mapping[str, object]:
    return moods


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
    config = uvicorn.Config(
        app, log_level="critical", lifespan="off", ws="websockets-sansio", timeout_graceful_shutdown=1
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
