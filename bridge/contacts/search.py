"""Who is calling? Asks a CRM for the records that have the number: cached, and one question for all processes."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import quote

from redis.exceptions import RedisError

from bridge.config.models import CrmAccount
from bridge.contacts.matching import matching
from bridge.contacts.variants import search_number
from bridge.core.clock import Clock
from bridge.core.contact import Contact, ContactRecord, ContactSource, ContactStatus
from bridge.core.errors import RateLimited, RequestFailed, SearchFailed, TokenRefused
from bridge.core.model import Call
from bridge.core.reasons import Reason
from bridge.core.session import Session
from bridge.core.text import one_line
from bridge.crm import registry
from bridge.crm.contract import CreatesContacts, FindsContacts, Found, FoundRecord, LinksNewRecords, SearchNumber
from bridge.store import contacts as store
from bridge.store.client import TextRedis

FAILURES = (TimeoutError, RequestFailed, RateLimited, TokenRefused, SearchFailed, RedisError, OSError)

log = logging.getLogger(__name__)

MOST_RECORDS = 10
LOOK_SECONDS = 0.02
"""How often a process looks whether another one has the answer by now."""
LONGEST_TEXT = 200


class Contacts:
    """Searches every CRM that can be searched."""

    def __init__(
        self, redis: TextRedis, accounts: Mapping[str, CrmAccount], sessions: Mapping[str, Session], clock: Clock
    ) -> None:
        self._redis, self._accounts, self._sessions, self._clock = redis, accounts, sessions, clock
        adapters = {name: registry.find(account.kind) for name, account in accounts.items() if account.search}
        self._asked = frozenset(name for name, one in adapters.items() if isinstance(one, FindsContacts))
        self._creating = frozenset(name for name in self._asked if isinstance(adapters[name], CreatesContacts))

    def is_asked(self, crm: str) -> bool:
        """Whether this CRM is asked for callers."""
        return crm in self._asked

    async def find(self, crm: str, call: Call, region: str) -> Contact:
        """Who the caller is by that CRM, within its `search_seconds`. Failures are told as `unknown`, never raised."""
        number = search_number(call.caller.number, region, self._formats(crm)) if self.is_asked(crm) else None
        if number is None:
            return Contact(ContactStatus.UNASKED, crm)
        started = self._clock.ticks()
        try:
            async with asyncio.timeout(self._accounts[crm].search_seconds):
                return await self._cached_or_asked(crm, number, call.caller.name)
        except FAILURES as error:
            log.warning("a search in %s gave no answer: %s", crm, type(error).__name__)
            why = _why(error, crm, self._accounts[crm].search_seconds)
            return Contact(ContactStatus.UNKNOWN, crm, ms=self._since(started), reason=why)

    def can_create(self, crm: str) -> bool:
        """Whether a contact can be made in this CRM."""
        return crm in self._creating

    async def create(self, crm: str, call: Call, region: str, name: str) -> Contact:
        """A new contact for the caller in a CRM that `can_create`, or the one that it has by now: one at a time for
        each number, and each looks first. A failure is told as `unknown`; the next try finds out whether there is one.
        """
        number = search_number(call.caller.number, region, self._formats(crm))
        if number is None:
            return Contact(ContactStatus.UNASKED, crm)
        started, seconds = self._clock.ticks(), self._accounts[crm].push_timeout_seconds
        try:
            async with asyncio.timeout(seconds), self._alone(crm, number, seconds):
                found = await self._ask(crm, number, name)
                return found if found.records else await self._made(crm, number, name)
        except FAILURES as error:
            log.warning("a contact could not be made in %s: %s", crm, type(error).__name__)
            why = _why(error, crm, seconds)
            return Contact(ContactStatus.UNKNOWN, crm, ms=self._since(started), reason=why)

    async def _made(self, crm: str, number: SearchNumber, name: str) -> Contact:
        account, started = self._accounts[crm], self._clock.ticks()
        adapter = registry.find(account.kind)
        assert isinstance(adapter, CreatesContacts)  # noqa: S101 - for the type checker: `can_create` has looked
        made = await adapter.create_contact(account, self._sessions[crm], number, one_line(name, LONGEST_TEXT))
        contact = _contact(crm, Found((made,)), self._since(started), None)
        kept = replace(contact, from_=ContactSource.CACHE)
        await store.save(self._redis, crm, number.e164, kept, account.cache_seconds)
        return contact

    @asynccontextmanager
    async def _alone(self, crm: str, number: SearchNumber, seconds: float) -> AsyncIterator[None]:
        """Nobody else searches for the number, or makes a contact of it, while the block lasts."""
        owner = secrets.token_hex(8)
        while True:
            if await store.lock(self._redis, crm, number.e164, owner, seconds):
                break
            await asyncio.sleep(LOOK_SECONDS)
        try:
            yield
        finally:
            await store.unlock(self._redis, crm, number.e164, owner)

    def _formats(self, crm: str) -> tuple[str, ...]:
        return self._accounts[crm].search_formats

    async def _cached_or_asked(self, crm: str, number: SearchNumber, name: str) -> Contact:
        """An earlier answer, or a new one: by us, or by whoever asks for the same number now."""
        known = await store.load(self._redis, crm, number.e164)
        if known is not None:
            return known
        async with self._alone(crm, number, self._accounts[crm].search_seconds):
            known = await store.load(self._redis, crm, number.e164)
            return known or await self._ask(crm, number, name)

    async def _ask(self, crm: str, number: SearchNumber, name: str) -> Contact:
        account, started = self._accounts[crm], self._clock.ticks()
        adapter = registry.find(account.kind)
        assert isinstance(adapter, FindsContacts)  # noqa: S101 - for the type checker: `is_asked` has looked
        found = matching(await adapter.find_contacts(account, self._sessions[crm], number), number)
        contact = _contact(crm, found, self._since(started), create_url(account, number, name))
        kept = replace(contact, from_=ContactSource.CACHE)
        seconds = store.NONE_SECONDS if contact.status is ContactStatus.NONE else account.cache_seconds
        await store.save(self._redis, crm, number.e164, kept, min(seconds, account.cache_seconds))
        return contact

    def _since(self, started: float) -> float:
        return round((self._clock.ticks() - started) * 1000, 1)


def _why(error: BaseException, crm: str, seconds: float) -> Reason:
    if isinstance(error, RequestFailed | RateLimited | TokenRefused | SearchFailed):
        status = error.reason.code.removeprefix("http-")
        return Reason("crm-answered", {"status": status}) if status.isdecimal() else error.reason
    return Reason("timeout", {"host": crm, "seconds": seconds})


def create_url(account: CrmAccount, number: SearchNumber, name: str) -> str | None:
    """The page for a new contact: the settings' own, or where the make has one."""
    if account.create_url is not None:
        filled = account.create_url
        for gap, value in (("e164", number.e164), ("national", number.national), ("name", name)):
            filled = filled.replace(f"{{{gap}}}", quote(value, safe=""))
        return filled
    adapter = registry.find(account.kind)
    return adapter.create_url(account, number, name) if isinstance(adapter, LinksNewRecords) else None


def _contact(crm: str, found: Found, ms: float, new_record: str | None) -> Contact:
    records = tuple(_record(one) for one in found.records[:MOST_RECORDS])
    more = found.more or len(found.records) > MOST_RECORDS
    several = len(records) > 1 or (bool(records) and found.more)
    status = ContactStatus.SEVERAL if several else ContactStatus.ONE if records else ContactStatus.NONE
    return Contact(status, crm, records, more, None if records else new_record, ms, ContactSource.CRM)


def _record(found: FoundRecord) -> ContactRecord:
    details = {one_line(name, LONGEST_TEXT): one_line(value, LONGEST_TEXT) for name, value in found.details.items()}
    name, company, owner = (one_line(text, LONGEST_TEXT) for text in (found.name, found.company, found.owner))
    return ContactRecord(found.type, found.id, name, company, found.url, owner, details)
