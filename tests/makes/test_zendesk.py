"""Zendesk's adapter beyond the contract: its proofs, what is lost on the way, rotation of tokens, its app."""

import asyncio
import base64
import hashlib
import hmac
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
from bridge.core.delivery import DeliveryEvent, Event, Note
from bridge.core.errors import BadSignature, Malformed, RateLimited, RequestFailed, SearchFailed, TokenRefused
from bridge.core.finding import Finding, Grade
from bridge.core.http_types import Incoming, Secret
from bridge.crm.contract import Delivered, Duplicate, Recipient, Rejected, Retry
from bridge.crm.registry import find, simulator
from bridge.crm.simulation import SimulatedAgent, SimulatedContact
from bridge.crm.zendesk import ADAPTER, Account, button, proof, tickets
from bridge.crm.zendesk.simulator import ZendeskSimulator
from tests.contract import samples
from tests.contract.samples import CRM
from tests.contract.session import SimulatorSession
from tests.contract.test_crm_samples import ENDED
from tests.unit.nouns import NOTE, POPUP

URL, SECRET = "https://acme.zendesk.example", Secret("made-up-secret-0123456789")
DANA = SimulatedAgent("dana@acme.example", "Dana Cohen", "71")
RIVKA = SimulatedContact("9001", "Rivka Shalom", ("052-234-0002",), "Shalom Ltd")
TO_DANA = Recipient(DANA.crm_user, DANA.name, DANA.id)
CALL = replace(POPUP.call, caller=replace(POPUP.call.caller, number="0522340002", e164="+972522340002"))
NEW = "+972543450003"


class Desk:
    """A simulated Zendesk whose clock is ours, and sessions of a bridge to it."""

    def __init__(self, contacts: tuple[SimulatedContact, ...] = (RIVKA,)) -> None:
        self.now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
        described = simulator("zendesk")
        made = described.build(URL, SECRET, [DANA], contacts)
        assert isinstance(made, ZendeskSimulator)
        self.crm = made
        self.crm.clock = lambda: self.now.timestamp()
        self.account = Account.model_validate({"kind": "zendesk", **described.section(URL, SECRET)})
        self._app = Starlette(routes=[Mount("/", self.crm.app())])
        self.session = self.another_session()

    def another_session(self) -> SimulatorSession:
        return SimulatorSession(ADAPTER, self.account, self._app, self.now)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.session.now = self.now

    def deliver(self, event: DeliveryEvent | None = None) -> Any:
        return asyncio.run(ADAPTER.deliver(self.account, self.session, event or popup(), TO_DANA))

    def search(self, number: str) -> list[str]:
        wanted = search_number(number, "IL")
        assert wanted is not None
        found = asyncio.run(ADAPTER.find_contacts(self.account, self.session, wanted))
        return [one.id for one in found.records]

    def create(self, number: str = NEW, name: str = "Noa") -> Any:
        wanted = search_number(number, "IL")
        assert wanted is not None
        return asyncio.run(ADAPTER.create_contact(self.account, self.session, wanted, name))

    def log(self, call: Any = ENDED, ref: str | None = None) -> str | None:
        return asyncio.run(ADAPTER.log_call(self.account, self.session, call, TO_DANA, ref))

    def probe(self) -> list[Finding]:
        return asyncio.run(ADAPTER.probe(self.account, self.session))

    def comments(self) -> list[str]:
        return [str(one["html_body"]) for all_of in self.crm.records.comments.values() for one in all_of]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def popup(**changed: Any) -> DeliveryEvent:
    return DeliveryEvent(Event.POPUP, "dlv_1", POPUP.created_at, replace(POPUP, call=CALL, record=None, **changed))


def note() -> DeliveryEvent:
    return DeliveryEvent(Event.NOTE, "dlv_9", NOTE.noted_at, NOTE)


# Proofs

AT = datetime.fromtimestamp(1614265400, UTC)
VECTOR = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJkYW5hQGV4YW1wbGUuY29tIiwiaWF0IjoxNjE0MjY1MzMwLCJleHAiOjE2MTQyNjg5"
    "MzB9.-AAlVQvT07c-3RCFsQMiPcD0rY7Lln-wbg-jAUpwH5Q"
)
KEY = Secret("test-shared-secret")


def bearing(token: str, at: datetime = AT) -> Incoming:
    return Incoming("POST", URL, {"authorization": f"Bearer {token}", "content-type": "application/json"}, {}, b"", at)


def token(claims: Any, header: Any = None, secret: str = "test-shared-secret") -> str:
    """A JWT made by another hand than the program's."""
    parts = [header if header is not None else {"alg": "HS256"}, claims]
    texts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in parts]
    signed = b".".join(base64.urlsafe_b64encode(text).rstrip(b"=") for text in texts)
    mac = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def test_the_known_token_is_proven() -> None:
    claims, _, secret = proof.claims_of(KEY, bearing(VECTOR))
    assert (claims["iss"], secret) == ("dana@example.com", KEY)


EXP = int(AT.timestamp()) + 60
REFUSED_TOKENS = {
    "none": token({"exp": EXP}, {"alg": "none"}),
    "unsigned": token({"exp": EXP}, {"alg": "none"}).rpartition(".")[0] + ".",
    "another algorithm": token({"exp": EXP}, {"alg": "HS512"}),
    "critical": token({"exp": EXP}, {"alg": "HS256", "crit": ["b64"]}),
    "another secret": token({"exp": EXP}, secret="another"),
    "no expiry": token({"agent": "dana@acme.example"}),
    "expired": token({"exp": EXP - 200}),
    "lives too long": token({"exp": EXP + 4000}),
    "made in the future": token({"exp": EXP, "iat": EXP + 10}),
    "expiry is a text": token({"exp": str(EXP)}),
    "expiry is true": token({"exp": True}),
    "claims are a list": token([{"exp": EXP}]),
    "header is no JSON": token({"exp": EXP}, b"\xff"),
    "nested": token(b"[" * 3000),
    "padded": VECTOR + "=",
    "spare bits": VECTOR[:-1] + "R",
    "four parts": "x." + VECTOR,
    "no dots": "x",
    "empty": "",
    "not ASCII": "ä.ö.ü",
    "a half of a character": "\udc80.\udc80.\udc80",
    "long": "x" * 100_000,
}


@pytest.mark.parametrize("case", REFUSED_TOKENS)
def test_any_other_token_is_refused_alike(case: str) -> None:
    with pytest.raises(BadSignature):
        proof.claims_of(KEY, bearing(REFUSED_TOKENS[case]))


def test_without_a_secret_nothing_is_proven() -> None:
    with pytest.raises(BadSignature):
        proof.claims_of(None, bearing(token({"exp": EXP}, secret="")))


HOOK_BODY = b'{"agent":"dana@example.com","ticket_id":35436}'
HOOK_AT = datetime(2021, 3, 25, 5, 9, 27, tzinfo=UTC)
HOOK = {
    "content-type": "application/json",
    proof.TIMESTAMP: "2021-03-25T05:09:27Z",
    proof.SIGNATURE: "f38j16JE1ReMxnt/b85DaQPZ/mbjh0ZIqjUQmbjmbcw=",
}


def hook(at: datetime = HOOK_AT, body: bytes = HOOK_BODY, **changed: str) -> Incoming:
    return Incoming("POST", URL, {**HOOK, **changed}, {}, body, at)


def test_the_known_webhook_is_proven() -> None:
    secret = Secret(proof.TEST_SECRET)
    for seconds in (-299, 299):
        assert proof.check_webhook(secret, hook(HOOK_AT + timedelta(seconds=seconds))) is secret


@pytest.mark.parametrize(
    "incoming",
    [
        hook(HOOK_AT + timedelta(seconds=301)),
        hook(HOOK_AT - timedelta(seconds=301)),
        hook(body=HOOK_BODY + b" "),
        hook(**{proof.TIMESTAMP: "2021-03-25T05:09:28Z"}),
        hook(**{proof.TIMESTAMP: ""}),
        hook(**{proof.SIGNATURE: ""}),
        hook(**{proof.SIGNATURE: f"{HOOK[proof.SIGNATURE]}, {HOOK[proof.SIGNATURE]}"}),
        hook(**{proof.SIGNATURE: "\udc80"}),
    ],
    ids=range(8),
)
def test_any_other_webhook_is_refused(incoming: Incoming) -> None:
    with pytest.raises(BadSignature):
        proof.check_webhook(Secret(proof.TEST_SECRET), incoming)


@pytest.mark.parametrize("timestamp", ["now", "1616648967", "2021-02-31T05:09:27Z", "2021-03-25T05:09:27"])
def test_a_time_that_is_none_is_refused_though_it_was_signed(timestamp: str) -> None:
    secret = Secret(proof.TEST_SECRET)
    signed = proof.webhook_signature(secret, timestamp, HOOK_BODY)
    with pytest.raises(BadSignature):
        proof.check_webhook(secret, hook(**{proof.TIMESTAMP: timestamp, proof.SIGNATURE: signed}))


def test_a_test_of_an_unsaved_webhook_is_answered_and_looks_nothing_up() -> None:
    account = samples.account(CRM, "zendesk")
    answered = ADAPTER.handshake(account, hook())
    assert answered is not None
    assert answered.status == 200
    with pytest.raises(BadSignature):
        ADAPTER.read_click(account, hook())
    assert ADAPTER.handshake(account, hook(body=b"{}")) is None
    assert ADAPTER.handshake(account, bearing(VECTOR)) is None


def test_a_wrong_signature_is_not_saved_by_a_right_token() -> None:
    account = samples.account(CRM, "zendesk")
    bearer = f"Bearer {account.click_token.reveal()}"
    with pytest.raises(BadSignature):
        ADAPTER.read_click(account, hook(authorization=bearer))


def test_a_token_is_one_click_however_often_it_comes() -> None:
    account, made = samples.account(CRM, "zendesk"), int(AT.timestamp())
    texts = [proof.encode_token(account.app_secret, {"agent": "71", "exp": made + life}) for life in (60, 60, 61)]
    first, again, other = (ADAPTER.read_click(account, bearing(text)).key for text in texts)
    assert first == again != other


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from(["agent", "ticket_id", "requester_id", "jti", "record", "extension"]), st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.just("9" * 5000),
)))  # fmt: skip
def test_whatever_the_claims_are_a_click_or_a_named_refusal_comes_of_them(claims: dict[str, Any]) -> None:
    account = samples.account(CRM, "zendesk")
    signed = proof.encode_token(account.app_secret, {**claims, "exp": int(AT.timestamp()) + 60})
    try:
        asked = ADAPTER.read_click(account, bearing(signed))
    except (Malformed, BadSignature):
        return
    assert asked.agent or asked.extension
    assert asked.key
    assert len(asked.key) <= 256


# Popups


def test_a_delivery_is_shown_once_unless_somebody_sends_it_again(desk: Desk) -> None:
    assert desk.deliver() == Delivered("user/9001")
    assert desk.deliver() == Duplicate("user/9001")
    assert isinstance(desk.deliver(replace(popup(), resent=True)), Delivered)
    assert [one.agent for one in desk.crm.shown()] == [DANA.crm_user] * 2


def test_a_display_whose_answer_is_lost_is_attempted_again(desk: Desk) -> None:
    record = {"type": "user", "id": RIVKA.id}
    event = DeliveryEvent(
        Event.POPUP, "dlv_1", POPUP.created_at,
        replace(POPUP, record=record, call=replace(CALL, caller=replace(CALL.caller, e164=None))),
    )  # fmt: skip
    asyncio.run(desk.session.token())
    desk.crm.faults.lose = 1
    with pytest.raises(RequestFailed):
        desk.deliver(event)
    assert desk.deliver(event) == Delivered("user/9001")
    assert len(desk.crm.shown()) == 2


def test_nothing_is_opened_where_several_have_the_number_but_the_ticket_from_which_was_clicked() -> None:
    desk = Desk((RIVKA, replace(RIVKA, id="9002")))
    assert isinstance(desk.deliver(), Rejected)
    desk.log()
    (ticket,) = desk.crm.records.tickets
    event = popup()
    assert event.data is not None
    clicked = replace(event, data=replace(POPUP, call=CALL, record={"type": "ticket", "id": str(ticket)}))
    assert desk.deliver(clicked) == Delivered(f"ticket/{ticket}")


@pytest.mark.parametrize(
    "record", [{"type": "user", "id": "1/../2"}, {"type": "ticket", "id": "-1"}, {"type": [], "id": {}}]
)
def test_an_id_that_is_none_gets_into_no_address(record: dict[str, Any]) -> None:
    desk = Desk(())
    asked = replace(popup(), data=replace(POPUP, call=CALL, record=record))
    assert isinstance(desk.deliver(asked), Rejected)
    assert [one for one in desk.session.requests if "display" in one.url] == []


def test_a_closed_browser_cannot_be_told_from_an_open_one(desk: Desk) -> None:
    desk.crm.faults.browser_open = False
    assert isinstance(desk.deliver(), Delivered)
    assert desk.crm.shown() == []


def test_without_talk_partner_edition_the_delivery_says_so(desk: Desk) -> None:
    desk.crm.faults.has_talk_partner = False
    result = desk.deliver()
    assert isinstance(result, Rejected)
    assert result.reason.code == "zendesk.no-talk-partner"


def test_an_error_in_a_200_is_attempted_again(desk: Desk) -> None:
    desk.crm.faults.says_error = True
    assert isinstance(desk.deliver(), Retry)
    with pytest.raises(SearchFailed):
        desk.search("0522340002")


def test_the_limit_of_the_plan_says_how_long_to_wait(desk: Desk) -> None:
    desk.crm.per_minute = 3
    desk.search("0522340002")
    with pytest.raises(RateLimited) as limited:
        desk.search("0522340002")
    assert 0 < limited.value.after <= 61
    desk.later(limited.value.after)
    assert desk.search("0522340002") == [RIVKA.id]


# Tokens


def test_a_token_that_expires_is_renewed_and_the_old_pair_is_dead(desk: Desk) -> None:
    asyncio.run(desk.session.token())
    first = desk.crm.tokens.access
    desk.later(desk.crm.token_life)
    assert desk.search("0522340002") == [RIVKA.id]
    assert desk.crm.tokens.access != first
    assert desk.crm.tokens.count == 2


def test_a_token_that_is_revoked_too_early_is_renewed_once(desk: Desk) -> None:
    asyncio.run(desk.session.token())
    desk.crm.tokens.ends = 0.0
    assert desk.search("0522340002") == [RIVKA.id]
    assert desk.crm.tokens.count == 2


def test_another_installation_with_the_same_refresh_token_is_told_what_to_do(desk: Desk) -> None:
    asyncio.run(desk.session.token())
    with pytest.raises(TokenRefused) as refused:
        asyncio.run(desk.another_session().token())
    assert "authorize the OAuth client again" in str(refused.value)
    assert desk.account.refresh_token is not None
    assert desk.account.refresh_token.reveal() not in str(refused.value)


# Contacts


def test_a_new_user_is_found_at_once_and_made_once(desk: Desk) -> None:
    made = desk.create(name="{{ticket.id}} <b>Noa</b>")
    assert made.name == "((ticket.id)) <b>Noa</b>"
    assert desk.search("054-345-0003") == [made.id]
    assert desk.create().id == made.id
    desk.session.memory.remembered.clear()
    assert desk.search("054-345-0003") == []
    desk.later(desk.crm.index_delay)
    assert desk.search("054-345-0003") == [made.id]


def test_a_contact_without_a_name_is_called_by_its_number(desk: Desk) -> None:
    assert desk.create(name="\n").name == f"Caller: {NEW}"


# Calls and notes


@pytest.mark.parametrize("lost", range(1, 5))
def test_a_call_is_one_ticket_with_one_comment_whichever_answer_is_lost(lost: int) -> None:
    desk = Desk()
    asyncio.run(desk.session.token())
    _lose_nth(desk, lost)
    with pytest.raises(RequestFailed):
        desk.log(replace(ENDED, contact_id=RIVKA.id))
    ref = desk.log(replace(ENDED, contact_id=RIVKA.id))
    assert [(one.ref, one.agent, one.contact_id) for one in desk.crm.logged()] == [(ref, DANA.crm_user, RIVKA.id)]
    assert len([text for text in desk.comments() if "Ended: answered" in text]) == 1


def _lose_nth(desk: Desk, nth: int) -> None:
    """The answer to the request of that number is lost."""
    whole: Callable[..., Any] = desk.session.reply_to
    count = 0

    async def reply_to(request: Any) -> Any:
        nonlocal count
        count += 1
        desk.crm.faults.lose = 1 if count == nth else 0
        return await whole(request)

    desk.session.reply_to = reply_to  # type: ignore[method-assign]


def test_a_call_without_a_contact_is_linked_to_the_only_user_with_the_number(desk: Desk) -> None:
    desk.log(replace(ENDED, caller=CALL.caller))
    assert [one.contact_id for one in desk.crm.logged()] == [RIVKA.id]


def test_a_call_going_on_has_no_comment_about_its_end(desk: Desk) -> None:
    going = replace(ENDED, ended_at=None, talk_seconds=None)
    ref = desk.log(going)
    assert len(desk.comments()) == 1
    assert desk.log(ENDED, ref) == ref
    assert len(desk.comments()) == 2


def test_a_note_goes_to_the_tickets_of_its_call_and_once(desk: Desk) -> None:
    desk.deliver()
    assert desk.deliver(note()) == desk.deliver(note())
    (logged,) = desk.crm.logged()
    assert (logged.agent, logged.contact_id) == (DANA.crm_user, RIVKA.id)
    assert len([text for text in desk.comments() if NOTE.text in text]) == 1


def test_text_of_others_is_escaped_for_comments_and_subjects() -> None:
    hostile = replace(NOTE, text='<img src=x onerror="a()">{{ticket.id}}{% x %}\n\0second', outcome="<b>")
    assert isinstance(hostile, Note)
    told = str(tickets.noted(hostile, "mark"))
    assert "<img" not in told
    assert "{{" not in told
    assert "{%" not in told
    assert "<br>second" in told
    assert tickets.plain("a\n{{b}}\u202e" * 200).isprintable()
    assert len(tickets.plain("x" * 999)) == 150


# Settings, doctor, app


def problems(**changed: Any) -> dict[str, str]:
    keys = {"kind": "zendesk", "base_url": URL, "app_secret": "x" * 32, **changed}
    return {key: str(why) for key, why in Account.model_validate(keys).problems()}


OAUTH = {"client_id": "a", "client_secret": "b", "refresh_token": "c"}


def test_the_settings_are_whole_or_say_what_is_missing() -> None:
    assert problems(**OAUTH) == {}
    assert problems(email="a@b.example", api_token="t") == {}
    assert set(problems()) == set(OAUTH)
    assert set(problems(client_id="a")) == {"client_secret", "refresh_token"}
    assert set(problems(email="a@b.example")) == {"api_token"}
    assert set(problems(**OAUTH, email="a@b.example", api_token="t")) == {"api_token"}
    assert set(problems(**OAUTH, app_secret="x" * 31, click_token="short")) == {"app_secret", "click_token"}
    assert set(problems(**OAUTH, app_secret=None)) == {"app_secret"}
    with pytest.raises(ValidationError):
        problems(popup="toast")


def test_the_doctor_says_whose_requests_they_are(desk: Desk) -> None:
    assert {one.grade for one in desk.probe()} == {Grade.OK}
    desk.crm.tokens.access = ""
    assert desk.probe()[0].grade is Grade.FAIL


def test_the_app_leads_to_this_bridge_and_holds_no_secret() -> None:
    account = samples.account(CRM, "zendesk")
    files = {one.name: one.text for one in ADAPTER.button_files(account, "acme", "https://popbridge.example.com")}
    assert list(files) == list(button.FILES)
    assert 'url: "https://popbridge.example.com/clicks/acme"' in files["assets/button.js"]
    assert json.loads(files["manifest.json"])["domainWhitelist"] == ["popbridge.example.com"]
    everything = "".join(files.values())
    assert [secret for secret in samples.secrets_of(account) if secret in everything] == []
    assert "_URL@" not in everything
    assert "_HOST@" not in everything
    for name in (name for name in files if name.endswith(".json")):
        json.loads(files[name])


@pytest.mark.parametrize(
    ("kind", "number", "path"),
    [
        ("user", "9001", "/agent/users/9001"), ("ticket", "12", "/agent/tickets/12"),
        ("organization", "5", "/agent/organizations/5"), ("user", "0", None), ("user", "1?x", None),
        ("deal", "1", None),
    ],
)  # fmt: skip
def test_records_have_addresses(kind: str, number: str, path: str | None) -> None:
    account = samples.account(CRM, "zendesk")
    assert ADAPTER.record_url(account, kind, number) == (f"https://acme.zendesk.com{path}" if path else None)


def test_it_is_the_make_of_its_name() -> None:
    assert find("zendesk") is ADAPTER
