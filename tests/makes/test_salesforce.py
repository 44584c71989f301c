"""Salesforce's adapter beyond the contract: its logins, its query languages, what is lost on the way, its component."""

import asyncio
import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.contacts.matching import matching
from bridge.contacts.variants import search_number
from bridge.core.delivery import AnsweredElsewhere, DeliveryEvent, Event
from bridge.core.errors import Malformed, RateLimited, RequestFailed, SearchFailed, SettingsError, TokenRefused
from bridge.core.finding import Finding, Grade
from bridge.core.http_types import Incoming, Reply, Secret
from bridge.crm.contract import Delivered, Duplicate, Recipient, RecipientUnknown, Rejected
from bridge.crm.registry import find, simulator
from bridge.crm.salesforce import ADAPTER, Account, button, jwt, queries
from bridge.crm.salesforce import simulated_language as language
from bridge.crm.salesforce.popups import LENGTHS
from bridge.crm.salesforce.simulator import CLIENT_ID, SalesforceSimulator
from bridge.crm.simulation import SimulatedAgent, SimulatedContact
from bridge.settings import load_settings
from tests.contract import samples
from tests.contract.samples import CRM
from tests.contract.session import SimulatorSession
from tests.contract.test_crm_samples import ENDED
from tests.unit.nouns import NOTE, POPUP

URL, SECRET = "https://acme.my.salesforce.example", Secret("made-up-secret-0123456789")
DANA = SimulatedAgent("dana@acme.example", "Dana Cohen", "005000000000071AAA")
OMER = SimulatedAgent("omer@acme.example", "Omer Katz", "005000000000072AAA")
RIVKA = SimulatedContact("003000000000001AAA", "Rivka Shalom", ("052-234-0002",), "Shalom Ltd")
CALL = replace(POPUP.call, caller=replace(POPUP.call.caller, number="0522340002", e164="+972522340002"))
NEW = "+972543450003"


class Desk:
    """A simulated Salesforce whose clock is ours, and sessions of a bridge to it."""

    def __init__(self, contacts: tuple[SimulatedContact, ...] = (RIVKA,), **changed: Any) -> None:
        self.now = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
        described = simulator("salesforce")
        made = described.build(URL, SECRET, [DANA, OMER], contacts)
        assert isinstance(made, SalesforceSimulator)
        self.crm = made
        self.crm.clock = lambda: self.now.timestamp()
        section = {"kind": "salesforce", **described.section(URL, SECRET), **changed}
        self.account = Account.model_validate({key: value for key, value in section.items() if value is not None})
        self.session = SimulatorSession(ADAPTER, self.account, Starlette(routes=[Mount("/", self.crm.app())]), self.now)

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

    def tasks(self) -> list[dict[str, Any]]:
        return list(self.crm.org.rows["Task"].values())


@pytest.fixture
def desk() -> Desk:
    return Desk()


def popup(**changed: Any) -> DeliveryEvent:
    return DeliveryEvent(Event.POPUP, "dlv_1", POPUP.created_at, replace(POPUP, call=CALL, **changed))


def note() -> DeliveryEvent:
    return DeliveryEvent(Event.NOTE, "dlv_9", NOTE.noted_at, NOTE)


# Logins


def pem(key: Any, passphrase: bytes | None = None) -> str:
    locked = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    kind = serialization.PrivateFormat.PKCS8
    return str(key.private_bytes(serialization.Encoding.PEM, kind, locked).decode())


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def with_key(key: rsa.RSAPrivateKey, **changed: Any) -> Desk:
    return Desk(client_secret=None, private_key=pem(key), username="popbridge@acme.example", **changed)


def test_a_jwt_of_the_right_key_opens_a_session(key: rsa.RSAPrivateKey) -> None:
    desk = with_key(key)
    desk.crm.public_key = key.public_key()
    assert desk.search("0522340002") == [RIVKA.id]


def test_a_jwt_of_another_key_is_refused_and_says_nothing_of_the_key(key: rsa.RSAPrivateKey) -> None:
    desk = with_key(key)
    desk.crm.public_key = rsa.generate_private_key(65537, 2048).public_key()
    with pytest.raises(TokenRefused) as refused:
        desk.search("0522340002")
    assert "private_key" in str(refused.value)
    assert pem(key).splitlines()[2] not in f"{refused.value!r}{desk.account!r}"


@pytest.mark.parametrize(
    ("base_url", "audience", "whom"),
    [
        ("https://acme.my.salesforce.com", None, "https://login.salesforce.com"),
        ("https://acme--uat.sandbox.my.salesforce.com", None, "https://test.salesforce.com"),
        ("https://acme.my.salesforce.com", "https://acme.my.site.com", "https://acme.my.site.com"),
    ],
)
def test_a_jwt_is_for_the_login_of_its_org(
    key: rsa.RSAPrivateKey, base_url: str, audience: str | None, whom: str
) -> None:
    desk = with_key(key, base_url=base_url, audience=audience)
    request = ADAPTER.ask_token(desk.account, None, desk.now)
    assert request.url == f"{base_url}/services/oauth2/token"
    assertion = dict(parse_qsl(request.body.decode()))["assertion"]
    claims = json.loads(raw(assertion.split(".")[1]))
    issued = {"iss": CLIENT_ID, "sub": "popbridge@acme.example", "aud": whom, "exp": int(desk.now.timestamp()) + 180}
    assert claims == issued


def test_a_token_is_never_refreshed(key: rsa.RSAPrivateKey) -> None:
    desk = with_key(key)
    reply = Reply(200, {}, b'{"access_token":"a","refresh_token":"b"}', 1.0)
    assert ADAPTER.read_token(desk.account, reply, desk.now).refresh is None


def raw(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_the_private_key_comes_from_a_file_of_its_own(key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    (tmp_path / "salesforce.pem").write_text(pem(key).replace("\n", "\r\n"))
    file = tmp_path / "popbridge.toml"
    file.write_text(
        '[pbx.main]\nkind = "voicenter"\ncode = "CODE77"\n[crm.acme]\nkind = "salesforce"\n'
        'base_url = "https://acme.my.salesforce.com"\nclient_id = "x"\nusername = "a@b.example"\n'
        'click_token = "0123456789abcdef"\nprivate_key_file = "salesforce.pem"\n'
    )
    account = load_settings(file).crm["acme"]
    assert isinstance(account, Account)
    assert account.private_key is not None
    assert account.private_key.reveal() == pem(key)
    (tmp_path / "salesforce.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(SettingsError, match="must be an RSA private key in PEM"):
        load_settings(file)


def test_what_is_no_key_is_none(key: rsa.RSAPrivateKey) -> None:
    assert jwt.is_key(Secret(pem(key)))
    curve = pem(ec.generate_private_key(ec.SECP256R1()))
    small = pem(rsa.generate_private_key(65537, 1024))
    for text in (curve, small, pem(key, b"passphrase"), "AAAA", pem(key)[:900], "é"):
        assert not jwt.is_key(Secret(text))
        with pytest.raises(ValueError, match="not an RSA key"):
            jwt.assertion(Secret(text), "a", "b", "c", datetime.now(UTC))


def test_a_session_that_salesforce_ends_too_early_is_replaced(desk: Desk) -> None:
    assert desk.search("0522340002") == [RIVKA.id]
    desk.crm.sessions = dict.fromkeys(desk.crm.sessions, 0.0)
    assert desk.search("0522340002") == [RIVKA.id]
    desk.later(3601)
    assert desk.search("0522340002") == [RIVKA.id]
    assert len(desk.crm.sessions) == 3


# Searches and queries

HOSTILE = [
    "x' OR Email != '", "x\\", "x\\' OR IsActive = true --", "') OR (IsActive = true", "x\nOR Name = 'y'",
    '"} IN ALL FIELDS RETURNING User(Id LIMIT 5) {"', "*", "05?", "a AND b", "\u202e'",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_no_agent_is_found_by_breaking_out_of_the_query(desk: Desk, text: str) -> None:
    assert desk.agent(text) is None
    (query,) = [one.url for one in desk.session.requests if "/query/" in one.url]
    read = language.query(dict(parse_qsl(urlsplit(query).query))["q"])
    assert (read.wanted.name, read.wanted.most) == ("User", 5)
    assert [value for kind, value in read.condition if kind == "text"] == [
        " ".join(text.split("\n")).replace("\u202e", " ")
    ] * 2


@settings(deadline=None, max_examples=300)
@given(st.text())
def test_every_text_is_one_literal_and_one_phrase(text: str) -> None:
    kept = "".join(one if one.isprintable() else " " for one in text)
    condition = language.query(f"SELECT Id FROM User WHERE Name = {queries.literal(text)}").condition
    assert condition[2:] == [("text", kept)]
    terms, objects = language.search(
        f"FIND {{{queries.term(text)} OR {queries.term('0')}}} IN PHONE FIELDS RETURNING Contact(Id LIMIT 1)"
    )
    assert terms == [kept, "0"]
    assert [one.name for one in objects] == ["Contact"]


@pytest.mark.parametrize("written", ["052-234-0002", "+972 52-234-0002", "0522340002", "972522340002", "+972522340002"])
@pytest.mark.parametrize("words_only", [True, False])
def test_a_number_is_found_whichever_way_phone_fields_are_indexed(written: str, words_only: bool) -> None:
    desk = Desk((replace(RIVKA, phones=(written,)),))
    desk.crm.org.words_only = words_only
    assert desk.search("0522340002") == [RIVKA.id]


def test_what_is_not_escaped_is_refused_by_the_simulator() -> None:
    for sosl in (
        "FIND {+972} IN PHONE FIELDS RETURNING Contact(Id LIMIT 1)",
        'FIND {"+972"} IN PHONE FIELDS RETURNING Contact(Id LIMIT 1)',
        'FIND {"1"} IN PHONE FIELDS RETURNING Contact(Id LIMIT 1), ',
        "FIND {} IN PHONE FIELDS RETURNING Contact(Id LIMIT 1)",
    ):
        with pytest.raises(language.Wrong):
            language.search(sosl)


def test_an_agent_is_known_by_login_and_id_and_not_by_an_address_of_two(desk: Desk) -> None:
    assert desk.agent("dana@acme.example.org") == DANA.id
    assert desk.agent(DANA.id) == DANA.id
    desk.crm.org.rows["User"][OMER.id]["Email"] = DANA.crm_user
    assert desk.agent(DANA.crm_user) is None
    desk.crm.org.rows["User"][OMER.id]["IsActive"] = "false"
    assert desk.agent(DANA.crm_user) == DANA.id


def test_a_new_contact_is_found_at_once_and_made_once(desk: Desk) -> None:
    made = desk.create(name="Noa <b>Bar</b>\n")
    assert made.name == "Noa <b>Bar</b>"
    assert desk.search("054-345-0003") == [made.id]
    assert desk.create().id == made.id
    desk.session.memory.remembered.clear()
    assert desk.search("054-345-0003") == []
    desk.later(61)
    assert desk.search("054-345-0003") == [made.id]
    assert desk.create("+972543450004", "").name == "Caller +972543450004"


# Popups


def shown(desk: Desk) -> list[dict[str, str]]:
    return [fields for _, fields in desk.crm.org.published]


def test_the_record_of_a_popup_without_contact_is_looked_for(desk: Desk) -> None:
    desk.deliver()
    assert (shown(desk)[0]["Record_Id__c"], shown(desk)[0]["Matches__c"]) == (RIVKA.id, "1")


def test_none_of_several_records_is_opened() -> None:
    desk = Desk((RIVKA, replace(RIVKA, id="003000000000002AAA")))
    desk.deliver()
    assert "Record_Id__c" not in shown(desk)[0]
    assert shown(desk)[0]["Matches__c"] == "2"


def test_an_event_whose_answer_is_lost_is_published_again_and_shown_once(desk: Desk) -> None:
    asyncio.run(desk.session.token())
    whole: Callable[..., Any] = desk.session.reply_to

    async def reply_to(request: Any) -> Any:
        desk.crm.faults.lose = int(request.method == "POST" and "Popup__e" in request.url)
        return await whole(request)

    desk.session.reply_to = reply_to  # type: ignore[method-assign]
    with pytest.raises(RequestFailed):
        desk.deliver()
    desk.session.reply_to = whole  # type: ignore[method-assign]
    assert isinstance(desk.deliver(), Delivered)
    assert isinstance(desk.deliver(), Duplicate)
    assert isinstance(desk.deliver(replace(popup(), resent=True)), Delivered)
    assert len(desk.crm.org.published) == 3
    assert [one.agent for one in desk.crm.shown()] == [DANA.crm_user]


def test_long_and_hostile_texts_fit_the_fields(desk: Desk) -> None:
    caller = replace(CALL.caller, number="9" * 300, e164=None, name="<img src=x>\n\u202e" * 50)
    (
        desk.deliver(popup()),
        desk.deliver(
            DeliveryEvent(
                Event.POPUP, "dlv_2", POPUP.created_at, replace(POPUP, popup_id="p2", call=replace(CALL, caller=caller))
            )
        ),
    )
    fields = shown(desk)[-1]
    assert all(len(value) <= LENGTHS[name] and value.isprintable() for name, value in fields.items())


def test_a_colleague_who_answers_is_named(desk: Desk) -> None:
    told = AnsweredElsewhere("pop_1", "c0ffee01", POPUP.agent, "Omer Katz", POPUP.created_at)
    assert isinstance(desk.deliver(DeliveryEvent(Event.ANSWERED_ELSEWHERE, "dlv_3", told.at, told)), Delivered)
    assert (shown(desk)[0]["Kind__c"], shown(desk)[0]["Told__c"]) == ("answered_elsewhere", "Omer Katz")


def test_an_id_that_is_none_gets_into_no_request(desk: Desk) -> None:
    nobody = replace(DANA, id="005'/../x")
    assert isinstance(desk.deliver(agent=nobody), RecipientUnknown)
    assert desk.session.requests == []


def test_an_error_in_a_200_is_no_delivery(desk: Desk) -> None:
    desk.crm.faults.unsuccessful = True
    result = desk.deliver()
    assert isinstance(result, Rejected)
    assert result.reason.code == "salesforce.no-right"


def test_the_limit_of_the_day_waits_a_minute(desk: Desk) -> None:
    desk.crm.per_day = 0
    with pytest.raises(RateLimited) as limited:
        desk.search("0522340002")
    assert limited.value.after == 60.0


# Calls and notes


@pytest.mark.parametrize("lost", range(1, 3))
def test_a_call_is_one_task_whichever_answer_is_lost(desk: Desk, lost: int) -> None:
    asyncio.run(desk.session.token())
    whole: Callable[..., Any] = desk.session.reply_to
    count = 0

    async def reply_to(request: Any) -> Any:
        nonlocal count
        count += 1
        desk.crm.faults.lose = int(count == lost)
        return await whole(request)

    desk.session.reply_to = reply_to  # type: ignore[method-assign]
    with pytest.raises(RequestFailed):
        desk.log()
    ref = desk.log()
    assert [(one.ref, one.agent, one.ivrid) for one in desk.crm.logged()] == [(ref, DANA.crm_user, "c0ffee01")]


def test_a_call_going_on_is_completed_later_and_keeps_its_subject(desk: Desk) -> None:
    ref = desk.log(replace(ENDED, ended_at=None, talk_seconds=None))
    assert desk.tasks()[0]["Status"] == "In Progress"
    desk.tasks()[0]["Subject"] = "renamed"
    assert desk.log(replace(ENDED, contact_type="Contact", contact_id=RIVKA.id), ref) == ref
    (task,) = desk.tasks()
    told = {"Status": "Completed", "CallDurationInSeconds": 60, "WhoId": RIVKA.id, "Subject": "renamed"}
    assert {name: task[name] for name in told} == told


def test_two_agents_of_one_call_have_a_task_each(desk: Desk) -> None:
    for agent in (DANA, OMER):
        desk.log(agent=agent)
        desk.session.memory.remembered.clear()
        desk.log(agent=agent)
    assert [one.agent for one in desk.crm.logged()] == [DANA.crm_user, OMER.crm_user]


def test_a_task_that_was_deleted_is_made_again(desk: Desk) -> None:
    ref = desk.log()
    desk.crm.org.rows["Task"].clear()
    desk.log(ENDED, ref)
    assert len(desk.tasks()) == 1


def test_a_note_goes_into_the_task_of_its_call_and_once(desk: Desk) -> None:
    assert isinstance(desk.deliver(note()), Rejected)
    desk.log()
    assert isinstance(desk.deliver(note()), Delivered)
    assert isinstance(desk.deliver(note()), Duplicate)
    assert desk.tasks()[0]["Description"].count(NOTE.text) == 1


# Clicks


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from(["agent", "press", "recordId", "objectName", "record"]), st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.just("9" * 5000),
)))  # fmt: skip
def test_whatever_the_flow_sends_a_click_or_a_named_refusal_comes_of_it(fields: dict[str, Any]) -> None:
    account = samples.account(CRM, "salesforce")
    headers = {"content-type": "application/json", "authorization": f"Bearer {account.click_token.reveal()}"}
    body = json.dumps(fields).encode()
    try:
        asked = ADAPTER.read_click(account, Incoming("POST", URL, headers, {}, body, datetime.now(UTC)))
    except Malformed:
        return
    assert asked.agent
    assert asked.record is None or isinstance(asked.record, dict)


# Settings, doctor, component


def problems(**changed: Any) -> dict[str, str]:
    keys = {"kind": "salesforce", "base_url": URL, "client_id": "a", "click_token": "x" * 16, **changed}
    return {key: str(why) for key, why in Account.model_validate(keys).problems()}


def test_the_settings_are_whole_or_say_what_is_missing(key: rsa.RSAPrivateKey) -> None:
    assert problems(client_secret="s") == {}
    assert problems(private_key=pem(key), username="a@b.example") == {}
    assert set(problems()) == {"client_secret"}
    assert set(problems(private_key=pem(key), client_secret="s")) == {"private_key", "username"}
    assert set(problems(private_key="AAAA", username="a@b.example")) == {"private_key"}
    assert set(problems(client_secret="s", click_token="short")) == {"click_token"}
    assert set(problems(client_secret="s", base_url="https://acme.lightning.force.com")) == {"base_url"}
    assert set(problems(client_secret="s", details={"x": "Name FROM User"}, phone_fields=["a b"])) == {
        "details", "phone_fields",
    }  # fmt: skip
    for wrong in ({"event": "Popup"}, {"event": "a/../b__e"}, {"search_in": ["User"]}, {"search_in": []}):
        with pytest.raises(ValidationError):
            problems(**wrong)


def test_without_an_event_agents_get_no_popups() -> None:
    account = samples.account(CRM, "salesforce", event="none")
    assert not account.takes_popups
    assert "https://acme.lightning.force.com" in list(account.addresses())


def test_the_doctor_asks_what_is_needed_and_writes_nothing(desk: Desk) -> None:
    assert {one.grade for one in desk.probe()} == {Grade.OK}
    assert {one.method for one in desk.session.requests if "oauth2" not in one.url} == {"GET"}
    desk.crm.per_day = desk.crm.used + 6
    assert [one.grade for one in desk.probe()][-1] is Grade.WARN
    desk.crm.per_day, desk.crm.org.event = 10_000, "Other__e"
    (failed,) = [one for one in desk.probe() if one.grade is Grade.FAIL]
    assert failed.message.startswith("Popup__e: ")
    desk.crm.faults.page = True
    with pytest.raises((TokenRefused, SearchFailed)):
        desk.search("0522340002")


def test_the_page_for_a_new_contact_is_filled_in_and_nothing_breaks_out_of_it() -> None:
    number = search_number("0522340002", "IL")
    assert number is not None
    url = ADAPTER.create_url(samples.account(CRM, "salesforce"), number, "Noa, OwnerId=005 &x=#")
    assert url is not None
    assert url.endswith("?defaultFieldValues=Phone=%2B972522340002,LastName=Noa%20OwnerId%3D005%20%26x%3D%23")


def test_the_component_leads_to_this_bridge_and_holds_no_secret(tmp_path: Path) -> None:
    account = samples.account(CRM, "salesforce", event="Who_Calls__e")
    files = {one.name: one.text for one in ADAPTER.button_files(account, "acme", "https://pop.example.com/x")}
    everything = "".join(files.values())
    assert [secret for secret in samples.secrets_of(account) if secret in everything] == []
    assert [
        gap for gap in ("@EVENT@", "@CRM@", "@CLICK_URL@", "@ORIGIN@", "@PATH@", "Popup__e") if gap in everything
    ] == []
    assert "URL Path /x/clicks/acme" in files["flow-steps.txt"]
    for name, text in files.items():
        if name.endswith(".html"):
            text = text.replace("lwc:else", 'else=""').replace("lwc:", "lwc-").replace("{", '"{').replace("}", '}"')
        if name.endswith((".xml", ".object", ".permissionset", ".html")):
            ElementTree.fromstring(text)
    fields = ElementTree.fromstring(files["objects/Who_Calls__e.object"]).findall(".//{*}fullName")
    assert [one.text for one in fields] == list(LENGTHS)
    assert set(button.PLACES.values()) < set(files)


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine")
def test_the_component_is_javascript(tmp_path: Path) -> None:
    file = tmp_path / "popbridgePopup.mjs"
    file.write_text((button.COMPONENT / "popbridgePopup.js").read_text())
    assert subprocess.run(["node", "--check", file], check=False, capture_output=True).returncode == 0


def test_it_is_the_make_of_its_name() -> None:
    assert find("salesforce") is ADAPTER
