"""Odoo beyond the contract: lost answers, what agents see, HTML in names, versions, rights, its button."""

import asyncio
import re
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.contacts.variants import search_number
from bridge.core.contact import Contact, ContactStatus
from bridge.core.delivery import AnsweredElsewhere, CallEnd, CallOutcome, DeliveryEvent, Event
from bridge.core.errors import BadSignature, Malformed, RequestFailed, SearchFailed
from bridge.core.finding import Grade
from bridge.core.http_types import Incoming, Secret
from bridge.core.model import Direction
from bridge.crm.contract import Delivered, Duplicate, Recipient, Rejected, Result, Retry
from bridge.crm.odoo import ADAPTER, Account
from bridge.crm.odoo.simulator import SIMULATED, OdooSimulator
from bridge.crm.simulation import SimulatedAgent, SimulatedContact
from tests.contract.session import SimulatorSession
from tests.unit.nouns import NOTE, POPUP

NOW = datetime.now(UTC).replace(microsecond=0)
SECRET = Secret("made-up-secret-0123456789")
URL = "http://crm.example/odoo"
DANA = SimulatedAgent("dana@acme.example", "Dana Cohen", "71")
RIVKA = SimulatedContact("9001", "Rivka Shalom", ("+972 52-234-0002",), "Shalom Ltd", "Omer Levi")
AGENT = Recipient(DANA.crm_user, DANA.name, DANA.id)
CALLER = replace(POPUP.call.caller, number="0522340002", e164="+972522340002", name="")
SCRIPT = "<img src=x onerror=alert(1)>"


class World:
    """A simulated Odoo and the session that leads to it."""

    def __init__(self, *contacts: SimulatedContact, has_library: bool = True, **keys: Any) -> None:
        key = Account.model_validate({"kind": "odoo", **SIMULATED.section(URL, SECRET)}).api_key
        self.crm = OdooSimulator(key, [DANA], contacts or [RIVKA], has_library)
        self.account = Account.model_validate({"kind": "odoo", **SIMULATED.section(URL, SECRET), **keys})
        app = Starlette(routes=[Mount(SIMULATED.path, self.crm.app())])
        self.session = SimulatorSession(ADAPTER, self.account, app, NOW)

    def deliver(self, event: DeliveryEvent) -> Result:
        return self.run(ADAPTER.deliver(self.account, self.session, event, AGENT))

    def run(self, question: Awaitable[Any]) -> Any:
        async def asked() -> Any:
            return await question

        return asyncio.run(asked())

    def log(self, call: CallEnd, ref: str | None = None) -> str | None:
        return self.run(ADAPTER.log_call(self.account, self.session, call, AGENT, ref))

    def rows(self, model: str) -> list[dict[str, Any]]:
        return self.crm.database.records[model]


def popup(delivery_id: str = "dlv_1", name: str = "", **changed: Any) -> DeliveryEvent:
    call = replace(POPUP.call, caller=replace(CALLER, name=name))
    return DeliveryEvent(Event.POPUP, delivery_id, NOW, replace(POPUP, call=call, **changed))


def over(**changed: Any) -> CallEnd:
    call = CallEnd(
        pbx="main", ivrid=POPUP.call.ivrid, original_ivrid=None, agent=POPUP.agent, caller=CALLER, did="0776707528",
        direction=Direction.INCOMING, started_at=NOW - timedelta(seconds=9), answered_at=NOW,
        ended_at=NOW + timedelta(seconds=60), talk_seconds=60, recording=None, outcome=CallOutcome.ANSWERED,
        contact_type="res.partner", contact_id="9001",
    )  # fmt: skip
    return replace(call, **changed)


# Toasts


def test_a_toast_names_the_caller_and_opens_their_record() -> None:
    world = World()
    assert isinstance(world.deliver(popup()), Delivered)
    (toast,) = world.crm.database.toasts
    assert (toast["title"], toast["message"]) == ("Rivka Shalom calls", "+972522340002 on Sales line")
    assert (toast["action"]["res_model"], toast["action"]["res_id"]) == ("res.partner", 9001)
    assert toast["action"]["context"] == {"params": {"button_name": "Open"}}


@pytest.mark.parametrize("name", [SCRIPT, "<b>", "a & b", '"><script>', "\x00\n", "\ud83d", "x" * 500])
def test_nothing_of_a_callers_is_html(name: str) -> None:
    world = World(SimulatedContact("1", "Somebody else", ("+972500000000",)))
    call = replace(POPUP.call, did_label=name, caller=replace(CALLER, name=name, number=name, e164=None))
    assert isinstance(world.deliver(DeliveryEvent(Event.POPUP, "dlv_1", NOW, replace(POPUP, call=call))), Delivered)
    (toast,) = world.crm.database.toasts
    assert not re.search(r"<|&(?!amp;|lt;|gt;|quot;|#x27;)", toast["message"] + toast["title"].replace("&", ""))
    assert "<" not in toast["title"]


def test_a_contact_who_is_called_like_a_script_is_text() -> None:
    world = World(SimulatedContact("1", SCRIPT, ("+972522340002",)), popup="activity")
    world.deliver(popup())
    (activity,) = world.rows("mail.activity")
    assert "<img" not in activity["note"]
    assert "ivrid=c0ffee01 popup=pop_1" in activity["note"]


def test_the_same_delivery_again_shows_no_second_toast() -> None:
    world = World()
    assert isinstance(world.deliver(popup()), Delivered)
    assert isinstance(world.deliver(popup()), Duplicate)
    assert isinstance(world.deliver(popup("dlv_2")), Delivered)
    assert len(world.crm.shown()) == 2


def test_toasts_are_in_the_language_of_the_settings() -> None:
    world = World(language="he")
    world.deliver(popup())
    assert world.crm.database.toasts[0]["title"] == "שיחה מאת Rivka Shalom"


@pytest.mark.parametrize(("fault", "code"), [("admin", "odoo.toast-refused"), ("toasts", "odoo.no-toasts")])
def test_a_toast_that_is_not_possible_says_why(fault: str, code: str) -> None:
    world = World()
    setattr(world.crm.faults, fault, False)
    result = world.deliver(popup())
    assert isinstance(result, Rejected)
    assert result.reason.code == code


def test_an_agent_who_is_not_there() -> None:
    world = World()
    for agent_id in ("999", "not a number", None):
        nobody = Recipient("nobody", "Nobody", agent_id)
        result = world.run(ADAPTER.deliver(world.account, world.session, popup(), nobody))
        assert type(result).__name__ == "RecipientUnknown"


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ({"status": 503}, Retry),
        ({"status": 502}, Retry),
        ({"status": 404}, Rejected),
        ({"page": True}, Retry),
        ({"error": "odoo.exceptions.AccessError"}, Rejected),
        ({"error": "odoo.exceptions.AccessDenied"}, Rejected),
        ({"error": "psycopg2.errors.SerializationFailure"}, Retry),
    ],
)
def test_what_each_failure_means(faults: dict[str, Any], kind: type) -> None:
    world = World()
    for name, value in faults.items():
        setattr(world.crm.faults, name, value)
    assert isinstance(world.deliver(popup()), kind)
    assert world.crm.shown() == []


# Activities


def test_an_answer_that_was_lost_makes_no_second_activity() -> None:
    world = World(popup="activity")
    world.deliver(popup("dlv_0", contact=Contact(ContactStatus.NONE, "main")))
    world.rows("mail.activity").clear()
    world.session.memory.remembered.clear()
    world.crm.faults.lose = 1
    with pytest.raises(RequestFailed):
        world.deliver(popup())
    first = world.deliver(popup())
    assert isinstance(first, Delivered)
    assert [str(one["id"]) for one in world.rows("mail.activity")] == [first.ref]


def test_an_unknown_caller_is_an_activity_on_the_agents_own_record() -> None:
    world = World(SimulatedContact("1", "Somebody else", ("+972500000000",)), popup="activity")
    assert isinstance(world.deliver(popup()), Delivered)
    (activity,) = world.rows("mail.activity")
    assert activity["res_id"] == world.rows("res.users")[1]["partner_id"][0]
    assert (activity["user_id"], activity["activity_type_id"], activity["res_model_id"]) == (71, 2, 87)


@pytest.mark.parametrize("event", [Event.ENDED, Event.ANSWERED_ELSEWHERE])
def test_an_activity_goes_with_its_call(event: Event) -> None:
    world = World(popup="activity")
    world.deliver(popup())
    told = AnsweredElsewhere("pop_1", POPUP.call.ivrid, POPUP.agent, "Omer", NOW)
    data = over() if event is Event.ENDED else told
    for delivery_id in ("dlv_2", "dlv_2"):
        assert isinstance(world.deliver(DeliveryEvent(event, delivery_id, NOW, data)), Delivered)
    assert world.rows("mail.activity") == []
    assert isinstance(world.deliver(popup("dlv_3")), Delivered)
    assert len(world.rows("mail.activity")) == 1


def test_an_activity_that_somebody_deleted_is_made_anew() -> None:
    world = World(popup="activity")
    world.deliver(popup())
    world.rows("mail.activity").clear()
    assert isinstance(world.deliver(popup()), Delivered)
    assert len(world.rows("mail.activity")) == 1


# History


def test_a_call_is_one_message_however_often_it_is_told() -> None:
    world = World()
    ref = world.log(over(ended_at=None, talk_seconds=None))
    assert world.log(over()) == world.log(over(), ref) == ref
    (message,) = world.rows("mail.message")
    assert message["body"] == "Incoming call +972522340002 to 0776707528, Dana Cohen, answered, 60 s (ivrid=c0ffee01)"


def test_an_answer_that_was_lost_makes_no_second_message() -> None:
    world = World()
    world.crm.faults.lose = 1
    with pytest.raises(RequestFailed):
        world.log(over())
    assert world.log(over()) == "1"
    assert len(world.rows("mail.message")) == 1


def test_a_longer_ivrid_is_another_call() -> None:
    world = World()
    world.log(over(ivrid="c0ffee012"))
    world.session.memory.remembered["message main c0ffee01 71"] = "?"
    assert world.log(over()) == "2"


def test_a_caller_without_a_record_is_not_logged() -> None:
    assert World().log(over(contact_id="", contact_type="")) is None


def test_who_may_not_post_is_told_so() -> None:
    world = World()
    world.crm.faults.email = False
    with pytest.raises(SearchFailed, match="configure the sender's email address"):
        world.log(over())


def test_a_note_goes_to_the_record_of_the_popup_once() -> None:
    world = World()
    event = DeliveryEvent(Event.NOTE, "dlv_2", NOW, replace(NOTE, text=f"call {SCRIPT}"))
    assert isinstance(world.deliver(event), Rejected)
    world.deliver(popup())
    assert isinstance(world.deliver(event), Delivered)
    assert isinstance(world.deliver(event), Duplicate)
    (message,) = world.rows("mail.message")
    assert message["res_id"] == 9001
    assert message["body"] == "Dana Cohen: [follow-up] call ‹img src=x onerror=alert(1)› (ivrid=c0ffee01)"


# Contacts


def find(world: World, written: str = "0522340002") -> list[Any]:
    number = search_number(written, "IL")
    assert number is not None
    return list(world.run(ADAPTER.find_contacts(world.account, world.session, number)).records)


@pytest.mark.parametrize("has_library", [True, False])
@pytest.mark.parametrize("phone", ["+972 52-234-0002", "052-234-0002", "00972522340002", "972522340002", "0522340002"])
def test_a_contact_is_found_however_it_was_typed(phone: str, has_library: bool) -> None:
    world = World(SimulatedContact("1", "Rivka", (phone,)), has_library=has_library)
    (found,) = find(world)
    assert (found.id, found.url) == ("1", f"{URL}/web#id=1&model=res.partner&view_type=form")


def test_company_owner_and_details_come_along() -> None:
    world = World(replace(RIVKA, details={"last order": "7 May"}))
    (found,) = find(world)
    assert (found.company, found.owner, dict(found.details)) == ("Shalom Ltd", "Omer Levi", {"last order": "7 May"})


def test_a_field_that_is_not_there_spoils_no_search() -> None:
    world = World(details={"typo": "x_no_such_field"})
    assert [one.id for one in find(world)] == ["9001"]


def test_other_versions_and_missing_modules() -> None:
    newer = World(SimulatedContact("1", "Rivka", ("052-234-0002",)))
    newer.crm.faults.no_fields = ("mobile",)
    assert [one.id for one in find(newer)] == ["1"]
    bare = World(SimulatedContact("1", "Rivka", ("052-234-0002",)), SimulatedContact("2", "R", ("+972522340002",)))
    bare.crm.faults.no_fields = ("phone_mobile_search", "phone_sanitized")
    assert [one.id for one in find(bare)] == ["1", "2"]


def test_models_without_the_right_are_left_out_as_long_as_one_may_be_read() -> None:
    world = World(search_in=["res.partner", "crm.lead", "x.none"])
    world.crm.faults.denied = ("crm.lead",)
    assert [one.id for one in find(world)] == ["9001"]
    world.crm.faults.denied = ("crm.lead", "res.partner")
    with pytest.raises(SearchFailed):
        find(world)


def test_several_and_more() -> None:
    many = [SimulatedContact(str(at), f"Twin {at}", ("0522340002",)) for at in range(1, 13)]
    world = World(*many)
    number = search_number("0522340002", "IL")
    assert number is not None
    found = world.run(ADAPTER.find_contacts(world.account, world.session, number))
    assert (len(found.records), found.more) == (10, True)
    world.deliver(popup())
    assert "action" not in world.crm.database.toasts[0]


def test_the_login_is_asked_once_for_all_processes() -> None:
    world = World()
    find(world)
    world.session.local.clear()
    find(world)
    logins = [request for request in world.session.requests if b'"method":"login"' in request.body]
    assert len(logins) == 1


@pytest.mark.parametrize("called", ["dana@acme.example", "71"])
def test_an_agent_is_found_by_each_of_their_names(called: str) -> None:
    world = World()
    world.rows("res.users")[1]["login"] = "dana"
    for name in (called, "dana"):
        assert world.run(ADAPTER.find_agent(world.account, world.session, name)) == "71"


def test_a_new_contact_is_found_again() -> None:
    world = World()
    number = search_number("0522340003", "IL")
    assert number is not None
    made = world.run(ADAPTER.create_contact(world.account, world.session, number, "New  Caller"))
    assert (made.name, made.phones) == ("New Caller", ("+972522340003",))


# Probe


def probe(world: World) -> dict[str, str]:
    findings = world.run(ADAPTER.probe(world.account, world.session))
    assert all(one.fix for one in findings if one.grade is not Grade.OK)
    return {one.message: one.fix for one in findings if one.grade is not Grade.OK}


@pytest.mark.parametrize("popup_kind", ["toast", "activity", "none"])
def test_the_probe_is_content_where_nothing_is_missing(popup_kind: str) -> None:
    world = World(popup=popup_kind, log_calls=True)
    assert probe(world) == {}
    assert world.crm.shown() == []


@pytest.mark.parametrize(
    ("faults", "keys", "fix"),
    [
        ({"admin": False}, {}, "Access Rights"),
        ({"toasts": False}, {}, "web_notify"),
        ({"email": False}, {"popup": "activity"}, "e-mail address"),
        ({"email": False}, {"log_calls": True}, "e-mail address"),
        ({"denied": ("res.partner",)}, {}, "groups"),
        ({"no_fields": ("phone_mobile_search",)}, {}, "phone_validation"),
        ({"page": True}, {}, "base_url"),
        ({}, {"database": "other"}, "set database"),
        ({}, {"api_key": "wrong"}, "New API Key"),
        ({}, {"search_in": ["x.none"]}, "leave it out"),
    ],
)
def test_the_probe_names_what_is_missing(faults: dict[str, Any], keys: dict[str, Any], fix: str) -> None:
    world = World(**keys)
    for name, value in faults.items():
        setattr(world.crm.faults, name, value)
    (told,) = probe(world).values()
    assert fix in told


# Its clicks and its button


def arrived(query: dict[str, str], body: bytes = b"", method: str = "POST") -> Incoming:
    return Incoming(method, f"{URL}/clicks/acme", {"content-type": "application/json"}, query, body, NOW)


def test_a_notification_without_the_token_is_refused() -> None:
    account = World().account
    for query in ({}, {"token": ""}, {"token": "wrong"}):
        with pytest.raises(BadSignature):
            ADAPTER.read_click(account, arrived(query, b'{"_id": 9, "_model": "res.partner", "write_uid": 2}'))


@pytest.mark.parametrize("body", [b"{}", b'{"_id": 9, "_model": "res.partner"}', b"[]", b"x", b'{"write_uid": [2, 3]}'])
def test_a_notification_that_names_nobody_is_malformed(body: bytes) -> None:
    account = World().account
    assert account.click_token is not None
    with pytest.raises(Malformed):
        ADAPTER.read_click(account, arrived({"token": account.click_token.reveal()}, body))


@pytest.mark.parametrize("record", [("res.partner/../x", "9"), ("res.partner", "9;x"), ("", "9"), ("Res", "9")])
def test_a_record_that_is_none_is_left_out(record: tuple[str, str]) -> None:
    account = World().account
    assert account.click_token is not None
    query = {"token": account.click_token.reveal(), "agent": "dana", "_model": record[0], "_id": record[1]}
    assert ADAPTER.read_click(account, arrived(query, method="GET")).record is None


@pytest.mark.parametrize("login", ["dana@acme.example", "dana+x@acme.example", "d%20&a#b c", "דנה"])
def test_the_button_opens_what_is_read_as_a_click(login: str) -> None:
    account = World(click_token="token with % & + / and 'quotes'").account
    (file,) = ADAPTER.button_files(account, "acme", "https://popbridge.example.com")
    scope: dict[str, Any] = {
        "env": SimpleNamespace(user=SimpleNamespace(login=login)),
        "record": SimpleNamespace(id=9),
        "model": SimpleNamespace(_name="res.partner"),
    }
    exec(file.text, scope)
    assert "__" not in file.text
    url = scope["action"]["url"]
    assert url.startswith("https://popbridge.example.com/clicks/acme?")
    asked = ADAPTER.read_click(account, arrived(dict(parse_qsl(urlsplit(url).query)), method="GET"))
    assert (asked.agent, (asked.record or {})["id"]) == (login, "9")


def test_settings_that_cannot_be() -> None:
    assert [key for key, _ in World(click_token="short").account.problems()] == ["click_token"]
    for models in ([], ["Res Partner"]):
        with pytest.raises(ValueError, match="model as Odoo calls it"):
            World(search_in=models)
