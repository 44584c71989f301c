"""What is said of an agent's extensions together: calls outweigh failures, failures outweigh silence."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from bridge.calls.live_calls import Lookup, LookupResult
from bridge.config.models import PbxAccount
from bridge.core.clock import Clock
from bridge.core.errors import RequestFailed
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.model import ExtensionId, Outcome, ServedFrom
from bridge.core.session import Session
from bridge.egress.client import failed
from bridge.pbx.voicenter import Account

MAIN, OFFICE = ExtensionId("main", "SIPDana1"), ExtensionId("office", "101")
IDLE: dict[str, Any] = {"calls": []}
HINT = "or the account code is wrong: Voicenter answers both with an empty list"
Said = dict[str, Any] | int | RequestFailed | None


def talks(ivrid: str) -> dict[str, Any]:
    return {"calls": [{"ivrid": ivrid, "callstatus": "Talking"}]}


class PhoneSystems:
    """Sessions with phone systems behind them: what each says of its extension (None: it does not list it)."""

    def __init__(self, said: Mapping[ExtensionId, Said]) -> None:
        self.said, self.timeouts = said, set[float]()
        self.together, self._on_their_way = 0, 0

    def session(self, name: str, account: PbxAccount) -> Session:
        """The session of one of them."""
        self.timeouts.add(account.timeout_seconds)
        return cast(Session, _Session(name, self))

    async def send(self, request: Request) -> Reply:
        self._on_their_way += 1
        self.together = max(self.together, self._on_their_way)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self._on_their_way -= 1
        extension = ExtensionId(urlsplit(request.url).hostname or "", json.loads(request.body)["extension"])
        answer = self.said[extension]
        if isinstance(answer, RequestFailed):
            raise answer
        if isinstance(answer, int):
            return Reply(answer, {}, b"", 1.0)
        rows = [] if answer is None else [{"username": extension.extension, **answer}]
        return Reply(200, {}, json.dumps({"ERR": 0, "EXTENSIONS": rows}).encode(), 1.0)


class _Session:
    """A session whose way out is the phone systems above."""

    def __init__(self, name: str, systems: PhoneSystems) -> None:
        self.name, self.now, self._systems = name, datetime.now(UTC), systems

    async def send(self, request: Request, repeatable: bool = False) -> Reply:
        return await self._systems.send(request)


def lookup_result(said: Mapping[ExtensionId, Said]) -> LookupResult:
    accounts = {
        name: Account(kind="voicenter", base_url=f"http://{name}", code=Secret("INVENTED"), timeout_seconds=1.5)
        for name in ("main", "office")
    }

    async def ask() -> LookupResult:
        lookup = Lookup(accounts, PhoneSystems(said).session, Clock())
        return await lookup.live_calls(tuple(said))

    return asyncio.run(ask())


def verdict(main: Said, office: Said) -> tuple[Outcome, str]:
    """Outcome and why over two extensions; their order must not change the outcome."""
    one, other = lookup_result({MAIN: main, OFFICE: office}), lookup_result({OFFICE: office, MAIN: main})
    assert one.outcome is other.outcome
    assert sorted(call.ivrid for call in one.calls) == sorted(call.ivrid for call in other.calls)
    return one.outcome, str(one.reason or "")


DOWN = failed("no-connection", host="office")


@pytest.mark.parametrize("office", [None, IDLE, talks("b"), 403, 503, DOWN], ids=str)
def test_a_call_on_one_extension_outweighs_whatever_the_other_says(office: Said) -> None:
    assert verdict(talks("a"), office) == (Outcome.FOUND, "")


def test_calls_of_all_extensions_are_found() -> None:
    found = lookup_result({MAIN: talks("a"), OFFICE: talks("b")})
    assert [(call.pbx, call.extension, call.ivrid) for call in found.calls] == [
        ("main", "SIPDana1", "a"),
        ("office", "101", "b"),
    ]
    assert found.served_from is ServedFrom.PBX


@pytest.mark.parametrize("main", [None, IDLE], ids=["unknown", "idle"])
@pytest.mark.parametrize(
    ("office", "outcome", "why"),
    [
        (403, Outcome.PBX_REFUSED, "HTTP 403"),
        (503, Outcome.PBX_UNREACHABLE, "HTTP 503"),
        (DOWN, Outcome.PBX_UNREACHABLE, "the phone system 'office': could not connect to office"),
        (failed("timeout", host="office", seconds=2.0), Outcome.PBX_UNREACHABLE, "office did not answer"),
        (failed("too-large", host="office", bytes=5), Outcome.PBX_UNINTELLIGIBLE, "office sent more"),
        ({"calls": None}, Outcome.PBX_UNINTELLIGIBLE, "101 that could not be parsed"),
    ],
)
def test_a_failure_on_one_extension_outweighs_silence_on_the_other(
    main: Said, office: Said, outcome: Outcome, why: str
) -> None:
    """The call may well be on the extension that could not be asked: 'no call' would be a lie."""
    told = verdict(main, office)
    assert told[0] is outcome
    assert why in told[1]


def test_an_idle_extension_outweighs_an_unknown_one_and_alone_is_named() -> None:
    assert verdict(IDLE, None) == (Outcome.NO_ACTIVE_CALL, "no call is active on extension SIPDana1 now")


def test_idle_on_all_extensions_names_them_all() -> None:
    assert verdict(IDLE, IDLE) == (Outcome.NO_ACTIVE_CALL, "no call is active on extensions SIPDana1, 101 now")


def test_extensions_that_nobody_lists_and_what_else_that_may_mean() -> None:
    why = f"the phone system does not list extensions SIPDana1, 101; {HINT}"
    assert verdict(None, None) == (Outcome.UNKNOWN_EXTENSION, why)


def test_one_extension_alone() -> None:
    assert lookup_result({MAIN: talks("a")}).outcome is Outcome.FOUND
    assert str(lookup_result({MAIN: IDLE}).reason) == "no call is active on extension SIPDana1 now"
    assert str(lookup_result({MAIN: None}).reason) == f"the phone system does not list extension SIPDana1; {HINT}"


@pytest.mark.parametrize("other", ["10", "1", "1011", "sipdana1", "SIPDana"])
def test_calls_of_another_extension_in_the_same_answer_are_nobodys(other: str) -> None:
    """A phone system that answers with more than was asked for, or with something like it."""
    said = {MAIN: {"username": other, **talks("a")}, OFFICE: {"username": other, **talks("b")}}
    assert lookup_result(said).outcome is Outcome.UNKNOWN_EXTENSION


def test_all_extensions_are_asked_at_the_same_time_each_within_its_own_limit() -> None:
    async def ask() -> PhoneSystems:
        systems = PhoneSystems({MAIN: IDLE, OFFICE: IDLE})
        accounts = {
            name: Account(kind="voicenter", base_url=f"http://{name}", code=Secret("INVENTED"), timeout_seconds=limit)
            for name, limit in (("main", 0.5), ("office", 1.5))
        }
        await Lookup(accounts, systems.session, Clock()).live_calls((MAIN, OFFICE))
        return systems

    systems = asyncio.run(ask())
    assert (systems.together, systems.timeouts) == (2, {0.5, 1.5})


def test_a_good_call_beside_one_that_could_not_be_parsed_is_found() -> None:
    found = lookup_result({MAIN: {"calls": ["junk", talks("a")["calls"][0]]}})
    assert (found.outcome, [call.ivrid for call in found.calls]) == (Outcome.FOUND, ["a"])
