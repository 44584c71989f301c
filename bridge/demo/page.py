"""The demo page's web side: the page, what it shows (a stream of whole states), and what its buttons do."""

import asyncio
import html
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from bridge.core.json_codec import as_json
from bridge.core.model import Pop
from bridge.crm.simulation import LoggedCall, TakesNotes
from bridge.demo.autoplay import TEAM, Autoplay
from bridge.demo.cast import CUSTOMERS, PLAYERS, Player, contact_of
from bridge.demo.simulators import Simulators
from bridge.demo.stage import Stage
from bridge.pbx import registry

FILES = Path(__file__).parent / "static"
LOOK = Path(__file__).parent.parent / "web" / "static"
CONTACT_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
MOST_NOTES = 3
LOOK_EVERY_SECONDS = 0.1
HEARTBEAT_SECONDS = 15.0
MOST_LOGGED = 6


@dataclass(slots=True)
class Page:
    """One page for everybody who opens it; it has the desktop pages of two agents in frames."""

    stage: Stage
    simulators: Simulators
    autoplay: Autoplay
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def app(self) -> Starlette:
        """The page, and the simulators beside it."""
        routes = [
            Route("/", self._page),
            Route("/demo", self._page),
            Route("/state", self._states),
            Route("/contacts/{contact_id}", self._contact),
            Route("/do/{verb}", self._do, methods=["POST"]),
            Route("/do/{verb}/{mood}", self._do, methods=["POST"]),
            Mount("/static", StaticFiles(directory=FILES)),
            Mount("/look", StaticFiles(directory=LOOK)),
        ]
        return Starlette(routes=[*routes, *self.simulators.routes()])

    async def _page(self, request: Request) -> Response:
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
            f" frame-src {self.stage.bridge_url} {self.stage.other_bridge_url};"
            " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return FileResponse(FILES / "demo.html", headers={"Content-Security-Policy": policy})

    async def _states(self, request: Request) -> Response:
        return StreamingResponse(self._changes(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def _changes(self) -> AsyncIterator[str]:
        """Every state that differs from the one before, as events."""
        last, quiet = "", 0.0
        self.autoplay.watched(1)
        try:
            while not self.leaving.is_set():
                state = json.dumps(self.state(), ensure_ascii=False)
                quiet = 0.0 if state != last else quiet + LOOK_EVERY_SECONDS
                if state != last or quiet > HEARTBEAT_SECONDS:
                    last, quiet = state, 0.0
                    yield f"data: {state}\n\n"
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        finally:
            self.autoplay.watched(-1)

    def state(self) -> dict[str, Any]:
        """All that the page shows."""
        return {
            "make": {"title": registry.find(self.stage.pbx_kind).title, "not_told": self.stage.pbx.not_told},
            "desks": [self._desk(player, url) for player, url in self.autoplay.desks.pages()],
            "links": {"console": self._console(), "docs": f"{self.stage.bridge_url}/docs"},
            "pop": self.autoplay.desks.pop,
            "life": self.autoplay.life.shown(),
            "history": [self._logged(one) for one in self.simulators.clicked.logged()][-MOST_LOGGED:][::-1],
            "notes": self._notes(),
            "pbx": self.simulators.pbx_mood,
            "crm": self.simulators.crm_mood,
            "autoplay": self.autoplay.is_on,
            "crm_popup": self._crm_popup(),
            "presses": [press.shown() for press in self.autoplay.button.presses],
        }

    def _desk(self, player: Player, url: str) -> dict[str, Any]:
        calls = self.simulators.director.board.calls(self.stage.extension(player))
        return {"name": player.name, "url": url, "calls": as_json(calls)}

    def _console(self) -> str:
        signed_in = urlencode({"token": self.autoplay.button.supervisor_token})
        return f"{self.stage.bridge_url}/console#{signed_in}"

    def _logged(self, call: LoggedCall) -> dict[str, Any]:
        """A call of the CRM's history, with names in place of ids."""
        contact = contact_of(call.number)
        agent = next((player.name for player in PLAYERS if player.crm_user == call.agent), call.agent)
        return {**asdict(call), "agent": agent, "contact": contact.name if contact else ""}

    def _notes(self) -> list[dict[str, Any]]:
        """The notes that the CRM was sent, newest first, with the agents' names."""
        crm = self.simulators.clicked
        taken = list(crm.notes())[-MOST_NOTES:][::-1] if isinstance(crm, TakesNotes) else []
        names = {player.crm_user: player.name for player in PLAYERS}
        return [{"at": one.at, "agent": names.get(one.agent, one.agent), "text": one.text} for one in taken]

    async def _contact(self, request: Request) -> Response:
        """The page of one contact in the simulated CRM: where the card's link leads."""
        known = next((one for one in CUSTOMERS if one.contact_id == request.path_params["contact_id"]), None)
        if known is None:
            raise HTTPException(404)
        page = (FILES / "contact.html").read_text(encoding="utf-8")
        for name, value in asdict(known).items():
            page = page.replace(f"{{{{{name}}}}}", html.escape(value))
        return HTMLResponse(page, headers={"Content-Security-Policy": CONTACT_POLICY})

    def _crm_popup(self) -> dict[str, Any] | None:
        """What the CRM makes of the last popup it took: its own contact with that number, if it has one."""
        shown = self.simulators.crm.shown()
        if not shown:
            return None
        contact = contact_of(shown[-1].number)
        return {"popup": asdict(shown[-1]), "contact": asdict(contact) if contact else None}

    async def _do(self, request: Request) -> Response:
        """A button of the page. What a person does ends what goes on by itself."""
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise HTTPException(403)
        verb, mood = request.path_params["verb"], request.path_params.get("mood", "")
        if verb == "auto":
            self.autoplay.switch(mood == "on")
            return Response(status_code=204)
        try:
            self._act(verb, mood)
        except KeyError:
            raise HTTPException(404) from None
        return Response(status_code=204)

    def _act(self, verb: str, mood: str) -> None:
        moods = {"pbx": self.simulators.set_pbx, "crm": self.simulators.set_crm}
        if verb in moods:
            moods[verb](mood)
            return
        if verb == "press":
            self._start(lambda: self.autoplay.press_and_follow(by_itself=False))
            return
        self._start(self._asked_for(verb, mood))
        self.autoplay.switch(False)

    def _asked_for(self, verb: str, mood: str) -> Callable[[], Awaitable[None]]:
        """What a person chooses to see. Raises `KeyError`."""
        director = self.simulators.director
        if verb == "pop" and mood in list(Pop):
            return lambda: self.autoplay.desks.choose(Pop(mood))
        if verb not in director.SCENES:
            raise KeyError(verb)
        return self.autoplay.play_team if verb == TEAM else lambda: director.play(verb)

    def _start(self, action: Callable[[], Awaitable[None]]) -> None:
        async def acting() -> None:
            await action()

        task = asyncio.create_task(acting())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """The streams end, and nothing is begun any more."""
        self.leaving.set()
        for task in self._tasks:
            task.cancel()
