"""HubSpot's adapter beyond the contract: its signature, one call for each call, its index that lags, limits, tokens."""

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

from bridge.contacts.variants import search_number
from bridge.core.delivery import CallEnd, CallOutcome, DeliveryEvent, Event, Note
from bridge.core.errors import BadSignature, Malformed, RateLimited, RequestFailed, SearchFailed, TokenRefused
from bridge.core.finding import Finding, Grade
from bridge.core.http_types import Incoming, Secret
from bridge.crm.contract import Delivered, Duplicate, Recipient, Rejected
from bridge.crm.hubspot import ADAPTER, Account, calls, proof
from bridge.crm.hubspot.simulator import HubspotSimulator
from bridge.crm.registry import find, simulator
from bridge.crm.simulation import Press, SimulatedAgent, SimulatedContact
from tests.contract import samples
from tests.contract.samples import CRM
from tests.contract.session import SimulatorSession
from tests.contract.test_crm_samples import ENDED
from tests.unit.nouns import NOTE, POPUP

URL, BRIDGE, SECRET = "https://api.hubapi.example", "https://popbridge.example.com", Secret("made-up-secret-0123456789")
DANA = SimulatedAgent("dana@acme.example", "Dana Cohen", "71")
RIVKA = SimulatedContact("9001", "Rivka Shalom", ("052-234-0002",), "Shalom Ltd", "Dana Cohen")
TO_DANA = Recipient(DANA.crm_user, DANA.name, DANA.id)
CALLER = replace(POPUP.call.caller, number="0522340002", e164="+972522340002")
CALL = replace(POPUP.call, caller=CALLER)
ENDS = replace(ENDED, caller=CALLER, contact_type="contact", contact_id="9001")
GOING = replace(ENDS, ended_at=None, talk_seconds=None, outcome=CallOutcome.UNKNOWN)
NEW = "+972543450003"


class Hub:
    """A simulated account whose clock is ours, and sessions of a bridge to it."""

    def __init__(self, **changed: Any) -> None:
        self.now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
        described = simulator("hubspot")
        made = described.build(URL, SECRET, [DANA], [RIVKA])
        assert isinstance(made, HubspotSimulator)
        self.crm = made
        self.crm.clock = lambda: self.now.timestamp()
        self.account = Account.model_validate({"kind": "hubspot", **described.section(URL, SECRET), **changed})
        self._app = Starlette(routes=[Mount("/", self.crm.app())])
        self.session = self.another_session()

    def another_session(self) -> SimulatorSession:
        return SimulatorSession(ADAPTER, self.account, self._app, self.now)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.session.now = self.now

    def deliver(self, event: DeliveryEvent | None = None) -> Any:
        return asyncio.run(ADAPTER.deliver(self.account, self.session, event or popup(), TO_DANA))

    def search(self, number: str = "0522340002") -> list[Any]:
        wanted = search_number(number, "IL")
        assert wanted is not None
        return list(asyncio.run(ADAPTER.find_contacts(self.account, self.session, wanted)).records)

    def create(self, name: str = "Noa Peretz") -> Any:
        wanted = search_number(NEW, "IL")
        assert wanted is not None
        return asyncio.run(ADAPTER.create_contact(self.account, self.session, wanted, name))

    def log(self, call: CallEnd = ENDS, ref: str | None = None) -> str | None:
        return asyncio.run(ADAPTER.log_call(self.account, self.session, call, TO_DANA, ref))

    def probe(self) -> list[Finding]:
        return asyncio.run(ADAPTER.probe(self.account, self.session))

    def calls(self) -> list[dict[str, Any]]:
        return list(self.crm.records.items["calls"].values())


@pytest.fixture
def hub() -> Hub:
    return Hub()


def popup(**changed: Any) -> DeliveryEvent:
    return DeliveryEvent(Event.POPUP, "dlv_1", POPUP.created_at, replace(POPUP, call=CALL, **changed))


def note() -> DeliveryEvent:
    return DeliveryEvent(Event.NOTE, "dlv_9", NOTE.noted_at, replace(NOTE, ivrid=CALL.ivrid))


# The signature

KEY = Secret("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy")
AT = datetime.fromtimestamp(1693657560, UTC)
PUBLISHED = "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="
HOOK_URL, HOOK_BODY = "https://www.example.com/webhook_uri", b"{'example_field':'example_value'}"


def signed(at: datetime = AT, url: str = HOOK_URL, body: bytes = HOOK_BODY, **changed: str) -> Incoming:
    headers = {proof.SIGNATURE: PUBLISHED, proof.TIMESTAMP: "1693657560000", **changed}
    return Incoming("POST", url, headers, {}, body, at)


def test_the_published_example_is_proven_five_minutes_either_way() -> None:
    for seconds in (-300, 0, 300):
        assert proof.check(KEY, signed(AT + timedelta(seconds=seconds))) is KEY


@pytest.mark.parametrize(
    "incoming",
    [
        signed(AT + timedelta(seconds=301)),
        signed(AT - timedelta(seconds=301)),
        signed(body=HOOK_BODY + b" "),
        signed(url=HOOK_URL + "?x=1"),
        signed(**{proof.TIMESTAMP: "1693657560001"}),
        signed(**{proof.TIMESTAMP: "1693657560"}),
        signed(**{proof.TIMESTAMP: "\udc80"}),
        signed(**{proof.TIMESTAMP: "²" * 13}),
        signed(**{proof.SIGNATURE: ""}),
        signed(**{proof.SIGNATURE: f"{PUBLISHED}, {PUBLISHED}"}),
        signed(**{proof.SIGNATURE: "\udc80"}),
    ],
    ids=range(11),
)
def test_any_other_request_is_refused(incoming: Incoming) -> None:
    with pytest.raises(BadSignature):
        proof.check(KEY, incoming)


def test_without_a_secret_nothing_is_proven() -> None:
    empty = proof.signature(Secret(""), "POST", HOOK_URL, HOOK_BODY, "1693657560000")
    with pytest.raises(BadSignature):
        proof.check(None, signed(**{proof.SIGNATURE: empty}))


def test_the_address_is_signed_with_some_escapes_decoded_or_with_none() -> None:
    url = f"{HOOK_URL}?email=dana%40acme.example&name=a%20b%2C"
    assert proof.decoded(url) == f"{HOOK_URL}?email=dana@acme.example&name=a%20b,"
    for reading in (url, proof.decoded(url)):
        made = proof.signature(KEY, "POST", reading, HOOK_BODY, "1693657560000")
        assert proof.check(KEY, signed(url=url, **{proof.SIGNATURE: made})) is KEY


def test_version_one_and_two_prove_nothing() -> None:
    account = samples.account(CRM, "hubspot")
    headers = {"x-hubspot-signature": "0" * 64, "x-hubspot-signature-version": "v2", "content-type": "application/json"}
    with pytest.raises(BadSignature):
        ADAPTER.read_click(account, Incoming("POST", URL, headers, {"portalid": "6001"}, b"{}", AT))


def pressed(hub: Hub, press_id: str = "p-1") -> Incoming:
    make = simulator("hubspot").press
    assert make is not None
    sent = make(BRIDGE, "acme", SECRET, Press(DANA, press_id, hub.now, RIVKA))
    headers = {name.lower(): value for name, value in sent.headers.items()}
    query = dict(pair.split("=") for pair in sent.url.partition("?")[2].replace("%40", "@").split("&"))
    return Incoming(
        "POST", sent.url, headers, {name.lower(): value for name, value in query.items()}, sent.body, hub.now
    )


def test_who_clicked_is_who_hubspot_says_and_not_who_the_card_says(hub: Hub) -> None:
    came = pressed(hub)
    asked = ADAPTER.read_click(hub.account, came)
    assert (asked.agent, asked.key) == (DANA.crm_user, "press:p-1")
    assert asked.record == {"type": "contact", "id": "9001", "url": ADAPTER.record_url(hub.account, "contact", "9001")}
    assert ADAPTER.read_click(hub.account, pressed(hub, "p-2")).key != asked.key


def test_the_app_in_another_account_is_refused(hub: Hub) -> None:
    other = Hub(portal_id=6002)
    with pytest.raises(BadSignature):
        ADAPTER.read_click(other.account, pressed(hub))


def test_a_wrong_signature_is_not_saved_by_a_right_token(hub: Hub) -> None:
    bearer = f"Bearer {hub.account.click_token.reveal()}"  # type: ignore[union-attr]
    came = pressed(hub)
    spoilt = {**came.headers, "authorization": bearer, proof.SIGNATURE: "x"}
    with pytest.raises(BadSignature):
        ADAPTER.read_click(hub.account, replace(came, headers=spoilt))


NAMES = ["agent", "userEmail", "userId", "press_id", "record", "associatedObjectId", "associatedObjectType"]
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.just("9" * 5000)
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING))
def test_whatever_the_card_says_a_click_or_a_named_refusal_comes_of_it(fields: dict[str, Any]) -> None:
    account = samples.account(CRM, "hubspot")
    body, timestamp = json.dumps(fields).encode(), str(int(AT.timestamp() * 1000))
    made = proof.signature(account.client_secret, "POST", BRIDGE, body, timestamp)
    headers = {"content-type": "application/json", proof.SIGNATURE: made, proof.TIMESTAMP: timestamp}
    try:
        asked = ADAPTER.read_click(account, Incoming("POST", BRIDGE, headers, {}, body, AT))
    except (Malformed, BadSignature):
        return
    assert asked.agent or asked.extension
    assert asked.key
    assert len(asked.key) <= 256


# Calls on the timeline


@pytest.mark.parametrize("lost", range(1, 4))
def test_a_call_is_one_record_whichever_answer_is_lost(hub: Hub, lost: int) -> None:
    asyncio.run(hub.session.token())
    _lose_nth(hub, lost)
    with pytest.raises(RequestFailed):
        _call_and_end(hub)
    ref = _call_and_end(hub)
    assert hub.log() == ref
    assert [(one.ref, one.agent, one.contact_id) for one in hub.crm.logged()] == [(ref, DANA.crm_user, "9001")]
    assert [(one["hs_call_status"], one["hs_call_duration"]) for one in hub.calls()] == [("COMPLETED", "60000")]


def _call_and_end(hub: Hub) -> str | None:
    """First without its contact, for nobody knew it; then with it, and its end."""
    hub.log(replace(GOING, contact_type="", contact_id=""))
    hub.later(hub.crm.index_delay)
    return hub.log()


def _lose_nth(hub: Hub, nth: int) -> None:
    """The answer to the request of that number is lost."""
    whole: Callable[..., Any] = hub.session.reply_to
    count = 0

    async def reply_to(request: Any) -> Any:
        nonlocal count
        count += 1
        hub.crm.faults.lose = 1 if count == nth else 0
        try:
            return await whole(request)
        finally:
            hub.later(hub.crm.index_delay if count == nth else 0)

    hub.session.reply_to = reply_to  # type: ignore[method-assign]


def test_a_call_with_its_contact_is_found_again_though_the_search_lags(hub: Hub) -> None:
    asyncio.run(hub.session.token())
    hub.crm.faults.lose = 1
    with pytest.raises(RequestFailed):
        hub.log(GOING)
    assert hub.log(GOING)
    assert len(hub.calls()) == 1
    assert hub.crm.index_delay > 0


def test_a_call_that_was_made_without_its_contact_is_not_made_again_while_the_search_lags(hub: Hub) -> None:
    """What a worker leaves that is killed after it was written; who comes next knows the contact."""
    asyncio.run(hub.session.token())
    hub.crm.faults.lose = 1
    with pytest.raises(RequestFailed):
        hub.log(replace(GOING, contact_type="", contact_id=""))
    with pytest.raises(SearchFailed, match="not known yet"):
        hub.log(GOING)
    hub.later(hub.crm.index_delay)
    assert hub.log(GOING)
    assert [one.contact_id for one in hub.crm.logged()] == ["9001"]


def test_popup_and_history_are_one_call(hub: Hub) -> None:
    shown = hub.deliver()
    assert isinstance(shown, Delivered)
    assert hub.log() == shown.ref
    assert hub.deliver() == shown
    assert len(hub.calls()) == 1


def test_a_call_ends_on_the_timeline_without_log_calls(hub: Hub) -> None:
    hub.deliver()
    ended = DeliveryEvent(
        Event.ENDED, "dlv_2", POPUP.created_at, replace(ENDS, outcome=CallOutcome.MISSED, talk_seconds=0)
    )
    assert hub.deliver(ended) == Delivered()
    assert [(one["hs_call_status"], one["hs_call_duration"]) for one in hub.calls()] == [("NO_ANSWER", "0")]


def test_an_end_of_a_call_that_is_not_there_is_nothing(hub: Hub) -> None:
    assert hub.deliver(DeliveryEvent(Event.ENDED, "dlv_2", POPUP.created_at, ENDS)) == Delivered()
    assert hub.calls() == []


def test_a_note_stands_once_in_the_body_of_its_call(hub: Hub) -> None:
    assert isinstance(hub.deliver(note()), Rejected)
    hub.deliver()
    assert isinstance(hub.deliver(note()), Delivered)
    assert isinstance(hub.deliver(note()), Duplicate)
    hub.log()
    assert hub.calls()[0]["hs_call_body"].count(NOTE.text) == 1


def test_text_of_others_is_escaped_in_the_body() -> None:
    hostile = replace(NOTE, text="<img src=x>\n\0&", outcome="<b>")
    assert isinstance(hostile, Note)
    assert calls.noted("x", hostile, "dlv_9") == "x<br>&lt;b&gt;<br>&lt;img src=x&gt;<br>&amp;<br>dlv_9"
    told = calls.of_popup(
        replace(CALL, caller=replace(CALLER, name="<script>" * 99)), calls.Place("main", "c", "71"), POPUP.created_at
    )
    assert "<script" not in told["hs_call_body"]
    assert len(told["hs_call_title"]) <= 150


# Contacts


def test_a_contact_has_its_owner_who_is_asked_for_once_an_hour(hub: Hub) -> None:
    async def searched(seconds: float) -> int:
        """How often the owner has been asked for, once somebody has searched so much later."""
        hub.later(seconds)
        found = (await ADAPTER.find_contacts(hub.account, hub.session, wanted)).records
        assert [(one.company, one.owner) for one in found] == [("Shalom Ltd", "Dana Cohen")]
        return len([one for one in hub.session.requests if "/owners/" in one.url])

    async def asked() -> list[int]:
        return [await searched(seconds) for seconds in (0, 3599, 1)]

    wanted = search_number("0522340002", "IL")
    assert wanted is not None
    assert asyncio.run(asked()) == [1, 1, 2]


def test_what_may_not_be_read_is_left_out_as_long_as_something_may(hub: Hub) -> None:
    hub.crm.faults.denied = ("crm.objects.companies.read",)
    assert len(hub.search()) == 1
    hub.crm.faults.denied = ("crm.objects.companies.read", "crm.objects.contacts.read")
    with pytest.raises(SearchFailed):
        hub.search()


def test_a_new_contact_is_found_at_once_and_made_once(hub: Hub) -> None:
    made = hub.create()
    assert [one.id for one in hub.search(NEW)] == [made.id]
    assert hub.create().id == made.id
    hub.session.memory.remembered.clear()
    assert hub.search(NEW) == []
    hub.later(hub.crm.index_delay)
    assert [one.id for one in hub.search(NEW)] == [made.id]


def test_a_contact_without_a_name_is_called_by_its_number(hub: Hub) -> None:
    assert hub.create("\n").name == NEW


# Limits and tokens


def test_searches_have_a_limit_of_their_own(hub: Hub) -> None:
    hub.search()
    hub.search()
    with pytest.raises(RateLimited) as limited:
        hub.search()
    assert limited.value.after == 1.0
    hub.later(limited.value.after)
    assert len(hub.search()) == 1


@pytest.mark.parametrize(("policy", "seconds"), [("SECONDLY", 1), ("TEN_SECONDLY_ROLLING", 10), ("DAILY", 3600)])
def test_the_policy_says_how_long_to_wait(hub: Hub, policy: str, seconds: float) -> None:
    hub.crm.faults.policy = policy
    with pytest.raises(RateLimited) as limited:
        hub.deliver()
    assert limited.value.after == seconds


def test_an_error_with_200_is_an_error(hub: Hub) -> None:
    hub.crm.faults.says_error = True
    with pytest.raises(SearchFailed):
        hub.search()
    assert isinstance(hub.deliver(), Rejected)


def test_a_token_that_expires_is_renewed() -> None:
    hub = Hub(search_in=["contacts"])
    hub.search()
    hub.later(hub.crm.token_life)
    assert len(hub.search()) == 1
    hub.crm.tokens.ends = 0.0
    hub.later(1)
    assert len(hub.search()) == 1
    assert hub.crm.tokens.count == 3


def test_a_refresh_token_that_is_dead_says_what_to_do(hub: Hub) -> None:
    hub.crm.tokens.refresh = "another"
    with pytest.raises(TokenRefused) as refused:
        hub.search()
    assert "install the app again" in str(refused.value)


def test_a_static_token_is_sent_as_it_is_and_its_refusal_told(hub: Hub) -> None:
    static = Hub(access_token="pat-invented", client_id=None, refresh_token=None)
    with pytest.raises(SearchFailed) as refused:
        static.search()
    assert "pat-invented" not in str(refused.value)
    static.crm.tokens.access, static.crm.tokens.ends = "pat-invented", 1e12
    assert len(static.search()) == 1


# Settings, doctor, card


def problems(**changed: Any) -> dict[str, str]:
    return {
        key: str(why) for key, why in Account.model_validate({"kind": "hubspot", "portal_id": 1, **changed}).problems()
    }


def test_the_settings_are_whole_or_say_what_is_missing() -> None:
    assert problems(access_token="a", client_secret="b") == {}
    assert problems(client_id="a", client_secret="b", refresh_token="c") == {}
    assert set(problems(client_secret="b")) == {"client_id", "refresh_token"}
    assert set(problems(access_token="a")) == {"client_secret"}
    assert set(problems(access_token="a", client_secret="b", refresh_token="c")) == {"access_token"}
    assert set(problems(access_token="a", click_token="short")) == {"click_token"}
    for wrong in ({"search_in": ["deals"]}, {"search_in": []}, {"portal_id": 0}, {"popup": "toast"}):
        with pytest.raises(ValidationError):
            problems(access_token="a", **wrong)


def test_the_doctor_names_the_rights_that_are_missing(hub: Hub) -> None:
    assert [one.grade for one in hub.probe()] == [Grade.OK]
    hub.later(10)
    hub.crm.faults.denied = ("crm.objects.companies.read",)
    (finding,) = hub.probe()
    assert finding.grade is Grade.FAIL
    assert "crm.objects.companies.read" in finding.message


def test_the_project_leads_to_this_bridge_and_holds_no_secret() -> None:
    account = samples.account(CRM, "hubspot")
    files = {one.name: one.text for one in ADAPTER.button_files(account, "acme", f"{BRIDGE}/pop")}
    everything = "".join(files.values())
    assert f'hubspot.fetch("{BRIDGE}/pop/clicks/acme"' in files["src/app/cards/Popbridge.jsx"]
    assert [secret for secret in samples.secrets_of(account) if secret in everything] == []
    assert "_URL@" not in everything
    app = json.loads(files["src/app/app-hsmeta.json"])["config"]
    assert app["permittedUrls"]["fetch"] == [BRIDGE]
    assert app["auth"]["requiredScopes"] == [
        "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.objects.owners.read",
    ]  # fmt: skip
    for name in (name for name in files if name.endswith(".json")):
        json.loads(files[name])


@pytest.mark.parametrize(
    ("kind", "number", "path"),
    [
        ("contact", "9001", "/record/0-1/9001"), ("0-2", "5", "/record/0-2/5"), ("DEAL", "5", "/record/0-3/5"),
        ("contacts", "5", "/record/0-1/5"), ("contact", "0", None), ("contact", "1?x", None), ("owner", "1", None),
    ],
)  # fmt: skip
def test_records_have_addresses(kind: str, number: str, path: str | None) -> None:
    account = samples.account(CRM, "hubspot")
    wanted = f"https://app.hubspot.com/contacts/6001{path}" if path else None
    assert ADAPTER.record_url(account, kind, number) == wanted


def test_it_is_the_make_of_its_name() -> None:
    assert find("hubspot") is ADAPTER


def test_the_operator_learns_why_a_click_is_not_proven(hub: Hub) -> None:
    came = pressed(hub)
    no_time = {name: value for name, value in came.headers.items() if name != proof.TIMESTAMP}
    cases = {
        "hubspot.wrong-signature": (hub.account, replace(came, url=came.url.replace("popbridge.", "other."))),
        "proof-headers-missing": (hub.account, replace(came, headers=no_time)),
        "proof-clock-behind": (hub.account, replace(came, received_at=came.received_at + timedelta(hours=1))),
        "hubspot.other-account": (Hub(portal_id=6002).account, came),
        "proof-missing": (hub.account, replace(came, headers={}, query={}, body=b"{}")),
    }
    for code, (account, incoming) in cases.items():
        with pytest.raises(BadSignature) as refused:
            ADAPTER.read_click(account, incoming)
        assert refused.value.cause is not None
        assert refused.value.cause.code == code
