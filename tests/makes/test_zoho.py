"""Zoho's adapter beyond the contract: data centres, the limit on tokens, COQL, what is lost on the way, PhoneBridge."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.contacts.matching import matching
from bridge.contacts.variants import search_number
from bridge.core.delivery import AnsweredElsewhere, CallOutcome, DeliveryEvent, Event
from bridge.core.errors import Malformed, RateLimited, RequestFailed, SearchFailed, TokenRefused
from bridge.core.finding import Finding, Grade
from bridge.core.http_types import Incoming, Reply, Secret
from bridge.core.model import CallState, Direction
from bridge.core.reasons import Reason
from bridge.crm.contract import Delivered, Duplicate, Recipient, Rejected
from bridge.crm.registry import find, simulator
from bridge.crm.simulation import SimulatedAgent, SimulatedContact
from bridge.crm.zoho import ADAPTER, Account, coql, simulated_coql
from bridge.crm.zoho.account import DATA_CENTRES
from bridge.crm.zoho.simulator import ALL_SCOPES, ZohoSimulator
from tests.contract import samples
from tests.contract.samples import CRM
from tests.contract.session import SimulatorSession
from tests.contract.test_crm_samples import ENDED
from tests.unit.nouns import NOTE, POPUP

URL, SECRET = "https://zoho.example", Secret("made-up-secret-0123456789")
DANA = SimulatedAgent("dana@acme.example", "Dana Cohen", "71")
OMER = SimulatedAgent("omer@acme.example", "Omer Katz", "72")
RIVKA = SimulatedContact("9001", "Rivka Shalom", ("052-234-0002",), "Shalom Ltd")
CALL = replace(POPUP.call, caller=replace(POPUP.call.caller, number="0522340002", e164="+972522340002"))
NEW = "+972543450003"

_loops: list[asyncio.AbstractEventLoop] = []


@pytest.fixture(autouse=True)
def _one_loop() -> Iterator[None]:
    """One event loop for each test: requests side by side share locks."""
    _loops.append(asyncio.new_event_loop())
    yield
    _loops.pop().close()


def run(what: Coroutine[Any, Any, Any]) -> Any:
    return _loops[-1].run_until_complete(what)


class Desk:
    """A simulated Zoho whose clock is ours, and sessions of a bridge to it."""

    def __init__(self, contacts: tuple[SimulatedContact, ...] = (RIVKA,), **changed: Any) -> None:
        self.now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
        described = simulator("zoho")
        made = described.build(URL, SECRET, [DANA, OMER], contacts)
        assert isinstance(made, ZohoSimulator)
        self.crm = made
        self.crm.clock = lambda: self.now.timestamp()
        self.account = Account.model_validate({"kind": "zoho", **described.section(URL, SECRET), **changed})
        self._app = Starlette(routes=[Mount("/", self.crm.app())])
        self.session = self.another_session()

    def another_session(self) -> SimulatorSession:
        return SimulatorSession(ADAPTER, self.account, self._app, self.now)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.session.now = self.now

    def deliver(self, event: DeliveryEvent | None = None) -> Any:
        to_dana = Recipient(DANA.crm_user, DANA.name, DANA.id)
        return run(ADAPTER.deliver(self.account, self.session, event or popup(), to_dana))

    def search(self, number: str) -> list[str]:
        wanted = search_number(number, "IL")
        assert wanted is not None
        found = run(ADAPTER.find_contacts(self.account, self.session, wanted))
        return [one.id for one in matching(found, wanted).records]

    def create(self, number: str = NEW, name: str = "Noa") -> Any:
        wanted = search_number(number, "IL")
        assert wanted is not None
        return run(ADAPTER.create_contact(self.account, self.session, wanted, name))

    def log(self, call: Any = ENDED, ref: str | None = None) -> str | None:
        to_dana = Recipient(DANA.crm_user, DANA.name, DANA.id)
        return run(ADAPTER.log_call(self.account, self.session, call, to_dana, ref))

    def probe(self) -> list[Finding]:
        return run(ADAPTER.probe(self.account, self.session))

    def calls(self) -> list[dict[str, Any]]:
        return list(self.crm.org.rows["Calls"].values())

    def lose_nth(self, lost: int) -> None:
        """The answer to the request of that number is lost."""
        run(self.session.token())
        whole: Callable[..., Any] = self.session.reply_to
        count = 0

        async def reply_to(request: Any) -> Any:
            nonlocal count
            count += 1
            self.crm.faults.lose = int(count == lost)
            return await whole(request)

        self.session.reply_to = reply_to  # type: ignore[method-assign]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def popup(call: Any = CALL, **changed: Any) -> DeliveryEvent:
    return DeliveryEvent(Event.POPUP, "dlv_1", POPUP.created_at, replace(POPUP, call=call, **changed))


def note() -> DeliveryEvent:
    return DeliveryEvent(Event.NOTE, "dlv_9", NOTE.noted_at, NOTE)


# Data centres and tokens


@pytest.mark.parametrize("host", DATA_CENTRES)
def test_each_data_centre_has_its_own_addresses(host: str) -> None:
    account = samples.account(CRM, "zoho", base_url=f"https://{host}")
    request = ADAPTER.ask_token(account, None, datetime.now(UTC))
    assert request.url == f"{DATA_CENTRES[host].accounts}/oauth/v2/token"
    assert list(account.addresses()) == [f"https://{host}", DATA_CENTRES[host].api, DATA_CENTRES[host].accounts]
    assert list(account.problems()) == []
    assert "?" not in request.url
    assert dict(parse_qsl(request.body.decode()))["refresh_token"] == account.refresh_token.reveal()


def token_reply(status: int = 200, **told: Any) -> Reply:
    return Reply(status, {}, json.dumps(told).encode(), 1.0)


def test_a_token_of_another_data_centre_names_it() -> None:
    account, now = samples.account(CRM, "zoho"), datetime.now(UTC)
    with pytest.raises(TokenRefused, match=r"another data centre.*zohoapis\.com\)"):
        ADAPTER.read_token(account, token_reply(access_token="t", api_domain="https://www.zohoapis.com"), now)
    right = ADAPTER.read_token(account, token_reply(access_token="t", api_domain="https://www.zohoapis.eu"), now)
    assert right.expires_at == now + timedelta(hours=1)
    for domain in (None, 5, "http://[", "x"):
        assert ADAPTER.read_token(account, token_reply(access_token="t", api_domain=domain), now).refresh is None


@pytest.mark.parametrize("told", [{"error": "invalid_code"}, {"access_token": 5}, {"access_token": "a\nb"}, {}])
def test_an_error_in_a_200_is_no_token(told: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        ADAPTER.read_token(samples.account(CRM, "zoho"), token_reply(**told), datetime.now(UTC))


def test_ten_tokens_in_ten_minutes_are_all_there_are(desk: Desk) -> None:
    for _ in range(10):
        run(desk.another_session().token())
    with pytest.raises(RateLimited) as limited:
        run(desk.session.token())
    assert limited.value.after == 120.0
    desk.later(600)
    assert desk.search("0522340002") == [RIVKA.id]


def test_a_missing_scope_costs_no_tokens(desk: Desk) -> None:
    desk.crm.scopes = ALL_SCOPES - {"coql"}
    for _ in range(20):
        with pytest.raises(SearchFailed, match="lacks a scope"):
            desk.search("0522340002")
    assert len(desk.crm.given) == 1


def test_a_token_that_is_always_refused_does_not_use_them_up(desk: Desk) -> None:
    desk.crm.token_seconds = 31.0  # taken for good when it comes, and dead at the next request
    desk.search("0522340002")
    desk.crm.clock = lambda: desk.now.timestamp() + 3600
    desk.session.local.clear()
    for _ in range(20):
        desk.crm.tokens = dict.fromkeys(desk.crm.tokens, 0.0)
        with pytest.raises((SearchFailed, AssertionError)):
            assert desk.search("0522340002") == []
    assert len(desk.crm.given) <= 3


def test_a_token_that_zoho_revokes_is_renewed_once(desk: Desk) -> None:
    desk.search("0522340002")
    desk.crm.tokens = dict.fromkeys(desk.crm.tokens, 0.0)
    assert desk.search("0522340002") == [RIVKA.id]
    assert len(desk.crm.given) == 2


def test_a_newer_refresh_token_is_kept(desk: Desk) -> None:
    desk.crm.rotates = True
    for _ in range(3):
        assert desk.search("0522340002") == [RIVKA.id]
        desk.later(3601)
    assert len(desk.crm.tokens) == 3


def test_no_refusal_says_a_secret(desk: Desk) -> None:
    desk.crm.refresh = "another"
    with pytest.raises(TokenRefused) as refused:
        run(desk.session.token())
    assert [secret for secret in samples.secrets_of(desk.account) if secret in f"{refused.value!r}"] == []


# Queries


@settings(deadline=None, max_examples=300)
@given(st.text())
def test_every_text_is_one_literal(text: str) -> None:
    kept = "".join(one if one.isprintable() else " " for one in text)
    read = simulated_coql.query(coql.select(["Phone"], "Contacts", f"Phone = {coql.literal(text)}", 1))
    assert list(read.condition) == [("word", "Phone"), ("mark", "="), ("text", kept)]


@pytest.mark.parametrize("text", ["' or id is not null or Phone = '", "\\' or 1", "x') or (id is not null", "\\", "%'"])
def test_what_breaks_out_elsewhere_finds_nobody(text: str) -> None:
    desk = Desk((replace(RIVKA, phones=("03-1234567", "x")),))
    wanted = search_number("0522340002", "IL")
    assert wanted is not None
    hostile = replace(wanted, national=text, formats=(text,))
    found = run(ADAPTER.find_contacts(desk.account, desk.session, hostile))
    assert found.records == ()


@pytest.mark.parametrize("where", ["", "a = 'x' or b = 'y' or c = 'z'", "a = x", "(a = 'x'", "a like 5", "a in ()"])
def test_the_simulator_refuses_what_zoho_refuses(where: str) -> None:
    row = dict.fromkeys("abc", "x")
    with pytest.raises(simulated_coql.Wrong):
        simulated_coql.query(f"select id from Contacts where {where} limit 1").fits(row)


@pytest.mark.parametrize(
    "written", ["052-234-0002", "+972 52-234-0002", "0522340002", "972522340002", "00972522340002"]
)
def test_a_number_is_found_as_it_is_usually_typed(written: str) -> None:
    desk = Desk((replace(RIVKA, phones=("", written)),))
    assert desk.search("0522340002") == [RIVKA.id]


def test_owners_are_named_and_asked_for_once_an_hour(desk: Desk) -> None:
    desk.crm.org.rows["Contacts"]["9001"]["Owner"] = {"id": OMER.id}
    wanted = search_number("0522340002", "IL")
    assert wanted is not None
    for _ in range(2):
        (record,) = run(ADAPTER.find_contacts(desk.account, desk.session, wanted)).records
        assert record.owner == OMER.name
    assert len([one for one in desk.session.requests if "/users" in one.url]) == 1
    desk.later(3601)
    desk.search("0522340002")
    assert len([one for one in desk.session.requests if "/users" in one.url]) == 2


def test_owners_that_cannot_be_read_now_are_asked_for_again_soon(desk: Desk) -> None:
    whole: Callable[..., Any] = desk.session.reply_to

    async def reply_to(request: Any) -> Any:
        if "/users" in request.url:
            raise RequestFailed("timeout", Reason("timeout"))
        return await whole(request)

    desk.session.reply_to = reply_to  # type: ignore[method-assign]
    for _ in range(2):
        assert desk.search("0522340002") == [RIVKA.id]
    assert len([one for one in desk.session.requests if "/users" in one.url]) == 1
    desk.later(61)
    desk.search("0522340002")
    assert len([one for one in desk.session.requests if "/users" in one.url]) == 2


def test_a_new_contact_is_made_once(desk: Desk) -> None:
    made = desk.create(name="Noa <b>Bar</b>\n")
    assert made.name == "Noa <b>Bar</b>"
    assert desk.search("054-345-0003") == [made.id]
    assert desk.create().id == made.id
    assert desk.create("+972543450004", "").name == "Caller +972543450004"


def test_where_a_number_is_unique_its_contact_is_taken() -> None:
    desk = Desk()
    desk.crm.org.unique_phone = True
    first = desk.create()
    desk.session.memory.remembered.clear()
    assert desk.create().id == first.id
    assert len(desk.crm.org.rows["Contacts"]) == 2


def test_the_credits_of_the_day_end(desk: Desk) -> None:
    desk.crm.credits = 0
    with pytest.raises(RateLimited) as limited:
        desk.search("0522340002")
    assert limited.value.after == 10.0


# Popups


def states(desk: Desk) -> list[tuple[str, str]]:
    return [(told["type"], told["state"]) for _, told in desk.crm.org.reported]


@pytest.mark.parametrize(
    ("state", "direction", "told"),
    [
        (CallState.RINGING, Direction.INCOMING, [("received", "ringing")]),
        (CallState.TALKING, Direction.INCOMING, [("received", "ringing"), ("received", "answered")]),
        (CallState.DIALING, Direction.OUTGOING, [("dialed", "ringing")]),
    ],
)
def test_a_call_is_reported_as_far_as_it_is(
    desk: Desk, state: CallState, direction: Direction, told: list[tuple[str, str]]
) -> None:
    assert isinstance(desk.deliver(popup(replace(CALL, state=state, direction=direction))), Delivered)
    assert states(desk) == told
    assert desk.crm.org.reported[0][1]["from"] == "+972522340002"


@pytest.mark.parametrize("lost", [1, 2])
def test_a_report_whose_answer_is_lost_is_the_same_call_again(desk: Desk, lost: int) -> None:
    desk.lose_nth(lost)
    with pytest.raises(RequestFailed):
        desk.deliver()
    assert isinstance(desk.deliver(), Delivered)
    assert isinstance(desk.deliver(), Duplicate)
    assert [one.agent for one in desk.crm.shown()] == [DANA.crm_user]


def test_a_missed_call_says_when_it_began(desk: Desk) -> None:
    told = replace(ENDED, caller=CALL.caller, outcome=CallOutcome.MISSED)
    assert isinstance(desk.deliver(DeliveryEvent(Event.ENDED, "dlv_2", NOTE.noted_at, told)), Delivered)
    assert desk.crm.org.reported[-1][1]["start_time"] == "2026-11-22 12:00:00"
    desk.deliver(DeliveryEvent(Event.ENDED, "dlv_3", NOTE.noted_at, replace(told, outcome=CallOutcome.ANSWERED)))
    assert states(desk)[-1] == ("received", "ended")


@pytest.mark.parametrize("number", ["", "Anonymous", "'; drop", "0522340002&state=missed"])
def test_what_is_no_number_is_not_reported(desk: Desk, number: str) -> None:
    caller = replace(CALL.caller, number=number, e164=None)
    assert isinstance(desk.deliver(popup(replace(CALL, caller=caller))), Rejected)
    assert states(desk) == []


def test_a_colleague_who_answers_makes_no_missed_call(desk: Desk) -> None:
    told = AnsweredElsewhere("pop_1", "c0ffee01", POPUP.agent, "Omer Katz", POPUP.created_at)
    assert isinstance(desk.deliver(DeliveryEvent(Event.ANSWERED_ELSEWHERE, "dlv_3", told.at, told)), Rejected)
    assert states(desk) == []


# Calls and notes


@pytest.mark.parametrize("key_field", [None, "Popbridge_Key"])
def test_a_call_whose_answer_is_lost_is_found_by_its_key(key_field: str | None) -> None:
    desk = Desk(key_field=key_field)
    desk.lose_nth(1)
    with pytest.raises(RequestFailed):
        desk.log()
    ref = desk.log()
    assert [(one.ref, one.agent, one.ivrid) for one in desk.crm.logged()] == [(ref, DANA.crm_user, "c0ffee01")]
    assert ("[" in desk.calls()[0]["Subject"]) is (key_field is None)


def test_a_call_going_on_is_told_the_rest_later(desk: Desk) -> None:
    ref = desk.log(replace(ENDED, ended_at=None, talk_seconds=None))
    assert desk.calls()[0]["Call_Duration"] == "00:00"
    told = replace(ENDED, talk_seconds=3725, contact_type="Leads", contact_id="9001")
    assert desk.log(told, ref) == ref
    (call,) = desk.calls()
    assert (call["Call_Duration"], call["What_Id"], call["$se_module"]) == ("62:05", {"id": "9001"}, "Leads")


def test_a_call_that_was_missed_is_of_that_type_where_it_is_known_in_time(desk: Desk) -> None:
    desk.log(replace(ENDED, outcome=CallOutcome.MISSED, talk_seconds=None))
    desk.log(replace(ENDED, ivrid="2", direction=Direction.OUTGOING))
    assert [one["Call_Type"] for one in desk.calls()] == ["Missed", "Outbound"]


def test_a_call_that_was_deleted_is_made_again(desk: Desk) -> None:
    ref = desk.log()
    desk.crm.org.rows["Calls"].clear()
    desk.log(ENDED, ref)
    assert len(desk.calls()) == 1


def test_a_note_is_added_once_though_its_answer_is_lost(desk: Desk) -> None:
    assert isinstance(desk.deliver(note()), Rejected)
    desk.log()
    desk.lose_nth(1)
    with pytest.raises(RequestFailed):
        desk.deliver(note())
    assert isinstance(desk.deliver(note()), Duplicate)
    (kept,) = desk.crm.org.rows["Notes"].values()
    assert NOTE.text in kept["Note_Content"]


def test_an_error_in_a_200_is_no_call(desk: Desk) -> None:
    desk.crm.faults.says_error = True
    with pytest.raises(SearchFailed, match="INVALID_DATA, field Owner"):
        desk.log()


# Clicks


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from(["agent", "press", "recordId", "module", "record"]), st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.just("9" * 5000),
)))  # fmt: skip
def test_whatever_the_function_sends_a_click_or_a_named_refusal_comes_of_it(fields: dict[str, Any]) -> None:
    account = samples.account(CRM, "zoho")
    headers = {"content-type": "application/json", "authorization": f"Bearer {account.click_token.reveal()}"}
    body = json.dumps(fields).encode()
    try:
        asked = ADAPTER.read_click(account, Incoming("POST", URL, headers, {}, body, datetime.now(UTC)))
    except Malformed:
        return
    assert asked.agent


# Settings, doctor, button


def problems(**changed: Any) -> dict[str, str]:
    keys = {"client_id": "a", "client_secret": "b", "refresh_token": "c", "click_token": "x" * 16, **changed}
    return {
        key: str(why)
        for key, why in Account.model_validate({"kind": "zoho", "base_url": "https://crm.zoho.com", **keys}).problems()
    }


def test_the_settings_are_whole_or_say_what_is_missing() -> None:
    assert problems() == {}
    assert set(problems(base_url="https://www.zoho.com")) == {"base_url"}
    assert set(problems(base_url="https://x.example", api_url="https://x.example")) == {"base_url"}
    assert set(problems(click_token=None)) == set(problems(click_token="short")) == {"click_token"}
    assert set(problems(details={"x": "Name from"}, phone_fields=["a b"])) == {"details", "phone_fields"}
    for wrong in (
        {"popup": "toast"},
        {"search_in": ["Users"]},
        {"search_in": []},
        {"key_field": "a b"},
        {"org_id": "x"},
    ):
        with pytest.raises(ValidationError):
            problems(**wrong)


def test_the_doctor_asks_what_is_needed_and_writes_nothing() -> None:
    desk = Desk(log_calls=True)
    desk.crm.org.rows["Calls"]["1"] = {"id": "1", "Subject": "x"}
    assert {one.grade for one in desk.probe()} == {Grade.OK}
    assert {one.url.rpartition("/")[2].partition("?")[0] for one in desk.session.requests} == {"coql", "users"}
    desk.crm.scopes = ALL_SCOPES - {"users"}
    (failed,) = [one for one in desk.probe() if one.grade is Grade.FAIL]
    assert failed.message.startswith("users: ")
    assert "grant code" in failed.fix


def test_the_function_leads_to_this_bridge_and_holds_no_secret() -> None:
    account = samples.account(CRM, "zoho")
    files = {one.name: one.text for one in ADAPTER.button_files(account, "acme", "https://pop.example.com")}
    everything = "".join(files.values())
    assert 'url : "https://pop.example.com/clicks/acme"' in files["who_is_calling.deluge"]
    assert [secret for secret in samples.secrets_of(account) if secret in everything] == []
    assert "@" not in everything


@pytest.mark.parametrize(
    ("module", "number", "path"),
    [
        ("Contacts", "9001", "/crm/org20071234567/tab/Contacts/9001"), ("Contacts", "0", None),
        ("Contacts", "1/../2", None), ("../x", "1", None),
    ],
)  # fmt: skip
def test_records_have_addresses(module: str, number: str, path: str | None) -> None:
    account = samples.account(CRM, "zoho")
    assert ADAPTER.record_url(account, module, number) == (f"https://crm.zoho.eu{path}" if path else None)


def test_it_is_the_make_of_its_name() -> None:
    assert find("zoho") is ADAPTER
