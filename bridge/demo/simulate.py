"""`popbridge simulate`: a simulated phone system as a server of its own, for trying settings without a call."""

import asyncio
import json
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable
from itertools import cycle

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from bridge.core.http_types import Secret
from bridge.demo.autoplay import SCENES
from bridge.demo.cast import PLAYERS, Player
from bridge.demo.scenes import Director, new_switchboard
from bridge.demo.simulators import served
from bridge.pbx import registry
from bridge.pbx.simulation import SimulatedPbx


async def simulate(kind: str, listening: socket.socket, every: float, ready: Callable[[str], None]) -> None:
    """Until it is told to stop: calls come by themselves each `every` seconds (0: only those that are asked for).

    `ready` gets what belongs into the settings, its secret made up for this run.
    """
    secret = Secret(secrets.token_hex(8))
    make = registry.simulator(kind)

    def extension(player: Player) -> str:
        return make.extension_of(player.sip, player.short)

    director = Director(new_switchboard(extension), extension)
    routes = [
        Route("/", _help),
        Route("/scenes/{name}", _player(director), methods=["POST"]),
        Mount(make.path, make.build(director.board, secret).app()),
    ]
    host, port = listening.getsockname()[:2]
    async with served(Starlette(routes=routes), listening):
        ready(settings_of(kind, make, f"http://{host}:{port}", secret))
        playing = asyncio.create_task(_play_on(director, every))
        await _told_to_stop()
        playing.cancel()
        director.stop()


def settings_of(kind: str, make: SimulatedPbx, address: str, secret: Secret) -> str:
    """The lines for popbridge.toml and agents.csv that lead a bridge here."""
    keys: dict[str, object] = {"kind": kind, **make.section(address + make.path, secret)}
    toml = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items()]
    rows = [
        f"acme,{player.crm_user},main,{make.extension_of(player.sip, player.short)},{player.name}" for player in PLAYERS
    ]
    return "\n".join(
        [
            "# popbridge.toml",
            "[pbx.main]",
            *toml,
            "",
            "# agents.csv",
            "crm,crm_user,pbx,extension,name",
            *rows,
            "",
            f"# a call at once: curl -X POST {address}/scenes/customer   (or: {', '.join(Director.SCENES)})",
        ]
    )


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


async def _play_on(director: Director, every: float) -> None:
    for name in cycle(SCENES) if every else ():
        await director.play(name)
        await asyncio.sleep(every)


def _player(director: Director) -> Callable[[Request], Awaitable[Response]]:
    playing: set[asyncio.Task[None]] = set()

    async def play(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in Director.SCENES:
            raise HTTPException(404, f"There is no such scene; there are: {', '.join(Director.SCENES)}")
        task = asyncio.create_task(director.play(name))
        playing.add(task)
        task.add_done_callback(playing.discard)
        return PlainTextResponse(f"playing {name}\n", 202)

    return play


async def _help(_: Request) -> Response:
    return PlainTextResponse(
        f"A simulated phone system. POST /scenes/NAME plays one of: {', '.join(Director.SCENES)}\n"
    )
