"""A test of one account: the real questions, what came back, and what was read in it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from bridge.calls.phone_system import PhoneSystem
from bridge.config.models import CrmAccount, PbxAccount, secrets_of
from bridge.connect import shown
from bridge.connect.watched import Watched
from bridge.core import hide
from bridge.core.errors import PbxError
from bridge.core.finding import Finding
from bridge.core.http_types import Reply, Request
from bridge.core.model import Call
from bridge.core.session import Session
from bridge.doctor import outside

MOST_EXCHANGES, MOST_EXTENSIONS = 6, 500
KNOWN = frozenset({"name", "id", "email", "title", "text", "true", "false", "null"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as they may be shown. `status` 0: there was no answer."""

    request: str
    status: int
    ms: float
    body: str


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension that was read: its name where the phone system gives one, and its live calls."""

    extension: str
    name: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a test. `extensions` is None where none were read."""

    findings: tuple[Finding, ...]
    exchanges: tuple[Exchange, ...]
    extensions: tuple[Extension, ...] | None = None

    @property
    def calls(self) -> list[Call]:
        """The live calls that were read."""
        return [call for one in self.extensions or () for call in one.calls]


async def of_phone_system(system: PhoneSystem, hidden: Collection[str] = ()) -> Trial:
    """Ask it everything once. `hidden` are fields that nobody is shown."""
    watched = Watched()
    watching = system.over(watched.over)
    findings, listing = await outside.tested(watching)
    names = await _names(watching) if listing is not None else None
    raw = secrets_in(system.account)
    if listing is None:
        return Trial(tuple(findings), exchanges(watched, raw, ()))
    calls = {name: tuple(its) for name, its in listing.extensions.items()}
    every = sorted({*calls, *(names or ())})[:MOST_EXTENSIONS]
    found = tuple(Extension(name, listing.names.get(name, ""), calls.get(name, ())) for name in every)
    values = shown.hidden_values([call for one in found for call in one.calls], hidden)
    told = tuple(replace(one, calls=tuple(hide.call_without(call, hidden) for call in one.calls)) for one in found)
    return Trial(tuple(findings), exchanges(watched, raw, values), told)


async def of_crm(name: str, account: CrmAccount, session: Session) -> Trial:
    """Ask it what its make asks in a test."""
    watched = Watched()
    findings = await outside.probed_crm(name, account, watched.over(session))
    return Trial(tuple(findings), exchanges(watched, secrets_in(account), ()))


async def _names(system: PhoneSystem) -> frozenset[str] | None:
    try:
        return await system.extension_names()
    except PbxError:
        return None


def secrets_in(account: PbxAccount | CrmAccount) -> list[str]:
    """The account's secrets, in plain: to take them out of what is shown."""
    lines = [secret.reveal() for secret in secrets_of(account)]
    return [*lines, *(line for each in lines for line in each.splitlines())]


def exchanges(watched: Watched, secrets: Iterable[str], hidden: Iterable[str]) -> tuple[Exchange, ...]:
    """What was sent and answered, without `secrets` and the values in `hidden`."""
    private, values = list(secrets), [value for value in hidden if value.lower() not in KNOWN]
    pairs = zip(watched.requests, watched.recorded.replies, strict=False)
    found = [_exchange(request, reply, private, values) for request, reply in pairs]
    if watched.recorded.raw:
        found.append(Exchange("connection", 0, 0.0, shown.answer(bytes(watched.recorded.raw), private, values)))
    return tuple(found[:MOST_EXCHANGES])


def _exchange(request: Request, reply: Reply, secrets: list[str], hidden: list[str]) -> Exchange:
    address = shown.without(shown.place(request.url), secrets)
    return Exchange(
        f"{request.method} {address}", reply.status, round(reply.ms, 1), shown.answer(reply.body, secrets, hidden)
    )
