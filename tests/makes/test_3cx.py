"""3CX's adapter beyond the contract: its token, what a client may see, what 3CX does not tell."""

import asyncio
import json
import random
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.core.errors import PbxError, PbxRefused, PbxUnintelligible, RequestFailed, TokenRefused
from bridge.core.finding import Finding, Grade
from bridge.core.http_types import Reply, Secret
from bridge.core.model import Call, Caller, CallerKind, CallState, Direction
from bridge.core.reasons import languages, say
from bridge.egress.allowed_addresses import Reach, named_by
from bridge.egress.client import open_client
from bridge.egress.session import AccountSession
from bridge.pbx._3cx import ADAPTER, Account, wire
from bridge.pbx._3cx.exchange import TRUNK, Exchange
from bridge.pbx._3cx.simulator import ACCESS_SECONDS, CLIENT, Faults, ThreeCxSimulator
from bridge.pbx.contract import Listing
from bridge.pbx.registry import find, packages
from bridge.pbx.switchboard import Extension, Switchboard
from tests.contract.session import NOW, SimulatorSession
from tests.stage import serving

SECRET = Secret("made-up-secret-0123456789")
RUTH = Caller("0522340002", name="רות לוי", kind=CallerKind.NUMBER)
DID = "0722776772"
DESKS = [Extension(name, f"Desk {name}") for name in ("10", "101", "1010", "11")]


class World:
    """A simulated PBX whose clock is ours, and a bridge."""

    def __init__(self, faults: Faults | None = None, **changed: Any) -> None:
        self.now, self.board = NOW, Switchboard(DESKS)
        self.fake = ThreeCxSimulator(self.board, CLIENT, SECRET, faults or Faults())
        self.fake.clock = lambda: self.now.timestamp()
        self.account = account(**changed)
        app = Starlette(routes=[Mount("/", self.fake.app())])
        self.session = SimulatorSession(ADAPTER, self.account, app, self.now)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.session.now = self.now

    def listing(self) -> Listing:
        return asyncio.run(ADAPTER.calls(self.account, self.session, None))

    def calls(self, extension: str = "101") -> tuple[Call, ...]:
        return self.listing().extensions[extension]

    def probe(self) -> list[Finding]:
        return asyncio.run(ADAPTER.probe(self.account, self.session))


def account(**changed: Any) -> Account:
    keys = {"kind": "3cx", "base_url": "https://pbx.example", "region": "IL", "client_id": CLIENT}
    return Account.model_validate({**keys, "client_secret": SECRET.reveal(), **changed})


def test_a_kind_that_begins_with_a_digit_is_found() -> None:
    assert packages()["3cx"] == "bridge.pbx._3cx"
    assert find("3cx").account is Account
    assert "_3cx" not in packages()


def test_what_the_switchboard_holds_is_read() -> None:
    world = World(trunk_dids={TRUNK: DID})
    ivrid = world.board.incoming(["101", "1010"], RUTH, NOW, DID)
    ringing = [call for name in ("101", "1010") for call in world.calls(name)]
    assert [(c.state, c.direction, c.caller.number, c.caller.name, c.did) for c in ringing] == [
        (CallState.RINGING, Direction.INCOMING, RUTH.number, RUTH.name, DID)
    ] * 2
    assert len({call.ivrid for call in ringing}) == 1
    world.board.answer(ivrid, "101", NOW)
    assert [(c.state, c.ivrid) for c in world.calls("101")] == [(CallState.TALKING, ringing[0].ivrid)]
    assert world.calls("1010") == ()


def test_a_call_on_hold_looks_like_one_that_is_talked_on() -> None:
    world = World()
    ivrid = world.board.incoming(["101"], RUTH, NOW)
    world.board.answer(ivrid, "101", NOW)
    world.board.hold(ivrid, "101")
    assert [call.state for call in world.calls()] == [CallState.TALKING]


def test_who_placed_a_call_is_known_once_it_is_answered() -> None:
    world = World()
    world.board.callee_answers(world.board.outgoing("101", RUTH, NOW), NOW)
    world.board.answer(world.board.incoming(["11"], RUTH, NOW), "11", NOW)
    assert [call.direction for call in (*world.calls("101"), *world.calls("11"))] == [
        Direction.OUTGOING,
        Direction.INCOMING,
    ]


def test_the_number_dialled_is_told_or_that_of_the_trunk_or_none() -> None:
    for faults, dids, expected in (
        (Faults(), {}, ""),
        (Faults(), {"99999": DID}, ""),
        (Faults(), {TRUNK: "0312345678"}, "0312345678"),
        (Faults(gives_did=True), {TRUNK: "0312345678"}, DID),
    ):
        world = World(faults, trunk_dids=dids)
        world.board.incoming(["101"], RUTH, NOW, DID)
        world.board.outgoing("11", RUTH, NOW)
        assert [call.did for call in (*world.calls("101"), *world.calls("11"))] == [expected, ""]


def test_one_log_in_serves_until_the_token_expires() -> None:
    world = World()
    for _ in range(3):
        world.listing()
    world.later(ACCESS_SECONDS - 60)
    world.listing()
    assert world.fake.issued.log_ins == 1
    world.later(60)
    world.listing()
    assert world.fake.issued.log_ins == 2


def test_a_token_that_another_log_in_ended_is_replaced_once() -> None:
    world = World()
    world.listing()
    world.fake.issued.renew(NOW.timestamp())
    assert set(world.listing().extensions) == {"10", "101", "1010", "11"}
    assert len(world.session.requests) == 3
    assert world.fake.issued.access not in "".join(request.url for request in world.session.requests)


def test_an_extension_that_is_not_selected_may_exist_all_the_same() -> None:
    listing = World(Faults(visible=["101"])).listing()
    assert dict(listing.extensions) == {"101": ()}
    assert listing.empty_hint is not None
    assert "not selected" in say(listing.empty_hint)


WRONG = [
    (Faults(refused="right"), PbxRefused, "licence"),
    (Faults(refused="version"), TokenRefused, "v20"),
    (Faults(down="503"), RequestFailed, "503"),
    (Faults(down="closed"), RequestFailed, "simulator"),
    (Faults(html_page=True), PbxUnintelligible, "not JSON"),
]


@pytest.mark.parametrize(("faults", "error", "says"), WRONG, ids=str)
def test_what_goes_wrong_is_named_with_its_fix(faults: Faults, error: type[Exception], says: str) -> None:
    world = World(faults)
    for ask in (world.listing, world.probe):
        with pytest.raises(error, match=says):
            ask()


def test_an_answer_that_is_cut_off_is_no_idle_extension() -> None:
    world = World()
    world.board.incoming(["101"], RUTH, NOW)
    world.listing()
    for end in (1, 40, 400):
        world.fake.faults.cut_to = end
        with pytest.raises(PbxUnintelligible):
            world.listing()


@pytest.mark.parametrize("wrong", [{"client_id": "somebody"}, {"client_secret": "another"}], ids=str)
def test_wrong_credentials_are_refused(wrong: dict[str, Any]) -> None:
    world = World(**wrong)
    with pytest.raises(TokenRefused, match="client_id and client_secret") as caught:
        world.listing()
    assert SECRET.reveal() not in str(caught.value)


@pytest.mark.parametrize("secret", ["a&b=c%20", "סוד+1"])
def test_a_secret_of_any_letters_arrives_whole(secret: str) -> None:
    request = ADAPTER.ask_token(account(client_secret=secret), None, NOW)
    assert parse_qs(request.body.decode())["client_secret"] == [secret]
    assert secret not in request.url


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""), (200, b"[]"), (200, b"{}"), (200, b"[" * 100_000), (200, b'{"access_token":7}'), (403, b"{}"),
        (200, b'{"access_token":""}'), (200, b'{"access_token":"two\\nlines"}'), (302, b""), (400, b"\xff"),
    ],
    ids=str,
)  # fmt: skip
def test_whatever_comes_for_a_token_is_a_named_error(status: int, body: bytes) -> None:
    with pytest.raises((TokenRefused, PbxUnintelligible)):
        ADAPTER.read_token(account(), Reply(status, {}, body, 1.0), NOW)


@pytest.mark.parametrize(
    ("told", "life"),
    [
        ("3600", timedelta(seconds=3600)), ("59.5", timedelta(seconds=59.5)),
        ("null", wire.TOKEN_LIFE), ("-5", wire.TOKEN_LIFE), ("true", wire.TOKEN_LIFE),
        ('"soon"', wire.TOKEN_LIFE), ("1e999", wire.TOKEN_LIFE), ("NaN", wire.TOKEN_LIFE),
        ("9" * 30, wire.TOKEN_LIFE),
    ],
)  # fmt: skip
def test_how_long_a_token_lasts(told: str, life: timedelta) -> None:
    body = f'{{"access_token":"a","refresh_token":"b","expires_in":{told}}}'.encode()
    tokens = ADAPTER.read_token(account(), Reply(200, {}, body, 1.0), NOW)
    assert tokens.expires_at == NOW + life
    assert tokens.refresh is None


def test_the_probe_finds_extensions_trunks_and_transport() -> None:
    world = World()
    assert [finding.grade for finding in world.probe()] == [Grade.OK]
    world.board.incoming(["101"], RUTH, NOW)
    world.board.outgoing("11", RUTH, NOW)
    told = world.probe()[1]
    assert (told.grade, TRUNK in told.message, "trunk_dids" in told.fix) == (Grade.WARN, True, True)
    world.fake.faults.visible = []
    assert [finding.grade for finding in world.probe()] == [Grade.FAIL]
    assert "https://" in World(base_url="http://pbx.example").probe()[-1].fix


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": ""}, {"client_id": None}, {"client_secret": None}, {"base_url": "pbx.example"},
        {"trunk_dids": {"10007": ""}}, {"trunk_dids": {"": "0722776772"}}, {"trunk_dids": {"10007": ["a"]}},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        account(**wrong)


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(st.from_regex(r"[1-9][0-9]{1,4}", fullmatch=True), min_size=2, max_size=6, unique=True),
    seed=st.integers(0, 2**32),
)
def test_whatever_the_switchboard_holds_is_read_back_each_call_on_its_own_extension(
    names: list[str], seed: int
) -> None:
    dice, board = random.Random(seed), Switchboard([Extension(name, "") for name in names])
    for number in range(dice.randrange(1, 7)):
        one, other = dice.sample(names, 2)
        caller = Caller(f"05012345{number:02d}", name=f"Caller {number}", kind=CallerKind.NUMBER)
        match dice.randrange(5):
            case 0:
                board.incoming([one, other], caller, NOW, DID)
            case 1:
                board.answer(board.incoming([one, other], caller, NOW, DID), one, NOW)
            case 2:
                board.outgoing(one, caller, NOW)
            case 3:
                board.callee_answers(board.outgoing(one, caller, NOW), NOW)
            case 4:
                board.internal(one, other, NOW)
    body = json.dumps(Exchange(board, gives_did=True).numbers(None)).encode()
    found = wire.read_calls(Reply(200, {}, body, 1.0), "main", {}).extensions
    assert set(found) == set(names)
    for name in names:
        held = [(c.state, c.direction, c.caller.number, c.caller.name, c.did) for c in board.calls(name)]
        assert [(c.state, c.direction, c.caller.number, c.caller.name, c.did) for c in found[name]] == held


words = st.sampled_from(["Ringing", "Dialing", "Connected", "", "X", "Wextension", "Wexternalline", "Wqueue"])
texts = st.sampled_from(["101", "10", "", "0522340002", "\u202e1", "a" * 3000]) | st.text(max_size=4)
values = texts | words | st.none() | st.integers() | st.booleans() | st.floats() | st.lists(texts, max_size=2)
FIELDS = (
    "id", "status", "dn", "party_caller_name", "party_dn", "party_caller_id", "party_did", "party_dn_type", "legid",
    "originated_by_dn", "on_behalf_of_dn", "on_behalf_of_type", "callid",
)  # fmt: skip
leg = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, values))
entry = st.fixed_dictionaries(
    {}, optional={"dn": values, "type": values, "participants": st.lists(leg | values, max_size=4) | values}
)


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(entry | values, max_size=4) | values)
def test_whatever_stands_in_a_leg_is_read_or_refused(rows: Any) -> None:
    try:
        found = wire.read_calls(Reply(200, {}, json.dumps(rows).encode(), 1.0), "main", {TRUNK: DID})
    except PbxUnintelligible:
        return
    for number, of_extension in found.extensions.items():
        assert number
        assert {(call.extension, bool(call.ivrid)) for call in of_extension} <= {(number, True)}
        assert all(len(text) <= 200 for c in of_extension for text in (c.ivrid, c.did, c.caller.number, c.queue))


def test_every_reason_has_words_in_every_language() -> None:
    own = {
        lang: {key.removesuffix(".two") for key in words if key.startswith("reason.3cx.")}
        for lang, words in languages().items()
    }
    assert own["en"]
    assert own["he"] - {"reason.3cx.extensions"} == own["en"]


@pytest.mark.anyio
async def test_the_programs_own_session_reaches_it() -> None:
    world = World()
    world.board.incoming(["101"], RUTH, NOW, DID)
    async with serving(world.fake.app()) as address:
        made = account(base_url=address)
        async with open_client(Reach(named_by(made.addresses()))) as client:
            memory: Any = SimulatorSession(ADAPTER, made, None).memory
            session = AccountSession("main", ADAPTER, made, client, memory, lambda: NOW, 2.0)
            for _ in range(3):
                assert len((await ADAPTER.calls(made, session, "101")).extensions["101"]) == 1
            assert world.fake.issued.log_ins == 1
            world.fake.faults.refused = "right"
            with pytest.raises(PbxError, match="Integrations"):
                await ADAPTER.calls(made, session, None)
