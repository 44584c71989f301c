"""What runs beside the requests, from start-up to shutdown; part of it begins anew whenever the settings are read."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import State

from bridge import reload
from bridge.calls.together import ask_together
from bridge.config.models import Settings
from bridge.core.background import at_work
from bridge.core.clock import Clock
from bridge.core.http_types import Secret
from bridge.observability import sd_notify, tracing
from bridge.services import Services, connections_for_pages, open_services
from bridge.signin.renewal import keep_confirmed
from bridge.store.client import TextRedis
from bridge.web import click_pages
from bridge.web.click_room import ClickRoom
from bridge.web.console.live.floor import Floor
from bridge.web.desktop import rights
from bridge.web.desktop.hub import Hub
from bridge.web.desktop.polling import Mailboxes
from bridge.web.desktop.seats import Seats
from bridge.web.desktop.watch import Watch
from bridge.web.room import Room


@dataclass(frozen=True, slots=True)
class Lifespan:
    """Of one application. `again` reads the settings at SIGHUP."""

    settings: Settings
    redis_url: Secret
    click_room: ClickRoom
    clock: Clock | None = None
    again: reload.Read | None = None

    @asynccontextmanager
    async def run(self, app: Starlette) -> AsyncIterator[None]:
        """Everything open and at work while the block lasts."""
        with tracing.exporting("web"):
            async with (
                open_services(self.settings, self.redis_url, self.clock) as services,
                connections_for_pages(self.settings, self.redis_url) as pages_redis,
            ):
                self._furnish(app.state, services, pages_redis)
                use = partial(self._use, app.state, pages_redis)
                async with at_work(*self._work(app.state, services)), reload.in_use(services, use, self.again):
                    yield

    def _furnish(self, state: State, services: Services, pages_redis: TextRedis) -> None:
        """What requests find in the application's state, whatever the settings say later."""
        state.click_room = self.click_room
        state.leaving = asyncio.Event()
        state.pages = click_pages.open_pages()
        state.room, state.seats = Room(), Seats()
        state.hub = Hub(pages_redis, services.clock, state.leaving, state.room)
        state.mailboxes = Mailboxes(state.hub)
        state.floor = Floor(state.leaving)

    def _work(self, state: State, services: Services) -> tuple[Coroutine[Any, Any, None], ...]:
        """What goes on for as long as the application lives."""
        return (
            *state.hub.work(),
            state.floor.goodbye(),
            self.click_room.watch(),
            self.click_room.report(services.redis),
            sd_notify.beat(),
        )

    @asynccontextmanager
    async def _use(self, state: State, pages_redis: TextRedis, services: Services) -> AsyncIterator[None]:
        """These services are the application's while the block lasts: those of the settings as they were read last."""
        await asyncio.to_thread(services.agents.directory)
        await services.agents.refresh()
        state.click_services = services
        state.services = pages = services.with_redis(pages_redis)
        self.click_room.most, self.click_room.names = services.settings.server.waiting_clicks, services.settings.crm
        hub: Hub = state.hub
        lines = [services.agents.keep_fresh(), Watch(hub, pages).follow(), rights.follow(hub, pages)]
        lines.append(ask_together(services.lookup, pages_redis, services.clock.ticks))
        if pages.signon is not None:
            lines.append(keep_confirmed(pages.signon, pages_redis, pages.agents, pages.clock))
        async with at_work(*lines, *state.floor.work(pages, hub)):
            yield
