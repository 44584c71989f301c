"""All open desktop pages of this process, and the one subscription that feeds them, however many they are."""

import asyncio
import json
import logging
from collections.abc import Collection, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from redis.exceptions import RedisError

from bridge.core.clock import Clock
from bridge.store import keys, tokens
from bridge.store.client import TextRedis
from bridge.store.desktop import stream
from bridge.store.desktop.stream import EntryId, News
from bridge.web.desktop import open_pages
from bridge.web.desktop.cards import Card, ended
from bridge.web.desktop.open_pages import Reader
from bridge.web.room import Room

log = logging.getLogger(__name__)

BEATS, BEAT_SECONDS = 150, 0.1
"""Every page has its heartbeat, and its token looked at, once in so many beats: each beat a small part of the pages, so
that ten thousand of them keep nobody waiting."""
AWAY_SECONDS = 0.5
CATCH_UP = 100
"""Agents whose streams are read together when the subscription is back."""


@dataclass(eq=False, slots=True)
class Desk:
    """One agent with at least one open page in this process."""

    agent: keys.Person
    pages: set[Reader] = field(default_factory=set)
    card: Card | None = None

    def shows(self, popup_id: str) -> bool:
        """Whether this popup's card is the open one."""
        return self.card is not None and self.card.popup_id == popup_id

    def tell(self, text: bytes, entry: EntryId | None = None) -> None:
        """To every page of the agent."""
        for page in [*self.pages]:
            page.tell(text, entry)


class Hub:
    """Pages come by `join` and go by `leave`; what is published in Redis goes straight to the pages it is for."""

    def __init__(self, redis: TextRedis, clock: Clock, leaving: asyncio.Event, room: Room) -> None:
        self._redis, self._clock, self._leaving, self._room = redis, clock, leaving, room
        self._desks: dict[str, Desk] = {}
        self._ring: list[set[Reader]] = [set() for _ in range(BEATS)]
        self.carded, self.hurry = asyncio.Event(), asyncio.Event()
        """Somebody has an open card; a page waits to be told how its card's call stands."""

    @property
    def desks(self) -> Collection[Desk]:
        """Every agent with an open page."""
        return self._desks.values()

    @property
    def names(self) -> Collection[str]:
        """Every agent with an open page, by the name of their stream (`keys.desktop`)."""
        return self._desks.keys()

    @property
    def open_pages(self) -> int:
        """How many pages are open."""
        return sum(len(part) for part in self._ring)

    def join(self, page: Reader) -> Desk:
        """From now on the page hears what is published for its agent."""
        desk = self._desks.setdefault(keys.desktop(page.grant), Desk(page.grant))
        desk.pages.add(page)
        min(self._ring, key=len).add(page)
        if self._leaving.is_set():
            page.end(open_pages.BYE)
        return desk

    def leave(self, page: Reader) -> None:
        """The page is gone."""
        for part in self._ring:
            part.discard(page)
        key = keys.desktop(page.grant)
        if desk := self._desks.get(key):
            desk.pages.discard(page)
            if not desk.pages:
                del self._desks[key]

    def show_card(self, desk: Desk, page: Reader, missed: stream.Replay) -> None:
        """Tell a page that has caught up how the call of the open card stands, or have it asked."""
        if missed.card is None:
            return
        if desk.card is None or desk.card.popup_id < missed.card.popup_id:
            desk.card = _card(missed.card, self._clock.now())
            desk.card.now, desk.card.is_told = (ended(missed.answered_by), True) if missed.is_over else (None, False)
        if desk.card.is_told:
            page.tell(desk.card.text())
        else:
            self.hurry.set()
        self.carded.set()

    async def catch_up(self, page: Reader, after: EntryId | None) -> stream.Replay:
        """What the page missed. It has joined before, so nothing falls between this and what it hears."""
        async with self._room:
            return await stream.replay(self._redis, page.grant, after, self._clock.now())

    async def listen(self) -> None:
        """Hear what is published, for ever. After each break every agent catches up from their stream."""
        while True:
            try:
                async with aclosing(stream.hear(self._redis)) as heard:
                    async for news in heard:
                        if news is None:
                            await self._catch_up_all()
                        else:
                            self.take(news)
            except (RedisError, OSError) as error:
                log.warning("open pages wait for redis: %s", type(error).__name__)
            await asyncio.sleep(AWAY_SECONDS)

    async def _catch_up_all(self) -> None:
        behind = {key: min(page.seen for page in desk.pages) for key, desk in self._desks.items()}
        wanted = [*behind]
        for start in range(0, len(wanted), CATCH_UP):
            part = {key: behind[key] for key in wanted[start : start + CATCH_UP]}
            for news in await stream.since(self._redis, part, self._clock.now()):
                self.take(news)

    def take(self, news: News) -> None:
        """Hand one message to the pages it is for."""
        if news.event == stream.REVOKED:
            self._revoked(json.loads(news.data))
            return
        desk = self._desks.get(news.to)
        if desk is None:
            return
        desk.tell(open_pages.chunk(news), news.entry_id)
        if news.event == stream.POPUP:
            desk.card = _card(news, self._clock.now())
            self.carded.set()
        elif news.event == stream.DISMISSED and desk.shows(json.loads(news.data)["popup_id"]):
            desk.card = None

    def _revoked(self, token_ids: Collection[str]) -> None:
        for part in self._ring:
            for page in [*part]:
                if page.grant.token_id in token_ids:
                    page.end(open_pages.REVOKED)

    async def beat(self) -> None:
        """Heartbeats and the end of tokens, for ever; each beat a part of the pages."""
        while True:
            away = False
            for part in self._ring:
                await asyncio.sleep(BEAT_SECONDS)
                if not part:
                    continue
                for page in [*part]:
                    page.beat()
                try:
                    await self._end_those_signed_out([*part], self._clock.now())
                except (RedisError, OSError):
                    away = True
            if away:
                log.warning("tokens of open pages are not looked at: redis is away")

    async def _end_those_signed_out(self, pages: list[Reader], now: datetime) -> None:
        for page in pages:
            if page.grant.has_expired(now):
                page.end(open_pages.EXPIRED)
        living = await tokens.living(self._redis, {page.grant.token_id for page in pages})
        for page in pages:
            if page.grant.token_id not in living:
                page.end(open_pages.REVOKED)

    def work(self) -> tuple[Coroutine[Any, Any, None], ...]:
        """What has to run while there are pages."""
        return self.listen(), self.beat(), self.say_goodbye()

    async def say_goodbye(self) -> None:
        """When the server stops: every page is told."""
        await self._leaving.wait()
        for part in self._ring:
            for page in [*part]:
                page.end(open_pages.BYE)


def _card(news: News, now: datetime) -> Card:
    """The card of a popup that pages are told of now."""
    return Card(news.popup_id, news.data, now, is_told=True)
