"""EspoCRM beyond the contract: lost answers, what agents see, names that it refuses, rights, webhooks, the button."""

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.contacts.variants import search_number
from bridge.core.contact import Contact, ContactRecord, ContactStatus
from bridge.core.delivery import AnsweredElsewhere, CallEnd, CallOutcome, DeliveryEvent, Event
from bridge.core.errors import BadSignature, Malformed, RequestFailed, SearchFailed
from bridge.core.finding import Grade, worst
from bridge.core.http_types import Incoming, Secret
from bridge.core.model import Direction
from bridge.crm.contract import Delivered, Duplicate, Recipient, Rejected, Result, Retry
from bridge.crm.espocrm import ADAPTER, Account, clicks
from bridge.crm.espocrm.simulator import SIMULATED, EspocrmSimulator
from bridge.crm.simulation import SimulatedAgent, SimulatedContact
from tests.contract.session import SimulatorSession
from tests.unit.nouns import NOTE, POPUP

NOW = datetime.now(UTC).replace(microsecond=0)
SECRET = Secret("made-up-secret-0123456789")
URL = "http://crm.example/espocrm"
DANA = SimulatedAgent("dana@acme.example", "Dana Cohen", "71")
RIVKA = SimulatedContact("9001", "Rivka Shalom", ("+972522340002",), "Shalom Ltd")
AGENT = Recipient(DANA.crm_user, DANA.name, DANA.id)
CALLER = replace(POPUP.call.caller, number="0522340002", e164="+972522340002", name="")


class World:
    """A simulated EspoCRM and the session that leads to it."""

    def __init__(self, *contacts: SimulatedContact, **keys: Any) -> None:
        made = SIMULATED.build(URL, SECRET, [DANA], contacts or [RIVKA])
        assert isinstance(made, EspocrmSimulator)
        self.crm = made
        self.account = Account.model_validate({"kind": "espocrm", **SIMULATED.section(URL, SECRET), **keys})
        app = Starlette(routes=[Mount(SIMULATED.path, made.app())])
        self.session = SimulatorSession(ADAPTER, self.account, app, NOW)

    def deliver(self, event: DeliveryEvent) -> Result:
        return self.run(ADAPTER.deliver(self.account, self.session, event, AGENT))

    def run(self, question: Awaitable[Any]) -> Any:
        async def asked() -> Any:
            return await question

        return asyncio.run(asked())

    @property
    def calls(self) -> list[dict[str, Any]]:
        return self.crm.records["Call"]


def popup(delivery_id: str = "dlv_1", name: str = "", **changed: Any) -> DeliveryEvent:
    call = replace(POPUP.call, caller=replace(CALLER, name=name))
    return DeliveryEvent(Event.POPUP, delivery_id, NOW, replace(POPUP, call=call, **changed))


def over(**changed: Any) -> CallEnd:
    call = CallEnd(
        pbx="main", ivrid=POPUP.call.ivrid, original_ivrid=None, agent=POPUP.agent, caller=CALLER, did="0776707528",
        direction=Direction.INCOMING, started_at=NOW - timedelta(seconds=9), answered_at=NOW,
        ended_at=NOW + timedelta(seconds=60), talk_seconds=60, recording=None, outcome=CallOutcome.ANSWERED,
    )  # fmt: skip
    return replace(call, **changed)


def test_an_answer_that_was_lost_makes_no_second_record() -> None:
    world = World()
    world.crm.faults.lose = 1
    with pytest.raises(RequestFailed):
        world.deliver(popup())
    assert isinstance(world.deliver(popup()), Delivered)
    assert len(world.calls) == len(world.crm.shown()) == 1


def test_a_worker_that_was_killed_after_the_request_makes_no_second_record() -> None:
    """Nothing was remembered but that a record was about to be made."""
    world = World()
    world.deliver(popup())
    world.session.memory.remembered = {f"call main {POPUP.call.ivrid} {DANA.id}": "?"}
    assert isinstance(world.deliver(popup()), Delivered)
    assert len(world.calls) == 1


def test_a_longer_ivrid_is_another_call() -> None:
    world = World()
    world.deliver(popup())
    other = replace(POPUP, call=replace(POPUP.call, ivrid=POPUP.call.ivrid[:-1], caller=CALLER))
    world.session.memory.remembered = {f"call main {other.call.ivrid} {DANA.id}": "?"}
    world.deliver(DeliveryEvent(Event.POPUP, "dlv_2", NOW, other))
    assert len(world.calls) == 2


def test_a_call_that_somebody_deleted_is_made_anew() -> None:
    world = World()
    world.deliver(popup())
    world.calls.clear()
    assert isinstance(world.deliver(popup()), Delivered)
    assert len(world.calls) == 1


def test_the_record_of_the_popup_becomes_the_call_in_the_history() -> None:
    world = World()
    shown = world.deliver(popup())
    ref = world.run(ADAPTER.log_call(world.account, world.session, over(), AGENT, None))
    assert isinstance(shown, Delivered)
    assert ref == shown.ref
    (call,) = world.calls
    assert (call["status"], call["contactsIds"]) == ("Held", ["9001"])
    assert call["name"] == "Incoming: Rivka Shalom +972522340002 (Sales line)"
    assert call["description"] == f"ivrid={POPUP.call.ivrid} did=0776707528 popup=pop_1"
    assert call["dateEnd"] == (NOW + timedelta(seconds=60)).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("outcome", "answered", "status"),
    [("answered", True, "Held"), ("missed", False, "Not Held"), ("abandoned", False, "Not Held"),
     ("unknown", True, "Held"), ("unknown", False, "Planned")],
)  # fmt: skip
def test_how_a_call_ended(outcome: str, answered: bool, status: str) -> None:
    world = World()
    world.deliver(popup())
    ended = over(outcome=CallOutcome(outcome), answered_at=NOW if answered else None)
    assert isinstance(world.deliver(DeliveryEvent(Event.ENDED, "dlv_2", NOW, ended)), Delivered)
    assert [call["status"] for call in world.calls] == [status]


def test_a_call_of_no_time_at_all_is_taken() -> None:
    """EspoCRM refuses a call that ends when it begins."""
    world = World()
    ended = over(started_at=NOW, answered_at=None, ended_at=NOW, outcome=CallOutcome.MISSED)
    assert world.run(ADAPTER.log_call(world.account, world.session, ended, AGENT, None))
    assert world.calls[0]["status"] == "Not Held"


def test_what_comes_later_makes_no_record_of_its_own() -> None:
    world = World()
    told = AnsweredElsewhere("pop_1", POPUP.call.ivrid, POPUP.agent, "Omer", NOW)
    for event in (
        DeliveryEvent(Event.ENDED, "dlv_2", NOW, over()),
        DeliveryEvent(Event.ANSWERED_ELSEWHERE, "dlv_3", NOW, told),
    ):
        assert isinstance(world.deliver(event), Delivered)
    assert world.calls == []
    assert isinstance(world.deliver(DeliveryEvent(Event.NOTE, "dlv_4", NOW, NOTE)), Rejected)


def test_a_note_stands_once_below_the_call() -> None:
    world = World()
    world.deliver(popup())
    event = DeliveryEvent(Event.NOTE, "dlv_2", NOW, NOTE)
    assert isinstance(world.deliver(event), Delivered)
    assert isinstance(world.deliver(event), Duplicate)
    assert world.calls[0]["description"].endswith("popup=pop_1\n\n[follow-up] wants a quote")


@pytest.mark.parametrize(
    "name", ["<b>x</b>", '<img src=x onerror="x()">', "a=b", "a\nb\u2028c", "x" * 400, "\ud83d", "דנה", "=<>", "\x00"]
)
def test_any_name_of_a_caller_is_taken(name: str) -> None:
    world = World(SimulatedContact("1", "Somebody else", ("+972500000000",)))
    assert isinstance(world.deliver(popup(name=name)), Delivered)
    assert not set(world.calls[0]["name"]) & set("<>=\n")


def test_a_note_is_text_whatever_it_looks_like() -> None:
    world = World(SimulatedContact("1", "[x](javascript:x()) @omer <b>*", ("+972522340002",)), popup="note")
    assert isinstance(world.deliver(popup()), Delivered)
    assert isinstance(world.deliver(popup()), Duplicate)
    (note,) = world.crm.records["Note"]
    assert note["post"] == (
        "Call: [\\[x\\]\\(javascript:x\\(\\)\\) ＠omer ‹b›\\*](#Contact/view/1) +972522340002 on Sales line"
    )
    assert note["usersIds"] == [DANA.id]


def test_names_are_in_the_language_of_the_settings() -> None:
    world = World(language="he")
    world.deliver(popup())
    assert world.calls[0]["name"].startswith("נכנסת: Rivka Shalom")


def test_a_contact_that_the_popup_names_is_linked_without_a_search() -> None:
    world = World()
    record = ContactRecord("Account", "77", "Shalom Ltd", "", None, "", {})
    several = Contact(ContactStatus.SEVERAL, "main", (record, record))
    world.deliver(popup(contact=replace(several, status=ContactStatus.ONE, records=(record,))))
    assert (world.calls[0]["parentType"], world.calls[0]["parentId"]) == ("Account", "77")
    world.deliver(popup("dlv_2", contact=several))
    assert [request.method for request in world.session.requests] == ["POST", "PUT"]


def test_a_search_that_is_refused_keeps_no_popup_back() -> None:
    world = World()
    world.crm.faults.denied = ("Contact.read",)
    assert isinstance(world.deliver(popup()), Delivered)
    assert world.calls[0]["name"] == "Incoming: +972522340002 (Sales line)"


def test_an_agent_who_is_not_there() -> None:
    world = World()
    nobody = Recipient("nobody", "Nobody", "nosuch")
    result = world.run(ADAPTER.deliver(world.account, world.session, popup(), nobody))
    assert type(result).__name__ == "RecipientUnknown"


@pytest.mark.parametrize("called", ["dana@acme.example", "DANA@acme.example", "dana", "71"])
def test_an_agent_is_found_by_each_of_their_names(called: str) -> None:
    world = World()
    assert world.run(ADAPTER.find_agent(world.account, world.session, called)) == DANA.id


@pytest.mark.parametrize("changed", [{"isActive": False}, {"type": "portal"}, {"type": "api"}])
def test_who_is_no_agent_is_not_found(changed: dict[str, Any]) -> None:
    world = World()
    world.crm.records["User"][0].update(changed)
    assert world.run(ADAPTER.find_agent(world.account, world.session, "dana")) is None


def test_two_users_of_one_name_are_nobody() -> None:
    world = World()
    world.crm.records["User"].append({**world.crm.records["User"][0], "id": "72"})
    assert world.run(ADAPTER.find_agent(world.account, world.session, "dana")) is None


def find(world: World, written: str) -> list[str]:
    number = search_number(written, "IL")
    assert number is not None
    found = world.run(ADAPTER.find_contacts(world.account, world.session, number))
    return [f"{one.type} {one.id} {one.owner}" for one in found.records]


def test_leads_and_accounts_are_searched_as_far_as_the_role_allows() -> None:
    world = World()
    lead = {"id": "5", "name": "Lead", "assignedUserName": "Omer", "phoneNumberData": [{"phoneNumber": "052-2340002"}]}
    world.crm.records["Lead"].append({**lead, "phoneNumber": "052-2340002"})
    assert find(world, "0522340002") == ["Contact 9001 ", "Lead 5 Omer"]
    world.crm.faults.denied = ("Lead.read", "Account.read")
    assert find(world, "0522340002") == ["Contact 9001 "]
    world.crm.faults.denied = ("Lead.read", "Account.read", "Contact.read")
    with pytest.raises(SearchFailed, match="No read access"):
        find(world, "0522340002")


def test_a_number_that_lists_do_not_show_is_read_in_the_record() -> None:
    world = World(SimulatedContact("1", "Rivka", ("03-7654321", "052-234-0002")))
    number = search_number("0522340002", "IL")
    assert number is not None
    found = world.run(ADAPTER.find_contacts(world.account, world.session, number))
    assert [one.phones for one in found.records] == [("03-7654321", "052-234-0002")]


def test_details_of_the_settings_stand_in_the_record() -> None:
    world = World(SimulatedContact("1", "Rivka", ("+972522340002",), details={"last order": "7 May"}))
    number = search_number("0522340002", "IL")
    assert number is not None
    found = world.run(ADAPTER.find_contacts(world.account, world.session, number))
    assert dict(found.records[0].details) == {"last order": "7 May"}
    assert found.records[0].url == f"{URL}/#Contact/view/1"


def test_a_new_contact_with_anothers_name_is_made_all_the_same() -> None:
    world = World()
    number = search_number("0522340003", "IL")
    assert number is not None
    made = world.run(ADAPTER.create_contact(world.account, world.session, number, "Rivka Shalom"))
    assert (made.name, made.phones) == ("Rivka Shalom", ("+972522340003",))
    nameless = world.run(ADAPTER.create_contact(world.account, world.session, number, " "))
    assert nameless.name == "+972522340003"


def test_a_page_instead_of_json_is_attempted_again() -> None:
    world = World()
    world.crm.faults.page = True
    assert isinstance(world.deliver(popup()), Retry)


def probe(world: World) -> dict[str, str]:
    findings = world.run(ADAPTER.probe(world.account, world.session))
    assert all(one.fix for one in findings if one.grade is Grade.FAIL)
    assert bool(worst(findings) is Grade.FAIL) is any(one.grade is Grade.FAIL for one in findings)
    return {one.message: one.fix for one in findings if one.grade is Grade.FAIL}


def test_the_probe_is_content_with_the_role_of_the_readme() -> None:
    assert probe(World()) == {}
    assert probe(World(popup="note")) == {}


@pytest.mark.parametrize(
    ("denied", "popup_kind", "told", "fix"),
    [
        ("Contact.read", "call", "may not read Contact: No read access.", "Contact read: all"),
        ("User.read", "call", "may not read User: No read access.", "User read: all"),
        ("Call.create", "call", "may not create calls", "Call create: yes"),
        ("Call.edit", "call", "may not edit calls", "Call edit: all"),
        ("assignment", "call", "may not assign calls to agents", "Assignment Permission: all"),
        ("message", "note", "may not send notes to agents", "Message Permission: all"),
    ],
)
def test_the_probe_names_each_right_that_is_missing(denied: str, popup_kind: str, told: str, fix: str) -> None:
    world = World(popup=popup_kind)
    world.crm.faults.denied = (denied,)
    (found,) = probe(world).items()
    assert found[0] == told
    assert found[1].endswith(fix)


def test_the_probe_tells_a_wrong_key_from_a_wrong_address() -> None:
    wrong = World(api_key="another-key")
    assert [fix[:30] for fix in probe(wrong).values()] == ["in Administration > API Users, "[:30]]
    page = World()
    page.crm.faults.page = True
    assert all("base_url" in fix for fix in probe(page).values())


# Its webhook


def hook(records: Any, secret: Secret, **headers: str) -> Incoming:
    body = json.dumps(records).encode()
    signed = {"signature": clicks.sign("hook-1", secret, body), "content-type": "application/json", **headers}
    return Incoming("POST", f"{URL}/clicks/acme", signed, {"type": "Contact"}, body, NOW)


HOOK = Secret("629f7ca7e86dcf049a3cb6c2f16b2577")
CHANGED = {"id": "9001", "modifiedById": "71", "assignedUserId": "72", "createdById": "1"}


def test_a_webhook_names_who_changed_the_record() -> None:
    account = World(click_secrets=["another-one-0123456789", HOOK.reveal()]).account
    asked = ADAPTER.read_click(account, hook([CHANGED], HOOK))
    assert (asked.agent, asked.record) == ("71", {"type": "Contact", "id": "9001"})
    assert asked.proof == HOOK.fingerprint
    assert asked.key == ADAPTER.read_click(account, hook([CHANGED], HOOK)).key


@pytest.mark.parametrize("told", [[], [CHANGED, CHANGED], CHANGED, [1], [{**CHANGED, "description": "ivrid=1 did="}]])
def test_a_webhook_that_is_no_click(told: Any) -> None:
    account = World(click_secrets=[HOOK.reveal()]).account
    with pytest.raises(Malformed):
        ADAPTER.read_click(account, hook(told, HOOK))


@pytest.mark.parametrize("header", ["", "x", "é", "OmFi", "OjAw", "=" * 600])
def test_a_signature_that_proves_nothing(header: str) -> None:
    account = World(click_secrets=[HOOK.reveal()]).account
    for incoming in (hook([CHANGED], HOOK, signature=header), hook([CHANGED], Secret("wrong-0123456789"))):
        with pytest.raises(BadSignature):
            ADAPTER.read_click(account, incoming)
    assert account.click_token is not None
    forged = hook([CHANGED], HOOK, signature=header, authorization=f"Bearer {account.click_token.reveal()}")
    with pytest.raises(BadSignature):
        ADAPTER.read_click(account, forged)


# Its button and settings


def test_the_button_is_two_files() -> None:
    account = World().account
    place, script = ADAPTER.button_files(account, "acme", "https://popbridge.example.com")
    assert place.name == "custom/Espo/Custom/Resources/metadata/clientDefs/Contact.json"
    (append, button) = json.loads(place.text)["menu"]["detail"]["buttons"]
    assert (append, button["handler"], button["actionFunction"]) == ("__APPEND__", "custom:handlers/popbridge", "ask")
    assert script.name == "client/custom/src/handlers/popbridge.js"
    assert '"https://popbridge.example.com/clicks/acme"' in script.text
    assert account.click_token is not None
    assert json.dumps(account.click_token.reveal()) in script.text


def test_the_pages_of_espocrm_may_click_without_being_named() -> None:
    assert World().account.origins == ("http://crm.example",)
    assert World(origins=["https://other.example"]).account.origins == ("https://other.example",)


def test_a_short_token_is_a_problem_and_a_strange_type_is_one() -> None:
    assert [key for key, _ in World(click_token="short").account.problems()] == ["click_token"]
    with pytest.raises(ValueError, match="type of record"):
        World(search_in=["Contact?x=1"])
