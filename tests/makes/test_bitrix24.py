"""Bitrix24's adapter beyond the contract: the button's form, cards and their calls, limits, rotation, the webhook."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.contacts.variants import search_number
from bridge.core.contact import Contact, ContactRecord, ContactStatus
from bridge.core.delivery import AnsweredElsewhere, CallEnd, CallOutcome, DeliveryEvent, Event
from bridge.core.errors import BadSignature, Malformed, RateLimited, RequestFailed, SearchFailed, TokenRefused
from bridge.core.finding import Finding, Grade
from bridge.core.http_types import Incoming, Reply, Secret
from bridge.core.model import CallerKind
from bridge.crm.bitrix24 import ADAPTER, Account, texts, wire
from bridge.crm.bitrix24.simulator import Bitrix24Simulator, derived
from bridge.crm.contract import Delivered, Duplicate, Recipient, Rejected
from bridge.crm.registry import find, simulator
from bridge.crm.simulation import Press, SimulatedAgent, SimulatedContact
from tests.contract import samples
from tests.contract.samples import CRM
from tests.contract.session import SimulatorSession
from tests.contract.test_crm_samples import ENDED
from tests.unit.nouns import NOTE, POPUP

URL, BRIDGE, SECRET = "https://acme.bitrix24.example", "https://popbridge.example.com", Secret("made-up-secret-0123456")
DANA = SimulatedAgent("dana@acme.example", "Dana Cohen", "71")
OMER = SimulatedAgent("omer@acme.example", "Omer Katz", "72")
RIVKA = SimulatedContact("9001", "Rivka Shalom", ("052-234-0002",), "Shalom Ltd", "Omer Katz")
TO_DANA, TO_OMER = (Recipient(one.crm_user, one.name, one.id) for one in (DANA, OMER))
CALLER = replace(POPUP.call.caller, number="0522340002", e164="+972522340002", kind=CallerKind.NUMBER)
CALL = replace(POPUP.call, caller=CALLER)
KNOWN = Contact(ContactStatus.ONE, "main", (ContactRecord("CONTACT", "9001", "Rivka", "", None, "", {}),))
ENDS = replace(ENDED, caller=CALLER, contact_type="CONTACT", contact_id="9001")
GOING = replace(ENDS, ended_at=None, talk_seconds=None, outcome=CallOutcome.UNKNOWN)


class Portal:
    """A simulated portal whose clock is ours, and a session of a bridge to it."""

    def __init__(self, **changed: Any) -> None:
        self.now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
        described = simulator("bitrix24")
        made = described.build(URL, SECRET, [DANA, OMER], [RIVKA])
        assert isinstance(made, Bitrix24Simulator)
        self.crm = made
        self.crm.clock = lambda: self.now.timestamp()
        self.account = Account.model_validate({"kind": "bitrix24", **described.section(URL, SECRET), **changed})
        self._app = Starlette(routes=[Mount("/", self.crm.app())])
        self.session = self.another_session()

    def another_session(self) -> SimulatorSession:
        return SimulatorSession(ADAPTER, self.account, self._app, self.now)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.session.now = self.now

    def deliver(self, event: DeliveryEvent | None = None, to: Recipient = TO_DANA) -> Any:
        return asyncio.run(ADAPTER.deliver(self.account, self.session, event or popup(), to))

    def search(self, number: str = "0522340002") -> list[str]:
        wanted = search_number(number, "IL")
        assert wanted is not None
        return [one.id for one in self.found(wanted)]

    def found(self, wanted: Any) -> Any:
        return asyncio.run(ADAPTER.find_contacts(self.account, self.session, wanted)).records

    def log(self, call: CallEnd = ENDS, ref: str | None = None) -> str | None:
        return asyncio.run(ADAPTER.log_call(self.account, self.session, call, TO_DANA, ref))

    def probe(self) -> list[Finding]:
        return asyncio.run(ADAPTER.probe(self.account, self.session))

    def who(self, came: Incoming) -> str:
        return asyncio.run(ADAPTER.who_clicked(self.account, self.session, came))

    def methods(self) -> list[str]:
        return [urlsplit(one.url).path.rpartition("/")[2] for one in self.session.requests]


@pytest.fixture
def portal() -> Portal:
    return Portal()


BY_WEBHOOK = {
    "client_id": None, "client_secret": None, "refresh_token": None,
    "webhook_url": f"{URL}/rest/71/{derived(SECRET, 'hook').reveal()}/",
}  # fmt: skip


@pytest.fixture
def hooked() -> Portal:
    return Portal(**BY_WEBHOOK)


def popup(**changed: Any) -> DeliveryEvent:
    data = replace(POPUP, **{"call": CALL, "contact": KNOWN, **changed})
    return DeliveryEvent(Event.POPUP, "dlv_1", POPUP.created_at, data)


def note() -> DeliveryEvent:
    return DeliveryEvent(Event.NOTE, "dlv_9", NOTE.noted_at, replace(NOTE, ivrid=CALL.ivrid))


# The button's form


def form(portal: Portal, agent: SimulatedAgent = DANA, **changed: str | None) -> Incoming:
    made = simulator("bitrix24").press
    assert made is not None
    sent = made(BRIDGE, "acme", SECRET, Press(agent, "press-1", portal.now, RIVKA))
    fields = {**dict(parse_qsl(sent.body.decode())), **changed}
    body = urlencode({name: value for name, value in fields.items() if value is not None}).encode()
    headers = {name.lower(): value for name, value in sent.headers.items()}
    return Incoming("POST", sent.url, headers, {}, body, portal.now)


def test_the_form_is_proven_by_the_applications_token_and_its_user_is_asked_for(portal: Portal) -> None:
    asked = ADAPTER.read_click(portal.account, form(portal))
    assert (asked.agent, asked.record) == (None, {
        "type": "CONTACT", "id": "9001", "url": f"{URL}/crm/contact/details/9001/",
    })  # fmt: skip
    assert asked.proof == portal.account.application_token.fingerprint  # type: ignore[union-attr]
    assert portal.who(form(portal)) == DANA.crm_user
    assert portal.who(form(portal, OMER)) == OMER.crm_user


def test_an_event_is_proven_by_the_same_token(portal: Portal) -> None:
    token = derived(SECRET, "application_token").reveal()
    body = urlencode({"agent": "dana@acme.example", "auth[application_token]": token}).encode()
    came = replace(form(portal), body=body)
    assert ADAPTER.read_click(portal.account, came).agent == "dana@acme.example"


@pytest.mark.parametrize("token", [None, "", "x", "\udc80", derived(SECRET, "client_secret").reveal()])
def test_another_token_is_refused(portal: Portal, token: str | None) -> None:
    came = form(portal)
    text = came.body.decode().replace(derived(SECRET, "application_token").reveal(), "")
    body = (text + (token or "")).encode("utf-8", "surrogatepass")
    with pytest.raises(BadSignature):
        ADAPTER.read_click(portal.account, replace(came, body=body))


def test_a_user_is_asked_for_once_in_half_an_hour_and_the_token_is_kept_nowhere(portal: Portal) -> None:
    came = form(portal)
    assert portal.who(came) == portal.who(came) == DANA.crm_user
    assert portal.methods() == ["user.current"]
    token = dict(parse_qsl(came.body.decode()))["AUTH_ID"]
    assert token not in str(portal.session.memory.remembered)


def test_a_user_token_that_is_none_or_nobodys_names_nobody(portal: Portal) -> None:
    for token in ("a" * 32, "'; drop", "x" * 500):
        with pytest.raises((BadSignature, SearchFailed)):
            portal.who(form(portal, AUTH_ID=token))
    with pytest.raises(Malformed):
        ADAPTER.read_click(portal.account, form(portal, AUTH_ID=None))


def test_the_user_token_goes_to_our_portal_and_not_where_the_form_says(portal: Portal) -> None:
    came = form(portal, SERVER_ENDPOINT="https://evil.example/rest/", DOMAIN="evil.example")
    portal.who(came)
    assert [urlsplit(one.url).hostname for one in portal.session.requests] == [urlsplit(URL).hostname]


NAMES = ["PLACEMENT", "PLACEMENT_OPTIONS", "AUTH_ID", "agent", "record", "auth[x]"]
VALUES = ["[" * 3000, '{"ID": "' + "9" * 5000, "CRM_CONTACT_DETAIL_TOOLBAR"]


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from(NAMES), st.one_of(st.text(), st.sampled_from(VALUES))))
def test_whatever_the_form_holds_a_click_or_a_named_refusal_comes_of_it(fields: dict[str, str]) -> None:
    account = samples.account(CRM, "bitrix24")
    body = urlencode(fields, errors="surrogatepass").encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    query = {"token": account.click_token.reveal()}
    try:
        asked = ADAPTER.read_click(account, Incoming("POST", URL, headers, query, body, POPUP.created_at))
    except Malformed:
        return
    assert asked.agent or asked.extension or "PLACEMENT" in fields


# Cards and the history


def test_a_card_is_opened_once_for_a_call_and_agent(portal: Portal) -> None:
    first = portal.deliver()
    assert isinstance(first, Delivered)
    assert portal.deliver(replace(popup(), delivery_id="dlv_2")) == first
    assert isinstance(portal.deliver(to=TO_OMER), Delivered)
    assert [(one.agent, one.ivrid) for one in portal.crm.shown()] == [
        (DANA.crm_user, CALL.ivrid), (OMER.crm_user, CALL.ivrid),
    ]  # fmt: skip


def test_a_card_whose_answer_is_lost_is_the_same_card_again(portal: Portal) -> None:
    portal.search()
    portal.crm.faults.lose = 1
    with pytest.raises(RequestFailed):
        portal.deliver()
    assert isinstance(portal.deliver(), Delivered)
    assert len(portal.crm.records.calls) == len(portal.crm.shown()) == 1


@pytest.mark.parametrize("lost", [1, 2])
def test_a_call_is_in_the_history_once_whichever_answer_is_lost(portal: Portal, lost: int) -> None:
    asyncio.run(portal.session.token())
    _lose_nth(portal, lost)
    with pytest.raises(RequestFailed):
        _call_and_end(portal)
    ref = _call_and_end(portal)
    assert portal.log() == ref
    (call,) = portal.crm.records.calls.values()
    assert call["FINISHED"] == {"DURATION": 60, "STATUS_CODE": "200"}
    assert [(one.ref, one.contact_id) for one in portal.crm.logged()] == [(ref, "9001")]


def _call_and_end(portal: Portal) -> str | None:
    portal.log(GOING)
    return portal.log()


def _lose_nth(portal: Portal, nth: int) -> None:
    """The answer to the request of that number is lost."""
    whole: Callable[..., Any] = portal.session.reply_to
    count = 0

    async def reply_to(request: Any) -> Any:
        nonlocal count
        count += 1
        portal.crm.faults.lose = 1 if count == nth else 0
        return await whole(request)

    portal.session.reply_to = reply_to  # type: ignore[method-assign]


def test_card_and_history_are_one_call_in_either_order(portal: Portal) -> None:
    ref = portal.log(GOING)
    assert portal.deliver() == Delivered(ref)
    assert portal.log() == ref
    assert len(portal.crm.records.calls) == 1
    assert len(portal.crm.shown()) == 1


def test_a_call_that_another_took_leaves_its_card(portal: Portal) -> None:
    portal.deliver()
    told = AnsweredElsewhere(POPUP.popup_id, CALL.ivrid, POPUP.agent, "Omer", POPUP.created_at)
    assert portal.deliver(DeliveryEvent(Event.ANSWERED_ELSEWHERE, "dlv_3", POPUP.created_at, told)) == Delivered()
    assert portal.methods()[-1] == "telephony.externalCall.hide"


@pytest.mark.parametrize("kind", [CallerKind.WITHHELD, CallerKind.INTERNAL, CallerKind.TEXT])
def test_a_caller_without_a_number_is_a_notice_and_in_no_history(portal: Portal, kind: CallerKind) -> None:
    caller = replace(CALLER, number="" if kind is CallerKind.WITHHELD else "103", e164=None, kind=kind)
    assert isinstance(portal.deliver(popup(call=replace(CALL, caller=caller), contact=None)), Delivered)
    assert portal.methods() == ["im.notify.system.add"]
    assert portal.log(replace(ENDS, caller=caller)) is None


@pytest.mark.parametrize(
    ("outcome", "seconds", "status"),
    [(CallOutcome.ANSWERED, 60, "200"), (CallOutcome.MISSED, 0, "304"), (CallOutcome.UNKNOWN, None, None)],
)
def test_how_a_call_ended_is_told_and_what_is_not_known_is_not(
    portal: Portal, outcome: CallOutcome, seconds: int | None, status: str | None
) -> None:
    portal.log(replace(ENDS, outcome=outcome, talk_seconds=seconds))
    (call,) = portal.crm.records.calls.values()
    assert call["FINISHED"] == {"DURATION": seconds or 0, "STATUS_CODE": status}


def test_a_note_is_one_comment_on_the_callers_record(portal: Portal) -> None:
    portal.deliver()
    assert isinstance(portal.deliver(note()), Delivered)
    assert isinstance(portal.deliver(note()), Duplicate)
    portal.session.memory.remembered["note dlv_9"] = "?"
    assert isinstance(portal.deliver(note()), Duplicate)
    (comment,) = portal.crm.records.comments
    assert (comment["ENTITY_TYPE"], comment["ENTITY_ID"]) == ("contact", 9001)


def test_text_of_others_has_no_bbcode() -> None:
    told = texts.note(replace(NOTE, text="[url=x]a[/url]\n\0[b]", outcome="[i]"), "dlv_9", "en")
    assert "[" not in told
    shown = texts.notice(replace(CALL, caller=replace(CALLER, name="[img]x\n\u202e")), "", None, "he")
    assert shown.count("[") == shown.count("[b]") + shown.count("[/b]") + shown.count("[br]")
    assert texts.plain("x" * 999) == "x" * 200


# By webhook


def test_a_webhook_gives_notices_that_replace_each_other(hooked: Portal) -> None:
    assert hooked.deliver() == hooked.deliver()
    assert [one.agent for one in hooked.crm.shown()] == [DANA.crm_user]
    assert hooked.search() == [RIVKA.id]


def test_its_secret_is_in_no_text(hooked: Portal) -> None:
    code = derived(SECRET, "hook").reveal()
    hooked.crm.hook = Secret("another")
    with pytest.raises(SearchFailed) as failed:
        hooked.search()
    assert code not in f"{failed.value} {hooked.account!r} {list(hooked.account.addresses())}"


# Limits and tokens


def test_a_full_bucket_says_to_wait_and_empties(portal: Portal) -> None:
    portal.crm.bucket = 3
    portal.search()
    with pytest.raises(RateLimited) as limited:
        portal.search()
    portal.later(limited.value.after)
    assert portal.search() == [RIVKA.id]


def test_the_rate_that_we_keep_never_fills_the_bucket() -> None:
    limit = ADAPTER.rate_limit(samples.account(CRM, "bitrix24"))
    assert limit is not None
    assert (limit.requests, limit.seconds) == (50, 25.0)


def test_used_up_running_time_waits_until_it_is_given_again(portal: Portal) -> None:
    portal.search()
    portal.later(100)
    portal.crm.faults.used_up = 1
    with pytest.raises(RateLimited) as limited:
        portal.search()
    assert 490 <= limited.value.after <= 500


def test_an_error_with_200_is_an_error(portal: Portal) -> None:
    portal.crm.faults.says_error = "QUERY_LIMIT_EXCEEDED"
    with pytest.raises(RateLimited):
        portal.search()
    portal.crm.faults.says_error = "ERROR_CORE"
    assert isinstance(portal.deliver(), Rejected)


def test_a_token_that_expires_is_renewed_once_and_its_refresh_token_replaced(portal: Portal) -> None:
    portal.search()
    portal.crm.tokens.ends = 0.0
    assert portal.search() == [RIVKA.id]
    assert portal.crm.tokens.count == 2


def test_a_refusal_for_another_reason_renews_nothing(portal: Portal) -> None:
    portal.search()
    portal.crm.faults.status = 401
    with pytest.raises(SearchFailed):
        portal.search()
    assert portal.crm.tokens.count == 1


def test_another_installation_with_the_same_refresh_token_is_told_what_to_do(portal: Portal) -> None:
    portal.search()
    with pytest.raises(TokenRefused) as refused:
        asyncio.run(portal.another_session().token())
    assert "authorize the application again" in str(refused.value)


# Contacts, settings, doctor, button


def test_a_contact_has_its_company_and_its_owner(portal: Portal) -> None:
    wanted = search_number("0522340002", "IL")
    (only,) = portal.found(wanted)
    assert (only.name, only.company, only.owner) == ("Rivka Shalom", "Shalom Ltd", "Omer Katz")
    assert portal.methods() == ["batch"] * 3


def test_a_new_contact_is_found_at_once(portal: Portal) -> None:
    wanted = search_number("054-345-0003", "IL")
    assert wanted is not None
    made = asyncio.run(ADAPTER.create_contact(portal.account, portal.session, wanted, "Noa Peretz"))
    assert (made.name, made.phones) == ("Noa Peretz", ("+972543450003",))
    assert [one.id for one in portal.found(wanted)] == [made.id]
    nameless = asyncio.run(ADAPTER.create_contact(portal.account, portal.session, wanted, " "))
    assert nameless.name == "+972543450003"


def problems(**changed: Any) -> dict[str, str]:
    keys = {"kind": "bitrix24", "base_url": URL, "application_token": "x" * 32, **changed}
    return {key: str(why) for key, why in Account.model_validate(keys).problems()}


OAUTH = {"client_id": "a", "client_secret": "b", "refresh_token": "c"}
HOOK = {"webhook_url": f"{URL}/rest/1/abcdef0123456789/"}


def test_the_settings_are_whole_or_say_what_is_missing() -> None:
    assert problems(**OAUTH) == {}
    assert problems(**HOOK) == {}
    assert set(problems()) == set(OAUTH)
    assert set(problems(**OAUTH, **HOOK)) == {"webhook_url"}
    assert set(problems(webhook_url="https://other.example/rest/1/abcdef0123456789/")) == {"webhook_url"}
    assert set(problems(webhook_url=f"{URL}/1/abc")) == {"webhook_url"}
    assert set(problems(**HOOK, popup="card", log_calls=True)) == {"popup", "log_calls"}
    assert set(problems(**OAUTH, application_token=None)) == {"application_token"}
    assert set(problems(**OAUTH, click_token="short")) == {"click_token"}


def test_the_doctor_names_rights_that_are_missing_or_not_needed(portal: Portal) -> None:
    assert {one.grade for one in portal.probe()} == {Grade.OK}
    portal.crm.scopes = frozenset({"crm", "im", "user_basic", "disk"})
    graded = {one.grade: one.message for one in portal.probe()}
    assert "telephony" in graded[Grade.FAIL]
    assert "disk" in graded[Grade.WARN]


def test_the_buttons_script_leads_to_this_bridge_and_holds_no_secret_unless_it_must() -> None:
    account = samples.account(CRM, "bitrix24")
    files = {one.name: one.text for one in ADAPTER.button_files(account, "acme", BRIDGE)}
    everything = "".join(files.values())
    assert f'"{BRIDGE}/clicks/acme"' in files["bind-button.sh"]
    assert [secret for secret in samples.secrets_of(account) if secret in everything] == []
    bare = samples.account(CRM, "bitrix24", application_token=None)
    files = {one.name: one.text for one in ADAPTER.button_files(bare, "acme", BRIDGE)}
    assert f"{BRIDGE}/clicks/acme?token={bare.click_token.reveal()}" in files["bind-button.sh"]


@pytest.mark.parametrize(
    ("kind", "number", "path"),
    [
        ("CONTACT", "9001", "/crm/contact/details/9001/"), ("LEAD", "5", "/crm/lead/details/5/"),
        ("company", "5", "/crm/company/details/5/"), ("CONTACT", "0", None), ("CONTACT", "1?x", None),
        ("USER", "1", None),
    ],
)  # fmt: skip
def test_records_have_addresses(kind: str, number: str, path: str | None) -> None:
    account = samples.account(CRM, "bitrix24")
    assert ADAPTER.record_url(account, kind, number) == (f"https://acme.bitrix24.com{path}" if path else None)


@pytest.mark.parametrize("error", [[], {}, None, 7, "expired_token"], ids=str)
def test_a_refusal_means_an_expired_token_only_where_it_says_so(error: object) -> None:
    reply = Reply(401, {}, json.dumps({"error": error}).encode(), 1.0)
    assert wire.is_expired(reply) is (error == "expired_token")


def test_parameters_of_a_batch_are_written_as_bitrix_reads_them() -> None:
    written = wire.query({"filter": {"@ID": ["7", "8"]}, "select": ["ID"], "type": "PHONE&x"})
    assert parse_qsl(written) == [
        ("filter[@ID][0]", "7"), ("filter[@ID][1]", "8"), ("select[0]", "ID"), ("type", "PHONE&x"),
    ]  # fmt: skip


def test_it_is_the_make_of_its_name() -> None:
    assert find("bitrix24") is ADAPTER
    assert json.loads((samples.folder(CRM, "bitrix24") / "languages" / "he.json").read_text())


def test_the_operator_learns_why_a_form_is_not_proven(portal: Portal) -> None:
    other = form(portal, APPLICATION_TOKEN="anotherapplicationtoken0123456789")
    bare = Portal(application_token=None).account
    for code, account, came in (
        ("bitrix24.other-application", portal.account, other),
        ("proof-no-secret-set", bare, other),
        ("proof-missing", portal.account, form(portal, APPLICATION_TOKEN=None)),
    ):
        with pytest.raises(BadSignature) as refused:
            ADAPTER.read_click(account, came)
        assert refused.value.cause is not None
        assert refused.value.cause.code == code
