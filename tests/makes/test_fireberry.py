"""Fireberry's adapter beyond the contract: its query language without quotes, its limits, what is lost on the way."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.contacts.matching import matching
from bridge.contacts.variants import search_number
from bridge.core.delivery import CallOutcome, DeliveryEvent, Event
from bridge.core.errors import Malformed, RateLimited, RequestFailed, SearchFailed
from bridge.core.finding import Finding, Grade
from bridge.core.http_types import Incoming, Secret
from bridge.core.model import Direction
from bridge.crm.contract import Delivered, Duplicate, Recipient, RecipientUnknown, Rejected
from bridge.crm.fireberry import ADAPTER, Account, queries, simulated
from bridge.crm.fireberry.simulator import FireberrySimulator
from bridge.crm.registry import find, simulator
from bridge.crm.simulation import SimulatedAgent, SimulatedContact
from tests.contract import samples
from tests.contract.samples import CRM
from tests.contract.session import SimulatorSession
from tests.contract.test_crm_samples import ENDED
from tests.unit.nouns import NOTE, POPUP

URL, SECRET = "https://fireberry.example", Secret("made-up-secret-0123456789")
DANA = SimulatedAgent("dana@acme.example", "Dana Cohen", "71")
OMER = SimulatedAgent("omer@acme.example", "Omer Katz", "72")
RIVKA = SimulatedContact("9001", "Rivka Shalom", ("052-234-0002",), "Shalom Ltd")
CALL = replace(POPUP.call, caller=replace(POPUP.call.caller, number="0522340002", e164="+972522340002"))
NEW = "+972543450003"


class Desk:
    """A simulated Fireberry whose clock is ours, and a session of a bridge to it."""

    def __init__(self, contacts: tuple[SimulatedContact, ...] = (RIVKA,), **changed: Any) -> None:
        self.now = datetime(2026, 11, 22, 23, 59, 30, tzinfo=UTC)
        described = simulator("fireberry")
        made = described.build(URL, SECRET, [DANA, OMER], contacts)
        assert isinstance(made, FireberrySimulator)
        self.crm = made
        self.crm.clock = lambda: self.now.timestamp()
        self.account = Account.model_validate({"kind": "fireberry", **described.section(URL, SECRET), **changed})
        app = Starlette(routes=[Mount("/", self.crm.app())])
        self.session = SimulatorSession(ADAPTER, self.account, app, self.now)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.session.now = self.now

    def deliver(self, event: DeliveryEvent | None = None, agent: SimulatedAgent = DANA) -> Any:
        recipient = Recipient(agent.crm_user, agent.name, agent.id)
        return asyncio.run(ADAPTER.deliver(self.account, self.session, event or popup(), recipient))

    def search(self, number: str) -> list[str]:
        wanted = search_number(number, "IL")
        assert wanted is not None
        found = asyncio.run(ADAPTER.find_contacts(self.account, self.session, wanted))
        return [one.id for one in matching(found, wanted).records]

    def create(self, number: str = NEW, name: str = "Noa") -> Any:
        wanted = search_number(number, "IL")
        assert wanted is not None
        return asyncio.run(ADAPTER.create_contact(self.account, self.session, wanted, name))

    def log(self, call: Any = ENDED, ref: str | None = None, agent: SimulatedAgent = DANA) -> str | None:
        recipient = Recipient(agent.crm_user, agent.name, agent.id)
        return asyncio.run(ADAPTER.log_call(self.account, self.session, call, recipient, ref))

    def agent(self, crm_user: str) -> str | None:
        return asyncio.run(ADAPTER.find_agent(self.account, self.session, crm_user))

    def probe(self) -> list[Finding]:
        return asyncio.run(ADAPTER.probe(self.account, self.session))

    def calls(self) -> list[dict[str, Any]]:
        return list(self.crm.org.rows[100].values())

    def tasks(self) -> list[dict[str, Any]]:
        return list(self.crm.org.rows[10].values())

    def lose(self, method: str, part: str) -> None:
        """The answer to the next request of this kind is lost."""
        whole: Callable[..., Any] = self.session.reply_to
        left = [1]

        async def reply_to(request: Any) -> Any:
            if request.method == method and part in request.url and left:
                self.crm.faults.lose = left.pop()
            return await whole(request)

        self.session.reply_to = reply_to  # type: ignore[method-assign]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def popup(call: Any = CALL, **changed: Any) -> DeliveryEvent:
    return DeliveryEvent(Event.POPUP, "dlv_1", POPUP.created_at, replace(POPUP, call=call, **changed))


def note() -> DeliveryEvent:
    return DeliveryEvent(Event.NOTE, "dlv_9", NOTE.noted_at, NOTE)


# Queries

HOSTILE = [
    "x') OR (emailaddress1 != '",
    "'",
    "a'b@acme.example",
    "\\'",
    "x\n",
    "",
    "x" * 300,
    "dana%",
    "דנה@acme.example",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_could_break_out_of_a_query_is_not_asked_for(desk: Desk, text: str) -> None:
    assert desk.agent(text) is None
    assert desk.session.requests == []


@settings(deadline=None, max_examples=300)
@given(st.text())
def test_a_text_is_one_value_of_a_query_or_none(text: str) -> None:
    row = {"subject": text}
    try:
        asked = queries.condition("subject", "=", text)
    except ValueError:
        assert not queries.is_plain(text)
        return
    assert simulated.fits(asked, row, {"subject"})
    assert not simulated.fits(asked, {"subject": f"{text}x"}, {"subject"})


@settings(deadline=None, max_examples=200)
@given(st.text(min_size=1))
def test_no_id_of_a_call_breaks_out_of_the_query_for_it(ivrid: str) -> None:
    desk = Desk()
    desk.lose("POST", "calllog")
    call = replace(ENDED, ivrid=ivrid)
    with pytest.raises(RequestFailed):
        desk.log(call)
    assert desk.log(call) == desk.calls()[0]["calllogid"]
    assert len(desk.calls()) == 1


@pytest.mark.parametrize("query", ["subject = 'x'y'", "(subject = 'x'", "subject is 'x'", "other = 'x'", "subject = x"])
def test_the_simulator_refuses_what_fireberry_refuses(query: str) -> None:
    with pytest.raises(simulated.Wrong):
        simulated.fits(query, {"subject": "x"}, {"subject"})


@pytest.mark.parametrize(
    "written", ["052-234-0002", "052-2340002", "+972-52-234-0002", "0522340002", "972522340002", "(052) 2340002"]
)
def test_a_number_is_found_as_it_is_usually_typed(written: str) -> None:
    assert Desk((replace(RIVKA, phones=(written,)),)).search("0522340002") == [RIVKA.id]


def test_an_account_is_found_by_its_own_fields(desk: Desk) -> None:
    desk.crm.org.rows[1]["5"] = {"accountid": "5", "accountname": "Acme Works", "telephone1": "03-6339060"}
    assert desk.search("036339060") == ["5"]


def test_a_record_out_of_sight_is_none(desk: Desk) -> None:
    desk.crm.org.hidden = {RIVKA.id}
    assert desk.search("0522340002") == []


def test_a_new_contact_is_found_at_once(desk: Desk) -> None:
    made = desk.create(name="Noa <b>Bar</b>\n")
    assert made.name == "Noa <b>Bar</b>"
    assert desk.search("054-345-0003") == [made.id]
    assert desk.create("+972543450004", "").name == "Caller +972543450004"


# Limits


def test_the_limit_of_the_minute_and_that_of_the_day_are_told_alike(desk: Desk) -> None:
    desk.crm.per_day = 4
    desk.search("0522340002")
    desk.search("0522340002")
    with pytest.raises(RateLimited) as limited:
        desk.search("0522340002")
    assert limited.value.after == 20.0
    desk.later(31)  # past midnight in UTC
    assert desk.search("0522340002") == [RIVKA.id]
    desk.crm.per_minute = 1
    desk.crm.faults.retry_after = 7
    with pytest.raises(RateLimited) as limited:
        desk.search("0522340002")
    assert limited.value.after == 7.0


def test_the_core_keeps_the_limit_for_all_processes(desk: Desk) -> None:
    limit = ADAPTER.rate_limit(Desk(requests_per_minute=40).account)
    assert limit is not None
    assert (limit.requests, limit.seconds) == (40, 60.0)


def test_another_token_is_refused_and_not_shown(desk: Desk) -> None:
    desk.crm.token = Secret("another")
    with pytest.raises(SearchFailed) as refused:
        desk.search("0522340002")
    assert "token" in str(refused.value)
    assert desk.account.token.reveal() not in f"{refused.value!r}{desk.account!r}{desk.session.requests!r}"


@pytest.mark.parametrize("fault", ["says_no", "page"])
def test_a_200_that_is_none_is_a_failure(desk: Desk, fault: str) -> None:
    setattr(desk.crm.faults, fault, True)
    with pytest.raises(SearchFailed):
        desk.search("0522340002")
    assert not isinstance(desk.deliver(), Delivered | Duplicate)


# Tasks


def test_a_task_is_one_though_its_answer_is_lost(desk: Desk) -> None:
    desk.lose("POST", "/record/10")
    with pytest.raises(RequestFailed):
        desk.deliver()
    assert isinstance(desk.deliver(), Duplicate)
    (task,) = desk.tasks()
    assert (task["ownerid"], task["objectid"], task["objecttypecode"]) == (DANA.id, RIVKA.id, 2)
    assert isinstance(desk.deliver(agent=OMER), Delivered)


def test_a_task_of_several_callers_is_linked_to_none() -> None:
    desk = Desk((RIVKA, replace(RIVKA, id="9002")))
    desk.deliver()
    assert "objectid" not in desk.tasks()[0]


@pytest.mark.parametrize(("language", "begins"), [("he", "שיחה נכנסת: "), ("en", "Incoming call: ")])
def test_a_task_is_written_in_the_language_of_the_settings(language: str, begins: str) -> None:
    desk = Desk(language=language)
    desk.deliver(popup(replace(CALL, caller=replace(CALL.caller, name="<b>x\n\u202ey" * 99, e164=None))))
    subject = desk.tasks()[0]["subject"]
    assert subject.startswith(begins)
    assert subject.isprintable()
    assert len(subject) <= 200


def test_a_note_goes_below_the_task_and_once(desk: Desk) -> None:
    assert isinstance(desk.deliver(note()), Rejected)
    desk.deliver()
    assert isinstance(desk.deliver(note()), Delivered)
    assert isinstance(desk.deliver(note()), Duplicate)
    assert desk.tasks()[0]["description"].count(NOTE.text) == 1


def test_an_id_that_is_none_gets_into_no_request(desk: Desk) -> None:
    assert isinstance(desk.deliver(agent=replace(DANA, id="71' OR")), RecipientUnknown)
    assert desk.session.requests == []


# The call log


def test_two_agents_of_one_call_have_a_record_each(desk: Desk) -> None:
    assert desk.log() != desk.log(agent=OMER)
    assert [one["ownerid"] for one in desk.calls()] == [DANA.id, OMER.id]
    assert {one["ivruniqueid"] for one in desk.calls()} == {"c0ffee01"}


def test_a_call_going_on_has_no_status_that_nobody_knows(desk: Desk) -> None:
    ringing = replace(ENDED, answered_at=None, ended_at=None, talk_seconds=None, outcome=CallOutcome.UNKNOWN)
    ref = desk.log(ringing)
    assert "status" not in desk.calls()[0]
    assert desk.log(replace(ringing, ended_at=ENDED.ended_at, outcome=CallOutcome.ABANDONED), ref) == ref
    assert desk.calls()[0]["status"] == 4
    assert desk.log(ENDED, ref) == ref
    assert (desk.calls()[0]["status"], desk.calls()[0]["duration"], desk.calls()[0]["dialtime"]) == (1, 60, 5)


def test_an_outgoing_call_has_the_agent_on_the_callers_side(desk: Desk) -> None:
    desk.log(replace(ENDED, direction=Direction.OUTGOING, contact_type="Account", contact_id="5"))
    (call,) = desk.calls()
    told = {"type": 2, "targetid": "0722776772", "callerext": "SIPDana1", "accountid": "5"}
    assert {name: call[name] for name in told} == told


def test_a_record_that_was_deleted_is_made_again(desk: Desk) -> None:
    ref = desk.log()
    desk.crm.org.rows[100].clear()
    desk.log(ENDED, ref)
    assert len(desk.calls()) == 1


# Clicks


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from(["agent", "press", "recordid", "objecttype", "record"]), st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.just("9" * 5000),
)))  # fmt: skip
def test_whatever_an_automation_sends_a_click_or_a_named_refusal_comes_of_it(fields: dict[str, Any]) -> None:
    account = samples.account(CRM, "fireberry")
    headers = {"content-type": "application/json"}
    query = {"token": account.click_token.reveal()}
    body = json.dumps(fields).encode()
    try:
        asked = ADAPTER.read_click(account, Incoming("POST", URL, headers, query, body, datetime.now(UTC)))
    except Malformed:
        return
    assert asked.agent


# Settings, doctor, button


def problems(**changed: Any) -> dict[str, str]:
    keys = {"kind": "fireberry", "token": "t", "click_token": "x" * 16, **changed}
    return {key: str(why) for key, why in Account.model_validate(keys).problems()}


def test_the_settings_are_whole_or_say_what_is_missing() -> None:
    assert problems() == {}
    assert set(problems(click_token=None)) == set(problems(click_token="short")) == {"click_token"}
    assert set(problems(contact_phones=["a b"], account_phones=[], details={"x": "a,b"})) == {
        "contact_phones", "account_phones", "details",
    }  # fmt: skip
    for wrong in ({"popup": "toast"}, {"search_in": ["User"]}, {"search_in": []}, {"token": None}):
        with pytest.raises(ValidationError):
            problems(**wrong)
    account = samples.account(CRM, "fireberry", popup="none")
    assert not account.takes_popups
    assert list(account.addresses()) == ["https://app.fireberry.com", "https://api.fireberry.com"]


def test_the_doctor_asks_what_is_needed_and_writes_nothing() -> None:
    desk = Desk(log_calls=True)
    desk.crm.org.rows[1]["5"] = {"accountid": "5", "accountname": "Acme Works"}
    assert {one.grade for one in desk.probe()} == {Grade.OK}
    assert {one.url for one in desk.session.requests} == {f"{URL}/api/query"}
    desk.crm.org.hidden = {"5"}
    assert [one.message for one in desk.probe() if one.grade is Grade.WARN] == ["sees no Account at all"]
    wrong = Desk(contact_phones=["renamed"])
    (failed,) = [one for one in wrong.probe() if one.grade is Grade.FAIL]
    assert "contact_phones" in failed.fix


def test_the_button_leads_to_this_bridge() -> None:
    account = samples.account(CRM, "fireberry", click_token="a token & more-0123456789")
    files = {one.name: one.text for one in ADAPTER.button_files(account, "acme", "https://pop.example.com")}
    for text in files.values():
        assert "https://pop.example.com/clicks/acme?token=a%20token%20%26%20more-0123456789" in text
        assert account.token.reveal() not in text


@pytest.mark.parametrize(
    ("kind", "number", "path"),
    [
        ("Contact", "9001", "/app/record/2/9001"), ("1000", "x-1", "/app/record/1000/x-1"), ("Contact", "1/2", None),
        ("../x", "1", None), ("٣", "1", None),
    ],
)  # fmt: skip
def test_records_have_addresses(kind: str, number: str, path: str | None) -> None:
    account = samples.account(CRM, "fireberry")
    assert ADAPTER.record_url(account, kind, number) == (f"https://app.fireberry.com{path}" if path else None)


def test_it_is_the_make_of_its_name() -> None:
    assert find("fireberry") is ADAPTER
