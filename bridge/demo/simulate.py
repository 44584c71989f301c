"""`popbridge simulate`: a simulated phone system and CRM as a server of its own, for trying settings without a call."""

import asyncio
import json
import secrets
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from bridge.core.errors import RequestFailed
from bridge.core.http_types import Secret
from bridge.core.json_codec import as_json
from bridge.crm import registry as crm_makes
from bridge.crm.simulation import CrmSimulator, Press
from bridge.demo.autoplay import SCENES
from bridge.demo.cast import CRM, CRM_KIND, CUSTOMERS, PBX_KIND, PLAYERS, Player
from bridge.demo.scenes import Director, new_switchboard
from bridge.demo.simulated import Simulated
from bridge.demo.simulators import served
from bridge.egress.allowed_addresses import Reach, named_by
from bridge.egress.client import EgressClient, open_client
from bridge.pbx import registry as pbx_makes

CLICK_SECONDS, SHOWN = 15.0, 20
HELP = """\
A simulated phone system and CRM.

POST /scenes/NAME   plays calls; NAME is one of: {scenes}
POST /click         clicks the CRM's button as {agent}; shows the bridge's answer
                    (?agent=… for another one of: {agents})
GET  /popups        what the CRM's agents were shown
"""


async def simulate(simulated: Simulated, listening: socket.socket, every: float, ready: Callable[[str], None]) -> None:
    """Until it is told to stop: calls come by themselves each `every` seconds (0: only those that are asked for).

    `ready` gets the address that it listens at.
    """
    host, port = listening.getsockname()[:2]
    address = f"http://{host}:{port}"
    async with open_client(Reach(named_by([simulated.bridge]))) as client:
        show = _Show.of(simulated, address, client)
        async with served(Starlette(routes=show.routes()), listening):
            ready(address)
            playing = asyncio.create_task(_play_on(show.director, every))
            await _told_to_stop()
            playing.cancel()
            show.director.stop()


def printed(simulated: Simulated, address: str) -> str:
    """Both files in full, what writes them, and what to do with them."""
    made = (("pbx", simulated.pbx, PBX_KIND), ("crm", simulated.crm, CRM_KIND))
    chosen = "".join(f" --{group} {kind}" for group, kind, usual in made if kind != usual)
    hint = f"# `popbridge init --simulate{chosen}` writes such files, and `popbridge simulate` beside them runs this."
    hint += "\n# The simulated button sends the secrets below: other settings refuse its clicks."
    hint += " Each start without such files makes new ones."
    installation = simulated.installation(address)
    files = f"# popbridge.toml\n{installation.settings(in_full=True)}\n# agents.csv\n{installation.rows()}"
    return f"{hint}\n\n{files}\n{commands(address)}"


def commands(address: str) -> str:
    """How to see a popup."""
    return "\n".join(
        [
            "# a call comes every 10 s; one at once:",
            f"curl -X POST {address}/scenes/customer",
            "# the CRM's button, as Dana clicks it; shows the bridge's answer:",
            f"curl -X POST {address}/click",
            "# what the CRM's agents were shown:",
            f"curl {address}/popups",
        ]
    )


@dataclass(slots=True)
class _Show:
    """Both sides, and what may be asked of them."""

    simulated: Simulated
    client: EgressClient
    director: Director
    crm: CrmSimulator
    mounts: list[Mount]
    playing: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    def of(cls, simulated: Simulated, address: str, client: EgressClient) -> "_Show":
        pbx, crm = pbx_makes.simulator(simulated.pbx), crm_makes.simulator(simulated.crm)
        secret = Secret(simulated.secret)

        def extension(player: Player) -> str:
            return pbx.extension_of(player.sip, player.short)

        director = Director(new_switchboard(extension), extension)
        users, contacts = [one.user() for one in PLAYERS], [one.contact() for one in CUSTOMERS]
        simulator = crm.build(address + crm.path, secret, users, contacts)
        phones = pbx.build(director.board, secret)
        mounts = [Mount(pbx.path, phones.app()), Mount(crm.path, simulator.app())]
        return cls(simulated, client, director, simulator, mounts)

    def routes(self) -> list[Route | Mount]:
        """What it answers."""
        return [
            Route("/", self.help),
            Route("/scenes/{name}", self.play, methods=["POST"]),
            Route("/click", self.click, methods=["POST"]),
            Route("/popups", self.popups),
            *self.mounts,
        ]

    async def help(self, _: Request) -> Response:
        agents = ", ".join(one.crm_user for one in PLAYERS)
        told = HELP.format(scenes=", ".join(Director.SCENES), agent=PLAYERS[0].crm_user, agents=agents)
        return PlainTextResponse(told)

    async def play(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in Director.SCENES:
            raise HTTPException(404, f"There is no such scene; there are: {', '.join(Director.SCENES)}")
        task = asyncio.create_task(self.director.play(name))
        self.playing.add(task)
        task.add_done_callback(self.playing.discard)
        return PlainTextResponse(f"playing {name}\n", 202)

    async def click(self, request: Request) -> Response:
        press = crm_makes.simulator(self.simulated.crm).press
        agent = request.query_params.get("agent", PLAYERS[0].crm_user)
        player = next((one for one in PLAYERS if one.crm_user == agent), None)
        if press is None or player is None:
            raise HTTPException(404, "There is no such agent." if press else "This CRM has no button.")
        made = Press(player.user(), f"press-{secrets.token_hex(8)}", datetime.now(UTC))
        try:
            request_ = press(self.simulated.bridge, CRM, Secret(self.simulated.secret), made)
            reply = await self.client.send(request_, CLICK_SECONDS)
        except RequestFailed as error:
            raise HTTPException(502, f"popbridge does not answer at {self.simulated.bridge}: {error}") from None
        return Response(reply.body, reply.status, media_type=reply.headers.get("content-type"))

    async def popups(self, _: Request) -> Response:
        shown = list(self.crm.shown())[-SHOWN:]
        return Response(json.dumps(as_json(shown), indent=2, ensure_ascii=False) + "\n", media_type="application/json")


async def _told_to_stop() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


async def _play_on(director: Director, every: float) -> None:
    for name in cycle(SCENES) if every else ():
        await director.play(name)
        await asyncio.sleep(every)
