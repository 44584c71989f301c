"""Every CRM's folder keeps the contract of `bridge.crm.contract`: a core suite, and a suite for each capability."""

import asyncio
import re
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.config.models import CrmAccount
from bridge.contacts.matching import matching
from bridge.contacts.variants import search_number
from bridge.core.delivery import CallEnd, CallOutcome, DeliveryEvent, Event
from bridge.core.errors import BadSignature, Malformed, RequestFailed, SearchFailed, UnsupportedMediaType
from bridge.core.http_types import Incoming, Request, Secret
from bridge.core.model import Direction
from bridge.core.reasons import say
from bridge.crm.contract import (
    ClickRequest,
    Delivered,
    Delivers,
    Duplicate,
    FindsAgents,
    FindsContacts,
    Found,
    LogsCalls,
    NamesSenders,
    ReadsClicks,
    Recipient,
    RecipientUnknown,
    Rejected,
    Result,
    Retry,
)
from bridge.crm.registry import find, packages, simulator
from bridge.crm.simulation import Press, SimulatedAgent, SimulatedContact
from bridge.delivery.bring import recipient_of
from tests.contract import samples
from tests.contract.samples import CRM
from tests.contract.session import SimulatorSession
from tests.unit.nouns import POPUP

NOW = datetime.now(UTC)
SECRET = Secret("made-up-secret-0123456789")
URL, BRIDGE = "http://crm.example", "https://popbridge.example.com"
DANA = SimulatedAgent("dana@acme.example", "Dana Cohen", "71")
OMER = SimulatedAgent("omer@acme.example", "עומר כץ", "72")
RIVKA = SimulatedContact("9001", 'Rivka <b>Shalom</b> & "Sons"', ("052-234-0002",), "Shalom Ltd")
MOSHE = SimulatedContact("9002", "משה לוי", ("+972 3 123 4567", "0501112233"), "Levi")
TWIN = SimulatedContact("9003", "Twin One", ("03-7654321",))
OTHER_TWIN = SimulatedContact("9004", "Twin Two", ("+97237654321",))
ALIKE = SimulatedContact("9005", "Same last digits, another country", ("+1 522 340 0023", "+33522340002"))
SIX_SPELLINGS = ("0522340002", "052-234-0002", "+972522340002", "972522340002", "00972522340002", "(052) 234 0002")


def able(capability: type) -> list[str]:
    """The makes that have a capability."""
    return [kind for kind in packages() if isinstance(find(kind), capability)]


each_kind = pytest.mark.parametrize("kind", packages())


@dataclass
class World:
    """A simulated CRM and the account that leads to it."""

    kind: str
    crm: Any
    account: Any
    session: SimulatorSession

    def deliver(self, event: DeliveryEvent, agent: SimulatedAgent = DANA) -> Result:
        adapter = find(self.kind)
        assert isinstance(adapter, Delivers)

        async def attempt() -> Result:
            recipient = await recipient_of(self.account, self.session, agent.crm_user, agent.name)
            return await adapter.deliver(self.account, self.session, event, recipient)

        return asyncio.run(attempt())

    def search(self, number: str) -> Found:
        adapter = find(self.kind)
        assert isinstance(adapter, FindsContacts)
        wanted = search_number(number, "IL", self.account.search_formats)
        assert wanted is not None
        found = asyncio.run(adapter.find_contacts(self.account, self.session, wanted))
        return matching(found, wanted)

    def run(self, question: Awaitable[Any]) -> Any:
        async def asked() -> Any:
            return await question

        return asyncio.run(asked())


@pytest.fixture
def world(kind: str) -> World:
    return world_of(kind, [RIVKA, MOSHE, TWIN, OTHER_TWIN, ALIKE])


def world_of(kind: str, contacts: list[SimulatedContact]) -> World:
    """The simulated CRM with these contacts."""
    described = simulator(kind)
    url = URL + described.path
    fake = described.build(url, SECRET, [DANA, OMER], contacts)
    account = find(kind).account.model_validate({"kind": kind, **described.section(url, SECRET)})
    app = Starlette(routes=[Mount(described.path, fake.app())])
    return World(kind, fake, account, SimulatorSession(find(kind), account, app, datetime.now(UTC)))


# The core suite


@each_kind
def test_the_folder_is_whole(kind: str) -> None:
    adapter, folder = find(kind), samples.folder(CRM, kind)
    assert adapter.kind == kind
    assert adapter.title
    assert issubclass(adapter.account, CrmAccount)
    assert isinstance(adapter, ReadsClicks | Delivers), "neither button nor target: what is it for?"
    parts = ("__init__.py", "simulator.py", "README.md", "samples/account.json")
    assert [part for part in parts if not (folder / part).exists()] == []


@each_kind
def test_the_readme_names_every_key_of_the_settings_and_how_it_was_proven(kind: str) -> None:
    readme = (samples.folder(CRM, kind) / "README.md").read_text(encoding="utf-8")
    assert own_keys(kind) - set(re.findall(r"`(\w+)`", readme)) == set()
    assert re.search(r"(?mi)^#+ .*(proven|how far)", readme), "a section on how it was proven"


def own_keys(kind: str) -> set[str]:
    """The keys that this make adds to those of every CRM."""
    return set(find(kind).account.model_fields) - set(CrmAccount.model_fields)


@each_kind
def test_the_sample_account_is_valid_and_shows_no_secret(kind: str) -> None:
    account = samples.account(CRM, kind)
    told = f"{account!r} {account} {list(account.addresses())}"
    assert [secret for secret in samples.secrets_of(account) if secret in told] == []
    assert list(account.problems()) == []


# Delivers


def popup(delivery_id: str = "dlv_1", **call: Any) -> DeliveryEvent:
    """The popup of a call from Rivka, whose name holds what HTML would take for its own."""
    now = replace(POPUP.call, caller=replace(POPUP.call.caller, number="0522340002", e164="+972522340002"), **call)
    data = replace(POPUP, call=now, created_at=NOW, expires_at=NOW + timedelta(minutes=2))
    return DeliveryEvent(Event.POPUP, delivery_id, NOW, data)


@pytest.mark.parametrize("kind", able(Delivers))
def test_a_popup_is_shown_to_its_agent(world: World, kind: str) -> None:
    assert isinstance(world.deliver(popup()), Delivered)
    assert [one.agent for one in world.crm.shown()] == [DANA.crm_user]


@pytest.mark.parametrize("kind", able(Delivers))
def test_the_same_delivery_again_is_shown_as_one(world: World, kind: str) -> None:
    """What a lost answer leads to: the CRM has it already. A make that cannot tell shows the same popup with one id."""
    first, again = world.deliver(popup()), world.deliver(popup())
    assert isinstance(first, Delivered)
    assert isinstance(again, Delivered | Duplicate)
    shown = world.crm.shown()
    assert len(shown) == 1 or len({(one.popup_id, one.ivrid) for one in shown}) == 1


@pytest.mark.parametrize("kind", able(Delivers))
def test_each_mood_is_the_result_it_should_be(world: World, kind: str) -> None:
    moods = simulator(kind).moods
    become(world.crm.faults, moods["down"])
    assert isinstance(failing(world), Retry | RequestFailed | SearchFailed)
    become(world.crm.faults, moods["refuses"])
    assert isinstance(failing(world), Rejected | Retry | SearchFailed | Exception)
    assert world.crm.shown() == []
    become(world.crm.faults, moods["ok"])
    assert isinstance(world.deliver(popup()), Delivered)


def failing(world: World) -> Any:
    try:
        return world.deliver(popup())
    except Exception as failure:
        assert [secret for secret in samples.secrets_of(world.account) if secret in str(failure)] == []  # noqa: PT017
        return failure


def become(faults: Any, wanted: Any) -> None:
    for name in vars(wanted) if hasattr(wanted, "__dict__") else wanted.__slots__:
        setattr(faults, name, getattr(wanted, name))


@pytest.mark.parametrize("kind", able(FindsAgents))
def test_an_agent_is_found_or_unknown(world: World, kind: str) -> None:
    adapter = find(kind)
    assert isinstance(adapter, FindsAgents)
    assert world.run(adapter.find_agent(world.account, world.session, DANA.crm_user)) == DANA.id
    assert world.run(adapter.find_agent(world.account, world.session, "nobody@acme.example")) is None
    if isinstance(adapter, Delivers):
        nobody = SimulatedAgent("nobody@acme.example", "Nobody", "")
        assert isinstance(world.deliver(popup(), nobody), RecipientUnknown | Rejected)


# ReadsClicks


def incoming(request: Request) -> Incoming:
    """The request as the bridge receives it."""
    query = dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Incoming(request.method, request.url, headers, query, request.body, NOW)


def press(kind: str, agent: SimulatedAgent = DANA, press_id: str = "press-1", **more: Any) -> Incoming:
    make = simulator(kind).press
    assert make is not None
    return incoming(make(BRIDGE, "acme", SECRET, Press(agent, press_id, more.pop("at", NOW), **more)))


pressing = pytest.mark.parametrize("kind", able(ReadsClicks))


def read(world: World, came: Incoming) -> ClickRequest:
    adapter = find(world.kind)
    assert isinstance(adapter, ReadsClicks)
    asked = adapter.read_click(world.account, came)
    if asked.agent is None and isinstance(adapter, NamesSenders):
        agent = world.run(adapter.who_clicked(world.account, world.session, came))
        return replace(asked, agent=agent)
    return asked


@pressing
def test_a_press_is_proven_and_names_its_agent(world: World, kind: str) -> None:
    asked = read(world, press(kind))
    assert asked.agent in (DANA.crm_user, DANA.id)
    assert asked.proof in dict(world.account.proofs())
    assert read(world, press(kind, OMER)).agent in (OMER.crm_user, OMER.id)


@pressing
def test_a_record_goes_along(world: World, kind: str) -> None:
    record = read(world, press(kind, record=RIVKA)).record
    assert record is None or str(record.get("id")) == RIVKA.id


@pressing
def test_who_cannot_prove_the_sender_is_refused_alike(world: World, kind: str) -> None:
    """Without any proof, with one that was made with another secret, and before anything is read."""
    good = press(kind)
    make = simulator(kind).press
    assert make is not None
    forged = incoming(make(BRIDGE, "acme", Secret("another-secret-9876543210"), Press(DANA, "press-1", NOW)))
    bare = replace(good, headers={"content-type": good.headers.get("content-type", "")}, query={}, body=b"{}")
    refused = [refusal(world, came) for came in (forged, bare, replace(forged, body=b"\xff not JSON"))]
    assert {type(one) for one in refused} == {BadSignature}
    assert len({str(one) for one in refused}) == 1


@pressing
def test_the_operator_learns_which_proof_failed_and_sees_nothing_secret(world: World, kind: str) -> None:
    good, make = press(kind), simulator(kind).press
    assert make is not None
    forged = incoming(make(BRIDGE, "acme", Secret("another-secret-9876543210"), Press(DANA, "press-1", NOW)))
    bare = replace(good, headers={}, query={}, body=b"{}")
    other = replace(bare, headers={"authorization": "Bearer not-a-token-of-ours"})
    causes = [refusal(world, came).cause for came in (forged, bare, other)]  # type: ignore[attr-defined]
    assert [cause is not None and say(cause) != cause.code for cause in causes] == [True] * 3
    assert causes[0] != causes[1]
    words = " ".join(say(cause, language) for cause in causes if cause for language in ("en", "he"))
    offered = [*forged.headers.values(), *forged.query.values(), "not-a-token-of-ours", "another-secret-9876543210"]
    hidden = [text for text in offered if len(text) > 24 and "/" not in text]
    assert [text for text in hidden if text in words] == []


def refusal(world: World, came: Incoming) -> Exception:
    with pytest.raises((BadSignature, Malformed, UnsupportedMediaType)) as error:
        read(world, came)
    return error.value


@pressing
def test_the_same_press_again_has_the_same_key(world: World, kind: str) -> None:
    first, again, other = (read(world, press(kind, press_id=name)).key for name in ("press-1", "press-1", "press-2"))
    assert first == again
    assert first is None or first != other


# FindsContacts

searching = pytest.mark.parametrize("kind", able(FindsContacts))


@searching
@pytest.mark.parametrize("number", SIX_SPELLINGS)
def test_a_number_finds_its_contact_in_every_spelling(world: World, kind: str, number: str) -> None:
    found = world.search(number)
    assert [(one.id, one.name, one.company) for one in found.records] == [(RIVKA.id, RIVKA.name, RIVKA.company)]
    assert not found.more


@searching
def test_a_contact_is_found_however_its_number_was_typed(kind: str) -> None:
    """The six spellings as the CRM's users have typed them, each asked for by the number as a phone system sends it."""
    typed = {f"Typed {at}": text for at, text in enumerate(SIX_SPELLINGS)}
    contacts = [SimulatedContact(str(9100 + at), name, (typed[name],)) for at, name in enumerate(typed)]
    found = {one.name for one in world_of(kind, contacts).search("0522340002").records}
    assert [text for name, text in typed.items() if name not in found] == []


@searching
def test_every_number_of_a_contact_finds_it(world: World, kind: str) -> None:
    assert [one.id for one in world.search("031234567").records] == [MOSHE.id]


@searching
def test_several_contacts_are_told_as_several(world: World, kind: str) -> None:
    assert {one.id for one in world.search("037654321").records} == {TWIN.id, OTHER_TWIN.id}


@searching
def test_a_wrong_hit_is_never_shown_as_the_caller(world: World, kind: str) -> None:
    """Last digits alike, another number."""
    assert world.search("0502340002").records == ()
    assert RIVKA.id not in [one.id for one in world.search("+33522340002").records]


# LogsCalls


def ended(ivrid: str = "c0ffee01") -> CallEnd:
    caller = replace(POPUP.call.caller, number="0522340002", e164="+972522340002")
    return CallEnd(
        pbx="main", ivrid=ivrid, original_ivrid=None, agent=POPUP.agent, caller=caller, did="0776707528",
        direction=Direction.INCOMING, started_at=NOW, answered_at=NOW, ended_at=None, talk_seconds=None, recording=None,
        outcome=CallOutcome.ANSWERED, contact_type="Contact", contact_id=RIVKA.id,
    )  # fmt: skip


@pytest.mark.parametrize("kind", able(LogsCalls))
def test_a_call_is_logged_once_and_updated(world: World, kind: str) -> None:
    adapter = find(kind)
    assert isinstance(adapter, LogsCalls)

    async def log() -> list[str | None]:
        recipient = await recipient_of(world.account, world.session, DANA.crm_user, DANA.name)
        ref = await adapter.log_call(world.account, world.session, ended(), recipient, None)
        later = replace(ended(), ended_at=NOW + timedelta(seconds=65), talk_seconds=60)
        return [ref, await adapter.log_call(world.account, world.session, later, recipient, ref)]

    refs = world.run(log())
    assert refs[0] == refs[1] is not None
    (logged,) = world.crm.logged()
    assert (logged.ref, logged.agent, logged.contact_id) == (refs[0], DANA.crm_user, RIVKA.id)


def test_recipients_are_known_by_their_name_where_the_make_needs_no_id() -> None:
    assert Recipient("dana@acme.example", "Dana").agent_id is None
