"""The floor as all open live pages of this process see it, and the lines that keep it true while somebody looks."""

import asyncio
import logging
import os
import socket
from collections.abc import Coroutine, Mapping
from typing import Any

from redis.exceptions import RedisError

from bridge.agents.access import Access
from bridge.agents.directory import Directory
from bridge.core.json_codec import json_text, time_text
from bridge.core.reasons import say
from bridge.services import Services
from bridge.store import figures, tokens
from bridge.store import floor as store
from bridge.store.figures import Figures
from bridge.web.console.live.contacts import Contacts
from bridge.web.console.live.rows import Floor as Shown
from bridge.web.console.live.rows import Rows, rows_of
from bridge.web.console.live.sources import Source, ask_all, load
from bridge.web.console.live.viewers import Seats, Viewer, leave_all
from bridge.web.desktop import open_pages
from bridge.web.desktop.hub import Hub

log = logging.getLogger(__name__)

TICK_SECONDS = 0.5
"""How often changes are gathered and sent."""
SLOW_TICKS, BEAT_TICKS = 4, 30
"""Every so many ticks: tokens, open pages, figures and what listeners say; a sign of life."""
PRESENT_SECONDS = 5.0
IDLE_SECONDS = 0.5

Kind = tuple[tuple[str, ...] | None, str]
"""Viewers who see the same: the CRMs and the role."""


class Floor:
    """Pages come by `join` and go by `leave`; `work` are the lines that tell them."""

    def __init__(self, leaving: asyncio.Event) -> None:
        self.viewers: set[Viewer] = set()
        self.seats = Seats()
        self._leaving, self._came = leaving, asyncio.Event()
        self._who = f"{socket.gethostname()} {os.getpid()} {id(self):x}"
        self._contacts = Contacts()
        self._sources: dict[str, Source] = {}
        self._turns: dict[str, str] = {}
        self._present: frozenset[str] = frozenset()
        self._figures: Mapping[str, Any] = {}
        self._directory: Directory | None = None
        self._rows: dict[Kind, Rows] = {}
        self._is_new = True
        self._ticks = 0

    def join(self, viewer: Viewer) -> None:
        """From now on it is told."""
        self.viewers.add(viewer)
        self._came.set()
        if self._leaving.is_set():
            viewer.page.end(open_pages.BYE)

    def leave(self, viewer: Viewer) -> None:
        """It is gone."""
        self.viewers.discard(viewer)

    def work(self, services: Services, hub: Hub) -> tuple[Coroutine[Any, Any, None], ...]:
        """The lines, each for ever. Nothing is asked while nobody looks."""
        return self._tell(services), self._ask(services), self._be_present(services, hub)

    def goodbye(self) -> Coroutine[Any, Any, None]:
        """The line that waits for the end of the process."""
        return leave_all(self.viewers, self._leaving, open_pages.BYE)

    async def _wait_for_viewers(self) -> None:
        while not self.viewers:
            self._came.clear()
            await self._came.wait()

    async def _ask(self, services: Services) -> None:
        seconds = services.settings.console.refresh_seconds
        while seconds:
            await self._wait_for_viewers()
            await ask_all(services, self._wanted(services), self._who)
            await asyncio.sleep(max(seconds, IDLE_SECONDS))

    def _wanted(self, services: Services) -> list[str]:
        """The phone systems that somebody who looks may see."""
        seen = {name for viewer in self.viewers for name in self._access(viewer, services).phone_systems()}
        return sorted(seen)

    def _access(self, viewer: Viewer, services: Services) -> Access:
        return Access(viewer.grant, services.agents.directory(), services.settings)

    async def _be_present(self, services: Services, hub: Hub) -> None:
        """Tell the others whose pages are open here, while somebody looks anywhere."""
        while True:
            try:
                if self.viewers:
                    await store.look(services.redis)
                if self.viewers or await store.is_watched(services.redis):
                    open_here = list(hub.names)
                    await store.be_present(services.redis, self._who, open_here, services.clock.now().timestamp())
            except (RedisError, OSError):
                log.debug("whose pages are open is not told: redis is away")
            await asyncio.sleep(PRESENT_SECONDS)

    async def _tell(self, services: Services) -> None:
        self._turns, self._is_new = {}, True
        while True:
            await self._wait_for_viewers()
            try:
                await self._tick(services)
            except (RedisError, OSError) as error:
                log.warning("live pages wait for redis: %s", type(error).__name__)
            except Exception:
                log.exception("live pages go on")
            await asyncio.sleep(TICK_SECONDS)

    async def _tick(self, services: Services) -> None:
        self._ticks += 1
        is_slow = self._ticks % SLOW_TICKS == 1 or not self._rows
        await self._read(services, is_slow)
        if is_slow:
            await self._check_tokens(services)
        directory = services.agents.directory()
        if await self._contacts.look(services) or directory is not self._directory or self._is_new:
            before, self._rows = self._rows, {}
        else:
            before = {}
        self._directory, self._is_new = directory, False
        shown = Shown(self._sources, self._present, services.labels, services.settings, self._contacts.name)
        for viewer in [*self.viewers]:
            try:
                await self._show(viewer, shown, before, services)
            except (RedisError, OSError):
                raise
            except Exception:
                log.exception("one live page connects again; the others go on")
                viewer.page.end(open_pages.BYE)

    async def _read(self, services: Services, is_slow: bool) -> None:
        """What has changed of phone systems; now and then everything."""
        names = list(services.settings.pbx)
        turns = await store.turns(services.redis, names)
        changed = [name for name in names if is_slow or turns[name] != self._turns.get(name)]
        if changed:
            found = await load(services, changed)
            self._is_new = self._is_new or any(self._sources.get(name) != found[name] for name in changed)
            self._sources = {name: it for name, it in {**self._sources, **found}.items() if name in names}
            self._turns = turns
        if is_slow:
            now = services.clock.now()
            present = await store.present(services.redis, now.timestamp())
            self._is_new, self._present = self._is_new or present != self._present, present
            days = {crm: services.settings.day_of(crm, now) for crm in services.settings.crm}
            self._figures = await figures.of_days(services.redis, days)

    async def _check_tokens(self, services: Services) -> None:
        """End the pages of tokens that are gone or have expired; one whose rights have changed connects again."""
        now = services.clock.now()
        there = await tokens.present(services.redis, {viewer.grant.token_id for viewer in self.viewers})
        for viewer in [*self.viewers]:
            grant = there.get(viewer.grant.token_id)
            if grant is None:
                viewer.page.end(open_pages.REVOKED)
            elif grant.has_expired(now):
                viewer.page.end(open_pages.EXPIRED)
            elif (grant.role, grant.crms) != (viewer.grant.role, viewer.grant.crms):
                viewer.page.end(open_pages.BYE)

    async def _show(self, viewer: Viewer, shown: Shown, before: Mapping[Kind, Rows], services: Services) -> None:
        access = self._access(viewer, services)
        kind = (access.crms, str(viewer.grant.role))
        masked = not access.sees_numbers
        if kind not in self._rows:
            self._rows[kind] = _as_before(rows_of(shown, access, masked), before.get(kind))
        around = json_text({"masked": masked, "systems": self._systems(access), "today": self._today(access)})[1:-1]
        await viewer.show(self._rows[kind], around, time_text(services.clock.now()), access)
        if self._ticks % BEAT_TICKS == 0:
            viewer.page.beat()

    def _systems(self, access: Access) -> list[dict[str, Any]]:
        """Where the page's data comes from, and what is wrong with it."""
        return [_system(name, self._sources[name], access) for name in access.phone_systems() if name in self._sources]

    def _today(self, access: Access) -> dict[str, Any]:
        """The day's figures of the CRMs that are seen; of calls only where somebody listens to their phone system."""
        crms = [crm for crm in access.settings.crm if access.sees_crm(crm)]
        found: Figures = figures.together(self._figures[crm] for crm in crms if crm in self._figures)
        pbxes = [access.settings.pbx_of(crm) for crm in crms]
        listened = any(name in self._sources and self._sources[name].way == "events" for name in pbxes)
        return {
            "answered": found.answered if listened else None,
            "missed": found.missed if listened else None,
            "delivered": found.delivered,
            "seen": found.seen,
            "median_ms": found.median_ms,
        }


def _system(name: str, source: Source, access: Access) -> dict[str, Any]:
    queues, problem = source.queues, source.problem or (source.queues.problem if source.queues else None)
    return {
        "pbx": name,
        "way": source.way,
        "is_known": source.lines is not None,
        "at": source.at if problem else None,
        "problem": {"reason": problem, "why": say(problem)} if problem else None,
        "queues": "none" if queues is None else "shown" if access.sees_all_of(name) else "shared",
    }


def _as_before(rows: Rows, before: Rows | None) -> Rows:
    """The same texts are the same objects: so pages see at once what has changed."""
    if before is not None:
        for mine, its in ((rows.agents, before.agents), (rows.queues, before.queues)):
            for key, text in mine.items():
                if its.get(key) == text:
                    mine[key] = its[key]
    return rows
